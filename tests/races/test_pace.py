"""Stripe's rate limit is one for all processes: they keep one pace, and are silent together when Stripe asks for it."""

import threading
import time
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connection

from billing.intake.draining import drain
from billing.models import InboxEvent, Pace, Subject
from billing.refreshing.refresh import Outcome, refresh
from billing.sweeping.reconcile import catch_up, full_pass
from tests.counting import counted
from tests.shops import Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]
EMAILS = [f"member{number}@example.org" for number in range(10)]


@pytest.fixture
def waiting(transactional_shop: Shop) -> Shop:
    """Ten people have paid, and nobody has looked yet."""
    for email in EMAILS:
        transactional_shop.buy(transactional_shop.monthly, email=email)
    for delivery in transactional_shop.sandbox.take_pending():
        assert transactional_shop.post_webhook(delivery) == 200
    return transactional_shop


def subjects() -> list[str]:
    return sorted(set(InboxEvent.objects.filter(state="pending").values_list("subject", flat=True)))


def test_four_workers_together_stay_below_stripes_limit(waiting: Shop, settings: Any) -> None:
    settings.STRIPE_CALLS_PER_SECOND = 4
    waiting.sandbox.post("/sandbox/settings", {"requests_per_second": 10})
    waiting.sandbox.forget_calls()
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        drain()
        connection.close()

    started = time.monotonic()
    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result(60)
    took = time.monotonic() - started
    calls = waiting.sandbox.calls()
    assert {call["status"] for call in calls} == {200}
    assert len(calls) >= 2 * len(EMAILS)
    assert took > (len(calls) - 4 - 1) / 4, "four at once, and then four a second"
    assert all(waiting.has(email, waiting.club) for email in EMAILS)


def test_one_workers_429_silences_the_others_until_it_is_over(waiting: Shop) -> None:
    first, second, *_ = subjects()
    waiting.sandbox.answer_with(429, times=1, retry_after=30)
    assert refresh(first) is Outcome.LATER
    with counted(waiting.sandbox, at_most=0):
        assert refresh(second) is Outcome.LATER
        assert drain() == 0
    for subject in Subject.objects.filter(key__in=[first, second]):
        assert subject.retry_at is not None
        assert 25 < (subject.retry_at.timestamp() - time.time()) <= 30
    Pace.objects.update(next_at=0)  # the half minute is over
    Subject.objects.update(retry_at=None)
    drain()
    assert all(waiting.has(email, waiting.club) for email in EMAILS)
    assert not InboxEvent.objects.exclude(state="done").exists()


@pytest.mark.parametrize("path", ["/v1/subscriptions", "/v1/checkout/sessions", "/v1/refunds"])
def test_a_full_pass_sits_a_pause_out(waiting: Shop, path: str) -> None:
    drain()
    waiting.sandbox.answer_with(429, path=path, times=1, retry_after=1)
    run = full_pass()
    assert run is not None
    assert (run.stopped, run.looked_at, run.found) == ("", len(EMAILS), [])


def test_a_catch_up_sits_a_pause_out(waiting: Shop) -> None:
    InboxEvent.objects.all().delete()
    waiting.sandbox.answer_with(429, path="/v1/events", times=1, retry_after=1)
    assert catch_up() > len(EMAILS)
