"""Two workers on one subject, stopped where it hurts: what stands at the end is never stale."""

import threading
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection, transaction
from django.utils import timezone

from activities.models import Activity, Delivery
from billing.intake.draining import drain
from billing.intake.event_types import Facet
from billing.intake.inbox import look_again
from billing.models import InboxEvent, Order, Subject, Subscription
from billing.refreshing.refresh import Outcome, refresh
from hub.models import Ledger
from tests.races.steps import StoppedWorker
from tests.shops import Json, Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]
ADA = "ada@example.org"
STEPS = [
    "billing.intake.leases:take:return",
    "billing.intake.errands:errand_for:return",
    "billing.refreshing.snapshots:fetch_customer:call",
    "billing.refreshing.snapshots:fetch_customer:return",
    "billing.intake.leases:held:call",
]


@pytest.fixture
def subscribed(transactional_shop: Shop) -> Shop:
    transactional_shop.buy(transactional_shop.monthly, email=ADA)
    transactional_shop.deliver()
    assert transactional_shop.has(ADA, transactional_shop.club)
    return transactional_shop


def customer_of(shop: Shop) -> str:
    return Subscription.objects.get().customer_id


def touch(shop: Shop) -> None:
    """A change that means nothing for access, told and not worked off yet."""
    post(shop, change=lambda sub: shop.sandbox.api.subscriptions.update(sub, {"metadata": {"seat": "4"}}))


def cancel(shop: Shop) -> None:
    post(shop, change=shop.sandbox.api.subscriptions.cancel)


def post(shop: Shop, *, change: object) -> None:
    change(Subscription.objects.get().stripe_id)  # type: ignore[operator]
    for delivery in shop.sandbox.take_pending():
        assert shop.post_webhook(delivery) == 200


@pytest.mark.parametrize("step", STEPS)
def test_a_change_while_a_worker_looks_is_never_missed(subscribed: Shop, step: str) -> None:
    touch(subscribed)
    slow = StoppedWorker(lambda: refresh(customer_of(subscribed)), step=step)
    cancel(subscribed)
    assert refresh(customer_of(subscribed)) is Outcome.BUSY
    assert slow.go_on() is Outcome.DONE
    assert Subscription.objects.get().status == "canceled"
    assert not subscribed.has(ADA, subscribed.club)
    assert not InboxEvent.objects.filter(state=InboxEvent.State.PENDING).exists()


@pytest.mark.parametrize("step", STEPS)
def test_a_request_while_a_worker_looks_is_never_missed(subscribed: Shop, step: str) -> None:
    """The look is about an address alone; whoever asks for a whole one gets it from a look that began later."""
    customer = customer_of(subscribed)
    slow = StoppedWorker(lambda: refresh(customer, facets={Facet.CUSTOMER}), step=step)
    subscribed.sandbox.api.subscriptions.cancel(Subscription.objects.get().stripe_id)
    subscribed.sandbox.take_pending()
    look_again(customer)
    assert slow.go_on() is Outcome.DONE
    drain()
    assert Subscription.objects.get().status == "canceled"
    assert not subscribed.has(ADA, subscribed.club)
    assert not Subject.objects.filter(requests__gt=0).exists()


@pytest.mark.parametrize("step", STEPS[1:])
def test_who_lost_its_lease_writes_nothing(subscribed: Shop, step: str) -> None:
    """It overslept with what Stripe said before; meanwhile another took over, and the subscription ended."""
    touch(subscribed)
    slow = StoppedWorker(lambda: refresh(customer_of(subscribed)), step=step)
    cancel(subscribed)
    Subject.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    assert refresh(customer_of(subscribed)) is Outcome.DONE
    before = Ledger.objects.count(), Activity.objects.count(), Subscription.objects.get().fetched_at
    slow.go_on()
    assert (Ledger.objects.count(), Activity.objects.count(), Subscription.objects.get().fetched_at) == before
    assert Subscription.objects.get().status == "canceled"
    assert not subscribed.has(ADA, subscribed.club)


def test_an_event_that_commits_late_under_a_lower_number_is_not_taken_for_answered(subscribed: Shop) -> None:
    """It asks for purchases; the look that is under way has read a higher number, and asks for subscriptions."""
    customer = customer_of(subscribed)
    touch_event = InboxEvent.objects.order_by("-id").first()
    assert touch_event is not None
    late = InboxEvent(
        event_id="evt_late", connection=subscribed.connection, type="checkout.session.completed", subject=customer,
        facets="orders", created=timezone.now(), received_at=timezone.now(), payload={},
    )  # fmt: skip
    inserted, commit = threading.Event(), threading.Event()

    def insert_slowly() -> None:
        with transaction.atomic():
            late.save()
            inserted.set()
            commit.wait(20)
        connection.close()

    thread = threading.Thread(target=insert_slowly)
    thread.start()
    assert inserted.wait(20)
    touch(subscribed)
    subscribed.sandbox.forget_calls()
    slow = StoppedWorker(lambda: refresh(customer), step="billing.refreshing.snapshots:fetch_customer:call")
    commit.set()
    thread.join()
    assert slow.go_on() is Outcome.DONE
    asked = [call["path"] for call in subscribed.sandbox.calls()]
    assert any("/v1/checkout/sessions" in path for path in asked)
    assert not InboxEvent.objects.filter(state=InboxEvent.State.PENDING).exists()


def test_a_purchase_told_during_a_renewal_days_listing_is_not_taken_for_answered(subscribed: Shop) -> None:
    from billing.sweeping import renewal_day

    customer = customer_of(subscribed)
    touch(subscribed)
    made = Subscription.objects.get()
    planned = renewal_day.Plan({customer: {made.stripe_id}}, _waiting(), made.created, made.created)
    listing = StoppedWorker(
        lambda: renewal_day.refresh_by_listing(planned, connection=subscribed.connection, seconds=30),
        step="billing.gateway:gateway_for:call",
    )
    deliveries = _buy_course_as(subscribed, customer)
    listing.go_on()
    for delivery in deliveries:
        assert subscribed.post_webhook(delivery) == 200
    assert InboxEvent.objects.filter(state=InboxEvent.State.PENDING, facets="orders").exists()
    drain()
    assert Order.objects.count() == 1
    assert subscribed.has(ADA, subscribed.course)


def _waiting() -> set[int]:
    return set(InboxEvent.objects.filter(state=InboxEvent.State.PENDING).values_list("pk", flat=True))


def _buy_course_as(shop: Shop, customer: str) -> list[Json]:
    """A known customer buys once more. The news is posted, and returned."""
    session = shop.sandbox.api.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer,
            "line_items": [{"price": shop.once.price_id, "quantity": 1}],
            "success_url": "http://127.0.0.1:8000/",
        }
    )
    shop.sandbox.pay_session(session.id)
    deliveries = shop.sandbox.take_pending()
    for delivery in deliveries:
        assert shop.post_webhook(delivery) == 200
    return deliveries


def test_four_workers_drain_one_heap_and_nothing_is_done_twice(transactional_shop: Shop) -> None:
    shop = transactional_shop
    emails = [f"member{n}@example.org" for n in range(8)]
    for email in emails:
        shop.buy(shop.monthly, email=email)
    for sub in shop.sandbox.api.subscriptions.list({"limit": 100}).data[:4]:
        shop.sandbox.api.subscriptions.cancel(sub.id)
    for delivery in shop.sandbox.take_pending():
        assert shop.post_webhook(delivery) == 200
    barrier = threading.Barrier(4)

    def work() -> None:
        barrier.wait()
        drain()
        connection.close()

    with ThreadPoolExecutor(4) as pool:
        for done in [pool.submit(work) for _ in range(4)]:
            done.result(60)
    drain()
    assert sum(shop.has(email, shop.club) for email in emails) == 4
    assert not InboxEvent.objects.exclude(state=InboxEvent.State.DONE).exists()
    assert not Subject.objects.exclude(error="").exists()
    assert Delivery.objects.filter(notice="access").count() == 4
