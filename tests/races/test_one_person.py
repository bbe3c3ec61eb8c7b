"""Two customers of one person, looked at together: the second worker waits where they would not agree."""

from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from django.db import connection

from activities.models import Activity, Delivery
from billing.models import InboxEvent, Order, Subject
from billing.refreshing.refresh import Outcome, refresh
from hub.models import Grant, User
from tests.races.steps import StoppedWorker, until_somebody_waits
from tests.shops import Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]
ADA = "ada@example.org"


def rung(shop: Shop) -> list[str]:
    for delivery in shop.sandbox.take_pending():
        assert shop.post_webhook(delivery) == 200
    keys = sorted(set(InboxEvent.objects.filter(state="pending").values_list("subject", flat=True)))
    assert len(keys) == 2
    return keys


def work_beside(keys: list[str], *, stopped_at: str) -> None:
    """The first is stopped there; the second has to wait for it."""
    first = StoppedWorker(lambda: refresh(keys[0]), step=stopped_at)
    with ThreadPoolExecutor(1) as pool:
        second = pool.submit(_refresh, keys[1])
        try:
            until_somebody_waits()
        finally:
            outcome = first.go_on()
        assert (outcome, second.result(30)) == (Outcome.DONE, Outcome.DONE)
    assert not Subject.objects.exclude(error="").exists()


def _refresh(key: str) -> Outcome:
    try:
        return refresh(key)
    finally:
        connection.close()


def test_one_door_is_opened_once(transactional_shop: Shop) -> None:
    shop = transactional_shop
    shop.buy(shop.once, email=ADA)  # makes Ada
    shop.deliver()
    for offer in (shop.monthly, shop.yearly):
        shop.buy(offer, email=ADA)
    work_beside(rung(shop), stopped_at="hub.grants:_open_pairs:return")
    assert Grant.objects.filter(product=shop.club, state="active").count() == 2
    assert Activity.objects.filter(verb=Activity.Verb.ACCESS_GRANTED, product=shop.club).count() == 1
    assert Delivery.objects.filter(notice="access", product=shop.club).count() == 1


def test_two_purchases_for_a_number_of_days_count_one_after_the_other(transactional_shop: Shop) -> None:
    shop = transactional_shop
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    shop.course.access_days = 90
    shop.course.save()
    for _ in range(2):
        shop.buy(shop.once, email=ADA)
    work_beside(rung(shop), stopped_at="billing.refreshing.entitling:with_other_purchases:return")
    first = Order.objects.order_by("paid_at").first()
    assert first is not None and first.paid_at is not None
    ends = sorted(Grant.objects.filter(product=shop.course).values_list("until", flat=True))
    assert ends[0] and ends[1] and ends[1] - ends[0] >= timedelta(days=89)


def test_one_account_is_made(transactional_shop: Shop) -> None:
    shop = transactional_shop
    for offer in (shop.monthly, shop.once):
        shop.buy(offer, email=ADA)
    work_beside(rung(shop), stopped_at="hub.joining:add_members:return")
    assert User.objects.count() == 1
    assert shop.has(ADA, shop.club) and shop.has(ADA, shop.course)
    assert Activity.objects.filter(verb=Activity.Verb.MEMBER_ADDED).count() == 1
