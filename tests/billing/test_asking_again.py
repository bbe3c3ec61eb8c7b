"""A request to look again is answered by a look that began after it, whatever was being looked at just then."""

import sys
from collections.abc import Callable

import pytest

from billing.intake.draining import drain
from billing.intake.event_types import Facet
from billing.intake.inbox import look_again
from billing.models import InboxEvent, Subject, Subscription
from billing.refreshing.refresh import refresh
from billing.sweeping import renewal_day
from tests.races.steps import at_step
from tests.shops import Shop

ADA, BEN = "ada@example.org", "ben@example.org"
FETCHED = "billing.refreshing.snapshots:fetch_customer:return"


@pytest.fixture
def subscribed(shop: Shop) -> Shop:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    assert shop.has(ADA, shop.club)
    return shop


def meanwhile(step: str, *, act: Callable[[], None], work: Callable[[], object]) -> None:
    """Works, and acts once on the way."""
    sys.setprofile(at_step(step, act))
    try:
        work()
    finally:
        sys.setprofile(None)


@pytest.mark.parametrize("is_asked_before", [False, True])
def test_a_request_that_comes_after_the_fetch_is_answered_by_another_one(
    subscribed: Shop, is_asked_before: bool
) -> None:
    """Also where the look under way answers an earlier request: both read alike, and one is not the other."""
    customer = Subscription.objects.get().customer_id
    if is_asked_before:
        look_again(customer)

    def end_it() -> None:
        subscribed.sandbox.api.subscriptions.cancel(Subscription.objects.get().stripe_id)
        subscribed.sandbox.take_pending()
        look_again(customer)

    meanwhile(FETCHED, act=end_it, work=lambda: refresh(customer, facets={Facet.CUSTOMER}))
    drain()
    assert Subscription.objects.get().status == "canceled"
    assert not subscribed.has(ADA, subscribed.club)
    assert not Subject.objects.filter(requests__gt=0).exists()


def test_a_failed_event_is_not_taken_for_answered_by_a_look_that_fetched_something_else(subscribed: Shop) -> None:
    customer = Subscription.objects.get().customer_id
    InboxEvent.objects.update(state=InboxEvent.State.DEAD)
    refresh(customer, facets={Facet.CUSTOMER})
    assert set(InboxEvent.objects.filter(subject=customer).values_list("state", flat=True)) == {"dead"}
    look_again(customer)
    drain()
    assert set(InboxEvent.objects.filter(subject=customer).values_list("state", flat=True)) == {"done"}


def test_a_subscription_told_of_while_a_renewal_day_is_planned_is_not_taken_for_listed(subscribed: Shop) -> None:
    """Its event asks for subscriptions alone, as the planned ones do; the list begins before it was made."""
    first = Subscription.objects.get()
    subscribed.sandbox.api.subscriptions.update(first.stripe_id, {"metadata": {"seat": "4"}})
    for delivery in subscribed.sandbox.take_pending():
        assert subscribed.post_webhook(delivery) == 200
    named = set(InboxEvent.objects.filter(state=InboxEvent.State.PENDING).values_list("pk", flat=True))
    planned = renewal_day.Plan({first.customer_id: {first.stripe_id}}, named, first.created, first.created)
    subscribed.sandbox.advance("1h")
    second = subscribed.sandbox.api.subscriptions.create(
        {"customer": first.customer_id, "items": [{"price": subscribed.yearly.price_id}], "trial_period_days": 5}
    )
    for delivery in subscribed.sandbox.take_pending():
        assert subscribed.post_webhook(delivery) == 200
    assert renewal_day.refresh_by_listing(planned, connection=subscribed.connection, seconds=30) == 1
    assert InboxEvent.objects.filter(state=InboxEvent.State.PENDING, type="customer.subscription.created").exists()
    drain()
    assert Subscription.objects.filter(stripe_id=second.id).exists()
