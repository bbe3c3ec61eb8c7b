"""A worker killed at any step of a look: nothing is lost, and nothing is done or told twice."""

import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.utils import timezone

from activities.models import Activity, Delivery
from billing.intake.draining import drain
from billing.models import InboxEvent, Order, StripeCustomer, Subject, Subscription
from hub.models import Grant, Ledger, User
from tests.races.processes import environment
from tests.sandboxes import Sandbox
from tests.shops import Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]
Die = Callable[[str, str], int]
ADA = "ada@example.org"
BEFORE_THE_COMMIT = [
    "billing.intake.leases:take:return",
    "billing.intake.errands:errand_for:return",
    "billing.gateway:subscriptions_of:call",
    "billing.gateway:subscriptions_of:return",
    "billing.gateway:sessions_of:return",
    "billing.intake.leases:held:return",
    "billing.refreshing.projection:write_subscriptions:return",
    "billing.refreshing.orders:write_orders:return",
    "billing.refreshing.mirror:write:return",
    "billing.refreshing.payers:bind:return",
    "activities.record:record:return",
    "hub.grants:apply:call",
    "hub.grants:_write:return",
    "activities.notices:queue:return",
    "billing.refreshing.refresh:_finish:return",
]
AFTER_THE_COMMIT = ["billing.refreshing.refresh:note_answer:call", "billing.refreshing.refresh:note_answer:return"]


@pytest.fixture(scope="module")
def doomed(django_db_setup: None, sandbox_process: Sandbox) -> Iterator[subprocess.Popen[str]]:
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.races.doomed"],
        env=environment(STRIPE_API_BASE=sandbox_process.url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )
    yield process
    process.kill()
    process.communicate()


@pytest.fixture
def die(doomed: subprocess.Popen[str]) -> Die:
    """Sends a worker to look at a subject and to die at a step; returns how it ended."""

    def send(step: str, subject: str) -> int:
        assert doomed.stdin is not None and doomed.stdout is not None
        doomed.stdin.write(f"{step} {subject}\n")
        doomed.stdin.flush()
        return int(doomed.stdout.readline())

    return send


@pytest.mark.parametrize("step", BEFORE_THE_COMMIT + AFTER_THE_COMMIT)
def test_a_worker_killed_at_any_step_loses_nothing_and_repeats_nothing(
    transactional_shop: Shop, die: Die, step: str
) -> None:
    shop = transactional_shop
    shop.buy(shop.monthly, email=ADA)
    for delivery in shop.sandbox.take_pending():
        assert shop.post_webhook(delivery) == 200
    subject = InboxEvent.objects.filter(state="pending").values_list("subject", flat=True)[0]

    assert die(step, subject) == -signal.SIGKILL, f"{step} was never reached"
    committed = step in AFTER_THE_COMMIT
    assert Grant.objects.exists() is committed
    assert Subscription.objects.exists() is committed
    assert (InboxEvent.objects.filter(state="pending").count() == 0) is committed

    if not committed:
        assert drain() == 0, "the lease of the dead is waited for"
        Subject.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    drain()
    drain()
    assert shop.has(ADA, shop.club)
    assert not InboxEvent.objects.exclude(state=InboxEvent.State.DONE).exists()
    assert (User.objects.count(), StripeCustomer.objects.count(), Subscription.objects.count()) == (1, 1, 1)
    assert (Grant.objects.count(), Ledger.objects.count(), Order.objects.count()) == (1, 1, 0)
    told = sorted(Activity.objects.exclude(verb=Activity.Verb.STAFF_ACTION).values_list("verb", flat=True))
    assert told == ["access_granted", "member_added", "product_purchased", "subscription_started"]
    assert Delivery.objects.count() == 1
