"""Stripe refuses, fails, hangs or is gone for a day: nobody loses access, staff can see it, and it heals by itself."""

import json
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from structlog.testing import capture_logs

from activities.models import Activity
from billing.errors import StripeUnavailable
from billing.intake.draining import drain, sweep
from billing.models import Attention, Connection, InboxEvent, Subject, Subscription
from billing.refreshing.refresh import note_unavailable
from billing.sweeping.reconcile import catch_up, full_pass
from config.health import Level
from hub.models import Grant, Ledger, User
from tests.shops import Shop

ADA = "ada@example.org"
State = Connection.State


@pytest.fixture
def subscribed(shop: Shop, settings: Any) -> Shop:
    """Ada subscribes by the month; then whatever time passes at Stripe, its deliveries are held."""
    settings.STRIPE_TIMEOUT = 0.5
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    assert shop.has(ADA, shop.club)
    return shop


def state_of(shop: Shop) -> str:
    shop.connection.refresh_from_db()
    return shop.connection.state


def retry_now() -> None:
    """The pause before the next try is over."""
    Subject.objects.update(retry_at=None)


def removed() -> int:
    return Activity.objects.filter(verb=Activity.Verb.ACCESS_REMOVED).count()


def health(client: Client, settings: Any) -> tuple[int, str, str]:
    """What a monitor reads of Stripe at /health/: (status, level, words)."""
    settings.HEALTH_TOKEN = "for-the-monitor"
    answer = client.get("/health/", headers={"Authorization": "Bearer for-the-monitor"})
    section = next(found for found in answer.json()["sections"] if found["name"] == "stripe")
    return answer.status_code, section["level"], section["words"]


ANSWERS = [
    (401, State.REFUSED),
    (403, State.REFUSED),
    (429, State.UNREACHABLE),
    (500, State.UNREACHABLE),
    (503, State.UNREACHABLE),
    ("hang", State.UNREACHABLE),
    ("cut", State.UNREACHABLE),
]


@pytest.mark.parametrize(("answer", "state"), ANSWERS)
def test_case_58_nobody_loses_access_while_stripe_does_not_answer(
    subscribed: Shop, client: Client, settings: Any, answer: int | str, state: str
) -> None:
    """A month's renewal is told, and Stripe can be asked by nobody for four days: longer than any slack of ours."""
    subscribed.sandbox.advance("31d")
    held = subscribed.sandbox.take_pending()
    subscribed.sandbox.answer_with(answer, seconds=1)
    for delivery in held:
        assert subscribed.post_webhook(delivery) == 200
    for _ in range(4):
        sweep()
        assert subscribed.has(ADA, subscribed.club)
        retry_now()
        subscribed.sandbox.advance("23h")
    assert state_of(subscribed) == state
    assert subscribed.connection.last_error
    assert removed() == 0
    status, level, words = health(client, settings)
    if state == State.REFUSED:
        assert (status, level, words) == (503, Level.RED, "Stripe refuses our key.")
    else:
        assert level == Level.WARN and "does not answer" in words
        Connection.objects.update(last_ok_at=timezone.now() - timedelta(hours=2))
        assert health(client, settings)[:2] == (503, Level.RED)

    subscribed.sandbox.behave()
    retry_now()
    sweep()
    assert state_of(subscribed) == State.OK
    assert health(client, settings)[1] == Level.OK
    assert subscribed.has(ADA, subscribed.club)
    assert not InboxEvent.objects.exclude(state=InboxEvent.State.DONE).exists()
    assert Activity.objects.filter(verb=Activity.Verb.SUBSCRIPTION_RENEWED).count() == 1
    assert removed() == 0


def test_an_object_that_stripe_does_not_know_takes_nothing_away_and_heals(subscribed: Shop) -> None:
    subscribed.sandbox.advance("31d")
    held = subscribed.sandbox.take_pending()
    subscribed.sandbox.answer_with(404)
    for delivery in held:
        subscribed.post_webhook(delivery)
    for _ in range(12):
        sweep()
        assert subscribed.has(ADA, subscribed.club)
        retry_now()
        subscribed.sandbox.advance("11h")
    attention = Attention.objects.get(kind=Attention.Kind.MISSING)
    assert attention.subject.startswith("cus_")
    assert InboxEvent.objects.filter(state=InboxEvent.State.DEAD).exists()

    subscribed.sandbox.behave()
    retry_now()
    sweep()
    assert subscribed.has(ADA, subscribed.club)
    assert not InboxEvent.objects.exclude(state=InboxEvent.State.DONE).exists()
    attention.refresh_from_db()
    assert attention.resolved_at is not None


def test_a_cancellation_that_happened_during_an_outage_takes_effect_after_it(subscribed: Shop) -> None:
    subscription = subscribed.sandbox.api.subscriptions.list().data[0]
    subscribed.sandbox.api.subscriptions.cancel(subscription.id)
    held = subscribed.sandbox.take_pending()
    subscribed.sandbox.answer_with(500)
    for delivery in held:
        subscribed.post_webhook(delivery)
    sweep()
    assert subscribed.has(ADA, subscribed.club)

    subscribed.sandbox.behave()
    retry_now()
    sweep()
    assert not subscribed.has(ADA, subscribed.club)


def test_the_end_of_grace_waits_for_stripe_to_be_back(subscribed: Shop) -> None:
    """The fourteen days pass during an outage; the card was mended meanwhile, which only Stripe knows."""
    subscribed.sandbox.post("/sandbox/settings", {"after_retries": "past_due"})
    customer = subscribed.sandbox.api.customers.list().data[0].id
    subscribed.sandbox.post(f"/sandbox/customers/{customer}/card", {"card": "4000000000000341"})
    subscribed.advance("31d")
    assert Grant.objects.get().state == Grant.State.GRACE
    subscribed.advance("12d")
    subscribed.sandbox.post(f"/sandbox/customers/{customer}/card", {"card": "4242424242424242", "retry": True})
    subscribed.sandbox.take_pending()
    subscribed.sandbox.answer_with(503)
    for _ in range(6):
        subscribed.sandbox.advance("12h")
        sweep()
        assert subscribed.has(ADA, subscribed.club)
        retry_now()
    subscribed.sandbox.behave()
    sweep()
    assert Grant.objects.get().state == Grant.State.ACTIVE
    assert removed() == 0


def test_one_outage_holds_those_too_whose_turn_did_not_come(subscribed: Shop) -> None:
    """A drain stops after a few vain tries: the rest keep their access without having been tried."""
    emails = [f"member{n}@example.org" for n in range(6)]
    for email in emails:
        subscribed.buy(subscribed.monthly, email=email)
    subscribed.deliver()
    subscribed.sandbox.advance("31d")
    subscribed.sandbox.take_pending()
    subscribed.sandbox.answer_with(500)
    subscribed.sandbox.forget_calls()
    for _ in range(4):
        sweep()
        subscribed.sandbox.advance("23h")
        retry_now()
        assert all(subscribed.has(email, subscribed.club) for email in [ADA, *emails])
    tried = {call["path"] for call in subscribed.sandbox.calls()}
    assert len(tried) <= 4 * 3


def test_an_outage_holds_a_whole_site_without_locking_all_of_it_at_once(subscribed: Shop) -> None:
    now, ada = subscribed.now(), User.objects.get(email=ADA)
    near: Any = {"user": ada, "product": subscribed.course, "source": "subscription", "state": "active"}
    Grant.objects.bulk_create(
        Grant(source_ref=f"sub_near_{n}", reason="active", starts_at=now, ends_at=now + timedelta(hours=1), **near)
        for n in range(450)
    )
    mine: Any = {"connection": subscribed.connection, "customer_id": "cus_near", "user": ada, "status": "active"}
    Subscription.objects.bulk_create(
        Subscription(stripe_id=f"sub_near_{n}", data={}, created=now, fetched_at=now, **mine) for n in range(450)
    )
    with CaptureQueriesContext(connection) as captured:
        note_unavailable(subscribed.connection, StripeUnavailable("away"))
    assert Grant.objects.filter(source_ref__startswith="sub_near_", ends_at__gte=now + timedelta(days=1)).count() == 450
    assert Ledger.objects.filter(reason="held_stripe_unreachable").count() == 450
    written = [query["sql"] for query in captured if query["sql"].startswith('INSERT INTO "hub_ledger"')]
    assert len(written) >= 3


def test_a_shut_down_site_asks_stripe_before_it_writes_an_end_down(subscribed: Shop) -> None:
    """Five days without a worker: the gate is shut by then; the first sweep asks and opens, and tells nobody."""
    subscribed.sandbox.advance("36d")
    subscribed.sandbox.take_pending()
    assert not subscribed.has(ADA, subscribed.club)
    sweep()
    assert subscribed.has(ADA, subscribed.club)
    assert removed() == 0


def test_catch_up_says_that_stripe_is_away_and_keeps_its_cursor(subscribed: Shop) -> None:
    catch_up()
    subscribed.connection.refresh_from_db()
    cursor = subscribed.connection.cursor
    subscribed.sandbox.advance("2d")
    subscribed.sandbox.answer_with(500)
    catch_up()
    assert state_of(subscribed) == State.UNREACHABLE
    assert subscribed.connection.cursor == cursor
    subscribed.sandbox.behave()
    catch_up()
    assert state_of(subscribed) == State.OK
    assert subscribed.connection.cursor > cursor


def test_a_disconnected_site_drains_nothing_and_takes_nothing_away(subscribed: Shop) -> None:
    Connection.objects.update(state=State.OFF)
    InboxEvent.objects.update(state=InboxEvent.State.PENDING)
    assert drain(seconds=5) == 0
    assert subscribed.has(ADA, subscribed.club)


def test_who_must_wait_is_tried_at_stripes_word(subscribed: Shop) -> None:
    """429 with a passing pause: the subject is left alone until it is over, then settled."""
    subscribed.sandbox.advance("31d")
    held = subscribed.sandbox.take_pending()
    subscribed.sandbox.answer_with(429, times=1)
    for delivery in held:
        subscribed.post_webhook(delivery)
    drain()
    subject = Subject.objects.get(key__startswith="cus_")
    assert subject.retry_at is not None
    assert subject.attempts == 1
    assert drain() == 0
    retry_now()
    assert drain() == 1
    subject.refresh_from_db()
    assert (subject.attempts, subject.error, subject.retry_at) == (0, "", None)


def test_a_checkout_that_stripe_refuses_leaves_a_word_in_the_log(shop: Shop, client: Client, ada: User) -> None:
    shop.sandbox.api.prices.update(shop.once.price_id, {"active": False})
    client.force_login(ada)
    with capture_logs() as logs:
        assert client.post("/checkout/the-wheel/", {"offer": shop.once.pk}).status_code == 503
    assert [line["event"] for line in logs] == ["checkout_not_started"]


def test_a_portal_that_stripe_refuses_leaves_a_word_in_the_log(subscribed: Shop, client: Client) -> None:
    client.force_login(User.objects.get(email=ADA))
    subscribed.sandbox.answer_with(500, path="/v1/billing_portal")
    with capture_logs() as logs:
        assert client.post("/portal/").status_code == 503
    assert "portal_not_opened" in [line["event"] for line in logs]


def test_a_return_that_cannot_be_looked_at_leaves_a_word_in_the_log(shop: Shop, client: Client) -> None:
    session = shop.buy(shop.once, email=ADA)
    shop.sandbox.answer_with(500, path="/v1/checkout/sessions")
    with capture_logs() as logs:
        assert "One moment" in client.get("/checkout/return", {"session_id": session["id"]}).content.decode()
    assert "return_not_looked_at" in [line["event"] for line in logs]


def test_a_pass_that_stripe_drags_out_is_broken_off_and_the_next_one_is_whole(subscribed: Shop) -> None:
    """Each call is answered in good time, and there is no end of them."""
    shop, event = subscribed, shop_event(subscribed)
    shop.sandbox.post("/sandbox/chaos", {"deliveries": {"hold": True}, "latency": 0.2})
    run = full_pass(at_most=0.5)
    assert run is not None and run.finished_at is not None
    assert run.stopped.startswith("Stripe answers too slowly: this was broken off")
    assert catch_up(at_most=0) == 0 and not InboxEvent.objects.filter(event_id=event).exists()
    assert shop.has(ADA, shop.club) and not Attention.objects.exists()
    shop.sandbox.post("/sandbox/chaos", {"deliveries": {"hold": True}, "latency": 0})
    assert catch_up() == 1
    run = full_pass()
    assert run is not None and run.stopped == ""
    assert state_of(shop) == State.OK


def shop_event(shop: Shop) -> str:
    """One that never reached us; its id."""
    shop.sandbox.api.customers.update(Subscription.objects.get().customer_id, {"name": "Ada Lind"})
    (delivery,) = shop.sandbox.take_pending()
    found: str = json.loads(delivery["body"])["id"]
    return found
