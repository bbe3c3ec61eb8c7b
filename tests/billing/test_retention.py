"""What the daily tidying throws away, and what it leaves."""

import os
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from allauth.usersessions.models import UserSession
from django.contrib.sessions.models import Session
from django.core.cache import caches
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from billing.models import Connection, ImportBatch, ImportRow, InboxEvent, Reference, StripeCustomer
from billing.tasks import tidy
from config import settings as site
from hub.models import User

NOW = timezone.now()


@pytest.fixture(autouse=True)
def folders(settings: Settings, tmp_path: Path) -> None:
    settings.VAR_DIR, settings.BROKER_DIR = tmp_path, tmp_path / "broker"


def stored(*, days: int, state: str) -> str:
    connection = Connection.objects.first() or Connection.objects.create(account_id="acct_1")
    at = NOW - timedelta(days=days)
    name = f"evt_{state}_{days}"
    InboxEvent.objects.create(
        event_id=name, connection=connection, type="x", subject="cus_1", created=at, received_at=at, state=state
    )
    return name


@pytest.mark.parametrize(("wished", "kept"), [(60, 59), (1, 34)])
def test_done_events_go_after_the_retention_and_the_others_never(
    db: None, settings: Settings, wished: int, kept: int
) -> None:
    settings.INBOX_RETENTION_DAYS = wished
    left = {stored(days=kept, state="done"), stored(days=400, state="dead"), stored(days=400, state="pending")}
    stored(days=kept + 2, state="done")
    tidy()
    assert set(InboxEvent.objects.values_list("event_id", flat=True)) == left


def test_references_go_with_their_event_and_where_they_lead_to_nobody(db: None) -> None:
    connection = Connection.objects.create(account_id="acct_1")
    StripeCustomer.objects.create(stripe_id="cus_ours", connection=connection)
    for subject in ("cus_ours", "cus_theirs"):
        for days in (10, 400):
            for kind in ("evt", "pi"):
                at = NOW - timedelta(days=days)
                Reference.objects.create(ref=f"{kind}_{subject}_{days}", subject=subject, at=at)
    tidy()
    gone = {"evt_cus_ours_400", "evt_cus_theirs_400", "pi_cus_theirs_400"}
    left = {
        f"{kind}_cus_{whose}_{days}" for kind in ("evt", "pi") for whose in ("ours", "theirs") for days in (10, 400)
    }
    assert set(Reference.objects.values_list("ref", flat=True)) == left - gone


def test_plans_that_nobody_carried_out_go_after_a_month_with_their_rows(db: None) -> None:
    connection = Connection.objects.create(account_id="acct_1")
    made = [
        ImportBatch.objects.create(
            connection=connection, state=state, asked_at=NOW - timedelta(days=days), created_at=NOW
        )
        for state, days in [("planned", 31), ("planned", 29), ("done", 31)]
    ]
    for batch in made:
        ImportRow.objects.create(batch=batch, subject="cus_1", who="ada@example.org")
    tidy()
    assert [row.batch for row in ImportRow.objects.order_by("batch_id")] == made[1:]


def test_ended_sessions_go_with_what_was_noted_of_them(ada: User) -> None:
    ended, lasting = Client(), Client()
    for client in (ended, lasting):
        client.force_login(ada)
        key = client.session.session_key
        UserSession.objects.create(user=ada, session_key=key, ip="127.0.0.1", user_agent="Firefox")
    Session.objects.filter(pk=ended.session.session_key).update(expire_date=NOW - timedelta(seconds=1))
    tidy()
    assert list(Session.objects.values_list("pk", flat=True)) == [lasting.session.session_key]
    assert list(UserSession.objects.values_list("session_key", flat=True)) == [lasting.session.session_key]


def test_spent_messages_and_counters_go_after_a_day(db: None, tmp_path: Path) -> None:
    day_ago = time.time() - 25 * 3600
    for folder in (tmp_path / "broker" / "processed", tmp_path / "cache"):
        folder.mkdir(parents=True)
        (folder / "new").touch()
        (folder / "old").touch()
        os.utime(folder / "old", (day_ago, day_ago))
    tidy()
    assert {path.name for path in tmp_path.rglob("*") if path.is_file()} == {"new"}


def test_a_flood_of_counters_drops_nobody_elses(settings: Settings, tmp_path: Path) -> None:
    options: dict[str, Any] = site.CACHES["default"]["OPTIONS"]
    backend = "django.core.cache.backends.locmem.LocMemCache"
    settings.CACHES = {"default": {"BACKEND": backend, "LOCATION": "flood", "OPTIONS": options}}
    cache = caches["default"]
    cache.set("counter", 9)
    for n in range(2_000):
        cache.set(f"stranger-{n}", 1)
    assert cache.get("counter") == 9
