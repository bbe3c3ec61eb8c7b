"""The edge cases of an import, by their numbers."""

from typing import Any

import pytest

from activities import clock
from activities.models import Activity
from billing.errors import StripeUnavailable
from billing.importing import asking, carrying_out, reading, rehearsing, turns, working
from billing.intake.draining import drain
from billing.models import AccessPolicy, Connection, ImportBatch, Order
from billing.sweeping.reconcile import catch_up, differences, full_pass
from hub.models import Grant, User
from tests.pasts import Past
from tests.shops import post_webhook

ADA, BEN, EVE = "ada@example.org", "ben@example.org", "eve@example.org"


def begin() -> ImportBatch:
    return asking.begin(Connection.objects.get(), now=clock.now())


def plan() -> ImportBatch:
    batch = begin()
    working.work(batch)
    return batch


def apply(batch: ImportBatch) -> None:
    asking.ask_for(batch, plan=batch.plan, now=clock.now())
    working.work(batch)


def with_access() -> set[str]:
    return set(Grant.objects.filter(state="active").values_list("user__email", flat=True))


def test_case_21_a_subscription_on_an_inline_price_is_found_though_no_price_list_names_it(past: Past) -> None:
    customer = past.api.customers.create({"email": ADA})
    card = past.api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    inline = {"product": past.product, "currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
    past.api.subscriptions.create(
        {"customer": customer.id, "items": [{"price_data": inline}], "default_payment_method": card.id}
    )
    past.connect()
    apply(plan())
    assert with_access() == {ADA}


def test_case_59_a_429_backs_off_and_goes_on_at_the_same_cursor(past: Past) -> None:
    past.sandbox.post("/sandbox/seed", {"subscribers": 250, "seed": 5})
    past.connect()
    batch = begin()
    turn = turns.take(batch)
    assert turn is not None

    def note(*, done: int, total: int = 0) -> None:
        turn.note(done=done, total=total)
        if done == 100:
            past.sandbox.answer_with(429, path="/v1/subscriptions")

    with pytest.raises(StripeUnavailable):
        reading.read(batch, note=note)
    turn.end()
    batch.refresh_from_db()
    assert (batch.seen, batch.step) == (100, reading.SUBSCRIPTIONS)
    cursor = f"starting_after={batch.after}"
    with pytest.raises(StripeUnavailable):
        working.work(batch)
    past.sandbox.behave()
    past.sandbox.forget_calls()
    working.work(batch)
    listed = [call["path"] for call in past.sandbox.calls() if call["path"].startswith("/v1/subscriptions?")]
    assert len(listed) == 2 and cursor in listed[0] and batch.seen == 250


def test_case_61_a_purchase_made_during_the_import_appears_once(past: Past, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(rehearsing, "CHUNK", 2)
    for number in range(6):
        past.subscribe(f"member{number}@example.org")
    past.connect()
    batch = plan()
    asking.ask_for(batch, plan=batch.plan, now=clock.now())
    carrying_out.check(batch, now=clock.now())

    def note(*, done: int, total: int = 0) -> None:
        if done == 2:
            for email in (EVE, "member5@example.org"):
                past.buy_once(email)
            for delivery in past.sandbox.take_pending():
                assert post_webhook(batch.connection, delivery) == 200
            drain()

    assert carrying_out.carry_on(batch, note=note)
    apply(plan())
    assert with_access() == {EVE, *(f"member{number}@example.org" for number in range(6))}
    assert Order.objects.count() == Grant.objects.filter(source="order").count() == 2
    assert User.objects.count() == 7 and Grant.objects.count() == 8
    told = Activity.objects.filter(verb=Activity.Verb.ACCESS_GRANTED).values_list("user__email", flat=True)
    assert len(told) == len(set(told)) == 7


def test_case_63_what_another_site_sells_on_the_same_account_is_left_alone(past: Past) -> None:
    theirs = past.api.products.create({"name": "Another site's course", "metadata": {"foyer": "elsewhere"}})
    portal: Any = past.api.billing_portal.configurations.create(
        {"features": {"invoice_history": {"enabled": True}}, "business_profile": {"headline": "Another site"}}
    )
    past.subscribe(EVE, price=past.unlinked)
    past.subscribe(ADA)
    past.connect()
    apply(plan())
    full_pass()
    assert [user.email for user in User.objects.all()] == [ADA]
    assert Connection.objects.get().portal_configuration_id != portal.id
    assert past.api.billing_portal.configurations.retrieve(portal.id).to_dict() == portal.to_dict()
    assert past.api.products.retrieve(theirs.id).to_dict() == theirs.to_dict()


def test_case_64_what_lives_on_a_test_clock_comes_by_its_events_alone(past: Past) -> None:
    past.subscribe(ADA)
    past.connect()
    made = past.api.test_helpers.test_clocks.create({"frozen_time": int(clock.now().timestamp())})
    customer = past.api.customers.create({"email": BEN, "test_clock": made.id})
    card = past.api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    past.api.subscriptions.create(
        {"customer": customer.id, "items": [{"price": past.monthly}], "default_payment_method": card.id}
    )
    batch = plan()
    assert [row.who for row in batch.rows.all()] == [ADA]
    catch_up()
    drain()
    assert with_access() == {BEN}
    asking.forget(batch)
    apply(plan())
    full_pass()
    assert with_access() == {ADA, BEN}


@pytest.mark.parametrize("newest", ["open", "void"])
@pytest.mark.parametrize("by", ["import", "night"])
def test_who_paid_before_an_invoice_that_is_open_has_paid(past: Past, newest: str, by: str) -> None:
    """Where a first payment is asked for, and no list says what was paid before the latest invoice."""
    customer = past.api.customers.create({"email": ADA})
    invoiced = {"collection_method": "send_invoice", "days_until_due": 20}
    subscription = past.api.subscriptions.create(
        {"customer": customer.id, "items": [{"price": past.monthly}], **invoiced}
    )
    past.sandbox.advance("2h")
    (first,) = past.api.invoices.list({"subscription": subscription.id}).data
    past.api.invoices.pay(first.id, {"paid_out_of_band": True})
    past.sandbox.advance("31d")
    latest = past.api.invoices.list({"subscription": subscription.id}).data[0]
    if newest == "void":
        past.api.invoices.void_invoice(latest.id)
    assert past.api.invoices.retrieve(latest.id).status == newest
    AccessPolicy.objects.create(knobs={"require_first_payment": True})
    past.connect()
    if by == "import":
        apply(plan())
    else:
        full_pass()
        drain()
    assert with_access() == {ADA}
    assert list(differences()) == []
