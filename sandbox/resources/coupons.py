"""`/v1/coupons`."""

from sandbox.errors import InvalidRequest
from sandbox.resources.shared_fields import CURRENCY, METADATA
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import Obj
from sandbox.validation import Choice, Decimal, Hash, Listed, Text, Whole, merge_metadata, needed


@endpoint(
    "POST",
    "/v1/coupons",
    amount_off=Whole(least=1),
    applies_to=Hash(fields={"products": needed(Listed(each=Text(), least=1))}),
    currency=CURRENCY,
    duration=Choice(options=("forever", "once", "repeating")),
    duration_in_months=Whole(least=1),
    id=Text(),
    max_redemptions=Whole(least=1),
    metadata=METADATA,
    name=Text(longest=40),
    percent_off=Decimal(least=0.01, most=100),
    redeem_by=Whole(),
)
def create_coupon(call: Call) -> Obj:
    account, params = call.account, call.params
    if ("percent_off" in params) == ("amount_off" in params):
        raise InvalidRequest("Must provide percent_off or amount_off.")
    if "amount_off" in params and "currency" not in params:
        raise InvalidRequest("You must pass currency when passing amount_off", param="currency")
    duration = params.get("duration", "once")
    if duration == "repeating" and "duration_in_months" not in params:
        raise InvalidRequest(
            "You must pass duration_in_months when passing duration=repeating", param="duration_in_months"
        )
    coupon_id = params.get("id") or account.ids.letters(8)
    if coupon_id in account.table("coupon"):
        raise InvalidRequest("Coupon already exists.", code="resource_already_exists", param="id")
    notes = {"applies_to": params["applies_to"]} if params.get("applies_to") else {}
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


@endpoint("POST", "/v1/coupons/{id}", metadata=METADATA, name=Text(longest=40))
def update_coupon(call: Call) -> Obj:
    coupon = call.account.get("coupon", call.id)
    changes = dict(call.params)
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(coupon["metadata"], changes["metadata"])
    return call.account.change(coupon, event="coupon.updated", **changes)


@endpoint("DELETE", "/v1/coupons/{id}")
def delete_coupon(call: Call) -> Obj:
    """The coupon takes no new customers; discounts already given keep working, so the row stays readable to them."""
    account, coupon = call.account, call.account.get("coupon", call.id)
    account.change(coupon, valid=False)
    account.emit("coupon.deleted", coupon)
    for code in account.table("promotion_code"):
        if code["promotion"]["coupon"] == coupon["id"]:
            account.change(code, active=False)
    return {"id": coupon["id"], "object": "coupon", "deleted": True}


retrieve("/v1/coupons/{id}", "coupon")
listing("/v1/coupons", "coupon")
