"""A burst of renewals is listed: for a while, from where the last listing stopped, and behind whoever buys."""

from datetime import timedelta

import pytest

from billing.intake import inbox, leases
from billing.intake.draining import drain
from billing.models import InboxEvent, Subject, Subscription
from billing.refreshing.refresh import refresh
from billing.sweeping import renewal_day
from hub.models import Grant
from tests.counting import counted
from tests.shops import Shop

EMAILS = [f"member{number}@example.org" for number in range(22)]
BAD_CARD = "4000000000000341"


@pytest.fixture
def renewed(shop: Shop) -> Shop:
    """Twenty-two members who joined hour by hour, a month ago; their renewals are told and not worked off yet."""
    for email in EMAILS:
        shop.buy(shop.monthly, email=email)
        shop.sandbox.advance("1h")
    shop.deliver()
    renew(shop)
    return shop


def renew(shop: Shop) -> None:
    shop.sandbox.advance("31d")
    for delivery in shop.sandbox.take_pending():
        assert shop.post_webhook(delivery) == 200


def waiting() -> set[str]:
    pending = InboxEvent.objects.filter(state=InboxEvent.State.PENDING)
    return set(pending.values_list("subject", flat=True))


def a_plan() -> renewal_day.Plan:
    planned = renewal_day.plan()
    assert planned is not None
    return planned


def test_listing_stops_when_its_time_is_up_and_the_rest_is_not_lost(renewed: Shop) -> None:
    before = waiting()
    with counted(renewed.sandbox, at_most=1):
        assert renewal_day.refresh_by_listing(a_plan(), connection=renewed.connection, seconds=0) == 0
    assert waiting() == before
    assert not Subject.objects.filter(lease_token__isnull=False).exists(), "every lease is given back"
    drain()
    assert waiting() == set()
    assert all(renewed.has(email, renewed.club) for email in EMAILS)


def test_the_next_listing_begins_where_the_last_one_stopped(renewed: Shop) -> None:
    """Lists begin with the newest: whoever was settled is above the window that is listed next."""
    newest = Subscription.objects.order_by("-created")
    assert a_plan().until == newest[0].created
    refresh(newest[0].customer_id)
    planned = a_plan()
    assert planned.until == newest[1].created
    assert planned.since == newest.last().created  # type: ignore[union-attr]
    renewed.sandbox.forget_calls()
    drain()
    (listed,) = [call for call in renewed.sandbox.calls() if call["path"].startswith("/v1/subscriptions")]
    assert str(int(planned.until.timestamp())) in str(listed)


def test_a_listing_dates_the_days_of_grace(shop: Shop) -> None:
    for email in EMAILS:
        shop.buy(shop.monthly, email=email)
    shop.deliver()
    customer = Subscription.objects.get(user__email=EMAILS[0]).customer_id
    shop.sandbox.post(f"/sandbox/customers/{customer}/card", {"card": BAD_CARD})
    shop.deliver()
    renew(shop)
    with counted(shop.sandbox, at_most=2):
        drain()
    grant = Grant.objects.get(user__email=EMAILS[0])
    invoice = shop.sandbox.api.invoices.list({"customer": customer, "status": "open"}).data[0]
    assert grant.state == Grant.State.GRACE and grant.until is not None
    assert int((grant.until - timedelta(days=14)).timestamp()) == invoice.status_transitions.finalized_at


def test_who_has_a_subscription_that_we_never_saw_is_asked_about_alone(renewed: Shop) -> None:
    """All of theirs could be listed, and we would not know: only what is known can be waited for."""
    left_out = Subscription.objects.get(user__email=EMAILS[3])
    left_out.delete()
    planned = a_plan()
    assert left_out.customer_id not in planned.wanted
    assert len(planned.wanted) == len(EMAILS) - 1
    drain()
    assert waiting() == set()
    assert Subscription.objects.filter(stripe_id=left_out.stripe_id).exists()


def test_what_another_worker_lists_is_not_fetched_one_by_one(renewed: Shop) -> None:
    """Neither for its events nor for its deadline; whoever else waits is looked at."""
    renewed.buy(renewed.once, email="cleo@example.org")
    for delivery in renewed.sandbox.take_pending():
        assert renewed.post_webhook(delivery) == 200
    before = waiting()
    lease = leases.take(renewal_day.LISTING)
    assert lease is not None
    with counted(renewed.sandbox, at_most=2):
        drain()
    assert renewed.has("cleo@example.org", renewed.course)
    assert len(waiting()) == len(before) - 1 == len(EMAILS)
    asked = Subscription.objects.get(user__email=EMAILS[0]).customer_id
    inbox.look_again(asked)
    drain()
    assert asked not in waiting(), "whom somebody asked about is fetched whole"
    leases.release(lease)
    with counted(renewed.sandbox, at_most=2):
        drain()
    assert waiting() == set()


def test_whoever_buys_comes_before_a_thousand_renewals(renewed: Shop) -> None:
    renewed.buy(renewed.once, email="cleo@example.org")
    for delivery in renewed.sandbox.take_pending():
        assert renewed.post_webhook(delivery) == 200
    renewed.sandbox.post("/sandbox/chaos", {"deliveries": {"hold": True}, "latency": 0.5})
    drain(seconds=0.2)
    assert renewed.has("cleo@example.org", renewed.course)
    assert len(waiting()) == len(EMAILS)


def test_one_that_cannot_be_settled_holds_nobody_up(renewed: Shop) -> None:
    Subscription.objects.filter(user__email=EMAILS[0]).update(disputes=[])
    drain()
    assert {Subscription.objects.get(customer_id=key).user.email for key in waiting()} == {EMAILS[0]}  # type: ignore[union-attr]
    assert all(renewed.has(email, renewed.club) for email in EMAILS[1:])
