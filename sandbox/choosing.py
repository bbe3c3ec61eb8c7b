"""What a buyer may still choose on Checkout's page: a promotion code, how many, how much, extras."""

from sandbox.account import Account
from sandbox.catalogue import new_line, price_of
from sandbox.coupons import Purchase, code_named, find_coupon
from sandbox.currencies import check_amount, check_most, nearest, written
from sandbox.errors import InvalidRequest
from sandbox.pricing import amount_of, part_of, terms_in
from sandbox.sessions import first_part, total_session
from sandbox.types import Obj


def apply_code(account: Account, session: Obj, code: str) -> Obj:
    """Enter a promotion code on the page. Raises InvalidRequest where it does not exist or does not fit."""
    if not session["allow_promotion_codes"]:
        raise InvalidRequest("This session does not take promotion codes.", code="promotion_code_invalid")
    found = code_named(account, code)
    purchase = Purchase(session["currency"], session["amount_subtotal"], session["customer"])
    find_coupon(account, {"promotion_code": found["id"]}, param="promotion_code", purchase=purchase)
    account.change(session, discounts=[{"coupon": None, "promotion_code": found["id"]}])
    total_session(account, session)
    return session


def remove_code(account: Account, session: Obj) -> Obj:
    """Take the promotion code off again."""
    account.change(session, discounts=[])
    total_session(account, session)
    return session


def set_quantity(account: Account, session: Obj, *, line_id: str, quantity: int) -> Obj:
    """Change an adjustable line's quantity on the page."""
    for line in account.notes(session["id"])["line_items"]:
        limits = line["adjustable_quantity"]
        if line["id"] == line_id and limits and limits["enabled"]:
            least, most = limits["minimum"] or 0, limits["maximum"] or 99
            wanted = max(least, min(most, quantity))
            notes = account.notes(session["id"])
            data, trial_end = notes["subscription_data"], notes["trial_end"]
            cost = amount_of(account, line["price"], wanted, currency=session["currency"])
            check_most(cost, session["currency"], param="quantity")
            part = first_part(account, line["price"], data=data, trial_end=trial_end)
            line["quantity"], line["amount_subtotal"] = wanted, nearest(part_of(cost, part), session["currency"])
    total_session(account, session)
    return session


def add_optional(account: Account, session: Obj, *, price_id: str) -> Obj:
    """Put an optional item onto the order. Raises InvalidRequest for what is not offered."""
    offer = next((row for row in session["optional_items"] or [] if row["price"] == price_id), None)
    if offer is None:
        raise InvalidRequest("This item is not offered.", param="optional_items")
    notes = account.notes(session["id"])
    if any(line["price"] and line["price"]["id"] == price_id for line in notes["line_items"]):
        return session
    price = price_of(account, {"price": price_id}, param="optional_items")
    line = new_line(
        account,
        price,
        quantity=offer["quantity"],
        currency=session["currency"],
        adjustable=offer["adjustable_quantity"],
        part=first_part(account, price, data=notes["subscription_data"], trial_end=notes["trial_end"]),
    )
    account.note(session["id"], line_items=[*notes["line_items"], line])
    total_session(account, session)
    return session


def remove_optional(account: Account, session: Obj, *, price_id: str) -> Obj:
    """Take an optional item off the order again; other lines stay."""
    offered = [row["price"] for row in session["optional_items"] or []]
    lines = account.notes(session["id"])["line_items"]
    kept = [line for line in lines if price_id not in offered or not line["price"] or line["price"]["id"] != price_id]
    account.note(session["id"], line_items=kept)
    total_session(account, session)
    return session


def line_to_choose(account: Account, session: Obj) -> tuple[Obj, Obj] | None:
    """(line, its bounds) where the buyer says how much to pay."""
    for line in account.notes(session["id"])["line_items"]:
        bounds = line["price"] and terms_in(account, line["price"], line["currency"])["custom_unit_amount"]
        if bounds:
            return line, bounds
    return None


def choose_amount(account: Account, session: Obj, *, amount: int) -> Obj:
    """Pay what you want: `amount` in minor units, within the price's bounds."""
    found = line_to_choose(account, session)
    if found is None:
        raise InvalidRequest("This session has a fixed amount.", param="amount")
    line, bounds = found
    currency = session["currency"]
    check_amount(amount, currency)
    least, most = bounds["minimum"] or 1, bounds["maximum"]
    if amount < least:
        raise InvalidRequest(
            f"The amount must be at least {written(least, currency)}.", code="amount_too_small", param="amount"
        )
    if most is not None and amount > most:
        raise InvalidRequest(
            f"The amount must be no more than {written(most, currency)}.", code="amount_too_large", param="amount"
        )
    line["amount_subtotal"] = amount
    total_session(account, session)
    return session


def refuse_unchosen(account: Account, session: Obj) -> None:
    """Without a preset the buyer has to say how much before paying."""
    found = line_to_choose(account, session)
    if found and not found[0]["amount_subtotal"]:
        raise InvalidRequest("Enter an amount.", code="amount_too_small", param="amount")
