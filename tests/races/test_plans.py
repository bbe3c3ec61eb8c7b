"""The planner's word on what workers ask all the time: nothing grows with the number of members."""

from collections.abc import Callable
from datetime import timedelta
from typing import Any

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from activities import clock, deliveries, notices
from activities.models import Delivery
from billing.errors import StripeUnavailable
from billing.intake import inbox
from billing.intake.draining import close_what_is_over
from billing.models import Connection, InboxEvent, StripeCustomer, Subject, Subscription
from billing.refreshing import refresh
from billing.sweeping import renewal_day
from config import health
from hub.models import Grant, User
from tests import cast

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]
MANY = 8_000
LARGE = ("hub_grant", "billing_subject", "billing_subscription", "billing_inboxevent", "activities_delivery")


def _fill() -> None:
    """A site with many members, of whom thirty have just renewed."""
    now, used = timezone.now(), Connection.objects.create(account_id="acct_many")
    club = cast.ProductFactory()
    users = User.objects.bulk_create(User(email=f"member{n}@example.org") for n in range(MANY))
    about: dict[str, Any] = {"connection": used, "fetched_at": now}
    Subscription.objects.bulk_create(
        Subscription(stripe_id=f"sub_{n}", customer_id=f"cus_{n}", user=users[n], status="active", data={},
            created=now - timedelta(minutes=n), **about)
        for n in range(MANY)
    )  # fmt: skip
    StripeCustomer.objects.bulk_create(
        StripeCustomer(stripe_id=f"cus_{n}", connection=used, user=users[n]) for n in range(MANY)
    )
    later = now + timedelta(days=20)
    Subject.objects.bulk_create(Subject(key=f"cus_{n}", due_at=later) for n in range(MANY))
    Grant.objects.bulk_create(
        Grant(user=users[n], product=club, source="subscription", source_ref=f"sub_{n}", state="active",
            reason="active", starts_at=now, until=later, ends_at=later)
        for n in range(MANY)
    )  # fmt: skip
    InboxEvent.objects.bulk_create(
        InboxEvent(event_id=f"evt_{n}", connection=used, type="invoice.paid", subject=f"cus_{n}", created=now,
            facets="subscriptions", received_at=now, state="done" if n >= 30 else "pending",
            payload={"data": {"object": {"object": "subscription", "id": f"sub_{n}"}}})
        for n in range(MANY)
    )  # fmt: skip
    wanted = [notices.access(key=f"many:{n}", user_id=users[n].pk, product_id=club.pk) for n in range(MANY)]
    for start in range(0, MANY, 5000):
        notices.queue(wanted[start : start + 5000], now=now)
    Delivery.objects.filter(pk__gt=Delivery.objects.order_by("pk")[20].pk).update(state="sent", sent_at=now)
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")


def _hold() -> None:
    refresh.note_unavailable(Connection.objects.get(), StripeUnavailable("away"))


def _answer() -> None:
    Connection.objects.update(state=Connection.State.UNREACHABLE)
    refresh.note_answer(Connection.objects.get())


WORK: dict[str, Callable[[], Any]] = {
    "buyers": lambda: inbox.buyers(limit=50),
    "what waits": lambda: inbox.dirty_subjects(business_now=clock.now(), limit=50),
    "whether one waits": lambda: inbox.is_dirty("cus_7", business_now=clock.now()),
    "a renewal day": renewal_day.plan,
    "what is over": close_what_is_over,
    "an outage": _hold,
    "its end": _answer,
    "e-mails": lambda: deliveries.deliver_due(now=timezone.now() - timedelta(days=1)),
    "health": lambda: health.look(now=timezone.now()),
}


def test_no_large_table_is_read_whole() -> None:
    _fill()
    for name, work in WORK.items():
        with CaptureQueriesContext(connection) as captured:
            work()
        statements = [query["sql"] for query in captured if query["sql"].startswith(("SELECT", "UPDATE"))]
        assert statements, name
        for sql in statements:
            plan = _plan_of(sql)
            assert not any(f"Seq Scan on {table}" in plan for table in LARGE), f"{name}: {sql}\n{plan}"


def _plan_of(sql: str) -> str:
    with connection.cursor() as cursor:
        cursor.execute("EXPLAIN " + sql)
        return "\n".join(row[0] for row in cursor.fetchall())
