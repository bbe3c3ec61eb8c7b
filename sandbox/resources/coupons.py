"""`/v1/coupons`."""

from sandbox.account import Account
from sandbox.coupons import close_codes, get_coupon, is_deleted
from sandbox.currencies import check_amount
from sandbox.errors import InvalidRequest
from sandbox.paging import list_objects
from sandbox.resources.shared_fields import CURRENCY, METADATA
from sandbox.routing import PAGING, Call, endpoint
from sandbox.types import Obj
from sandbox.validation import (
    ByCurrency,
    Choice,
    Decimal,
    Hash,
    Listed,
    Span,
    Text,
    Timestamp,
    Whole,
    merge_metadata,
    needed,
)

OPTIONS = ByCurrency(each=Hash(fields={"amount_off": needed(Whole(least=1))}))


@endpoint(
    "POST",
    "/v1/coupons",
    amount_off=Whole(least=1),
    applies_to=Hash(fields={"products": needed(Listed(each=Text(), least=1))}),
    currency=CURRENCY,
    currency_options=OPTIONS,
    duration=Choice(options=("forever", "once", "repeating")),
    duration_in_months=Whole(least=1),
    id=Text(),
    max_redemptions=Whole(least=1),
    metadata=METADATA,
    name=Text(longest=40),
    percent_off=Decimal(least=0.01, most=100),
    redeem_by=Timestamp(),
)
def create_coupon(call: Call) -> Obj:
    account, params = call.account, call.params
    if ("percent_off" in params) == ("amount_off" in params):
        raise InvalidRequest("Must provide percent_off or amount_off.")
    if "amount_off" in params and "currency" not in params:
        raise InvalidRequest("You must pass currency when passing amount_off", param="currency")
    if "amount_off" in params:
        check_amount(params["amount_off"], params["currency"], param="amount_off")
    check_options(params.get("currency_options") or {}, currency=params.get("currency"))
    check_products(account, params.get("applies_to") or {})
    redeem_by = params.get("redeem_by")
    if redeem_by is not None and redeem_by <= account.now():
        raise InvalidRequest("`redeem_by` must be a time in the future.", param="redeem_by")
    duration = params.get("duration", "once")
    if duration == "repeating" and "duration_in_months" not in params:
        raise InvalidRequest(
            "You must pass duration_in_months when passing duration=repeating", param="duration_in_months"
        )
    coupon_id = params.get("id") or account.ids.letters(8)
    if coupon_id in account.table("coupon"):
        raise InvalidRequest("Coupon already exists.", code="resource_already_exists", param="id")
    notes = {name: params[name] for name in ("applies_to", "currency_options") if params.get(name)}
    account.schedule("coupon_expires", coupon_id, at=redeem_by)
    return account.add(
        {
            "id": coupon_id,
            "object": "coupon",
            "amount_off": params.get("amount_off"),
            "created": account.now(),
            "currency": params["currency"].lower() if params.get("currency") else None,
            "duration": duration,
            "duration_in_months": params.get("duration_in_months"),
            "livemode": False,
            "max_redemptions": params.get("max_redemptions"),
            "metadata": params.get("metadata") or {},
            "name": params.get("name"),
            "percent_off": params.get("percent_off"),
            "redeem_by": params.get("redeem_by"),
            "times_redeemed": 0,
            "valid": True,
        },
        event="coupon.created",
        **notes,
    )


def check_options(options: dict[str, Obj], *, currency: str | None) -> None:
    """Further amounts belong to a first one."""
    if options and not currency:
        raise InvalidRequest("You can only pass `currency_options` with `amount_off`.", param="currency_options")
    for code, option in options.items():
        if code == currency:
            raise InvalidRequest(
                f"You cannot specify `{code}` in `currency_options` because it is the coupon's own currency.",
                param=f"currency_options[{code}]",
            )
        check_amount(option["amount_off"], code, param=f"currency_options[{code}][amount_off]")


def check_products(account: Account, applies_to: Obj) -> None:
    for at, product in enumerate(applies_to.get("products", [])):
        account.get("product", product, param=f"applies_to[products][{at}]")


@endpoint("POST", "/v1/coupons/{id}", currency_options=OPTIONS, metadata=METADATA, name=Text(longest=40))
def update_coupon(call: Call) -> Obj:
    """What a coupon takes off never changes, but for its amounts in further currencies."""
    coupon = get_coupon(call.account, call.id)
    changes = dict(call.params)
    options = changes.pop("currency_options", None)
    if options:
        check_options(options, currency=coupon["currency"])
        old = call.account.notes(coupon["id"]).get("currency_options", {})
        call.account.note(coupon["id"], currency_options={**old, **options})
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(coupon["metadata"], changes["metadata"])
    return call.account.change(coupon, event="coupon.updated", **changes)


@endpoint("DELETE", "/v1/coupons/{id}")
def delete_coupon(call: Call) -> Obj:
    """The coupon takes no new customers; discounts already given keep working, so the row stays readable to them."""
    account, coupon = call.account, get_coupon(call.account, call.id)
    account.schedule("coupon_expires", coupon["id"], at=None)
    account.change(coupon, valid=False)
    account.note(coupon["id"], gone=True)
    account.emit("coupon.deleted", coupon)
    close_codes(account, coupon["id"])
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


@endpoint("GET", "/v1/coupons/{id}")
def retrieve_coupon(call: Call) -> Obj:
    return get_coupon(call.account, call.id)


@endpoint("GET", "/v1/coupons", **PAGING, created=Span())
def list_coupons(call: Call) -> Obj:
    account = call.account
    return list_objects(
        account,
        "coupon",
        params=call.params,
        url="/v1/coupons",
        keep={},
        also=lambda coupon: not is_deleted(account, coupon),
    )
