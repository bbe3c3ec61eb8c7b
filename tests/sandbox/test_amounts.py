"""Which amounts are lawful in which currency, wherever one comes in, and what becomes of those that are not."""

from collections.abc import Callable
from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import THANKS, Shelf
from tests.sandboxes import Json, Sandbox

Ask = Callable[[Shelf, str, int, str], Any]  # (shelf, customer, amount, currency)
MONTHLY = {"interval": "month"}


def price(shelf: Shelf, amount: int, currency: str, **more: Any) -> Any:
    wish: Any = {"product": shelf.club, "currency": currency, "unit_amount": amount, **more}
    return shelf.sandbox.api.prices.create(wish)


def ask_a_session(shelf: Shelf, customer: str, amount: int, currency: str) -> Any:
    data: Any = {"product": shelf.club, "currency": currency, "unit_amount": amount}
    line: Any = {"price_data": data, "quantity": 1}
    wish: Any = {"mode": "payment", "line_items": [line], "success_url": THANKS}
    return shelf.sandbox.api.checkout.sessions.create(wish)


def ask_a_capture(shelf: Shelf, customer: str, amount: int, currency: str) -> Any:
    intents, lawful = shelf.sandbox.api.payment_intents, 99_000_000
    wish: Any = {"amount": lawful, "currency": currency, "capture_method": "manual", "payment_method": "pm_card_visa"}
    held = intents.create({**wish, "confirm": True})
    return intents.capture(held.id, {"amount_to_capture": amount})


def ask_a_refund(shelf: Shelf, customer: str, amount: int, currency: str) -> Any:
    api = shelf.sandbox.api
    charge = api.charges.create({"amount": 99_000_000, "currency": currency, "source": "tok_visa"})
    return api.refunds.create({"charge": charge.id, "amount": amount})


def ask_an_intent_again(shelf: Shelf, customer: str, amount: int, currency: str) -> Any:
    intents = shelf.sandbox.api.payment_intents
    return intents.update(intents.create({"amount": 99_000_000, "currency": currency}).id, {"amount": amount})


def ask_an_item_again(shelf: Shelf, customer: str, amount: int, currency: str) -> Any:
    items = shelf.sandbox.api.invoice_items
    made = items.create({"customer": customer, "amount": 99_000_000, "currency": currency})
    return items.update(made.id, {"amount": amount})


ASKED: dict[str, Ask] = {
    "payment intent": lambda shelf, _, amount, code: shelf.sandbox.api.payment_intents.create(
        {"amount": amount, "currency": code}
    ),
    "payment intent, changed": ask_an_intent_again,
    "payment intent, captured": ask_a_capture,
    "charge": lambda shelf, _, amount, code: shelf.sandbox.api.charges.create(
        {"amount": amount, "currency": code, "source": "tok_visa"}
    ),
    "refund": ask_a_refund,
    "price": lambda shelf, _, amount, code: price(shelf, amount, code),
    "price, decimal": lambda shelf, _, amount, code: shelf.sandbox.api.prices.create(
        {"product": shelf.club, "currency": code, "unit_amount_decimal": f"{amount}.0"}  # type: ignore[typeddict-item]
    ),
    "price, preset": lambda shelf, _, amount, code: shelf.sandbox.api.prices.create(
        {"product": shelf.club, "currency": code, "custom_unit_amount": {"enabled": True, "preset": amount}}
    ),
    "price in Checkout": ask_a_session,
    "coupon": lambda shelf, _, amount, code: shelf.sandbox.api.coupons.create({"amount_off": amount, "currency": code}),
    "coupon, another currency": lambda shelf, _, amount, code: shelf.sandbox.api.coupons.create(
        {"amount_off": 500, "currency": "eur", "currency_options": {code: {"amount_off": amount}}}
    ),
    "invoice item": lambda shelf, customer, amount, code: shelf.sandbox.api.invoice_items.create(
        {"customer": customer, "amount": amount, "currency": code}
    ),
    "invoice item, changed": ask_an_item_again,
    "preview": lambda shelf, customer, amount, code: shelf.sandbox.api.invoices.create_preview(
        {"customer": customer, "invoice_items": [{"amount": amount, "currency": code}]}
    ),
}


@pytest.mark.parametrize("where", list(ASKED))
@pytest.mark.parametrize(
    ("currency", "amount", "lawful"), [("kwd", 10_005, 10_010), ("isk", 100_050, 100_100), ("ugx", 100_001, 100_000)]
)
def test_amounts_are_multiples_of_their_currency_s_step(
    shelf: Shelf, ada: str, where: str, currency: str, amount: int, lawful: int
) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="must be divisible by") as refused:
        ASKED[where](shelf, ada, amount, currency)
    assert refused.value.code == "parameter_invalid_integer"
    assert ASKED[where](shelf, ada, lawful, currency)


@pytest.mark.parametrize(
    "where", [name for name in ASKED if name not in ("refund", "payment intent, captured", "coupon, another currency")]
)
def test_amounts_have_eight_digits_and_rupiahs_twelve(shelf: Shelf, ada: str, where: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="no more than") as refused:
        ASKED[where](shelf, ada, 100_000_000, "eur")
    assert refused.value.code == "amount_too_large"
    assert ASKED[where](shelf, ada, 100_000_000, "idr")


@pytest.mark.parametrize("currency", ["huf", "twd"])
def test_some_currencies_are_whole_in_payouts_alone(shelf: Shelf, ada: str, currency: str) -> None:
    assert ASKED["payment intent"](shelf, ada, 17_505, currency).amount == 17_505


def test_no_more_of_a_price_is_sold_than_can_be_charged(shelf: Shelf, ada: str) -> None:
    api = shelf.sandbox.api
    item: Any = {"price": shelf.monthly, "quantity": 999_999}
    refusals = [
        lambda: api.subscriptions.create({"customer": ada, "items": [item]}),
        lambda: api.checkout.sessions.create({"mode": "subscription", "line_items": [item], "success_url": THANKS}),
        lambda: api.subscriptions.update(running.id, {"items": [{"id": running["items"].data[0].id, **item}]}),
        lambda: api.invoice_items.create({"customer": ada, "pricing": {"price": shelf.once}, "quantity": 999_999}),
    ]
    running = api.subscriptions.create({"customer": ada, "items": [{"price": shelf.monthly}]})
    for refusal in refusals:
        with pytest.raises(stripe.InvalidRequestError) as refused:
            refusal()
        assert refused.value.code == "amount_too_large"
    assert api.subscriptions.retrieve(running.id)["items"].data[0].quantity == 1


def test_what_a_bank_was_asked_for_cannot_be_changed(sandbox: Sandbox) -> None:
    wish: Any = {"amount": 2000, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True}
    paid = sandbox.api.payment_intents.create(wish)
    for change in ({"amount": 100}, {"currency": "usd"}, {"payment_method": "pm_card_visa"}):
        with pytest.raises(stripe.InvalidRequestError, match="could not be updated because it has a status") as refused:
            sandbox.api.payment_intents.update(paid.id, change)  # type: ignore[arg-type]
        assert refused.value.code == "payment_intent_unexpected_state"
    assert sandbox.api.payment_intents.update(paid.id, {"description": "Thanks"}).status == "succeeded"


# What comes out of shares and periods


def balance(sandbox: Sandbox, customer: str) -> int:
    found: Any = sandbox.api.customers.retrieve(customer)
    return int(found.balance)


@pytest.mark.parametrize(("percent", "total", "due"), [(7.45, 9255, 9260), (7.46, 9254, 9250)])
def test_a_bill_asks_for_the_nearest_lawful_amount_and_keeps_the_difference(
    shelf: Shelf, ada: str, percent: float, total: int, due: int
) -> None:
    """9.255 dinars cannot be charged: 9.260 are, and the customer has 5 fils to their credit."""
    api = shelf.sandbox.api
    coupon = api.coupons.create({"percent_off": percent, "duration": "forever"}).id
    wish: Any = {"customer": ada, "items": [{"price": price(shelf, 10_000, "kwd", recurring=MONTHLY).id}]}
    made: Any = api.subscriptions.create({**wish, "discounts": [{"coupon": coupon}], "expand": ["latest_invoice"]})
    bill = made.latest_invoice
    assert (bill.total, bill.amount_due, bill.amount_paid, bill.ending_balance) == (total, due, due, total - due)
    assert balance(shelf.sandbox, ada) == total - due
    paid = api.charges.list({"customer": ada}).data[0]
    assert paid.amount == due
    shelf.sandbox.advance("32d")
    renewal = api.invoices.list({"subscription": made.id}).data[0]
    assert renewal.starting_balance == total - due
    assert renewal.amount_due % 10 == 0
    assert renewal.amount_due + renewal.ending_balance == renewal.total + renewal.starting_balance


def test_prorations_are_charged_in_lawful_amounts(shelf: Shelf, ada: str) -> None:
    api = shelf.sandbox.api
    small, large = (price(shelf, amount, "isk", recurring=MONTHLY).id for amount in (100_000, 250_000))
    running = api.subscriptions.create({"customer": ada, "items": [{"price": small}]})
    shelf.sandbox.advance("1000007")
    item: Any = {"id": running["items"].data[0].id, "price": large}
    changed: Any = api.subscriptions.update(
        running.id, {"items": [item], "proration_behavior": "always_invoice", "expand": ["latest_invoice"]}
    )
    bill = changed.latest_invoice
    assert bill.status == "paid"
    assert bill.total % 100
    assert (bill.amount_due % 100, bill.amount_due + bill.ending_balance) == (0, bill.total)


def test_checkout_takes_off_what_leaves_a_lawful_amount(shelf: Shelf) -> None:
    coupon = shelf.sandbox.api.coupons.create({"percent_off": 7.45}).id
    line: Json = {"price": price(shelf, 10_000, "kwd").id, "quantity": 1}
    wish: Any = {"mode": "payment", "line_items": [line], "success_url": THANKS, "discounts": [{"coupon": coupon}]}
    session = shelf.sandbox.api.checkout.sessions.create(wish)
    assert (session.amount_total, session.total_details.amount_discount) == (9250, 750)  # type: ignore[union-attr]
    assert shelf.sandbox.pay_session(session.id, email="ada@example.org")["session"]["payment_status"] == "paid"


def test_a_bill_below_the_least_amount_is_added_to_what_is_owed(sandbox: Sandbox, ada: str) -> None:
    """30 cents cannot be charged: the next bill asks for them too."""
    bills = []
    for amount in (30, 700):
        sandbox.api.invoice_items.create({"customer": ada, "amount": amount, "currency": "eur"})
        wish: Any = {"customer": ada, "pending_invoice_items_behavior": "include", "auto_advance": True}
        bills.append(sandbox.api.invoices.finalize_invoice(sandbox.api.invoices.create(wish).id))
    assert [(bill.status, bill.amount_due, bill.ending_balance) for bill in bills] == [
        ("paid", 0, 30),
        ("paid", 730, 0),
    ]
    assert balance(sandbox, ada) == 0
    assert [row.amount for row in sandbox.api.charges.list({"customer": ada}).data] == [730]
