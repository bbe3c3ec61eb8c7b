"""The feed's selections, pages and export."""

import csv
import io
from datetime import date, datetime, timedelta

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from activities import feed
from activities.feed import Cursor, Filters
from activities.models import Activity
from activities.record import Happening, record
from hub.models import Product, User

Verb = Activity.Verb


@pytest.fixture
def week(ada: User, ben: User, studio: Product, now: datetime) -> None:
    """Ada signs in every day of a week; Ben's payment fails on the last."""
    days = [
        Happening(verb=Verb.SIGNED_IN, key=f"in:{days}", at=now - timedelta(days=days), user_id=ada.pk)
        for days in range(7)
    ]
    failed = Happening(
        verb=Verb.PAYMENT_FAILED,
        key="failed",
        at=now,
        user_id=ben.pk,
        product_id=studio.pk,
        details={"amount": 2400, "currency": "eur"},
        cause="evt_1",
    )
    record([*days, failed], now=now)


def keys(filters: Filters) -> set[str]:
    return set(feed.find(filters).values_list("key", flat=True))


@pytest.mark.usefixtures("week")
def test_everything_is_shown_newest_first() -> None:
    ats = [activity.at for activity in feed.page(Filters()).activities]
    assert len(ats) == 8
    assert ats == sorted(ats, reverse=True)


@pytest.mark.usefixtures("week")
def test_it_can_be_narrowed(ada: User, ben: User, studio: Product, now: datetime) -> None:
    assert keys(Filters(verbs=[Verb.PAYMENT_FAILED])) == {"failed"}
    assert len(keys(Filters(verbs=[Verb.PAYMENT_FAILED, Verb.SIGNED_IN]))) == 8
    assert keys(Filters(words="kato BEN")) == {"failed"}
    assert keys(Filters(words="ben@example")) == {"failed"}
    assert keys(Filters(words="ben ada")) == set()
    assert keys(Filters(product_id=studio.pk)) == {"failed"}
    assert keys(Filters(user_id=ben.pk)) == {"failed"}
    assert [activity.key for activity in feed.find(Filters(user_id=ben.pk))] == ["failed"]
    assert [activity.key for activity in feed.find(Filters(product_id=studio.pk))] == ["failed"]


@pytest.mark.usefixtures("week")
def test_days_are_whole_and_both_included() -> None:
    assert keys(Filters(since=date(2026, 11, 20))) == {"in:0", "in:1", "failed"}
    assert keys(Filters(until=date(2026, 11, 16))) == {"in:5", "in:6"}
    assert keys(Filters(since=date(2026, 11, 18), until=date(2026, 11, 18))) == {"in:3"}


@pytest.mark.usefixtures("week")
def test_days_are_those_of_the_reader() -> None:
    with timezone.override("Pacific/Kiritimati"):  # UTC+14: noon is the next day at 02:00
        assert keys(Filters(since=date(2026, 11, 22))) == {"in:0", "failed"}


def test_pages_miss_nothing_and_repeat_nothing_even_in_one_second(ada: User, now: datetime) -> None:
    record(
        [
            Happening(verb=Verb.SIGNED_IN, key=f"k{n}", at=now - timedelta(seconds=n // 4), user_id=ada.pk)
            for n in range(30)
        ],
        now=now,
    )
    seen: list[str] = []
    cursor = None
    for _ in range(10):
        page = feed.page(Filters(), after=cursor, size=7)
        seen += [activity.key for activity in page.activities]
        cursor = page.older
        if cursor is None:
            break
    assert len(seen) == len(set(seen)) == 30


def test_a_cursor_survives_the_address_bar(ada: User, now: datetime) -> None:
    cursor = Cursor(now.replace(microsecond=123456), 42)
    assert Cursor.read(str(cursor)) == cursor


@pytest.mark.parametrize("text", ["", "_", "x_1", "2026-11-21T12:00:00Z_", "2026-11-21_1", "2026-11-21T12:00:00Z_²"])
def test_what_is_no_cursor_is_the_first_page(text: str) -> None:
    assert Cursor.read(text) is None


@pytest.mark.usefixtures("week")
def test_a_page_costs_one_query() -> None:
    with CaptureQueriesContext(connection) as queries:
        page = feed.page(Filters())
        for activity in page.activities:
            _ = str(activity.user), str(activity.product), str(activity.actor)
    assert len(queries) == 1


def table(filters: Filters) -> list[dict[str, str]]:
    text = b"".join(feed.export_csv(filters)).decode("utf-8-sig")
    return list(csv.DictReader(io.StringIO(text)))


@pytest.mark.usefixtures("week")
def test_the_export_has_what_the_feed_has() -> None:
    (row,) = table(Filters(verbs=[Verb.PAYMENT_FAILED]))
    assert row == {
        "At (UTC)": "2026-11-21 12:00:00",
        "Recorded at (UTC)": "2026-11-21 12:00:00",
        "Kind": "Payment failed",
        "Person": "Ben Kato",
        "E-mail": "ben@example.org",
        "Product": "Studio Membership",
        "What": "Ben Kato’s payment failed for Studio Membership, €24.00",
        "Amount": "24.00",
        "Currency": "EUR",
        "By": "",
        "Cause": "evt_1",
        "Imported": "",
    }


@pytest.mark.parametrize("name", ['=HYPERLINK("http://evil.example")', "+1", "-2+3", "@SUM(A1)", "\t=1", "\r=1"])
def test_a_name_cannot_be_a_formula(name: str, now: datetime, db: None) -> None:
    user = User.objects.create_user("x@example.org", name=name)
    record([Happening(verb=Verb.SIGNED_IN, key="k", at=now, user_id=user.pk)], now=now)
    (row,) = table(Filters())
    assert row["Person"] == f"'{name}"


@pytest.mark.parametrize(
    ("amount", "currency", "text"),
    [(2400, "jpy", "2400"), (1234, "kwd", "1.234"), (5, "eur", "0.05"), (-500, "usd", "-5.00")],
)
def test_amounts_are_plain_decimals(amount: int, currency: str, text: str, now: datetime, db: None) -> None:
    details = {"amount": amount, "currency": currency}
    record([Happening(verb=Verb.REFUNDED, key="k", at=now, details=details)], now=now)
    (row,) = table(Filters())
    assert (row["Amount"], row["Currency"]) == (text, currency.upper())
