"""The feed's pages, for those who may see them."""

from dataclasses import replace
from datetime import datetime
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from activities.models import Activity
from activities.record import Happening, record
from hub.models import Product, User
from tests.cast import UserFactory
from tests.members import just_came_in

Verb = Activity.Verb
FEED, CSV = "/console/activity/", "/console/activity.csv"


@pytest.fixture
def staff(client: Client, owner: User) -> Client:
    client.force_login(owner)
    just_came_in(client)
    Activity.objects.all().delete()
    return client


@pytest.fixture
def failed(ben: User, studio: Product, now: datetime) -> Happening:
    return Happening(
        verb=Verb.PAYMENT_FAILED,
        key="failed",
        at=now,
        user_id=ben.pk,
        product_id=studio.pk,
        details={"amount": 2400, "currency": "eur", "failure": "Your card was declined."},
    )


@pytest.mark.parametrize("address", [FEED, CSV])
def test_strangers_are_asked_to_sign_in_and_members_are_refused(client: Client, dan: User, address: str) -> None:
    assert client.get(address).headers["Location"].startswith("/accounts/login/?next=")
    client.force_login(dan)
    assert client.get(address).status_code == 403


def test_the_feed_tells_what_happened(staff: Client, failed: Happening, now: datetime) -> None:
    record([failed], now=now)
    html = staff.get(FEED).content.decode()
    assert '<a href="/products/studio-membership/">Studio Membership</a>' in html
    assert "Ben Kato’s</a> payment failed for" in html
    assert "€24.00 · Your card was declined" in html


def test_an_empty_feed_says_what_will_come(staff: Client) -> None:
    assert "Nothing has happened yet" in staff.get(FEED).content.decode()


def test_a_feed_that_matches_nothing_says_what_to_do(staff: Client) -> None:
    html = staff.get(FEED, {"q": "nobody"}).content.decode()
    assert "Nothing matches" in html
    assert 'value="nobody"' in html


@pytest.mark.parametrize(
    "query", [{"since": "soon", "verb": "payment_failed"}, {"verb": ["payment_failed", "had"]}, {"q": "a" * 101}]
)
def test_a_filter_that_cannot_be_read_is_said_and_nothing_is_shown_or_exported(
    staff: Client, failed: Happening, now: datetime, query: dict[str, object]
) -> None:
    record([failed], now=now)
    page = staff.get(FEED, query)
    assert page.status_code == 200 and not page.context["page"].activities
    assert all(sentence in page.content.decode() for sentence in ["Nothing is shown", *page.context["form"].misread])
    exported = staff.get(CSV, query)
    assert exported["Location"] == f"{FEED}?{urlencode(query, doseq=True)}"
    assert not Activity.objects.filter(verb=Verb.STAFF_ACTION).exists()


@pytest.mark.parametrize("zone", ["Pacific/Auckland", "America/Los_Angeles"])
@pytest.mark.parametrize(
    "address",
    [
        "?until=9999-12-31",
        "?since=0001-01-01",
        "?after=0001-01-01T00:00:00%2B14:00_1",
        "?after=9999-12-31T23:59:59-12:00_1",
    ],
)
def test_the_ends_of_the_calendar_are_no_error_of_ours(
    staff: Client, owner: User, failed: Happening, now: datetime, address: str, zone: str
) -> None:
    record([failed], now=now)
    User.objects.filter(pk=owner.pk).update(timezone=zone)
    assert staff.get(FEED + address).status_code == staff.get(CSV + address, follow=True).status_code == 200


def test_the_rarer_filters_are_folded_until_one_is_set(staff: Client) -> None:
    folded = '<details class="disclosure filters-more" >'
    assert folded in staff.get(FEED, {"q": "ada"}).content.decode()
    for query in ({"verb": "signed_in"}, {"since": "2026-01-01"}):
        assert folded not in staff.get(FEED, query).content.decode()


def test_names_are_escaped(staff: Client, now: datetime) -> None:
    user = User.objects.create_user("x@example.org", name="<script>alert(1)</script>")
    record([Happening(verb=Verb.MEMBER_ADDED, key="k", at=now, user_id=user.pk)], now=now)
    html = staff.get(FEED).content.decode()
    assert "<script>alert" not in html
    assert "&lt;script&gt;alert" in html


def test_older_pages_are_one_link_away_and_keep_the_filter(staff: Client, failed: Happening, now: datetime) -> None:
    record([replace(failed, key=f"k{n}") for n in range(60)], now=now)
    first = staff.get(FEED, {"verb": "payment_failed"})
    assert first.context["older"].startswith("?verb=payment_failed&after=")
    second = staff.get(FEED + first.context["older"])
    assert len(second.context["page"].activities) == 10
    assert second.context["older"] is None
    assert "hx-get" not in second.content.decode()


def test_fifty_rows_cost_as_many_queries_as_one(staff: Client, failed: Happening, now: datetime) -> None:
    record([failed], now=now)
    staff.get(FEED)
    with CaptureQueriesContext(connection) as one:
        staff.get(FEED)
    record([replace(failed, key=f"k{n}") for n in range(60)], now=now)
    with CaptureQueriesContext(connection) as many:
        staff.get(FEED)
    assert len(many) == len(one) <= 10


def test_the_live_page_asks_for_what_is_new_and_gets_only_that(staff: Client, failed: Happening, now: datetime) -> None:
    record([failed], now=now)
    poll = staff.get(FEED).context["poll"]
    assert staff.get(FEED + poll).status_code == 204
    record([replace(failed, key="second", verb=Verb.PAYMENT_RECOVERED)], now=now)
    html = staff.get(FEED + poll).content.decode()
    assert html.count('class="happening ') == 1
    assert "went through after all" in html
    assert "<html" not in html
    assert f"newer={Activity.objects.get(key='second').pk}" in html


def test_the_live_page_keeps_its_filter(staff: Client, failed: Happening, now: datetime) -> None:
    record([failed], now=now)
    poll = staff.get(FEED, {"q": "ada"}).context["poll"]
    record([replace(failed, key="second")], now=now)
    assert staff.get(FEED + poll).status_code == 204


def test_an_empty_page_comes_alive_too(staff: Client, failed: Happening, now: datetime) -> None:
    html = staff.get(FEED).content.decode()
    assert "hx-trigger" in html
    poll = staff.get(FEED).context["poll"]
    record([failed], now=now)
    assert "Ben Kato" in staff.get(FEED + poll).content.decode()


def test_a_flood_reloads_the_page(staff: Client, failed: Happening, now: datetime) -> None:
    record([failed], now=now)
    poll = staff.get(FEED).context["poll"]
    record([replace(failed, key=f"k{n}") for n in range(80)], now=now)
    assert staff.get(FEED + poll).headers["HX-Refresh"] == "true"


def test_moving_rows_can_be_stopped(staff: Client, failed: Happening, now: datetime) -> None:
    record([failed], now=now)
    response = staff.get(FEED, {"live": "0"})
    assert "hx-get" not in response.content.decode()
    assert "Go live" in response.content.decode()


def test_the_export_is_a_download_and_is_itself_recorded(
    staff: Client, owner: User, failed: Happening, now: datetime
) -> None:
    record([failed], now=now)
    response = staff.get(CSV, {"verb": "payment_failed"})
    assert response.headers["Content-Disposition"].startswith("attachment; filename=")
    body = b"".join(response.streaming_content).decode()  # type: ignore[attr-defined]
    assert "ben@example.org" in body
    assert Activity.objects.get(verb=Verb.STAFF_ACTION).actor == owner


@pytest.mark.parametrize("newer", ["x", "-1", "9" * 40, "²"])
def test_a_senseless_address_shows_the_feed(staff: Client, newer: str) -> None:
    assert staff.get(FEED, {"newer": newer, "after": newer}).status_code == 200


def test_support_takes_no_personal_data_out_of_the_house(db: None, client: Client) -> None:
    client.force_login(UserFactory(role=User.Role.SUPPORT))
    assert client.get(CSV).status_code == 403
    assert CSV not in client.get(FEED).content.decode()
    client.force_login(UserFactory(role=User.Role.ADMIN))
    just_came_in(client)
    assert client.get(CSV).status_code == 200
    assert CSV in client.get(FEED).content.decode()
