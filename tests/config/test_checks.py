"""Each check fires where it should, and is silent where it should be."""

from typing import Any

import pytest
from django.core.checks import run_checks
from django.db import connection, transaction
from pytest_django import Settings

from billing.models import Connection
from config.checks import sqlite_has_one_worker


def ours() -> set[str]:
    fired = {str(message.id) for message in run_checks(include_deployment_checks=True)}
    return {name for name in fired if name.startswith("foyer.")}


@pytest.fixture(autouse=True)
def production(settings: Settings, db: None) -> None:
    """A site as it should be: every test spoils one thing."""
    settings.DEBUG = settings.DEMO = False
    settings.SITE_URL = "https://members.example"
    settings.STRIPE_SECRET_KEY_FROM_ENV = settings.CLOCK_FILE = settings.STRIPE_API_BASE = ""
    settings.CELERY_BROKER_URL = "redis://broker:6379/0"
    settings.THROWAWAY_SCHEMA = False
    settings.ALLOWED_HOSTS = ["members.example"]
    settings.ENCRYPTION_KEYS = ["a key of its own, as long as it takes"]
    settings.HEALTH_TOKEN = ""
    cache = {"BACKEND": "django.core.cache.backends.redis.RedisCache", "LOCATION": "redis://cache:6379/1"}
    settings.CACHES = {"default": cache}
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"


def connect(key: str, *, secret: str = "whsec_1") -> Connection:
    connection = Connection(account_id="acct_1")
    connection.key = key
    connection.webhook_secrets = [secret] if secret else []
    connection.save()
    return connection


def test_a_site_as_it_should_be_is_left_in_peace(settings: Settings) -> None:
    connect("rk_live_1234")
    settings.STRIPE_SECRET_KEY_FROM_ENV = "rk_live_1234"
    assert not ours()


@pytest.mark.parametrize("toy", ["DEBUG", "DEMO"])
@pytest.mark.parametrize("where", ["environment", "console"])
def test_a_live_key_is_refused_in_a_toy(settings: Settings, toy: str, where: str) -> None:
    setattr(settings, toy, True)
    assert "foyer.E001" not in ours()
    if where == "console":
        connect("sk_live_1234")
    else:
        settings.STRIPE_SECRET_KEY_FROM_ENV = "sk_live_1234"
    assert "foyer.E001" in ours()


def test_a_test_key_is_welcome_in_a_toy(settings: Settings) -> None:
    settings.DEMO = True
    settings.STRIPE_SECRET_KEY_FROM_ENV = "sk_test_1234"
    connect("rk_test_1234")
    assert "foyer.E001" not in ours()


@pytest.mark.parametrize(
    ("name", "value"), [("CLOCK_FILE", "/var/clock.json"), ("STRIPE_API_BASE", "http://127.0.0.1:4242")]
)
def test_a_live_key_is_refused_beside_a_sandbox(settings: Settings, name: str, value: str) -> None:
    setattr(settings, name, value)
    assert "foyer.E002" not in ours()
    settings.STRIPE_SECRET_KEY_FROM_ENV = "rk_live_1234"
    assert "foyer.E002" in ours()


@pytest.mark.parametrize(
    ("engine", "workers", "fires"),
    [("sqlite3", "4", True), ("sqlite3", "1", False), ("sqlite3", "", False), ("postgresql", "4", False)],
)
def test_several_workers_on_sqlite_are_refused(
    settings: Settings, monkeypatch: pytest.MonkeyPatch, engine: str, workers: str, fires: bool
) -> None:
    monkeypatch.setenv("WEB_CONCURRENCY", workers)
    monkeypatch.setitem(settings.DATABASES["default"], "ENGINE", f"django.db.backends.{engine}")
    assert [found.is_serious() for found in sqlite_has_one_worker()] == [True] * fires


@pytest.mark.parametrize(("secret", "fires"), [("", True), ("whsec_1", False)])
def test_a_connection_without_a_signing_secret_is_refused(secret: str, fires: bool) -> None:
    connect("rk_test_1234", secret=secret)
    assert ("foyer.E004" in ours()) == fires


def test_secrets_that_no_key_opens_are_refused(settings: Settings) -> None:
    connect("rk_test_1234")
    assert "foyer.E010" not in ours()
    settings.ENCRYPTION_KEYS = ["another key"]
    assert "foyer.E010" in ours()


def test_a_connection_that_is_off_needs_no_secret() -> None:
    connect("rk_test_1234", secret="")
    Connection.objects.update(state=Connection.State.OFF)
    assert "foyer.E004" not in ours()


@pytest.mark.parametrize(("version", "fires"), [("2024-06-20", True), (None, False)])
def test_another_version_of_stripe_is_refused(settings: Settings, version: str | None, fires: bool) -> None:
    if version:
        settings.STRIPE_API_VERSION = version
    assert ("foyer.E005" in ours()) == fires


@pytest.mark.parametrize(
    ("url", "fires"),
    [
        ("http://members.example", True),
        ("https://members.example", False),
        ("http://127.0.0.1:8000", False),
        ("http://localhost", False),
        ("http://localhost.evil.example", True),
    ],
)
def test_a_site_in_the_clear_is_refused(settings: Settings, url: str, fires: bool) -> None:
    settings.SITE_URL = url
    assert ("foyer.E006" in ours()) == fires


@pytest.mark.parametrize("backend", ["filebased.FileBasedCache", "locmem.LocMemCache"])
def test_a_local_cache_is_warned_of(settings: Settings, backend: str, tmp_path: Any) -> None:
    settings.CACHES = {"default": {"BACKEND": f"django.core.cache.backends.{backend}", "LOCATION": str(tmp_path)}}
    assert "foyer.W007" in ours()
    settings.DEMO = True
    assert "foyer.W007" not in ours()


def test_mail_into_a_folder_is_refused(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "activities.mailfolder.EmailBackend"
    assert "foyer.E011" in ours()
    settings.DEMO = True
    assert "foyer.E011" not in ours()


@pytest.mark.parametrize(("header", "fires"), [(None, True), (("HTTP_X_FORWARDED_PROTO", "https"), False)])
def test_https_that_nobody_sees_is_warned_of(settings: Settings, header: Any, fires: bool) -> None:
    settings.SECURE_SSL_REDIRECT, settings.SECURE_PROXY_SSL_HEADER = True, header
    assert ("foyer.W012" in ours()) == fires


def test_a_folder_as_queue_is_warned_of(settings: Settings) -> None:
    settings.CELERY_BROKER_URL = "folder://"
    assert "foyer.W008" in ours()
    settings.DEBUG = True
    assert "foyer.W008" not in ours()


def test_secrets_sealed_with_the_secret_key_are_refused(settings: Settings) -> None:
    settings.ENCRYPTION_KEYS = [settings.SECRET_KEY]
    assert "foyer.E009" in ours()
    settings.DEMO = True
    assert "foyer.E009" not in ours()


def test_a_first_deployment_has_no_database_to_ask() -> None:
    with transaction.atomic():
        with connection.cursor() as cursor:
            cursor.execute("ALTER TABLE billing_connection RENAME TO billing_connection_gone")
        assert "foyer.E004" not in ours()
        transaction.set_rollback(True)


@pytest.mark.parametrize(
    ("name", "value", "fires"),
    [
        ("DEMO", True, "foyer.E013"),
        ("THROWAWAY_SCHEMA", True, "foyer.E013"),
        ("STRIPE_API_BASE", "http://127.0.0.1:4242", "foyer.E013"),
        ("CLOCK_FILE", "/var/clock.json", "foyer.E013"),
        ("ALLOWED_HOSTS", ["*"], "foyer.E014"),
        ("ENCRYPTION_KEYS", ["a key of its own, as long as it takes", "a"], "foyer.E015"),
        ("HEALTH_TOKEN", "x", "foyer.E016"),
    ],
)
@pytest.mark.parametrize(("url", "is_public"), [("https://members.example", True), ("http://127.0.0.1:8000", False)])
def test_what_is_for_this_machine_alone_is_refused_on_a_public_site(
    settings: Settings, name: str, value: Any, fires: str, url: str, is_public: bool
) -> None:
    settings.SITE_URL = url
    setattr(settings, name, value)
    assert (fires in ours()) is is_public
