"""Events that cannot be worked off just now: staff read why, have them tried, and Stripe's return is noticed."""

from datetime import timedelta
from html import unescape

import pytest
from django.core.management import CommandError, call_command
from django.test import Client
from django.utils import timezone

from activities.models import Activity
from billing.intake.draining import drain, sweep
from billing.models import Connection, InboxEvent, Subject
from hub.models import User
from tests import cast
from tests.members import signed_in
from tests.shops import Shop

ADA, BEN = "ada@example.org", "ben@example.org"
EVENTS, TRY = "/console/decide/events/", "/console/decide/events/try/"


def words(browser: Client, path: str) -> str:
    return unescape(" ".join(browser.get(path).content.decode().split()))


def hold_up(shop: Shop, *emails: str, status: int) -> None:
    """They have paid, Stripe told so ten minutes ago, and answers nobody who asks; nobody is tried again soon."""
    for email in emails:
        shop.buy(shop.once, email=email)
    shop.sandbox.answer_with(status)
    shop.deliver()
    grow_older("10m")
    for email in emails:
        assert not shop.has(email, shop.course)


def grow_older(by: str) -> None:
    now, minutes = timezone.now(), int(by[:-1])
    InboxEvent.objects.update(received_at=now - timedelta(minutes=minutes))
    Subject.objects.filter(attempts__gt=0).update(retry_at=now + timedelta(minutes=minutes))


def events() -> int:
    return InboxEvent.objects.filter(state=InboxEvent.State.PENDING).count()


def test_what_stripe_refuses_is_said_with_its_words_and_tried_by_a_button(shop: Shop, desk: Client) -> None:
    hold_up(shop, ADA, status=400)
    for path in ("/console/", "/console/stripe/", EVENTS):
        page = words(desk, path)
        assert "1 event from Stripe waits" in page, path
        assert "Stripe’s answer is 400: " in page and "Tried again on " in page, path
        assert f'action="{TRY}"' in page and "Nobody loses access because of this" in page, path
    shop.sandbox.behave()
    answer = desk.post(TRY, follow=True)
    assert answer.redirect_chain == [(EVENTS, 303)]
    assert "Being tried now" in answer.content.decode()
    drain()
    assert shop.has(ADA, shop.course)
    for path in ("/console/", "/console/stripe/", EVENTS):
        assert "from Stripe wait" not in words(desk, path), path
    told = Activity.objects.get(verb="staff_action", details__reason="had 1 waiting event tried at once")
    assert told.actor == User.objects.get(role=User.Role.OWNER)
    assert "Nothing waits any more." in desk.post(TRY, follow=True).content.decode()


def test_an_outage_is_told_once_with_what_waits_for_its_end(shop: Shop, desk: Client) -> None:
    hold_up(shop, ADA, status=503)
    page = words(desk, "/console/")
    assert page.count("Stripe does not answer") == 1
    assert "1 event from Stripe waits since " in page and "Stripe does not answer: 503: " in page
    assert "Stripe is asked again within the minute." in page
    InboxEvent.objects.update(state=InboxEvent.State.DONE)
    assert "Stripe does not answer. Nobody loses access because of this." in words(desk, "/console/")


def test_what_is_about_to_be_worked_off_worries_nobody(shop: Shop, desk: Client) -> None:
    shop.buy(shop.once, email=ADA)
    shop.sandbox.answer_with(400, times=1)
    shop.deliver()
    assert events() and Subject.objects.filter(attempts=1).exists()
    assert "from Stripe wait" not in words(desk, "/console/")
    Subject.objects.update(attempts=0, error="", retry_at=None)
    grow_older("14m")
    assert "from Stripe wait" not in words(desk, "/console/")
    grow_older("16m")
    assert "Nobody works on them: does the worker run?" in words(desk, "/console/")


def test_support_may_have_them_tried_and_nobody_presses_without_end(
    shop: Shop, monkeypatch: pytest.MonkeyPatch
) -> None:
    hold_up(shop, ADA, status=400)
    monkeypatch.setattr("time.time", lambda: 1_800_000_000.0)  # one minute, however long this takes
    support = signed_in(cast.UserFactory(role=User.Role.SUPPORT))
    assert "Try now" in words(support, EVENTS)
    for _ in range(3):
        grow_older("10m")
        support.post(TRY)
        assert not Subject.objects.filter(retry_at__isnull=False).exists()
    grow_older("10m")
    assert "tried a moment ago" in support.post(TRY, follow=True).content.decode()
    assert Subject.objects.filter(retry_at__isnull=False).exists()


def test_a_disconnected_account_holds_nothing_up(shop: Shop, desk: Client) -> None:
    hold_up(shop, ADA, status=400)
    Connection.objects.update(state=Connection.State.OFF)
    assert "from Stripe wait" not in words(desk, "/console/") + words(desk, EVENTS)
    assert "Nothing waits any more." in desk.post(TRY, follow=True).content.decode()


def test_the_first_that_is_answered_again_brings_those_forward_who_met_the_same_refusal(shop: Shop) -> None:
    hold_up(shop, ADA, BEN, status=400)
    other = Subject.objects.create(key="cus_other", error="KeyError('x')", attempts=3, retry_at=timezone.now())
    grow_older("10m")
    shop.sandbox.behave()
    Subject.objects.filter(pk=Subject.objects.filter(error__startswith="StripeInvalid").first().pk).update(
        retry_at=None
    )
    drain()
    assert shop.has(ADA, shop.course) and shop.has(BEN, shop.course)
    other.refresh_from_db()
    assert other.retry_at is not None


@pytest.mark.parametrize("status", [500, 401])
def test_one_asks_with_each_sweep_while_stripe_is_away_and_its_answer_frees_all(shop: Shop, status: int) -> None:
    hold_up(shop, ADA, BEN, status=status)
    shop.sandbox.forget_calls()
    sweep()
    assert len({call["path"] for call in shop.sandbox.calls()}) == 1
    shop.sandbox.behave()
    sweep()
    assert shop.has(ADA, shop.course) and shop.has(BEN, shop.course)
    assert Connection.objects.get().state == Connection.State.OK


@pytest.mark.parametrize(
    ("status", "said"),
    [
        (503, "Stripe does not answer, and 1 event waits since "),
        (400, "1 event waits since "),
    ],
)
def test_who_looks_for_a_buyer_meanwhile_reads_why_nobody_is_found(
    shop: Shop, desk: Client, status: int, said: str
) -> None:
    hold_up(shop, ADA, status=status)
    for word in (ADA, "cus_of_somebody_new", "Ada Lind"):
        page = words(desk, f"/console/people/?q={word}")
        assert said in page and "may not be known here yet." in page, word
        assert f'<a href="{EVENTS}">See what waits</a>' in page, word
    assert "<h2>Nobody has this address yet</h2>" in words(desk, f"/console/people/?q={ADA}")
    with pytest.raises(CommandError, match="may not be known here yet"):
        call_command("why", ADA)
    cast.UserFactory(email=f"x{ADA}")
    assert "may not be known here yet." in words(desk, f"/console/people/?q={ADA}"), "beside who has it in part"
    assert "may not be known" not in words(desk, "/console/people/?state=grace")
    shop.sandbox.behave()
    desk.post(TRY)
    drain()
    assert "may not be known" not in words(desk, "/console/people/?q=zoe@example.net")
