"""What arrives while a drain is about to finish is taken at once by its own ring: no beat runs here, and one worker."""

import os
import subprocess
import sys
import time
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any
from urllib.parse import quote

import pytest
from celery import current_app
from django.conf import settings as site
from django.db import connection

from billing.models import InboxEvent, Subject, Subscription
from tests.members import Member
from tests.shops import Shop

ROOT = Path(__file__).resolve().parents[2]
SLOW = 0.15  # seconds for each of Stripe's answers, so that a drain takes a while
SOON = 10.0  # seconds, on a machine that does much else; without its ring it would wait for ever
MOMENTS = [tenths / 10 for tenths in range(0, 10, 2)]


def database() -> str:
    """The address of the tests' database, for another process."""
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    host = config["HOST"] or config["OPTIONS"].get("host", "")
    return f"postgresql://{quote(config['USER'])}@/{config['NAME']}?host={quote(host)}"


@pytest.fixture
def worker(transactional_shop: Shop) -> Iterator[None]:
    about = {"DATABASE_URL": database(), "STRIPE_API_BASE": site.STRIPE_API_BASE, "CELERY_BROKER_URL": "folder://"}
    command = [sys.executable, "-m", "celery", "-A", "config", "worker", "--pool", "threads", "-c", "2", "-l", "ERROR"]
    process = subprocess.Popen(command, cwd=ROOT, env=os.environ | about, stdout=subprocess.DEVNULL)
    try:
        yield
    finally:
        process.kill()
        process.wait(10)


def within(seconds: float, so: Callable[[], Any]) -> None:
    until = time.monotonic() + seconds
    while not so():
        assert time.monotonic() < until, list(InboxEvent.objects.values_list("state", "type", "error"))
        time.sleep(0.02)


def post(shop: Shop) -> None:
    for delivery in shop.sandbox.take_pending():
        assert shop.post_webhook(delivery) == 200


def nothing_waits() -> bool:
    return not InboxEvent.objects.filter(state=InboxEvent.State.PENDING).exists()


@pytest.mark.timeout(240)
def test_an_event_that_comes_while_a_drain_finishes_is_not_left_to_the_sweep(
    transactional_shop: Shop, worker: None
) -> None:
    shop = transactional_shop
    member = Member(shop)
    assert str(current_app.conf.broker_url).startswith("folder")
    subscription = member.subscribe(shop.monthly.price_id)
    post(shop)
    within(60, lambda: member.has(shop.club) and nothing_waits())
    shop.sandbox.post("/sandbox/chaos", {"deliveries": {"hold": True}, "latency": SLOW})
    api = shop.sandbox.api
    for number, moment in enumerate(MOMENTS):
        api.subscriptions.update(subscription["id"], {"metadata": {"round": f"{number}"}})
        post(shop)
        within(SOON, lambda: Subject.objects.filter(lease_until__isnull=False).exists())
        time.sleep(moment)  # the first look is under way, about to end, or over
        wanted = number % 2 == 0
        api.subscriptions.update(subscription["id"], {"cancel_at_period_end": wanted})
        post(shop)
        within(SOON, lambda wanted=wanted: Subscription.objects.get().data["cancel_at_period_end"] == wanted)  # type: ignore[misc]
        within(SOON, nothing_waits)
