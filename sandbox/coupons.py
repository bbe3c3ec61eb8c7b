"""Coupons and promotion codes: whether somebody may redeem one, and what a coupon takes off."""

from dataclasses import dataclass

from sandbox.account import Account
from sandbox.clock import due
from sandbox.errors import InvalidRequest, NotFound
from sandbox.pricing import share_of
from sandbox.types import Obj, Params

Found = tuple[Obj, Obj | None]


@dataclass(frozen=True)
class Purchase:
    """What a discount is wanted for. `amount` in minor units, before discounts; None where nobody knows yet."""

    currency: str | None = None
    amount: int | None = None
    customer: str | None = None


def get_coupon(account: Account, coupon_id: str, *, param: str = "id") -> Obj:
    """A coupon that was not deleted."""
    coupon = account.get("coupon", coupon_id, param=param)
    if is_deleted(account, coupon):
        raise NotFound("coupon", coupon_id, param=param)
    return coupon


def is_deleted(account: Account, coupon: Obj) -> bool:
    """Deleted coupons are kept for the discounts that were given before."""
    return bool(account.notes(coupon["id"]).get("gone"))


def find_coupon(account: Account, wish: Params, *, param: str, purchase: Purchase) -> Found:
    """(coupon, promotion code) of a `discounts[]` entry. Raises Stripe's refusals for unusable ones."""
    code = None
    if wish.get("promotion_code"):
        code = account.get("promotion_code", wish["promotion_code"], param=f"{param}[promotion_code]")
        if not code["active"]:
            raise InvalidRequest("This promotion code is not active.", code="promotion_code_inactive", param=param)
        check_restrictions(account, code, purchase, param=param)
        coupon = account.get("coupon", code["promotion"]["coupon"])
    elif wish.get("coupon"):
        coupon = get_coupon(account, wish["coupon"], param=f"{param}[coupon]")
    else:
        raise InvalidRequest("You must specify a coupon or a promotion code.", param=param)
    if not coupon["valid"]:
        raise InvalidRequest(f"Coupon expired: {coupon['id']}", code="coupon_expired", param=param)
    if purchase.currency and not percent(coupon) and amount_in(account, coupon, purchase.currency) is None:
        raise InvalidRequest(
            f"The coupon {coupon['id']} takes off an amount in {coupon['currency']}: it cannot be used for "
            f"{purchase.currency}.",
            param=param,
        )
    return coupon, code


def code_named(account: Account, text: str) -> Obj:
    """The active promotion code that somebody typed, whatever its case. Raises InvalidRequest where there is none."""
    for row in account.table("promotion_code"):
        if row["code"].lower() == text.strip().lower() and row["active"]:
            return row
    raise InvalidRequest("This code is invalid.", code="promotion_code_invalid", param="promotion_code")


def check_restrictions(account: Account, code: Obj, purchase: Purchase, *, param: str) -> None:
    """Who may redeem a promotion code, and for how much at least."""
    restrictions, why = code["restrictions"], None
    if code["customer"] and code["customer"] != purchase.customer:
        why = "it belongs to another customer"
    elif restrictions["first_time_transaction"] and has_bought(account, purchase.customer):
        why = "the associated customer has prior transactions"
    elif purchase.amount is not None and restrictions["minimum_amount"] is not None:
        least = minimum_in(restrictions, purchase.currency)
        if least is None:
            why = f"it is not valid for purchases in {purchase.currency}"
        elif purchase.amount < least:
            why = f"the purchase is below its minimum amount of {least} {purchase.currency}"
    if why:
        raise InvalidRequest(f"This promotion code cannot be redeemed because {why}.", param=param)


def has_bought(account: Account, customer: str | None) -> bool:
    """Whether a customer ever paid anything."""
    return customer is not None and any(charge["paid"] for charge in account.list("charge", customer=customer))


def minimum_in(restrictions: Obj, currency: str | None) -> int | None:
    """The minimum amount in a currency; None where the code is not for it."""
    if currency is None or restrictions["minimum_amount_currency"] == currency:
        return int(restrictions["minimum_amount"])
    option = restrictions.get("currency_options", {}).get(currency)
    return option and int(option["minimum_amount"])


def percent(coupon: Obj) -> float | None:
    return None if coupon["percent_off"] is None else float(coupon["percent_off"])


def amount_in(account: Account, coupon: Obj, currency: str) -> int | None:
    """The amount that a coupon takes off in a currency; None where it is not for it."""
    if coupon["currency"] == currency:
        return int(coupon["amount_off"])
    option = account.notes(coupon["id"]).get("currency_options", {}).get(currency)
    return option and int(option["amount_off"])


def take_off(account: Account, coupon: Obj, parts: list[tuple[int, str | None]], *, currency: str) -> list[int]:
    """What a coupon takes off each (amount, product): a share of each, or one amount spread over all it applies to."""
    limits = account.notes(coupon["id"]).get("applies_to")
    bases = [max(0, amount) if not limits or product in limits["products"] else 0 for amount, product in parts]
    share = percent(coupon)
    if share is not None:
        return [share_of(base, share) for base in bases]
    return spread(min(sum(bases), amount_in(account, coupon, currency) or 0), bases)


def spread(amount: int, bases: list[int]) -> list[int]:
    """An amount in proportion to `bases`, to the last unit."""
    total, seen, given = sum(bases), 0, 0
    parts = []
    for base in bases:
        seen += base
        upto = amount * seen // total if total else 0
        parts.append(upto - given)
        given = upto
    return parts


def count_redemption(account: Account, coupon: Obj, code: Obj | None) -> None:
    """One more redemption; the last one allowed closes coupon or code."""
    account.change(coupon, times_redeemed=coupon["times_redeemed"] + 1)
    if used_up(coupon):
        account.change(coupon, event="coupon.updated", valid=False)
    if code:
        account.change(code, times_redeemed=code["times_redeemed"] + 1)
        if used_up(code):
            account.change(code, event="promotion_code.updated", active=False)


def used_up(counted: Obj) -> bool:
    """Whether a coupon or promotion code was redeemed as often as it may."""
    return counted["max_redemptions"] is not None and counted["times_redeemed"] >= counted["max_redemptions"]


@due("coupon_expires")
def expire_coupon(account: Account, coupon_id: str) -> None:
    """`redeem_by` has passed: discounts already given go on."""
    account.change(account.get("coupon", coupon_id), event="coupon.updated", valid=False)
    close_codes(account, coupon_id)


@due("code_expires")
def expire_code(account: Account, code_id: str) -> None:
    account.change(account.get("promotion_code", code_id), event="promotion_code.updated", active=False)


def close_codes(account: Account, coupon_id: str) -> None:
    """The promotion codes of a coupon that takes nobody any more."""
    for code in account.table("promotion_code"):
        if code["promotion"]["coupon"] == coupon_id:
            account.change(code, event="promotion_code.updated", active=False)
