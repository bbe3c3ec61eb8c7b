"""A worker killed at any step of a look: nothing is lost, and nothing is done or told twice."""

import signal
import subprocess
import sys
from datetime import timedelta

import pytest
from django.utils import timezone

from activities.models import Activity, Delivery
from billing.draining import drain
from billing.models import InboxEvent, Order, StripeCustomer, Subject, Subscription
from hub.models import Grant, Ledger, User
from tests.races.processes import environment
from tests.shops import Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]
ADA = "ada@example.org"
BEFORE_THE_COMMIT = [
    "billing.leases:take:return",
    "billing.refresh:_errand:return",
    "billing.gateway:subscriptions_of:call",
    "billing.gateway:subscriptions_of:return",
    "billing.gateway:sessions_of:return",
    "billing.leases:held:return",
    "billing.projection:write_subscriptions:return",
    "billing.projection:write_orders:return",
    "billing.mirror:write:return",
    "billing.identity:make_payer:return",
    "activities.record:record:return",
    "hub.grants:apply:call",
    "hub.grants:_write:return",
    "activities.notices:queue:return",
    "billing.refresh:_finish:return",
]
AFTER_THE_COMMIT = ["billing.refresh:note_answer:call", "billing.refresh:note_answer:return"]


@pytest.mark.parametrize("step", BEFORE_THE_COMMIT + AFTER_THE_COMMIT)
def test_a_worker_killed_at_any_step_loses_nothing_and_repeats_nothing(transactional_shop: Shop, step: str) -> None:
    shop = transactional_shop
    shop.buy(shop.monthly, email=ADA)
    for delivery in shop.sandbox.take_pending():
        assert shop.post_webhook(delivery) == 200
    subject = InboxEvent.objects.filter(state="pending").values_list("subject", flat=True)[0]

    died = subprocess.run(
        [sys.executable, "-m", "tests.races.doomed", step, subject], env=environment(), timeout=60, check=False
    )
    assert died.returncode == -signal.SIGKILL, f"{step} was never reached"
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
