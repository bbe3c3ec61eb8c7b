"""`/v1/promotion_codes`."""

from sandbox.errors import InvalidRequest
from sandbox.resources.shared_fields import METADATA
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import Obj
from sandbox.validation import Choice, Flag, Hash, Text, Whole, merge_metadata, needed


@endpoint(
    "POST",
    "/v1/promotion_codes",
    active=Flag(),
    code=Text(pattern="[A-Za-z0-9-]+"),
    customer=Text(),
    expires_at=Whole(),
    max_redemptions=Whole(least=1),
    metadata=METADATA,
    promotion=needed(Hash(fields={"coupon": needed(Text()), "type": needed(Choice(options=("coupon",)))})),
)
def create_code(call: Call) -> Obj:
    account, params = call.account, call.params
    coupon = account.get("coupon", params["promotion"]["coupon"], param="promotion[coupon]")
    code = params.get("code") or account.ids.letters(8).upper()
    for other in account.table("promotion_code").by("code", code):
        if other["active"]:
            raise InvalidRequest("An active promotion code with this code already exists.", param="code")
    if params.get("customer"):
        account.get("customer", params["customer"], param="customer")
    return account.add(
        {
            "id": account.ids.make("promo"),
            "object": "promotion_code",
            "active": params.get("active", True) and coupon["valid"],
            "code": code,
            "created": account.now(),
            "customer": params.get("customer"),
            "customer_account": None,
            "expires_at": params.get("expires_at"),
            "livemode": False,
            "max_redemptions": params.get("max_redemptions"),
            "metadata": params.get("metadata") or {},
            "promotion": {"type": "coupon", "coupon": coupon["id"]},
            "restrictions": {
                "first_time_transaction": False,
                "minimum_amount": None,
                "minimum_amount_currency": None,
            },
            "times_redeemed": 0,
        },
        event="promotion_code.created",
    )


@endpoint("POST", "/v1/promotion_codes/{id}", active=Flag(), metadata=METADATA)
def update_code(call: Call) -> Obj:
    code = call.account.get("promotion_code", call.id)
    changes = dict(call.params)
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(code["metadata"], changes["metadata"])
    return call.account.change(code, event="promotion_code.updated", **changes)


retrieve("/v1/promotion_codes/{id}", "promotion_code")
listing(
    "/v1/promotion_codes",
    "promotion_code",
    active=Flag(),
    code=Text(),
    coupon=Text(),
    customer=Text(),
    keep={"coupon": lambda code, coupon: code["promotion"]["coupon"] == coupon},
)
