"""`/v1/promotion_codes`."""

from sandbox.account import Account
from sandbox.coupons import get_coupon, used_up
from sandbox.errors import InvalidRequest
from sandbox.resources.shared_fields import CURRENCY, METADATA
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import Obj, Params
from sandbox.validation import ByCurrency, Choice, Flag, Hash, Text, Timestamp, Whole, merge_metadata, needed

OPTIONS = ByCurrency(each=Hash(fields={"minimum_amount": Whole(least=1)}))


@endpoint(
    "POST",
    "/v1/promotion_codes",
    active=Flag(),
    code=Text(pattern="[A-Za-z0-9-]+", longest=500),
    customer=Text(),
    expires_at=Timestamp(),
    max_redemptions=Whole(least=1),
    metadata=METADATA,
    promotion=needed(Hash(fields={"coupon": needed(Text()), "type": needed(Choice(options=("coupon",)))})),
    restrictions=Hash(
        fields={
            "currency_options": OPTIONS,
            "first_time_transaction": Flag(),
            "minimum_amount": Whole(least=1),
            "minimum_amount_currency": CURRENCY,
        }
    ),
)
def create_code(call: Call) -> Obj:
    account, params = call.account, call.params
    coupon = get_coupon(account, params["promotion"]["coupon"], param="promotion[coupon]")
    code = params.get("code") or account.ids.letters(8).upper()
    active = params.get("active", True)
    check_unused(account, code, wanted=active)
    check_limits(account, params, coupon)
    if params.get("customer"):
        account.get("customer", params["customer"], param="customer")
    code_id = account.ids.make("promo")
    account.schedule("code_expires", code_id, at=params.get("expires_at"))
    return account.add(
        {
            "id": code_id,
            "object": "promotion_code",
            "active": active and coupon["valid"],
            "code": code,
            "created": account.now(),
            "customer": params.get("customer"),
            "customer_account": None,
            "expires_at": params.get("expires_at"),
            "livemode": False,
            "max_redemptions": params.get("max_redemptions"),
            "metadata": params.get("metadata") or {},
            "promotion": {"type": "coupon", "coupon": coupon["id"]},
            "restrictions": new_restrictions(params.get("restrictions") or {}),
            "times_redeemed": 0,
        },
        event="promotion_code.created",
    )


def check_unused(account: Account, code: str, *, wanted: bool) -> None:
    """Among active promotion codes each code is unique, whatever its case."""
    for other in account.table("promotion_code") if wanted else ():
        if other["active"] and other["code"].lower() == code.lower():
            raise InvalidRequest(f"An active promotion code with `code: {code}` already exists.", param="code")


def check_limits(account: Account, params: Params, coupon: Obj) -> None:
    """A code ends no later than its coupon, and is redeemed no more often."""
    expires, most = params.get("expires_at"), params.get("max_redemptions")
    if expires is not None and expires <= account.now():
        raise InvalidRequest("`expires_at` must be a time in the future.", param="expires_at")
    if coupon["redeem_by"] is not None and (expires or 0) > coupon["redeem_by"]:
        raise InvalidRequest("`expires_at` cannot be after the coupon's `redeem_by`.", param="expires_at")
    if coupon["max_redemptions"] is not None and (most or 0) > coupon["max_redemptions"]:
        raise InvalidRequest("`max_redemptions` cannot exceed that of the coupon.", param="max_redemptions")


def new_restrictions(wish: Params) -> Obj:
    least, currency = wish.get("minimum_amount"), wish.get("minimum_amount_currency")
    if (least is None) != (currency is None):
        raise InvalidRequest(
            "You must pass `minimum_amount` and `minimum_amount_currency` together.",
            param="restrictions[minimum_amount_currency]",
        )
    options = wish.get("currency_options")
    return {
        "first_time_transaction": wish.get("first_time_transaction", False),
        "minimum_amount": least,
        "minimum_amount_currency": currency,
        **({"currency_options": {currency: {"minimum_amount": least}, **options}} if options and currency else {}),
    }


@endpoint(
    "POST",
    "/v1/promotion_codes/{id}",
    active=Flag(),
    metadata=METADATA,
    restrictions=Hash(fields={"currency_options": OPTIONS}),
)
def update_code(call: Call) -> Obj:
    account, code = call.account, call.account.get("promotion_code", call.id)
    changes = dict(call.params)
    if changes.get("active") and not code["active"]:
        check_revivable(account, code)
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(code["metadata"], changes["metadata"])
    if "restrictions" in changes:
        old = code["restrictions"]
        options = {**old.get("currency_options", {}), **changes["restrictions"].get("currency_options", {})}
        changes["restrictions"] = {**old, "currency_options": options}
    return account.change(code, event="promotion_code.updated", **changes)


def check_revivable(account: Account, code: Obj) -> None:
    """Switched off by hand, a code can be switched on again; used up, expired or without its coupon it cannot."""
    expired = code["expires_at"] is not None and code["expires_at"] <= account.now()
    if expired or used_up(code) or not account.get("coupon", code["promotion"]["coupon"])["valid"]:
        raise InvalidRequest("This promotion code has expired and cannot be activated again.", param="active")
    check_unused(account, code["code"], wanted=True)


retrieve("/v1/promotion_codes/{id}", "promotion_code")
listing(
    "/v1/promotion_codes",
    "promotion_code",
    active=Flag(),
    code=Text(),
    coupon=Text(),
    customer=Text(),
    keep={
        "code": lambda row, code: row["code"].lower() == str(code).lower(),
        "coupon": lambda row, coupon: row["promotion"]["coupon"] == coupon,
    },
)
