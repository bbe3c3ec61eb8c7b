"""Health says what is wrong, and to whom."""

from collections.abc import Iterator
from datetime import datetime, timedelta
from typing import Any

import pytest
from django.core.cache import cache
from django.db import OperationalError, connection
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from activities import heartbeat
from activities.models import Delivery
from billing.models import Attention, Connection, InboxEvent, Pass, Subject
from config.health import Level, Section, look, worst
from hub.models import User

NOW = timezone.now()
LONG_AGO = NOW - timedelta(hours=2)
A_WHILE_AGO = NOW - timedelta(minutes=5)


@pytest.fixture(autouse=True)
def clean_cache(settings: Settings) -> Iterator[None]:
    settings.CACHES = {"default": {"BACKEND": "django.core.cache.backends.locmem.LocMemCache"}}
    cache.clear()
    heartbeat.beat(now=timezone.now())
    yield
    cache.clear()


@pytest.fixture
def stripe(db: None) -> Connection:
    made = Connection(account_id="acct_1", last_ok_at=NOW)
    made.key, made.webhook_secrets = "rk_test_1", ["whsec_1"]
    made.save()
    return made


def section(name: str) -> Section:
    return next(found for found in look(now=NOW) if found.name == name)


def event(stripe: Connection, *, received_at: datetime, state: str = "pending") -> None:
    InboxEvent.objects.create(
        event_id=f"evt_{InboxEvent.objects.count()}",
        connection=stripe,
        type="invoice.paid",
        subject="cus_1",
        created=received_at,
        received_at=received_at,
        state=state,
    )


def delivery(user: User, **given: Any) -> None:
    defaults = {"key": f"k{Delivery.objects.count()}", "notice": "access", "next_try": NOW, "created_at": NOW}
    Delivery.objects.create(user=user, **defaults | given)


def test_a_living_process_says_so_without_the_database(client: Client) -> None:
    response = client.get("/healthz")  # a test without the db fixture may not touch it
    assert (response.status_code, response.content) == (200, b"ok\n")


def test_a_site_with_its_database_is_ready(client: Client, db: None) -> None:
    assert client.get("/readyz").status_code == 200


@pytest.mark.parametrize("path", ["/healthz", "/readyz"])
def test_a_probe_in_plain_http_is_answered_and_not_sent_away(
    client: Client, db: None, settings: Settings, path: str
) -> None:
    settings.SECURE_SSL_REDIRECT = True
    assert client.get(path).status_code == 200


def test_a_site_without_its_database_is_not_ready(client: Client, db: None, monkeypatch: pytest.MonkeyPatch) -> None:
    def refuse(*_args: object) -> None:
        raise OperationalError("connection refused")

    with monkeypatch.context() as patched:
        patched.setattr(connection, "cursor", refuse)
        assert client.get("/readyz").status_code == 503


def test_strangers_and_members_learn_nothing(client: Client, ada: User) -> None:
    assert client.get("/health/").status_code == 401
    client.force_login(ada)
    assert client.get("/health/").status_code == 403


@pytest.mark.parametrize(
    ("configured", "header", "status"),
    [
        ("s3cret", "Bearer s3cret", 200),
        ("s3cret", "Bearer wrong", 401),
        ("s3cret", "Basic s3cret", 401),
        ("s3cret", "Bearer é", 401),
        ("", "Bearer ", 401),
        ("", "", 401),
    ],
)
def test_a_monitor_needs_the_token(
    client: Client, db: None, settings: Settings, configured: str, header: str, status: int
) -> None:
    settings.HEALTH_TOKEN = configured
    assert client.get("/health/", headers={"authorization": header}).status_code == status


def test_the_staff_read_every_section(client: Client, db: None) -> None:
    client.force_login(User.objects.create_user("sue@example.org", role=User.Role.SUPPORT))
    body = client.get("/health/").json()
    assert body["level"] == "ok"
    assert [part["name"] for part in body["sections"]] == [
        "database",
        "inbox",
        "stripe",
        "passes",
        "deliveries",
        "heartbeat",
        "clock",
    ]


def test_a_red_section_makes_the_whole_red(client: Client, stripe: Connection) -> None:
    event(stripe, received_at=LONG_AGO)
    client.force_login(User.objects.create_user("sue@example.org", role=User.Role.SUPPORT))
    response = client.get("/health/")
    assert (response.status_code, response.json()["level"]) == (503, "red")


@pytest.mark.parametrize(
    ("received_at", "state", "level"),
    [
        (NOW, "pending", Level.OK),
        (A_WHILE_AGO, "pending", Level.WARN),
        (LONG_AGO, "pending", Level.RED),
        (LONG_AGO, "done", Level.OK),
        (LONG_AGO, "dead", Level.RED),
    ],
)
def test_stuck_and_dead_events_are_seen(stripe: Connection, received_at: datetime, state: str, level: Level) -> None:
    event(stripe, received_at=received_at, state=state)
    assert section("inbox").level == level


@pytest.mark.parametrize(("attempts", "level"), [(1, Level.OK), (5, Level.WARN)])
def test_a_subject_that_fails_again_and_again_is_seen(db: None, attempts: int, level: Level) -> None:
    Subject.objects.create(key="cus_1", attempts=attempts, error="KeyError: price")
    assert section("inbox").level == level


def test_a_site_without_stripe_is_well(db: None) -> None:
    assert section("stripe").level == Level.OK


@pytest.mark.parametrize(
    ("changes", "level"),
    [
        ({}, Level.OK),
        ({"state": "refused"}, Level.RED),
        ({"state": "unreachable"}, Level.WARN),
        ({"state": "unreachable", "last_ok_at": LONG_AGO}, Level.RED),
        ({"sealed_webhook_secrets": ""}, Level.RED),
        ({"sealed_webhook_secrets": "sealed with a key that is gone"}, Level.RED),
        ({"state": "off"}, Level.OK),
    ],
)
def test_stripes_silence_is_seen(stripe: Connection, changes: dict[str, Any], level: Level) -> None:
    Connection.objects.update(**changes)
    assert section("stripe").level == level


def test_a_pass_that_stopped_is_red_until_a_person_decides(db: None) -> None:
    closing = [{"email": "ada@example.org"}, {"email": "ben@example.org"}]
    brake = Attention.objects.create(kind="brake", key="brake:1", details={"closing": closing}, opened_at=NOW)
    found = section("passes")
    assert (found.level, found.figures["open_brakes"]) == (Level.RED, 1)
    assert "would have closed 2 grants" in found.words
    Attention.objects.filter(pk=brake.pk).update(resolved_at=NOW)
    assert section("passes").level == Level.OK


@pytest.mark.parametrize(
    ("catch_up", "full", "stopped", "level"),
    [
        (timedelta(minutes=20), timedelta(hours=20), "", Level.OK),
        (timedelta(hours=2), timedelta(hours=20), "", Level.WARN),
        (timedelta(minutes=20), timedelta(days=3), "", Level.WARN),
        (timedelta(minutes=20), timedelta(hours=20), "Stripe does not answer", Level.WARN),
    ],
)
def test_the_ages_of_the_last_passes_are_told(
    stripe: Connection, catch_up: timedelta, full: timedelta, stopped: str, level: Level
) -> None:
    now = timezone.now()  # and not NOW, which may be minutes old: passes are aged by the site's own clock
    Connection.objects.update(created_at=now - timedelta(days=30))
    for kind, age in (("catch_up", catch_up), ("full", full)):
        Pass.objects.create(kind=kind, started_at=now - age, finished_at=now - age, stopped=stopped)
    found = section("passes")
    assert found.level == level
    if not stopped:
        assert found.figures["last_full_pass_seconds"] == pytest.approx(full.total_seconds(), abs=60)
        assert found.figures["last_catch_up_seconds"] == pytest.approx(catch_up.total_seconds(), abs=60)


def test_a_site_that_was_just_connected_has_had_no_pass_yet(stripe: Connection) -> None:
    found = section("passes")
    assert (found.level, found.figures["last_full_pass_seconds"]) == (Level.OK, None)


@pytest.mark.parametrize(
    ("given", "level"),
    [
        ({}, Level.OK),
        ({"next_try": NOW + timedelta(hours=1)}, Level.OK),
        ({"next_try": A_WHILE_AGO}, Level.WARN),
        ({"next_try": LONG_AGO}, Level.RED),
        ({"state": "unsure"}, Level.WARN),
        ({"state": "failed"}, Level.WARN),
        ({"state": "failed", "next_try": NOW - timedelta(days=2)}, Level.OK),
        ({"state": "sent", "sent_at": NOW, "next_try": LONG_AGO}, Level.OK),
    ],
)
def test_late_failed_and_unsure_mails_are_seen(ada: User, given: dict[str, Any], level: Level) -> None:
    delivery(ada, **given)
    assert section("deliveries").level == level


@pytest.mark.parametrize(
    ("beaten", "level"),
    [(NOW, Level.OK), (A_WHILE_AGO, Level.WARN), (LONG_AGO, Level.RED), (None, Level.WARN)],
)
def test_a_stopped_scheduler_is_seen(db: None, beaten: datetime | None, level: Level) -> None:
    cache.clear()
    if beaten:
        heartbeat.beat(now=beaten)
    assert section("heartbeat").level == level


@pytest.mark.parametrize(("demo", "level"), [(False, Level.WARN), (True, Level.OK)])
def test_a_moved_clock_is_seen_outside_the_demo(
    settings: Settings, tmp_path: Any, db: None, demo: bool, level: Level
) -> None:
    file = tmp_path / "clock.json"
    file.write_text('{"offset": 86400}')
    settings.CLOCK_FILE, settings.DEMO = str(file), demo
    assert section("clock").level == level
    assert section("clock").figures["offset_seconds"] == 86400


def test_a_section_that_cannot_be_computed_is_red_and_hides_no_other(db: None) -> None:
    with connection.cursor() as cursor:
        cursor.execute("ALTER TABLE billing_subject RENAME COLUMN attempts TO gone")
    sections = look(now=NOW)
    assert next(found for found in sections if found.name == "inbox").words.startswith("Could not be looked at")
    assert worst(sections) == Level.RED
    assert len(sections) == 7
