"""A full pass that would close too much waits for the owner: exactly its list is closed, or nothing is."""

import re
from typing import Any

import pytest
from django.test import Client

from activities.models import Activity
from billing.desk import brakes
from billing.intake.draining import drain, sweep
from billing.models import Attention, Pass, Subscription
from billing.sweeping.reconcile import full_pass
from hub.models import Grant, User
from tests import cast
from tests.hub.test_reentry import prove
from tests.members import Member, signed_in
from tests.shops import Shop

EMAILS = [f"member{n}@example.org" for n in range(6)]
DECIDE = "/console/decide/"


@pytest.fixture
def brake(shop: Shop) -> Attention:
    """Six subscribe; three cancel, and nobody hears of it: the pass stops."""
    for email in EMAILS:
        shop.buy(shop.monthly, email=email)
    shop.deliver()
    cancel(shop, *EMAILS[:3])
    full_pass()
    return Attention.objects.get(kind=Attention.Kind.BRAKE)


def cancel(shop: Shop, *emails: str) -> None:
    for email in emails:
        shop.sandbox.api.subscriptions.cancel(Subscription.objects.get(user__email=email).stripe_id)
    shop.sandbox.take_pending()


def page_of(question: Attention) -> str:
    return f"{DECIDE}{question.pk}/brake/"


def close(browser: Client, question: Attention, *, fingerprint: str | None = None) -> str:
    """Reads the list, and has it closed; returns what the next page says."""
    page = browser.get(page_of(question)).content.decode()
    found = re.search(r'name="fingerprint" value="(\w+)"', page)
    assert found
    answer = browser.post(f"{page_of(question)}close/", {"fingerprint": fingerprint or found[1]}, follow=True)
    assert answer.redirect_chain[0][1] == 303, answer.redirect_chain
    return answer.content.decode()


def still_in(shop: Shop) -> list[str]:
    return [email for email in EMAILS if shop.has(email, shop.club)]


@pytest.fixture
def proved(desk: Client, settings: Any) -> Client:
    """The owner's browser, in which they have just proved to be there."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    prove(desk)
    return desk


def test_the_list_names_who_would_lose_what_and_why(brake: Attention, desk: Client) -> None:
    questions = desk.get(DECIDE).content.decode()
    assert page_of(brake) in questions and "See the 3" in questions
    page = desk.get(page_of(brake)).content.decode()
    assert [email in page for email in EMAILS] == [True] * 3 + [False] * 3
    assert "Studio Membership" in page and "The subscription has ended." in page
    assert "Close exactly these 3" in page


def test_exactly_the_list_is_closed_and_who_confirmed_is_kept(
    shop: Shop, brake: Attention, proved: Client, owner: User
) -> None:
    """Somebody else's end is news of another night."""
    cancel(shop, EMAILS[4])
    shop.sandbox.take_pending()
    assert "Being closed: 3" in close(proved, brake)
    drain()
    assert still_in(shop) == EMAILS[3:]
    told = Activity.objects.filter(verb="staff_action").latest("pk")
    assert (told.actor, told.details["reason"]) == (
        owner,
        "confirmed that access ends: 3 of a full pass that had stopped",
    )
    assert not Attention.objects.filter(resolved_at__isnull=True).exists()


def test_who_has_paid_meanwhile_stays(shop: Shop, brake: Attention, proved: Client) -> None:
    subscription = Subscription.objects.get(user__email=EMAILS[0])
    shop.sandbox.set_fields(subscription.stripe_id, status="active", ended_at=None, canceled_at=None)
    close(proved, brake)
    drain()
    assert still_in(shop) == [EMAILS[0], *EMAILS[3:]]


def test_a_list_that_has_grown_since_it_was_read_is_shown_anew(shop: Shop, brake: Attention, proved: Client) -> None:
    read = brakes.fingerprint_of(brake)
    cancel(shop, EMAILS[3])
    full_pass()
    page = close(proved, brake, fingerprint=read)
    assert "has changed since you read it" in page and EMAILS[3] in page
    sweep()
    assert still_in(shop) == EMAILS
    assert Attention.objects.get(pk=brake.pk).resolved_at is None


def test_nothing_is_closed_and_everything_compared_again(shop: Shop, brake: Attention, desk: Client) -> None:
    answer = desk.post(f"{page_of(brake)}again/", follow=True)
    assert "Nothing was closed" in answer.content.decode()
    assert still_in(shop) == EMAILS
    full_pass()
    assert Attention.objects.filter(kind=Attention.Kind.BRAKE, resolved_at__isnull=True).count() == 1
    assert Pass.objects.filter(kind="full").count() == 2
    assert "answered already" in desk.post(f"{page_of(brake)}again/", follow=True).content.decode()


def test_a_stop_is_not_settled_by_the_way(brake: Attention, desk: Client) -> None:
    assert desk.post(f"{DECIDE}{brake.pk}/settle/").status_code == 404
    assert Attention.objects.get().resolved_at is None


def test_who_came_in_long_ago_proves_to_be_there_before_anybody_loses_access(
    shop: Shop, brake: Attention, desk: Client
) -> None:
    answer = desk.post(f"{page_of(brake)}close/", {"fingerprint": brakes.fingerprint_of(brake)})
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/reauthenticate/code/")
    sweep()
    assert still_in(shop) == EMAILS


@pytest.mark.parametrize(
    ("role", "reads", "compares", "closes"),
    [("admin", 200, 303, 403), ("support", 200, 403, 403), ("member", 403, 403, 403), (None, 302, 302, 302)],
)
def test_only_an_owner_closes(
    shop: Shop, brake: Attention, role: str | None, reads: int, compares: int, closes: int
) -> None:
    browser = signed_in(cast.UserFactory(role=role)) if role else Client()
    path, given = page_of(brake), {"fingerprint": brakes.fingerprint_of(brake)}
    assert browser.get(path).status_code == reads
    assert browser.post(f"{path}close/", given).status_code == closes
    assert browser.post(f"{path}again/").status_code == compares
    assert Grant.objects.filter(state__in=Grant.OPEN).count() == 6


def test_a_long_list_comes_in_pages(brake: Attention, desk: Client) -> None:
    row = brake.details["closing"][0]
    Attention.objects.update(details={"closing": [row | {"email": f"a{n:03}@example.org"} for n in range(250)]})
    first, last = (desk.get(f"{page_of(brake)}?page={number}").content.decode() for number in (1, 3))
    assert "Page 1 of 3" in first and "a099@example.org" in first and "a100@example.org" not in first
    assert "a249@example.org" in last and "Close exactly these 250" in last


def test_a_member_of_the_list_is_a_click_away(brake: Attention, desk: Client, shop: Shop) -> None:
    person = Member(shop, EMAILS[0]).user
    assert f'href="/console/people/{person.pk}/"' in desk.get(page_of(brake)).content.decode()
