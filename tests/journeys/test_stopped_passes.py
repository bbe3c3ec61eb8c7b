"""A full pass that would close too much waits for the owner: exactly its list is closed, or nothing is."""

import re
from collections.abc import Callable, Iterator
from contextlib import contextmanager
from datetime import UTC, datetime
from typing import Any

import pytest
from django.db import connection
from django.test import Client

from activities.models import Activity
from billing.desk import closings
from billing.intake.draining import drain, sweep
from billing.models import Attention, Pass, Subscription
from billing.sweeping.reconcile import full_pass
from hub.models import Grant, Product, User
from tests import cast
from tests.hub.test_reentry import prove
from tests.members import Member, signed_in
from tests.shops import Shop

EMAILS = [f"member{n}@example.org" for n in range(6)]
DECIDE = "/console/decide/"
STRIPE = "/console/stripe/"
NOW = datetime(2026, 1, 1, tzinfo=UTC)


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
    assert page_of(brake) in questions and "See the list" in questions
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
    read = closings.fingerprint_of(brake)
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
    answer = desk.post(f"{page_of(brake)}close/", {"fingerprint": closings.fingerprint_of(brake)})
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
    path, given = page_of(brake), {"fingerprint": closings.fingerprint_of(brake)}
    assert browser.get(path).status_code == reads
    assert browser.post(f"{path}close/", given).status_code == closes
    assert browser.post(f"{path}again/").status_code == compares
    assert Grant.objects.filter(state__in=Grant.OPEN).count() == 6


def test_a_long_list_comes_in_pages(brake: Attention, desk: Client) -> None:
    row, club = brake.details["closing"][0], Product.objects.get(slug="studio")
    people = User.objects.bulk_create(User(email=f"a{n:03}@example.org", joined_at=NOW) for n in range(250))
    given = Grant.objects.bulk_create(
        Grant(user=person, product=club, source="manual", source_ref="x", state="active", reason="given", starts_at=NOW)
        for person in people
    )
    Attention.objects.update(details={"closing": [row | {"grant": grant.pk} for grant in given]})
    first, last = (desk.get(f"{page_of(brake)}?page={number}").content.decode() for number in (1, 3))
    assert "Page 1 of 3" in first and "a099@example.org" in first and "a100@example.org" not in first
    assert "a249@example.org" in last and "Close exactly these 250" in last


def test_a_member_of_the_list_is_a_click_away(brake: Attention, desk: Client, shop: Shop) -> None:
    person = Member(shop, EMAILS[0]).user
    assert f'href="/console/people/{person.pk}/"' in desk.get(page_of(brake)).content.decode()


@contextmanager
def once_all_is_compared(act: Callable[[], Any]) -> Iterator[None]:
    """Acts when a pass has rehearsed whatever differs, and first asks what waits for a person."""
    depth, acted = len(connection.savepoint_ids), False

    def watch(execute: Any, sql: str, params: Any, many: bool, context: Any) -> Any:
        nonlocal acted
        if not acted and '"billing_attention"' in sql and len(connection.savepoint_ids) == depth:
            acted = True
            act()
        return execute(sql, params, many, context)

    with connection.execute_wrapper(watch):
        yield
    assert acted


def cancel_unheard(shop: Shop, *emails: str) -> Callable[[], Any]:
    """Ends their subscriptions while nobody hears of it; returns what has the site hear."""
    for email in emails:
        shop.sandbox.api.subscriptions.cancel(Subscription.objects.get(user__email=email).stripe_id)
    held = shop.sandbox.take_pending()

    def hear() -> None:
        for delivery in held:
            assert shop.post_webhook(delivery) == 200
        drain()

    return hear


@pytest.fixture
def six(shop: Shop) -> Shop:
    for email in EMAILS:
        shop.buy(shop.monthly, email=email)
    shop.deliver()
    return shop


def test_what_events_closed_before_the_pass_was_over_is_asked_of_nobody(six: Shop, desk: Client) -> None:
    hear = cancel_unheard(six, *EMAILS[:3])
    with once_all_is_compared(hear):
        run = full_pass()
    assert run is not None and run.stopped == ""
    assert len(run.found) == 3, "they were open when they were compared"
    assert still_in(six) == EMAILS[3:]
    assert not Attention.objects.exists()


def test_only_what_was_open_at_its_end_counts_for_a_stop(six: Shop, desk: Client) -> None:
    hear = cancel_unheard(six, EMAILS[0])
    cancel(six, *EMAILS[1:4])
    with once_all_is_compared(hear):
        run = full_pass()
    assert run is not None and run.stopped.startswith("3 grants would close")
    asked = Attention.objects.get(kind=Attention.Kind.BRAKE)
    page = desk.get(page_of(asked)).content.decode()
    assert [email in page for email in EMAILS] == [False, True, True, True, False, False]
    assert "ended meanwhile" not in page


def test_what_ends_while_it_waits_is_neither_shown_nor_confirmed(six: Shop, proved: Client) -> None:
    hear = cancel_unheard(six, EMAILS[0])
    cancel(six, *EMAILS[1:3])
    full_pass()
    asked = Attention.objects.get(kind=Attention.Kind.BRAKE)
    read = closings.fingerprint_of(asked)
    hear()
    page = proved.get(page_of(asked)).content.decode()
    assert [email in page for email in EMAILS[:3]] == [False, True, True]
    assert "1 of the 3 has ended meanwhile" in page and "Close exactly these 2" in page
    assert "2 of 3" in proved.get(DECIDE).content.decode()
    assert "Being closed: 2" in close(proved, asked, fingerprint=read)
    drain()
    assert still_in(six) == EMAILS[3:]
    told = Activity.objects.filter(verb="staff_action").latest("pk")
    assert told.details["reason"] == "confirmed that access ends: 2 of a full pass that had stopped"
    answered = proved.get(page_of(asked)).content.decode()
    assert "had 2 of the 3 closed; 1 had ended by then." in answered
    assert answered.count('data-label="Now"') == 3


def test_a_stop_of_which_nothing_is_left_settles_itself_and_says_why(six: Shop, proved: Client) -> None:
    hear = cancel_unheard(six, *EMAILS[:3])
    full_pass()
    asked = Attention.objects.get(kind=Attention.Kind.BRAKE)
    hear()
    page = proved.get(page_of(asked)).content.decode()
    assert "All of them have ended meanwhile" in page
    assert "Everybody below still has access" not in page and "Close exactly" not in page
    sweep()
    asked.refresh_from_db()
    assert asked.resolved_at is not None
    assert "All 3 ended meanwhile without it" in proved.get(page_of(asked)).content.decode()
    assert "All 3 ended meanwhile without it" in proved.get(STRIPE).content.decode()
    assert Attention.Kind.BRAKE.label not in proved.get("/console/").content.decode()
    assert not Activity.objects.filter(details__reason__icontains="access ends").exists()


def test_who_confirms_what_has_all_ended_has_confirmed_nothing(six: Shop, proved: Client) -> None:
    hear = cancel_unheard(six, *EMAILS[:3])
    full_pass()
    asked = Attention.objects.get(kind=Attention.Kind.BRAKE)
    read = closings.fingerprint_of(asked)
    hear()
    answer = proved.post(f"{page_of(asked)}close/", {"fingerprint": read}, follow=True).content.decode()
    assert "All of them had ended meanwhile" in answer
    assert not Activity.objects.filter(details__reason__icontains="access ends").exists()
    assert not Attention.objects.filter(resolved_at__isnull=True).exists()


def test_stripes_page_says_what_became_of_the_last_stop(
    shop: Shop, brake: Attention, proved: Client, owner: User
) -> None:
    waiting = proved.get(STRIPE).content.decode()
    assert "3 grants would close: waiting for the owner." in waiting and page_of(brake) in waiting
    assert waiting.count("should be ended, now open") == 3
    close(proved, brake)
    drain()
    answered = proved.get(STRIPE).content.decode()
    assert "waiting for the owner" not in answered
    assert f"{owner} had 3 of the 3 closed." in answered
    assert answered.count("should be ended, now ended") == 3


def test_stripes_page_says_that_nothing_was_closed(brake: Attention, proved: Client, owner: User) -> None:
    proved.post(f"{page_of(brake)}again/")
    answered = proved.get(STRIPE).content.decode()
    assert "waiting for the owner" not in answered
    assert f"{owner} had nothing closed, and everything compared again." in answered


def test_a_later_pass_that_goes_through_takes_the_place_of_a_stop(shop: Shop, brake: Attention, proved: Client) -> None:
    full_pass(confirmed=True)
    drain()
    page = proved.get(page_of(brake)).content.decode()
    assert "A later full pass went through" in page
    assert still_in(shop) == EMAILS[3:]
