"""`manage.py connect`: a Stripe account by the key in the environment, or one typed in."""

import os
import subprocess
import sys
import time
from io import StringIO
from pathlib import Path

import pytest
from celery import current_app
from django.core.management import CommandError, call_command
from pytest_django import Settings

from activities import clock
from billing.connection import connect
from billing.errors import StripeInvalid
from billing.management.commands import connect as command
from billing.models import Connection
from tests.sandboxes import KEY, Sandbox
from tests.shops import Shop

ROOT = Path(__file__).resolve().parents[2]
LIVE = ["sk_live_1234", "rk_live_1234"]


def test_the_key_of_the_environment_is_connected(sandbox: Sandbox, settings: Settings, db: None) -> None:
    settings.STRIPE_SECRET_KEY_FROM_ENV = KEY
    said = StringIO()
    call_command("connect", stdout=said)
    made = Connection.objects.get()
    assert made.key == KEY
    assert made.webhook_secrets and made.portal_configuration_id
    assert f"/stripe/webhook/{made.webhook_uuid}/" in said.getvalue()
    assert KEY not in said.getvalue()


def test_what_waited_for_an_account_begins_as_it_does_in_the_console(
    sandbox: Sandbox, settings: Settings, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Events that came meanwhile, and those that never did. Celery's own client is the edge that is listened at."""
    settings.STRIPE_SECRET_KEY_FROM_ENV = KEY
    rung: set[str] = set()
    monkeypatch.setattr(current_app, "send_task", lambda name, **_kwargs: rung.add(name))
    call_command("connect", stdout=StringIO())
    deadline = time.monotonic() + 20
    while not {"billing.tasks.drain", "billing.tasks.catch_up"} <= rung:
        assert time.monotonic() < deadline, rung
        time.sleep(0.05)


def test_without_one_the_key_is_asked_for(
    sandbox: Sandbox, settings: Settings, db: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    settings.STRIPE_SECRET_KEY_FROM_ENV = ""
    monkeypatch.setattr(command, "getpass", lambda _prompt: f" {KEY} ")
    call_command("connect", stdout=StringIO())
    assert Connection.objects.get().key == KEY


def test_an_empty_answer_is_refused(settings: Settings, monkeypatch: pytest.MonkeyPatch, db: None) -> None:
    settings.STRIPE_SECRET_KEY_FROM_ENV = ""
    monkeypatch.setattr(command, "getpass", lambda _prompt: "")
    with pytest.raises(CommandError, match="No key"):
        call_command("connect")


def test_a_key_that_stripe_refuses_is_told_so(sandbox: Sandbox, settings: Settings, db: None) -> None:
    settings.STRIPE_SECRET_KEY_FROM_ENV = "sk_test_of_nobody_at_all"
    with pytest.raises(CommandError, match="Invalid API Key"):
        call_command("connect")
    assert not Connection.objects.exists()


@pytest.mark.parametrize("key", LIVE)
@pytest.mark.parametrize("toy", ["DEBUG", "DEMO", "STRIPE_API_BASE"])
def test_a_live_key_is_refused_by_a_site_for_play(
    sandbox: Sandbox, settings: Settings, db: None, key: str, toy: str
) -> None:
    settings.DEBUG = settings.DEMO = False
    settings.STRIPE_API_BASE = ""
    setattr(settings, toy, sandbox.url if toy == "STRIPE_API_BASE" else True)
    sandbox.forget_calls()
    with pytest.raises(StripeInvalid, match="live key"):
        connect(key, actor=None, now=clock.now())
    assert not Connection.objects.exists()
    assert sandbox.calls() == []


def test_where_nobody_can_type_it_is_said_that_no_key_was_given(tmp_path: Path) -> None:
    """As in a container, or with the input closed."""
    asked = subprocess.run(
        [sys.executable, "manage.py", "connect"],
        cwd=ROOT,
        env=os.environ | {"FOYER_VAR": str(tmp_path), "FOYER_STRIPE_KEY": ""},
        stdin=subprocess.DEVNULL,
        start_new_session=True,  # without a terminal
        capture_output=True,
        text=True,
        timeout=60,
    )
    assert asked.returncode == 1
    assert "No key was given." in asked.stderr
    assert "Traceback" not in asked.stderr


def test_stripe_is_asked_to_tell_of_everything_that_access_and_sale_depend_on(shop: Shop) -> None:
    endpoint = shop.sandbox.api.webhook_endpoints.retrieve(shop.connection.webhook_endpoint_id)
    told = set(endpoint.enabled_events)
    assert told >= {
        *("checkout.session.completed", "checkout.session.async_payment_succeeded"),
        *("checkout.session.async_payment_failed", "payment_intent.succeeded"),
        *(f"customer.subscription.{what}" for what in ("created", "updated", "deleted", "paused", "resumed")),
        *(f"customer.subscription.{what}" for what in ("pending_update_applied", "pending_update_expired")),
        *(f"invoice.{what}" for what in ("paid", "payment_failed", "voided", "marked_uncollectible")),
        *("charge.refunded", "refund.updated", "refund.failed", "charge.dispute.funds_reinstated"),
        *(f"charge.dispute.{what}" for what in ("created", "updated", "closed")),
        *("customer.updated", "customer.deleted", "customer.subscription.trial_will_end"),
        *("product.updated", "product.deleted", "price.created", "price.updated", "price.deleted"),
        *("payment_link.updated", "billing_portal.configuration.updated", "credit_note.created"),
    }
    assert "invoice.created" not in told, "Stripe holds a renewal up until that is answered"
