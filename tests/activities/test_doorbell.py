"""Ringing never raises, never waits, and is never lost while somebody listens."""

import threading
import time
from collections.abc import Callable
from typing import Any

import pytest
from celery import current_app
from django.db import transaction
from pytest_django import Settings

from activities import doorbell, notices
from hub.models import Product, User

TASK = "activities.tasks.deliver"


@pytest.fixture(autouse=True)
def silence() -> None:
    """Rings of an earlier test may still be on their way: its thread has to be through before this test listens."""
    wait_until(lambda: all(thread.name != "doorbell" for thread in threading.enumerate()))


@pytest.fixture
def heard(monkeypatch: pytest.MonkeyPatch) -> list[str]:
    """What reaches the broker. Celery's own client is the edge that is listened at."""
    rung: list[str] = []

    def send_task(name: str, **_kwargs: Any) -> None:
        rung.append(name)

    monkeypatch.setattr(current_app, "send_task", send_task)
    return rung


def wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 5
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.01)


def test_a_ring_reaches_the_broker(heard: list[str]) -> None:
    doorbell.ring(TASK)
    wait_until(lambda: heard == [TASK])


def test_a_broker_that_is_away_is_not_waited_for(monkeypatch: pytest.MonkeyPatch) -> None:
    gone, calls = threading.Event(), []

    def send_task(name: str, **_kwargs: Any) -> None:
        calls.append(name)
        gone.wait(5)
        raise ConnectionError("no broker")

    monkeypatch.setattr(current_app, "send_task", send_task)
    doorbell.ring(TASK)
    wait_until(lambda: len(calls) == 1)
    started = time.monotonic()
    for _ in range(100):
        doorbell.ring(TASK)
    assert time.monotonic() - started < 0.5
    gone.set()
    wait_until(lambda: len(calls) == 2)  # the first, and one for all that came while it rang


def test_a_storm_of_rings_is_heard_a_few_times_a_second_and_the_last_is_heard(heard: list[str]) -> None:
    until = time.monotonic() + 1
    rings = 0
    while time.monotonic() < until:
        doorbell.ring(TASK)
        rings += 1
        time.sleep(0.001)
    heard_meanwhile = len(heard)
    assert rings > 100
    assert 1 <= heard_meanwhile <= 7
    doorbell.ring(TASK)
    wait_until(lambda: len(heard) > heard_meanwhile)


def test_a_ring_after_a_failure_is_heard(monkeypatch: pytest.MonkeyPatch) -> None:
    calls: list[str] = []

    def send_task(name: str, **_kwargs: Any) -> None:
        calls.append(name)
        if len(calls) == 1:
            raise OSError("disk full")

    monkeypatch.setattr(current_app, "send_task", send_task)
    doorbell.ring(TASK)
    wait_until(lambda: len(calls) == 1)
    doorbell.ring(TASK)
    wait_until(lambda: len(calls) == 2)


@pytest.mark.django_db(transaction=True)
def test_queueing_rings_after_the_commit_and_not_before(
    heard: list[str], transactional_db: None, ada: User, studio: Product, now: Any
) -> None:
    notice = notices.access(key="a", user_id=ada.pk, product_id=studio.pk)
    with transaction.atomic():
        notices.queue([notice], now=now)
        time.sleep(0.05)
        assert heard == []
    wait_until(lambda: heard == [TASK])
    with transaction.atomic():
        notices.queue([notice], now=now)
    time.sleep(0.05)
    assert heard == [TASK]


def test_the_embedded_broker_takes_a_ring(settings: Settings) -> None:
    folder = settings.BROKER_DIR / "messages"
    before = len(list(folder.iterdir()))
    doorbell.ring(TASK)
    wait_until(lambda: len(list(folder.iterdir())) > before)
