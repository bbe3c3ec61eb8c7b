"""Coupons at work: discounts on subscriptions and sessions, and what they take off invoice lines."""

from sandbox.account import Account
from sandbox.errors import InvalidRequest
from sandbox.periods import add_months
from sandbox.types import Obj, Params


def find_coupon(account: Account, wish: Params, *, param: str) -> tuple[Obj, Obj | None]:
    """(coupon, promotion code) of a `discounts[]` entry. Raises Stripe's refusals for unusable ones."""
    code = None
    if wish.get("promotion_code"):
        code = account.get("promotion_code", wish["promotion_code"], param=f"{param}[promotion_code]")
        if not code["active"]:
            raise InvalidRequest("This promotion code is not active.", code="promotion_code_inactive", param=param)
        coupon = account.get("coupon", code["promotion"]["coupon"])
    elif wish.get("coupon"):
        coupon = account.get("coupon", wish["coupon"], param=f"{param}[coupon]")
    else:
        raise InvalidRequest("You must specify a coupon or a promotion code.", param=param)
    if not coupon["valid"]:
        raise InvalidRequest(f"Coupon expired: {coupon['id']}", code="coupon_expired", param=param)
    return coupon, code


def new_discount(
    account: Account,
    coupon: Obj,
    *,
    customer: str | None,
    subscription: str | None = None,
    session: str | None = None,
    code: Obj | None = None,
) -> Obj:
    """Redeem a coupon."""
    now = account.now()
    end = add_months(now, coupon["duration_in_months"]) if coupon["duration"] == "repeating" else None
    account.change(coupon, times_redeemed=coupon["times_redeemed"] + 1)
    limit = coupon["max_redemptions"]
    if limit is not None and coupon["times_redeemed"] >= limit:
        account.change(coupon, valid=False)
    if code:
        account.change(code, times_redeemed=code["times_redeemed"] + 1)
    return account.add(
        {
            "id": account.ids.make("di"),
            "object": "discount",
            "checkout_session": session,
            "customer": customer,
            "customer_account": None,
            "end": end,
            "invoice": None,
            "invoice_item": None,
            "promotion_code": code["id"] if code else None,
            "source": {"type": "coupon", "coupon": coupon["id"]},
            "start": now,
            "subscription": subscription,
            "subscription_item": None,
        }
    )


def reduction(account: Account, coupon: Obj, *, amount: int, product: str | None, left: int | None = None) -> int:
    """What a coupon takes off `amount` of a product. `left` is what remains of an `amount_off`."""
    limited = account.notes(coupon["id"]).get("applies_to")
    if amount <= 0 or (limited and product not in limited["products"]):
        return 0
    if coupon["percent_off"] is not None:
        return round(amount * float(coupon["percent_off"]) / 100)
    return min(amount, int(coupon["amount_off"]) if left is None else left)


def live_discounts(account: Account, ids: list[str]) -> list[Obj]:
    """Discounts still in force now."""
    found = [account.get("discount", discount_id) for discount_id in ids]
    return [discount for discount in found if discount["end"] is None or discount["end"] > account.now()]


def discount_lines(account: Account, lines: list[Obj], discounts: list[Obj]) -> list[Obj]:
    """Write each line's `discount_amounts`; returns the invoice's `total_discount_amounts`."""
    totals = {discount["id"]: 0 for discount in discounts}
    for line in lines:
        line["discount_amounts"] = []
    for discount in discounts:
        coupon = account.get("coupon", discount["source"]["coupon"])
        left = coupon["amount_off"]
        for line in lines:
            if not line["discountable"]:
                continue
            already = sum(part["amount"] for part in line["discount_amounts"])
            product = line["pricing"]["price_details"]["product"] if line["pricing"] else None
            off = reduction(account, coupon, amount=line["amount"] - already, product=product, left=left)
            if left is not None:
                left -= off
            if off:
                line["discount_amounts"].append({"amount": off, "discount": discount["id"]})
                totals[discount["id"]] += off
    return [{"amount": amount, "discount": discount_id} for discount_id, amount in totals.items()]
