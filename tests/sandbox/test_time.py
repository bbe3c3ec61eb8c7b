"""Time: test clocks as Stripe has them, and the account's clock moved while others keep asking."""

import threading
import time
from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import DAY, THANKS, Shelf

START = 1_800_000_000


def clocked_subscription(shelf: Shelf) -> tuple[str, str]:
    """(test clock, subscription paid monthly in its time)."""
    api = shelf.sandbox.api
    clock = api.test_helpers.test_clocks.create({"frozen_time": START})
    customer = api.customers.create({"email": "clock@example.org", "test_clock": clock.id})
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    made = api.subscriptions.create(
        {"customer": customer.id, "items": [{"price": shelf.monthly}], "default_payment_method": method.id}
    )
    return clock.id, made.id


def test_what_happens_on_a_clock_that_is_behind_is_kept_for_thirty_days_as_well(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    clock = api.test_helpers.test_clocks.create({"frozen_time": shelf.sandbox.get("/sandbox/clock")["now"]}).id
    shelf.sandbox.advance("60d")
    customer = api.customers.create({"test_clock": clock}).id
    shelf.sandbox.advance("29d")
    told = api.events.list({"type": "customer.created"}).data
    assert [event.data.to_dict()["object"]["id"] for event in told] == [customer]
    assert api.events.retrieve(told[0].id).created < shelf.sandbox.get("/sandbox/clock")["now"] - 80 * DAY
    shelf.sandbox.advance("2d")
    assert not api.events.list({"type": "customer.created"}).data


def test_a_clock_advances_by_itself_and_tells(shelf: Shelf) -> None:
    clock, _ = clocked_subscription(shelf)
    sent = shelf.sandbox.api.test_helpers.test_clocks.advance(clock, {"frozen_time": START + 40 * DAY})
    assert (sent.status, sent.frozen_time) == ("advancing", START)
    assert sent.status_details.advancing.target_frozen_time == START + 40 * DAY  # type: ignore[union-attr]
    for _ in range(100):
        if shelf.sandbox.api.test_helpers.test_clocks.retrieve(clock).status == "ready":
            break
        time.sleep(0.05)
    assert shelf.sandbox.api.test_helpers.test_clocks.retrieve(clock).frozen_time == START + 40 * DAY
    assert [kind for kind in shelf.events() if kind.startswith("test_helpers")] == [
        "test_helpers.test_clock.created",
        "test_helpers.test_clock.advancing",
        "test_helpers.test_clock.ready",
    ]


def test_a_clock_goes_forward_at_most_two_intervals(shelf: Shelf) -> None:
    clock, _ = clocked_subscription(shelf)
    with pytest.raises(stripe.InvalidRequestError, match="later"):
        shelf.sandbox.api.test_helpers.test_clocks.advance(clock, {"frozen_time": START - 1})
    with pytest.raises(stripe.InvalidRequestError, match="two intervals"):
        shelf.sandbox.api.test_helpers.test_clocks.advance(clock, {"frozen_time": START + 63 * DAY})
    empty = shelf.sandbox.api.test_helpers.test_clocks.create({"frozen_time": START})
    with pytest.raises(stripe.InvalidRequestError, match="two years"):
        shelf.sandbox.api.test_helpers.test_clocks.advance(empty.id, {"frozen_time": START + 800 * DAY})


def test_requests_are_answered_while_time_is_moved(shelf: Shelf) -> None:
    for number in range(40):
        shelf.subscribe(email=f"member{number}@example.org")
    moving = threading.Thread(target=shelf.sandbox.advance, args=("365d",))
    moving.start()
    waits = []
    while moving.is_alive():
        asked = time.monotonic()
        shelf.sandbox.api.products.list({"limit": 1})
        waits.append(time.monotonic() - asked)
    moving.join()
    assert len(waits) > 5
    assert max(waits) < 2
    assert len(shelf.sandbox.api.invoices.list({"limit": 100}).data) == 100


def test_the_portal_lives_in_the_time_of_its_customers_clock(shelf: Shelf) -> None:
    """Else what it plans would be due in the account's time."""
    api = shelf.sandbox.api
    _, subscription = clocked_subscription(shelf)
    features = {"subscription_cancel": {"enabled": True}}
    configuration = api.billing_portal.configurations.create({"features": features}).id  # type: ignore[typeddict-item]
    customer = str(api.subscriptions.retrieve(subscription).customer)
    visit = api.billing_portal.sessions.create({"customer": customer, "configuration": configuration})
    shelf.sandbox.in_portal(visit.url, "cancel", subscription=subscription)
    assert api.subscriptions.retrieve(subscription).canceled_at == START
    shelf.sandbox.advance("120d")
    assert api.subscriptions.retrieve(subscription).status == "active"


def acts_on(shelf: Shelf, customer: str, subscription: str) -> None:
    """Whatever can be done for a customer of a subscription that was paid twice."""
    api: Any = shelf.sandbox.api
    paid = api.charges.list({"customer": customer}).data
    by_payment, by_charge = paid[0].payment_intent, paid[1].id
    api.refunds.create({"payment_intent": by_payment, "amount": 100})
    refund = api.refunds.create({"charge": by_charge, "amount": 100})
    api.refunds.update(refund.id, {"metadata": {"note": "a"}})
    dispute = shelf.sandbox.post(f"/sandbox/charges/{by_charge}/dispute", {"amount": 500})["id"]
    api.disputes.update(dispute, {"evidence": {"uncategorized_text": "winning_evidence"}})
    invoice = api.invoices.list({"customer": customer}).data[0].id
    api.credit_notes.create({"invoice": invoice, "amount": 200, "credit_amount": 200})
    item = api.invoice_items.create({"customer": customer, "amount": 700, "currency": "eur"}).id
    api.invoice_items.update(item, {"amount": 900})
    made = api.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"}).id
    api.invoices.pay(made, {"payment_method": paid[0].payment_method})
    api.customers.balance_transactions.create(customer, {"amount": -100, "currency": "eur"})
    api.customers.tax_ids.create(customer, {"type": "eu_vat", "value": "DE123456789"})
    intent = api.payment_intents.create({"customer": customer, "amount": 900, "currency": "eur"}).id
    api.payment_intents.confirm(intent, {"payment_method": "pm_card_visa"})
    api.charges.create({"customer": customer, "amount": 900, "currency": "eur", "source": paid[0].payment_method})
    setup = api.setup_intents.create({"customer": customer}).id
    api.setup_intents.confirm(setup, {"payment_method": "pm_card_visa"})
    api.payment_methods.detach(api.payment_methods.attach("pm_card_mastercard", {"customer": customer}).id)
    line = {"price": shelf.once, "quantity": 1}
    wish = {"customer": customer, "mode": "payment", "line_items": [line], "success_url": THANKS}
    shelf.sandbox.pay_session(api.checkout.sessions.create(wish).id)
    coupon = api.coupons.create({"percent_off": 10, "duration": "forever"}).id
    api.subscriptions.update(subscription, {"discounts": [{"coupon": coupon}]})
    api.subscriptions.delete_discount(subscription)
    schedule = api.subscription_schedules.create({"from_subscription": subscription}).id
    api.subscription_schedules.release(schedule)
    item = api.subscriptions.retrieve(subscription)["items"].data[0].id
    api.subscription_items.update(item, {"quantity": 2, "proration_behavior": "always_invoice"})
    api.subscriptions.cancel(subscription)


def test_all_that_is_done_for_a_clock_s_customer_is_dated_by_its_clock(shelf: Shelf) -> None:
    """The account's own time is years earlier or later: nothing of the customer may be of then."""
    api: Any = shelf.sandbox.api
    clock, subscription = clocked_subscription(shelf)
    customer = api.subscriptions.retrieve(subscription).customer
    now = START + 40 * DAY
    shelf.sandbox.advance_clock(clock, to=now)
    known = {event.id for event in api.events.list({"limit": 100}).data}
    acts_on(shelf, customer, subscription)
    fresh = [event.to_dict() for event in api.events.list({"limit": 100}).data if event.id not in known]
    told = [event for event in fresh if not event["type"].startswith(("coupon.", "product.", "price."))]
    assert len(told) > 40
    assert {event["type"]: event["created"] for event in told if event["created"] != now} == {}
    dated = [event["data"]["object"] for event in told if event["type"].endswith(".created")]
    assert {row["object"]: row["created"] for row in dated if row.get("created", now) != now} == {}


def test_what_was_dated_by_a_clock_happens_by_it(shelf: Shelf) -> None:
    """A refund that fails a day later does so when the clock has come there, not the account."""
    api: Any = shelf.sandbox.api
    clock = api.test_helpers.test_clocks.create({"frozen_time": START}).id
    customer = api.customers.create({"test_clock": clock}).id
    card = api.payment_methods.attach("pm_card_refundFail", {"customer": customer}).id
    wish = {"customer": customer, "payment_method": card, "amount": 900, "currency": "eur", "confirm": True}
    refund = api.refunds.create({"payment_intent": api.payment_intents.create(wish).id}).id
    shelf.sandbox.advance("10d")
    assert api.refunds.retrieve(refund).status == "succeeded"
    shelf.sandbox.advance_clock(clock, to=START + 2 * DAY)
    assert api.refunds.retrieve(refund).status == "failed"
