"""Events that could not be worked off: why, what a replay would change, the replay, and leaving it."""

import re
from html import unescape

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from activities.models import Activity, Delivery
from billing.intake.draining import drain
from billing.intake.faults import fault_of
from billing.models import InboxEvent, Subject, Subscription
from billing.sweeping.retention import tidy
from hub.models import Grant, Ledger, User
from tests import cast
from tests.members import Member, signed_in
from tests.shops import Shop

EVENTS = "/console/decide/events/"
ADA, BEN = "ada@example.org", "ben@example.org"
Counts = tuple[int, ...]


def fail(event: InboxEvent, *, error: str = "ValueError('no such currency')") -> InboxEvent:
    """As a drain leaves what failed eight times."""
    InboxEvent.objects.filter(pk=event.pk).update(
        state=InboxEvent.State.DEAD, error=error, fault=fault_of(error), attempts=8
    )
    Subject.objects.update_or_create(key=event.subject, defaults={"attempts": 8, "requests": 1, "error": error})
    event.refresh_from_db()
    return event


@pytest.fixture
def lost(shop: Shop) -> InboxEvent:
    """Ada's subscription was ended at Stripe, and the event that tells of it failed."""
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    shop.sandbox.api.subscriptions.cancel(Subscription.objects.get().stripe_id)
    for delivery in shop.sandbox.take_pending():
        assert shop.post_webhook(delivery) == 200
    return fail(InboxEvent.objects.get(type="customer.subscription.deleted"))


def page_of(event: InboxEvent) -> str:
    return f"{EVENTS}{event.pk}/"


def words(browser: Client, path: str) -> str:
    return unescape(" ".join(browser.get(path).content.decode().split()))


def written() -> Counts:
    return tuple(model.objects.count() for model in (Grant, Ledger, Activity, Delivery, User))


def test_the_list_says_what_failed_and_the_overview_and_the_rail_count_it(lost: InboxEvent, desk: Client) -> None:
    page = words(desk, EVENTS)
    assert "ValueError('no such currency')" in page and "1 event" in page and lost.type in page
    overview = words(desk, "/console/")
    assert "1 event from Stripe could not be worked off." in overview and f'href="{EVENTS}"' in overview
    assert '<span class="rail-count num">1' in overview
    assert "1 event of Stripe’s could not be worked off" in words(desk, "/console/decide/")


def test_one_event_with_its_error_its_person_and_what_stripe_sent(shop: Shop, lost: InboxEvent, desk: Client) -> None:
    page = words(desk, page_of(lost))
    assert all(found in page for found in (lost.event_id, lost.subject, lost.error, ADA.split("@")[0]))
    assert f'{shop.sandbox.url}/sandbox/customers/{lost.subject}"' in page
    assert '"status": "canceled"' in page


def test_the_rehearsal_shows_what_the_replay_then_does(shop: Shop, lost: InboxEvent, desk: Client) -> None:
    before = written()
    page = words(desk, f"{page_of(lost)}?rehearse=1")
    assert re.search(r"ada@example\.org</b> · Studio Membership", page)
    assert "Loses access" in page and "The subscription has ended." in page
    assert written() == before and shop.has(ADA, shop.club)

    answer = desk.post(f"{page_of(lost)}replay/", follow=True)
    assert answer.redirect_chain == [(page_of(lost), 303)]
    assert "Worked off" in answer.content.decode()
    assert not shop.has(ADA, shop.club)
    lost.refresh_from_db()
    assert (lost.state, lost.error) == (InboxEvent.State.DONE, "")
    line = Ledger.objects.latest("pk")
    assert lost.event_id in line.cause
    told = Activity.objects.get(verb="staff_action", details__reason__startswith="replayed")
    assert told.user == Member(shop).user and told.cause == lost.event_id
    assert "No event has failed" in words(desk, EVENTS)


def test_a_rehearsal_that_changes_nothing_says_so(shop: Shop, desk: Client) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    event = fail(InboxEvent.objects.filter(type="customer.subscription.created").get())
    assert "Nobody’s access changes" in words(desk, f"{page_of(event)}?rehearse=1")


def test_stripe_is_asked_three_times_a_minute_about_an_event_at_most(
    shop: Shop, lost: InboxEvent, desk: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)  # one minute, however long this takes
    for _ in range(3):
        assert "a moment ago" not in words(desk, f"{page_of(lost)}?rehearse=1")
    shop.sandbox.forget_calls()
    assert "Stripe was asked about this a moment ago." in words(desk, f"{page_of(lost)}?rehearse=1")
    assert shop.sandbox.calls() == []
    shop.sandbox.answer_with(500)
    for _ in range(3):
        assert "a moment ago" not in desk.post(f"{page_of(lost)}replay/", follow=True).content.decode()
    shop.sandbox.forget_calls()
    assert "a moment ago" in desk.post(f"{page_of(lost)}replay/", follow=True).content.decode()
    assert shop.sandbox.calls() == []


def test_a_purchase_by_a_guest_is_rehearsed_too(shop: Shop, desk: Client) -> None:
    shop.buy(shop.once, email=BEN)
    for delivery in shop.sandbox.take_pending():
        shop.post_webhook(delivery)
    event = fail(InboxEvent.objects.get(type="checkout.session.completed"))
    page = words(desk, f"{page_of(event)}?rehearse=1")
    assert BEN in page and "Gains access" in page
    assert not User.objects.filter(email=BEN).exists()
    desk.post(f"{page_of(event)}replay/")
    assert shop.has(BEN, shop.course)


@pytest.mark.parametrize("status", [500, 401])
def test_while_stripe_is_away_nothing_is_said_and_nothing_lost(
    shop: Shop, lost: InboxEvent, desk: Client, status: int
) -> None:
    shop.sandbox.answer_with(status)
    assert "Stripe does not answer right now" in words(desk, f"{page_of(lost)}?rehearse=1")
    assert "Stripe does not answer" in desk.post(f"{page_of(lost)}replay/", follow=True).content.decode()
    assert shop.has(ADA, shop.club)


def test_what_fails_again_comes_back_with_its_new_error(shop: Shop, lost: InboxEvent, desk: Client) -> None:
    shop.sandbox.answer_with(404)
    assert "It failed again" in desk.post(f"{page_of(lost)}replay/", follow=True).content.decode()
    lost.refresh_from_db()
    assert lost.state == InboxEvent.State.DEAD and "StripeMissing" in lost.error
    assert lost.fault == fault_of(lost.error) != ""
    assert shop.has(ADA, shop.club)


def test_all_that_failed_with_one_error_is_replayed_together_whatever_ids_it_names(shop: Shop, desk: Client) -> None:
    for email in (ADA, BEN):
        shop.buy(shop.monthly, email=email)
    shop.deliver()
    for row in Subscription.objects.all():
        shop.sandbox.api.subscriptions.cancel(row.stripe_id)
    for delivery in shop.sandbox.take_pending():
        shop.post_webhook(delivery)
    ended = InboxEvent.objects.filter(type="customer.subscription.deleted").order_by("pk")
    first, second = (fail(event, error=f"KeyError('{event.subject}')") for event in ended)
    other = fail(InboxEvent.objects.filter(type="customer.subscription.created").first())  # type: ignore[arg-type]
    page = words(desk, EVENTS)
    assert "KeyError('…')" in page and "2 events" in page and "Replay all 2" in page
    inside = words(desk, f"{EVENTS}?error={first.pk}")
    assert page_of(first) in inside and page_of(second) in inside and page_of(other) not in inside

    answer = desk.post(f"{page_of(second)}replay/all/", follow=True)
    assert "Being worked off: 2 events" in answer.content.decode()
    drain()
    assert not shop.has(ADA, shop.club) and not shop.has(BEN, shop.club)
    states = set(InboxEvent.objects.filter(pk__in=[first.pk, second.pk]).values_list("state", flat=True))
    assert states == {InboxEvent.State.DONE}
    told = Activity.objects.get(verb="staff_action", details__reason="replayed 2 failed events")
    assert told.details["note"] == "KeyError('…')"


def test_what_many_failed_of_costs_no_more_than_of_one(shop: Shop, lost: InboxEvent, desk: Client) -> None:
    paths = (EVENTS, f"{EVENTS}?error={lost.pk}", page_of(lost))
    one = [queries_of(desk, path) for path in paths]
    copied = ("connection", "type", "subject", "created", "received_at", "state", "error", "fault")
    for number in range(20):
        InboxEvent.objects.create(event_id=f"evt_{number}", **{name: getattr(lost, name) for name in copied})
    assert [queries_of(desk, path) for path in paths] == one
    assert "21 events" in words(desk, EVENTS)


def queries_of(browser: Client, path: str) -> int:
    browser.get(path)
    with CaptureQueriesContext(connection) as captured:
        assert browser.get(path).status_code == 200
    return len(captured)


def test_a_dismissal_needs_a_reason_and_keeps_it(lost: InboxEvent, desk: Client, owner: User) -> None:
    path = f"{page_of(lost)}dismiss/"
    assert desk.post(path, {"reason": " "}).status_code == 422
    answer = desk.post(path, {"reason": "a test of ours"}, follow=True)
    assert answer.redirect_chain == [(EVENTS, 303)]
    lost.refresh_from_db()
    assert lost.state == InboxEvent.State.DISMISSED
    told = Activity.objects.get(verb="staff_action", details__note="a test of ours")
    assert (told.actor, told.user) == (owner, User.objects.get(email=ADA))
    assert "Dismissed" in words(desk, page_of(lost)) and "Replay it now" not in words(desk, page_of(lost))
    assert "No event has failed" in words(desk, EVENTS)
    assert "waits for nobody any more" in desk.post(path, {"reason": "again"}, follow=True).content.decode()
    InboxEvent.objects.update(received_at="2020-01-01T00:00Z")
    tidy()
    assert not InboxEvent.objects.filter(pk=lost.pk).exists()


def test_support_reads_where_it_points_and_not_what_it_says(lost: InboxEvent) -> None:
    support = signed_in(cast.UserFactory(role=User.Role.SUPPORT))
    page = words(support, f"{page_of(lost)}?rehearse=1")
    assert "Loses access" in page and lost.subject in page
    assert "What Stripe sent" not in page and '"object"' not in page
    assert not re.search(r'method="post"', page)
    for act in ("replay/", "replay/all/", "dismiss/"):
        assert support.post(f"{page_of(lost)}{act}", {"reason": "x"}).status_code == 403


@pytest.mark.parametrize("role", [User.Role.MEMBER, None])
def test_members_and_strangers_see_no_event(lost: InboxEvent, role: User.Role | None) -> None:
    browser, refused = (signed_in(cast.UserFactory(role=role)), 403) if role else (Client(), 302)
    for path in (EVENTS, page_of(lost)):
        assert browser.get(path).status_code == refused
    for act in ("replay/", "replay/all/", "dismiss/"):
        assert browser.post(f"{page_of(lost)}{act}", {"reason": "x"}).status_code == refused
    lost.refresh_from_db()
    assert lost.state == InboxEvent.State.DEAD


def test_an_unknown_status_is_settled_when_stripe_says_a_known_one(shop: Shop, desk: Client, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    shop.sandbox.set_fields(subscription["id"], emit="customer.subscription.updated", status="hibernating")
    shop.deliver()
    page = words(desk, "/console/decide/")
    path = re.search(r'action="(/console/decide/\d+/ask/)"', page)
    assert path and "hibernating" in page and subscription["id"] in page
    assert "it stands as it did" in desk.post(path[1], follow=True).content.decode()
    shop.sandbox.set_fields(subscription["id"], status="active")
    assert "this is settled" in desk.post(path[1], follow=True).content.decode()
    assert "Nothing to decide" in words(desk, "/console/decide/")
    shop.sandbox.set_fields(subscription["id"], emit="customer.subscription.updated", status="hibernating")
    shop.deliver()
    assert "hibernating" in words(desk, "/console/decide/")
