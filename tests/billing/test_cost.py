"""What things cost: statements of a webhook, calls to Stripe of a burst, queries of the gate."""

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from billing.intake import leases
from billing.intake.draining import drain
from billing.models import InboxEvent, Subscription
from billing.sweeping import renewal_day
from hub.access import can_open
from hub.models import Grant, User
from tests.counting import counted
from tests.shops import Shop

ADA = "ada@example.org"
UNHURRIED = 600  # seconds: calls are counted here, on a machine that may have much else to do
BAD_CARD = "4000000000000341"


def statements(captured: CaptureQueriesContext) -> list[str]:
    return [
        query["sql"]
        for query in captured.captured_queries
        if not query["sql"].startswith(("SAVEPOINT", "RELEASE", "BEGIN", "COMMIT"))
    ]


def test_a_webhook_costs_at_most_three_statements_and_asks_stripe_nothing(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    held = shop.sandbox.take_pending()
    with counted(shop.sandbox, at_most=0):
        for delivery in held:
            with CaptureQueriesContext(connection) as captured:
                assert shop.post_webhook(delivery) == 200
            assert len(statements(captured)) <= 3
    assert InboxEvent.objects.count() >= 3


def test_a_sign_up_costs_two_calls(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    with counted(shop.sandbox, at_most=2):
        shop.deliver()
    assert shop.has(ADA, shop.club)


def test_a_purchase_costs_two_calls(shop: Shop) -> None:
    shop.buy(shop.once, email=ADA)
    with counted(shop.sandbox, at_most=2):
        shop.deliver()
    assert shop.has(ADA, shop.course)


def test_a_renewal_costs_two_calls(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    shop.sandbox.advance("31d")
    with counted(shop.sandbox, at_most=2):
        shop.deliver()
    assert shop.has(ADA, shop.club)


def test_a_failed_renewal_costs_two_calls(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    customer = Subscription.objects.get().customer_id
    shop.sandbox.post(f"/sandbox/customers/{customer}/card", {"card": BAD_CARD})
    shop.deliver()
    shop.sandbox.advance("31d")
    with counted(shop.sandbox, at_most=2):
        shop.deliver()
    assert Grant.objects.get().state == Grant.State.GRACE


@pytest.mark.timeout(240)
def test_two_hundred_renewals_at_once_are_listed_by_the_hundred(shop: Shop) -> None:
    """Three pages of subscriptions (one is the test of "no more") and one of open invoices, for 400 and more events."""
    emails = [f"member{n}@example.org" for n in range(200)]
    for email in emails:
        shop.buy(shop.monthly, email=email)
    shop.deliver()
    drain(seconds=UNHURRIED)
    assert Grant.objects.filter(state="active").count() == 200
    shop.sandbox.advance("31d")
    held = shop.sandbox.take_pending()
    assert len(held) >= 400
    for delivery in held:
        shop.post_webhook(delivery)
    with counted(shop.sandbox, at_most=4):
        drain(seconds=UNHURRIED)
    assert not InboxEvent.objects.exclude(state=InboxEvent.State.DONE).exists()
    assert Grant.objects.filter(state="active", until__gt=shop.now()).count() == 200


def test_one_worker_lists_at_a_time(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    sub = Subscription.objects.get()
    planned = renewal_day.Plan({sub.customer_id: {sub.stripe_id}}, set(), sub.created, sub.created)
    lease = leases.take(renewal_day.LISTING)
    assert lease is not None
    with counted(shop.sandbox, at_most=0):
        assert renewal_day.refresh_by_listing(planned, connection=shop.connection, seconds=30) is None
    leases.release(lease)
    with counted(shop.sandbox, at_most=3):
        renewal_day.refresh_by_listing(planned, connection=shop.connection, seconds=30)
    assert leases.take(renewal_day.LISTING) is not None, "given back"
    drain()
    assert shop.has(ADA, shop.club)


def test_the_gate_is_one_query(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    ada = User.objects.get(email=ADA)
    with CaptureQueriesContext(connection) as captured:
        assert can_open(ada, shop.club, now=shop.now())
    assert len(captured) == 1
