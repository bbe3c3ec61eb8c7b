"""A payment without a sure person, decided by two at once, or while a worker looks at it."""

import threading
from typing import Any

import pytest
from django.db import connection

from activities import clock
from billing.desk.attaching import Taken, attach
from billing.intake.draining import drain
from billing.models import Attention, StripeCustomer, Subscription
from billing.refreshing.refresh import refresh
from hub.models import Grant, User
from tests import cast
from tests.races.steps import StoppedWorker
from tests.shops import Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]


@pytest.fixture
def question(transactional_shop: Shop) -> Attention:
    """A customer without an address subscribes."""
    api = transactional_shop.sandbox.api
    customer = api.customers.create({"name": "Nobody"})
    card = {"card": "4242424242424242", "retry": False}
    transactional_shop.sandbox.post(f"/sandbox/customers/{customer.id}/card", card)
    api.subscriptions.create({"customer": customer.id, "items": [{"price": transactional_shop.monthly.price_id}]})
    transactional_shop.deliver()
    return Attention.objects.get(kind=Attention.Kind.UNMATCHED)


def decide(question: Attention, person: User, actor: User) -> Any:
    return lambda: attach(question, person, reason="They wrote", actor=actor, now=clock.now())


def test_of_two_who_decide_at_once_one_does(question: Attention) -> None:
    ada, ben, owner = cast.ada(), cast.ben(), cast.owner()
    first = StoppedWorker(decide(question, ada, owner), step="billing.desk.attaching:_bought_by:return")
    outcomes: list[object] = []

    def second() -> None:
        try:
            outcomes.append(attach(question, ben, reason="They wrote", actor=owner, now=clock.now()))
        except Taken as error:
            outcomes.append(error)
        finally:
            connection.close()

    late = threading.Thread(target=second)
    late.start()
    late.join(1)
    assert late.is_alive(), "it waits for the first"
    assert first.go_on() is None
    late.join(30)
    assert [type(outcome) for outcome in outcomes] == [Taken]
    assert list(Grant.objects.values_list("user", flat=True)) == [ada.pk]


def test_a_worker_that_looks_meanwhile_does_not_undo_the_choice(question: Attention) -> None:
    ada, owner = cast.ada(), cast.owner()
    looking = StoppedWorker(lambda: refresh(question.subject), step="billing.refreshing.applying:settle:call")
    deciding = threading.Thread(target=_closing(decide(question, ada, owner)))
    deciding.start()
    deciding.join(1)
    assert deciding.is_alive(), "it waits for the worker"
    looking.go_on()
    deciding.join(30)
    drain()
    assert Subscription.objects.get().user == StripeCustomer.objects.get().user == ada
    assert list(Grant.objects.values_list("user", "state")) == [(ada.pk, "active")]


def _closing(work: Any) -> Any:
    def run() -> None:
        try:
            work()
        finally:
            connection.close()

    return run
