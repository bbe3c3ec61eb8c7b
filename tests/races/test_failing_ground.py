"""The ground gives way: connections to the database end, two beats ring, clocks differ. Nothing lost, nothing twice."""

import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from datetime import timedelta

import pytest
from django.db import connection
from django.utils import timezone
from stripe import WebhookSignature

from activities import notices
from activities.models import Activity, Delivery
from billing.intake import leases
from billing.intake.draining import drain
from billing.models import InboxEvent, Subject, Subscription
from billing.sweeping.reconcile import catch_up
from hub.models import Grant, Ledger, User
from tests import cast
from tests.activities.smtpsink import Sink
from tests.races.processes import ROOT, environment
from tests.races.steps import StoppedWorker
from tests.shops import Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]
ADA = "ada@example.org"
MAILS = 30


@pytest.fixture
def paid(transactional_shop: Shop) -> Shop:
    """Ada has paid; Stripe has told us, and nobody has looked."""
    transactional_shop.buy(transactional_shop.monthly, email=ADA)
    for delivery in transactional_shop.sandbox.take_pending():
        assert transactional_shop.post_webhook(delivery) == 200
    return transactional_shop


def ada_is_in_once(shop: Shop) -> None:
    assert shop.has(ADA, shop.club)
    assert not InboxEvent.objects.exclude(state=InboxEvent.State.DONE).exists()
    assert (Grant.objects.count(), Ledger.objects.count(), Subscription.objects.count()) == (1, 1, 1)
    told = sorted(Activity.objects.filter(user__email=ADA).exclude(verb="email_sent").values_list("verb", flat=True))
    assert told == ["access_granted", "member_added", "product_purchased", "subscription_started"]
    assert Delivery.objects.filter(user__email=ADA).count() == 1


def end_every_other_connection() -> int:
    with connection.cursor() as cursor:
        cursor.execute(
            "SELECT count(pg_terminate_backend(pid)) FROM pg_stat_activity"
            " WHERE datname = current_database() AND pid <> pg_backend_pid()"
        )
        return int(cursor.fetchone()[0])


@pytest.mark.parametrize(
    "step",
    [
        "billing.intake.leases:take:return",
        "billing.intake.errands:errand_for:return",
        "billing.gateway:subscriptions_of:return",
        "billing.intake.leases:held:return",
        "billing.refreshing.projection:write_subscriptions:return",
        "hub.grants:apply:return",
        "billing.refreshing.refresh:_finish:return",
        "billing.refreshing.refresh:note_answer:call",
    ],
)
def test_a_database_connection_that_ends_in_the_middle_of_a_drain(paid: Shop, step: str) -> None:
    worker = StoppedWorker(drain, step=step)
    assert end_every_other_connection() >= 1
    worker.go_on()
    Subject.objects.filter(lease_until__isnull=False).update(lease_until=timezone.now() - timedelta(seconds=1))
    Subject.objects.update(retry_at=None)
    drain()
    drain()
    ada_is_in_once(paid)
    assert not Subject.objects.exclude(error="").exists()


def test_a_lease_that_died_with_its_connection_runs_out_by_itself(paid: Shop) -> None:
    worker = StoppedWorker(drain, step="billing.intake.leases:take:return")
    end_every_other_connection()
    worker.go_on()
    left = Subject.objects.filter(lease_until__isnull=False)
    assert all(subject.lease_until <= timezone.now() + leases.LENGTH for subject in left)  # type: ignore[operator]


@contextmanager
def process(*command: str, **more: str) -> Iterator[subprocess.Popen[bytes]]:
    running = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environment(**more))
    try:
        yield running
    finally:
        running.kill()
        running.wait(10)


def test_two_beats_without_a_broker_and_a_worker_with_one_send_each_mail_once(
    paid: Shop, tmp_path_factory: pytest.TempPathFactory
) -> None:
    """The broker is away for the beats and back for the worker: all three are at work on the same rows."""
    sink, dan = Sink(), cast.dan()
    wanted = [notices.access(key=f"access:dan{n}", user_id=dan.pk, product_id=paid.club.pk) for n in range(MAILS)]
    notices.queue(wanted, now=timezone.now())
    folder = tmp_path_factory.mktemp("beats")
    about = {"EMAIL_URL": f"smtp://127.0.0.1:{sink.port}", "SWEEP_SECONDS": "1", "DATABASE_POOL": "6"}
    beat = ("celery", "-A", "config", "beat", "-l", "ERROR", "--pidfile=")
    worker = ("celery", "-A", "config", "worker", "--pool", "threads", "-c", "4", "-l", "ERROR")
    here = {"FOYER_VAR": str(folder), "CELERY_BROKER_URL": "folder://"}
    with ExitStack() as crew:
        for name in ("first", "second"):
            away = process(*beat, "-s", str(folder / name), CELERY_BROKER_URL="amqp://127.0.0.1:1//", **about)
            crew.enter_context(away)
        crew.enter_context(process(*worker, **here, **about))
        crew.enter_context(process(*beat, "-s", str(folder / "third"), **here, **about))
        until = time.monotonic() + 90
        while not paid.has(ADA, paid.club) or Delivery.objects.exclude(state="sent").exists():
            assert time.monotonic() < until, list(Delivery.objects.values_list("state", "error").distinct())
            time.sleep(0.2)
        time.sleep(2)
    ada_is_in_once(paid)
    assert len(sink.raw) == MAILS + 1
    assert len({message["Message-ID"] for message in sink.messages}) == MAILS + 1
    assert Activity.objects.filter(verb=Activity.Verb.EMAIL_SENT).count() == MAILS + 1
    sink.close()


@pytest.mark.parametrize("minutes", [-6, 6])
def test_a_web_machine_whose_clock_is_wrong_delays_and_loses_nothing(transactional_shop: Shop, minutes: int) -> None:
    """Stripe's signatures look old to a clock that is ahead: they are refused, and the catch-up finds the events."""
    shop = transactional_shop
    shop.buy(shop.monthly, email=ADA)
    secret = shop.connection.webhook_secrets[0]
    for delivery in shop.sandbox.take_pending():
        at = int(time.time()) - minutes * 60
        signature = WebhookSignature.generate_signature_header(delivery["body"], secret, timestamp=at)
        assert shop.post_webhook(delivery, signature=signature) == (400 if minutes > 0 else 200)
    assert InboxEvent.objects.exists() is (minutes < 0)
    catch_up()
    drain()
    ada_is_in_once(shop)
    assert User.objects.count() == 1
