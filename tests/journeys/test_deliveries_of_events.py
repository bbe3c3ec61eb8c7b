"""Events that come late, twice, together or in the wrong order: all end in the same state."""

import json
from concurrent.futures import ThreadPoolExecutor
from threading import Barrier

import pytest
from django.db import connections

from activities.models import Activity, Delivery
from billing.intake.draining import drain
from billing.models import InboxEvent, Subscription
from tests.members import Member
from tests.shops import Json, Shop


def type_of(delivery: Json) -> str:
    return str(json.loads(delivery["body"])["type"])


def test_case_04_deleted_before_created_ends_with_no_access_and_one_row(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    held = shop.sandbox.take_pending()
    deleted = [delivery for delivery in held if type_of(delivery) == "customer.subscription.deleted"]
    assert len(deleted) == 1
    for delivery in [*deleted, *(other for other in held if other not in deleted)]:
        assert shop.post_webhook(delivery) == 200
        drain()
        assert not member.has(shop.club)
    assert Subscription.objects.get().status == "canceled"
    assert member.states(shop.club) == []
    assert Delivery.objects.count() == 0


def test_case_05_a_stale_event_after_the_end_restores_nothing(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    member.change(subscription, metadata={"seat": "4"})
    shop.sandbox.api.subscriptions.update(subscription["id"], {"metadata": {"seat": "5"}})
    stale = shop.sandbox.take_pending()
    assert [json.loads(delivery["body"])["data"]["object"]["status"] for delivery in stale] == ["active"]

    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.deliver()
    assert not member.has(shop.club)
    told = member.verbs()
    for delivery in stale:
        assert shop.post_webhook(delivery) == 200
    drain()
    assert not member.has(shop.club)
    assert member.verbs() == told
    assert member.states(shop.club) == ["ended"]


@pytest.mark.django_db(transaction=True)
def test_case_06_one_event_five_times_at_once_is_told_once(transactional_shop: Shop) -> None:
    shop, member = transactional_shop, Member(transactional_shop)
    member.subscribe(shop.monthly.price_id)
    (created,) = [
        delivery for delivery in shop.sandbox.take_pending() if type_of(delivery) == "customer.subscription.created"
    ]
    start = Barrier(5)

    def post_and_work(_: int) -> int:
        try:
            start.wait(10)
            status = shop.post_webhook(created)
            drain()
            return status
        finally:
            connections.close_all()

    with ThreadPoolExecutor(5) as pool:
        assert list(pool.map(post_and_work, range(5))) == [200] * 5
    drain()
    assert InboxEvent.objects.get().state == InboxEvent.State.DONE
    assert member.verbs("product_purchased", "access_granted") == ["product_purchased", "access_granted"]
    assert member.mails() == ["access"]
    assert member.steps(shop.club) == [("", "active", "active")]


def test_case_07_two_events_for_one_change_are_as_one(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    member.cancel(subscription)
    before = (member.verbs(), member.mails(), member.steps(shop.club))
    shop.sandbox.set_fields(subscription["id"], emit="customer.subscription.updated")
    assert shop.deliver() == ["customer.subscription.updated"]
    assert (member.verbs(), member.mails(), member.steps(shop.club)) == before
    assert member.verbs("subscription_cancelled") == ["subscription_cancelled"]


def test_case_29_a_change_of_metadata_alone_is_told_to_nobody(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    count = Activity.objects.count()
    member.change(subscription, metadata={"note": "A good customer"})
    assert member.row(subscription).data["metadata"]["note"] == "A good customer"
    assert Activity.objects.count() == count
    assert len(member.steps(shop.club)) == 1
