"""What happened is written once, by whoever comes first."""

import threading
from dataclasses import replace
from datetime import datetime

import pytest
from django.db import IntegrityError, connection, transaction
from django.test.utils import CaptureQueriesContext

from activities.models import Activity
from activities.record import Happening, record, record_one
from hub.models import Product, User

Verb = Activity.Verb


@pytest.fixture
def failed_payment(ben: User, studio: Product, now: datetime) -> Happening:
    return Happening(
        verb=Verb.PAYMENT_FAILED,
        key="payment_failed:in_1:1",
        at=now,
        user_id=ben.pk,
        product_id=studio.pk,
        cause="evt_1",
        details={"amount": 2400, "currency": "eur", "failure": "Your card was declined."},
    )


def test_a_happening_is_written_as_it_was_told(failed_payment: Happening, now: datetime) -> None:
    (written,) = record([failed_payment], now=now)
    stored = Activity.objects.get(pk=written.pk)
    assert (stored.verb, stored.user.email, stored.cause) == (Verb.PAYMENT_FAILED, "ben@example.org", "evt_1")
    assert stored.details == {"amount": 2400, "currency": "eur", "failure": "Your card was declined."}
    assert (stored.at, stored.recorded_at) == (now, now)


def test_the_same_happening_is_written_once(failed_payment: Happening, now: datetime) -> None:
    assert record_one(failed_payment, now=now) is not None
    assert record_one(replace(failed_payment, cause="evt_2"), now=now) is None
    assert Activity.objects.get().cause == "evt_1"


def test_of_many_only_the_new_ones_are_returned_in_their_order(failed_payment: Happening, now: datetime) -> None:
    record([replace(failed_payment, key="b")], now=now)
    many = [replace(failed_payment, key=key) for key in ("c", "b", "a", "c")]
    assert [activity.key for activity in record(many, now=now)] == ["c", "a"]


def test_nothing_costs_nothing(db: None, now: datetime) -> None:
    with CaptureQueriesContext(
        connection,
    ) as queries:
        assert record([], now=now) == []
    assert len(queries) == 0


def test_fifty_happenings_cost_one_query(failed_payment: Happening, now: datetime) -> None:
    many = [replace(failed_payment, key=f"key {number}") for number in range(50)]
    with CaptureQueriesContext(connection) as queries:
        assert len(record(many, now=now)) == 50
    assert len(queries) == 1


def test_a_thousand_happenings_are_all_written(failed_payment: Happening, now: datetime) -> None:
    many = [replace(failed_payment, key=f"key {number}") for number in range(1000)]
    assert len({activity.pk for activity in record(many, now=now)}) == 1000


def test_a_duplicate_leaves_the_callers_transaction_usable(failed_payment: Happening, now: datetime) -> None:
    record([failed_payment], now=now)
    with transaction.atomic():
        record([failed_payment], now=now)
        record([replace(failed_payment, key="another")], now=now)
    assert Activity.objects.count() == 2


def test_what_is_rolled_back_can_be_written_again(failed_payment: Happening, now: datetime) -> None:
    with pytest.raises(ZeroDivisionError), transaction.atomic():
        record([failed_payment], now=now)
        _ = 1 / 0
    assert record_one(failed_payment, now=now) is not None


def test_a_happening_needs_a_key(failed_payment: Happening, now: datetime) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        record([replace(failed_payment, key="")], now=now)


@pytest.mark.django_db(transaction=True)
def test_of_many_writers_at_once_one_has_written_each(failed_payment: Happening, now: datetime) -> None:
    keys = [f"key {number}" for number in range(20)]
    barrier = threading.Barrier(4)
    won: list[list[str]] = []

    def write(order: list[str]) -> None:
        try:
            barrier.wait()
            with transaction.atomic():
                written = record([replace(failed_payment, key=key) for key in order], now=now)
            won.append([activity.key for activity in written])
        finally:
            connection.close()

    orders = [keys, keys[::-1], keys[10:] + keys[:10], keys]
    threads = [threading.Thread(target=write, args=[order]) for order in orders]
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    assert len(won) == 4
    assert sorted(key for keys_of_one in won for key in keys_of_one) == sorted(keys)
