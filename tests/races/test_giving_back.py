"""Staff give back what was taken, while a worker looks at the very customer: neither waits for the other for ever."""

import threading
from typing import Any

import pytest

from billing.models import Subject, Subscription
from billing.refreshing.refresh import Outcome, refresh
from hub import grants
from hub.models import Grant
from tests import cast
from tests.races.steps import StoppedWorker, until_somebody_waits
from tests.shops import Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]


def test_giving_back_while_a_worker_looks_locks_nobody_out(transactional_shop: Shop) -> None:
    """The worker holds its subject's row and is about to ask for the person's; staff hold the person's."""
    shop, owner = transactional_shop, cast.owner()
    shop.buy(shop.monthly, email="ada@example.org")
    shop.deliver()
    grant = grants.revoke(Grant.objects.get(), actor=owner, reason="by mistake", now=shop.now())
    customer = Subscription.objects.get().customer_id
    worker = StoppedWorker(lambda: refresh(customer), step="hub.grants:_lock_people:call")
    staff = StoppedWorker(
        lambda: grants.restore(grant, actor=owner, reason="it was", now=shop.now()),
        step="billing.refreshing.giving_back:follow_stripe:return",
    )
    shop.sandbox.forget_calls()  # what the worker is about to write down is fetched by now
    ended: dict[str, Any] = {}
    waits = threading.Thread(target=lambda: ended.update(worker=worker.go_on()))
    waits.start()
    until_somebody_waits()
    assert isinstance(staff.go_on(), Grant)
    waits.join(30)
    assert ended == {"worker": Outcome.DONE}
    assert Grant.objects.get().state == Grant.State.ACTIVE
    assert not Subject.objects.exclude(error="").exists()
    is_waiting = Subject.objects.get(key=customer).requests > 0
    assert is_waiting or shop.sandbox.calls(), "Stripe is asked after the commit: soon, or by the worker that was there"
