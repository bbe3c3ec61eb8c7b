"""Changes of a running subscription: seen beforehand, paid for at once, or pending until they are."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import DAY, FAILS_LATER, GOOD, Shelf
from tests.sandboxes import Json, Sandbox

HOUR = 3_600


@pytest.fixture
def dearer(shelf: Shelf) -> str:
    """Another product, at 39 euros a month."""
    wish: Any = {
        "product_data": {"name": "Atelier"},
        "currency": "eur",
        "unit_amount": 3900,
        "recurring": {"interval": "month"},
    }
    return shelf.sandbox.api.prices.create(wish).id


def now(sandbox: Sandbox) -> int:
    return int(sandbox.get("/sandbox/clock")["now"])


def change(shelf: Shelf, subscription: Json, price: str, **params: Any) -> Any:
    """Switch the only item, paid for at once."""
    wish: Any = {
        "items": [{"id": subscription["items"]["data"][0]["id"], "price": price}],
        "proration_behavior": "always_invoice",
        "expand": ["latest_invoice"],
        **params,
    }
    return shelf.sandbox.api.subscriptions.update(subscription["id"], wish)


def price_in(subscription: Json) -> str:
    return str(subscription["items"]["data"][0]["price"]["id"])


def use_card(shelf: Shelf, subscription: Json, card: str, *, retry: bool = False) -> None:
    shelf.sandbox.post(f"/sandbox/customers/{subscription['customer']}/card", {"card": card, "retry": retry})
    shelf.sandbox.api.subscriptions.update(
        subscription["id"],
        {
            "default_payment_method": shelf.sandbox.api.payment_methods.list({"customer": subscription["customer"]})
            .data[0]
            .id
        },
    )


def members(shelf: Shelf, card: str = GOOD) -> Json:
    """A member whose next payment goes as the card does."""
    subscription = shelf.subscribe()
    if card != GOOD:
        use_card(shelf, subscription, card)
    return shelf.subscription(subscription["id"])


# Pending updates


def test_a_change_that_is_paid_is_made_at_once(shelf: Shelf, dearer: str) -> None:
    changed = change(shelf, members(shelf), dearer, payment_behavior="pending_if_incomplete")
    assert (changed.pending_update, changed.latest_invoice.status) == (None, "paid")
    assert price_in(changed.to_dict()) == dearer


def test_a_change_that_is_not_paid_stays_pending(shelf: Shelf, dearer: str) -> None:
    before = members(shelf, FAILS_LATER)
    changed = change(shelf, before, dearer, payment_behavior="pending_if_incomplete")
    assert (changed.status, price_in(changed.to_dict())) == ("active", shelf.monthly)
    assert (changed.latest_invoice.status, changed.latest_invoice.amount_due) == ("open", 1500)
    assert changed.latest_invoice.next_payment_attempt is None
    pending = changed.pending_update
    assert 0 <= now(shelf.sandbox) + 23 * HOUR - pending.expires_at < 10
    assert [item.price.id for item in pending.subscription_items] == [dearer]
    assert [item.id for item in pending.subscription_items] == [before["items"]["data"][0]["id"]]


def test_the_bill_of_a_pending_change_is_never_told_as_one_that_is_retried(shelf: Shelf, dearer: str) -> None:
    bill = change(shelf, members(shelf, FAILS_LATER), dearer, payment_behavior="pending_if_incomplete").latest_invoice
    told = [event.data.to_dict()["object"] for event in shelf.sandbox.api.events.list({"limit": 100}).data]
    assert {row["auto_advance"] for row in told if row.get("id") == bill.id} == {False}


def test_a_pending_change_is_made_when_it_is_paid(shelf: Shelf, dearer: str) -> None:
    before = members(shelf, FAILS_LATER)
    changed = change(shelf, before, dearer, payment_behavior="pending_if_incomplete")
    use_card(shelf, before, GOOD)
    shelf.sandbox.api.invoices.pay(changed.latest_invoice.id)
    after = shelf.subscription(before["id"])
    assert (price_in(after), after["pending_update"], after["status"]) == (dearer, None, "active")
    assert after["items"]["data"][0]["current_period_end"] == before["items"]["data"][0]["current_period_end"]
    assert shelf.events()[-2:] == ["customer.subscription.updated", "customer.subscription.pending_update_applied"]
    shelf.sandbox.advance("32d")
    assert shelf.sandbox.api.invoices.retrieve(str(shelf.subscription(before["id"])["latest_invoice"])).total == 3900


def test_a_pending_change_is_given_up_after_23_hours(shelf: Shelf, dearer: str) -> None:
    before = members(shelf, FAILS_LATER)
    invoice = change(shelf, before, dearer, payment_behavior="pending_if_incomplete").latest_invoice.id
    shelf.sandbox.advance("22h")
    assert shelf.subscription(before["id"])["pending_update"]
    shelf.sandbox.advance("2h")
    after = shelf.subscription(before["id"])
    assert (price_in(after), after["pending_update"], after["status"]) == (shelf.monthly, None, "active")
    assert shelf.sandbox.api.invoices.retrieve(invoice).status == "void"
    assert "customer.subscription.pending_update_expired" in shelf.events()
    assert not shelf.sandbox.api.invoice_items.list({"pending": True}).data


@pytest.mark.parametrize("how", ["another change", "void", "cancel"])
def test_a_pending_change_gives_way(shelf: Shelf, dearer: str, how: str) -> None:
    before = members(shelf, FAILS_LATER)
    invoice = change(shelf, before, dearer, payment_behavior="pending_if_incomplete").latest_invoice.id
    if how == "another change":
        change(shelf, before, shelf.monthly, items=[{"id": before["items"]["data"][0]["id"], "quantity": 2}])
    elif how == "void":
        shelf.sandbox.api.invoices.void_invoice(invoice)
    else:
        shelf.sandbox.api.subscriptions.cancel(before["id"])
    after = shelf.subscription(before["id"])
    assert (after["pending_update"], price_in(after)) == (None, shelf.monthly)
    assert shelf.sandbox.api.invoices.retrieve(invoice).status == "void"


def test_a_payer_may_approve_a_pending_change(shelf: Shelf, dearer: str) -> None:
    before = members(shelf, "4000002760003184")
    changed = change(shelf, before, dearer, payment_behavior="pending_if_incomplete")
    assert changed.pending_update is not None
    page = shelf.sandbox.api.invoice_payments.list({"invoice": changed.latest_invoice.id}).data[0]
    intent = shelf.sandbox.api.payment_intents.retrieve(str(page.payment.payment_intent))
    assert intent.status == "requires_action"
    shelf.sandbox.api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_visa"})
    assert price_in(shelf.subscription(before["id"])) == dearer


def test_what_cannot_stay_pending_is_refused(shelf: Shelf) -> None:
    subscription = shelf.subscribe()["id"]
    with pytest.raises(stripe.InvalidRequestError, match="`metadata` with `payment_behavior=pending_if_incomplete`"):
        shelf.sandbox.api.subscriptions.update(
            subscription, {"metadata": {"a": "b"}, "payment_behavior": "pending_if_incomplete"}
        )


# The other behaviours


@pytest.mark.parametrize(
    ("card", "code"),
    [(FAILS_LATER, "card_declined"), ("4000002760003184", "subscription_payment_intent_requires_action")],
)
def test_an_update_may_insist_on_the_money(shelf: Shelf, dearer: str, card: str, code: str) -> None:
    before = members(shelf, card)
    with pytest.raises(stripe.CardError) as refusal:
        change(shelf, before, dearer, payment_behavior="error_if_incomplete")
    assert refusal.value.code == code
    assert shelf.subscription(before["id"]) == before


def test_an_update_may_leave_its_bill_to_be_confirmed(shelf: Shelf, dearer: str) -> None:
    changed = change(shelf, members(shelf), dearer, payment_behavior="default_incomplete")
    assert (changed.status, changed.latest_invoice.status) == ("past_due", "open")
    payment = shelf.sandbox.api.invoice_payments.list({"invoice": changed.latest_invoice.id}).data[0]
    shelf.sandbox.api.payment_intents.confirm(str(payment.payment.payment_intent), {"payment_method": "pm_card_visa"})
    after = shelf.subscription(changed.id)
    assert (after["status"], price_in(after)) == ("active", dearer)


def test_without_prorations_nothing_is_billed_between(shelf: Shelf, dearer: str) -> None:
    before = members(shelf)
    changed = change(shelf, before, dearer, proration_behavior="none")
    assert changed.latest_invoice.id == before["latest_invoice"]
    assert not shelf.sandbox.api.invoice_items.list({"pending": True}).data


def test_prorations_are_as_of_their_date(shelf: Shelf, dearer: str) -> None:
    before = members(shelf)
    period = before["items"]["data"][0]
    start, end = period["current_period_start"], period["current_period_end"]
    half = (start + end) // 2
    changed = change(shelf, before, dearer, proration_date=half)
    assert [line.amount for line in changed.latest_invoice.lines.data] == [-1200, 1950]
    with pytest.raises(stripe.InvalidRequestError, match="outside of current period"):
        change(shelf, before, shelf.monthly, proration_date=end + DAY)


def test_the_cycle_may_begin_anew(shelf: Shelf) -> None:
    before = members(shelf)
    shelf.sandbox.advance("10d")
    wish: Any = {"billing_cycle_anchor": "now", "expand": ["latest_invoice"]}
    after: Any = shelf.sandbox.api.subscriptions.update(before["id"], wish)
    old = before["items"]["data"][0]
    anchor = after.billing_cycle_anchor
    assert 0 <= now(shelf.sandbox) - anchor < 10  # a second may have passed since
    left = old["current_period_end"] - anchor
    credit = round(2400 * left / (old["current_period_end"] - old["current_period_start"]))
    assert [line.amount for line in after.latest_invoice.lines.data] == [-credit, 2400]


@pytest.mark.parametrize(("mode", "billed"), [("flexible", False), ("classic", True)])
def test_one_time_prices_may_be_added(shelf: Shelf, ada: str, mode: Any, billed: bool) -> None:
    api = shelf.sandbox.api
    made = api.subscriptions.create(
        {"customer": ada, "items": [{"price": shelf.monthly}], "billing_mode": {"type": mode}}
    )
    wish: Any = {"add_invoice_items": [{"price": shelf.once}], "proration_behavior": "always_invoice"}
    api.subscriptions.update(made.id, wish)
    waiting = api.invoice_items.list({"pending": True}).data
    assert len(waiting) == (0 if billed else 1)
    shelf.sandbox.advance("32d")
    totals = [invoice.total for invoice in api.invoices.list({"subscription": made.id}).data]
    assert totals == ([2400, 18000, 2400] if billed else [20400, 2400])


def test_free_days_give_the_rest_of_the_period_back(shelf: Shelf) -> None:
    before = members(shelf)
    after = shelf.sandbox.api.subscriptions.update(before["id"], {"trial_end": now(shelf.sandbox) + 5 * DAY})
    assert after.status == "trialing"
    assert [item.amount for item in shelf.sandbox.api.invoice_items.list({"pending": True}).data] == [-2400]
    shelf.sandbox.advance("6d")
    invoices = shelf.sandbox.api.invoices.list({"subscription": before["id"]}).data
    assert [invoice.total for invoice in invoices] == [0, 2400]
    assert shelf.subscription(before["id"])["status"] == "active"


# Previews


def preview(shelf: Shelf, **params: Any) -> Any:
    wish: Any = params
    return shelf.sandbox.api.invoices.create_preview(wish)


def test_the_next_bill_can_be_seen_before_it_exists(shelf: Shelf) -> None:
    subscription = members(shelf)
    shelf.sandbox.api.invoice_items.create({"customer": subscription["customer"], "amount": 500, "currency": "eur"})
    bills, events = len(shelf.sandbox.api.invoices.list().data), len(shelf.events())
    seen = preview(shelf, subscription=subscription["id"])
    assert seen.id.startswith("upcoming_in")
    assert (seen.status, seen.billing_reason, seen.total) == ("draft", "upcoming", 2900)
    assert seen.created == subscription["items"]["data"][0]["current_period_end"]
    assert preview(shelf, customer=subscription["customer"]).total == 2900
    assert shelf.subscription(subscription["id"]) == subscription
    assert (len(shelf.sandbox.api.invoices.list().data), len(shelf.events())) == (bills, events)
    shelf.sandbox.advance("32d")
    billed = shelf.sandbox.api.invoices.retrieve(str(shelf.subscription(subscription["id"])["latest_invoice"]))
    assert (billed.total, billed.created) == (seen.total, seen.created)


@pytest.mark.parametrize("behavior", ["always_invoice", "create_prorations", "none"])
def test_a_change_costs_what_its_preview_said(shelf: Shelf, dearer: str, behavior: str) -> None:
    subscription = members(shelf)
    shelf.sandbox.advance("10d")
    at = now(shelf.sandbox)
    item = {"id": subscription["items"]["data"][0]["id"], "price": dearer, "quantity": 2}
    details = {"items": [item], "proration_behavior": behavior, "proration_date": at}
    seen = preview(shelf, subscription=subscription["id"], subscription_details=details)
    assert shelf.subscription(subscription["id"]) == subscription
    change(shelf, subscription, dearer, items=[item], proration_behavior=behavior, proration_date=at)
    if behavior != "always_invoice":
        shelf.sandbox.advance("25d")
    billed = shelf.sandbox.api.invoices.retrieve(str(shelf.subscription(subscription["id"])["latest_invoice"]))
    assert [line.amount for line in seen.lines.data] == [line.amount for line in billed.lines.data]
    assert seen.total == billed.total


def test_a_new_subscription_can_be_seen_before_it_exists(shelf: Shelf, ada: str) -> None:
    details = {"items": [{"price": shelf.monthly, "quantity": 3}]}
    extras = [{"price": shelf.once}, {"amount": -100, "currency": "eur", "description": "Welcome"}]
    seen = preview(shelf, customer=ada, subscription_details=details, invoice_items=extras)
    assert (seen.billing_reason, seen.total) == ("subscription_create", 7200 + 18000 - 100)
    assert not shelf.sandbox.api.subscriptions.list({"customer": ada}).data


def test_where_nothing_comes_there_is_nothing_to_see(shelf: Shelf, ada: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No upcoming invoices for customer") as refusal:
        preview(shelf, customer=ada)
    assert (refusal.value.code, refusal.value.http_status) == ("invoice_upcoming_none", 404)
    ending = members(shelf)["id"]
    shelf.sandbox.api.subscriptions.update(ending, {"cancel_at_period_end": True})
    with pytest.raises(stripe.InvalidRequestError, match="No upcoming invoices"):
        preview(shelf, subscription=ending)
    with pytest.raises(stripe.InvalidRequestError, match="You must specify one of"):
        preview(shelf, currency="eur")


# What is announced


def test_a_renewal_is_announced_a_week_before(shelf: Shelf) -> None:
    subscription = members(shelf)
    end = subscription["items"]["data"][0]["current_period_end"]
    shelf.sandbox.post("/sandbox/clock", {"to": end - 8 * DAY})
    assert "invoice.upcoming" not in shelf.events()
    shelf.sandbox.advance("2d")
    told = shelf.sandbox.api.events.list({"type": "invoice.upcoming"}).data
    assert [event.created for event in told] == [end - 7 * DAY]
    shown: Any = told[0].data.to_dict()["object"]
    assert (shown["total"], shown["status"]) == (2400, "draft")
    assert shown["id"].startswith("upcoming_in")
    shelf.sandbox.advance("25d")
    assert shelf.events().count("invoice.upcoming") == 1
    shelf.sandbox.advance("6d")
    assert shelf.sandbox.api.events.list({"type": "invoice.upcoming"}).data[0].created > told[0].created


@pytest.mark.parametrize("reason", ["setting", "ending"])
def test_not_every_renewal_is_announced(shelf: Shelf, reason: str) -> None:
    if reason == "setting":
        shelf.sandbox.post("/sandbox/settings", {"upcoming_days": None})
    subscription = members(shelf)
    if reason == "ending":
        shelf.sandbox.api.subscriptions.update(subscription["id"], {"cancel_at_period_end": True})
    shelf.sandbox.advance("32d")
    assert "invoice.upcoming" not in shelf.events()


def test_a_sent_invoice_may_be_announced_before_it_is_due(shelf: Shelf, ada: str) -> None:
    shelf.sandbox.post("/sandbox/settings", {"due_soon_days": 3})
    wish: Any = {"customer": ada, "items": [{"price": shelf.monthly}], "collection_method": "send_invoice"}
    made = shelf.sandbox.api.subscriptions.create({**wish, "days_until_due": 10})
    shelf.sandbox.advance("6d")
    assert "invoice.will_be_due" not in shelf.events()
    shelf.sandbox.advance("5d")
    events = shelf.events()
    assert events.index("invoice.will_be_due") < events.index("invoice.overdue")
    assert shelf.subscription(made.id)["status"] == "past_due"
