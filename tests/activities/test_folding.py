"""Hundreds whom one deed touches are one line that opens; whoever is looked for stands alone."""

import csv
import io
import re
from datetime import datetime, timedelta

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone

from activities import feed, folding
from activities.deliveries import deliver_due
from activities.feed import Cursor, Filters
from activities.models import Activity, Delivery
from activities.record import Happening, record
from hub import erasing
from hub.batches import carrying_out
from hub.models import Batch, BatchRow, Product, User
from tests import cast
from tests.members import just_came_in

Verb = Activity.Verb
FEED, CSV = "/console/activity/", "/console/activity.csv"


@pytest.fixture
def crowd(db: None) -> list[User]:
    """Four hundred, of whom Ada, Ben and Cleo are the first."""
    first = [cast.ada(), cast.ben(), cast.cleo()]
    return first + User.objects.bulk_create(User(email=f"m{n}@example.org", name=f"M {n}") for n in range(397))


@pytest.fixture
def desk(client: Client, owner: User) -> Client:
    client.force_login(owner)
    Activity.objects.all().delete()
    return client


def happenings(people: list[User], product: Product, *, at: datetime, deed: str = "batch-1") -> list[Happening]:
    """One access lost by each, a tenth of a second after the other."""
    return [
        Happening(
            verb=Verb.ACCESS_REMOVED,
            key=f"{deed}:{person.pk}",
            at=at + timedelta(milliseconds=100 * place),
            user_id=person.pk,
            product_id=product.pk,
            details={"reason": "revoked"},
            deed=deed,
        )
        for place, person in enumerate(people)
    ]


def words(answer: str) -> str:
    return " ".join(re.sub(r"<[^>]+>", "", answer).split())


def lines(html: str) -> int:
    return html.count('class="happening ') + html.count('class="happening"')


def test_four_hundred_are_one_line_that_opens(desk: Client, crowd: list[User], studio: Product, now: datetime) -> None:
    for happening in happenings(crowd, studio, at=now):
        record([happening], now=now)
    html = desk.get(FEED, {"live": "0"}).content.decode()
    assert lines(html) == 1
    assert "Ada Lind, Ben Kato, Cleo Marsh and 397 others lost access to Studio Membership" in words(html)
    opened = desk.get(re.findall(r'href="([^"]*\?of=\d+)">See all 400<', html)[0])
    seen, places = lines(opened.content.decode()), 1
    while older := opened.context["older"]:
        opened = desk.get(FEED + older)
        seen, places = seen + lines(opened.content.decode()), places + 1
    assert (seen, places) == (400, 8)
    assert "Access removed, 21 Nov 2026, " in words(opened.content.decode())


def test_it_is_the_same_whether_they_are_written_together_or_one_by_one(
    crowd: list[User], studio: Product, now: datetime
) -> None:
    together = happenings(crowd[:200], studio, at=now)
    record(together, now=now)
    record(together, now=now)
    for happening in happenings(crowd[:10], studio, at=now + timedelta(minutes=1)):
        record([Happening(**{**_fields(happening), "key": f"again:{happening.key}"})], now=now)
    (line,) = feed.page(Filters()).activities
    assert line.crowd and line.crowd.count == 210


@pytest.mark.parametrize(("people", "said"), [(10_003, "10,000"), (10_004, "10,000+")])
def test_nobody_counts_beyond_ten_thousand_others(
    desk: Client, crowd: list[User], studio: Product, now: datetime, people: int, said: str
) -> None:
    record(happenings(crowd[:3], studio, at=now), now=now)
    third = Activity.objects.order_by("pk").last()
    assert third and third.is_folded
    more = (
        Activity(verb=third.verb, at=now, recorded_at=now, fold=third.fold, is_folded=True, key=f"{n}")
        for n in range(people - 3)
    )
    Activity.objects.bulk_create(more)
    html = desk.get(FEED, {"live": "0"}).content.decode()
    assert f"Cleo Marsh and {said} others lost access" in words(html)
    assert f"See all {'10,000+' if people > 10_000 else people}" in words(html)


def _fields(happening: Happening) -> dict[str, object]:
    return {name: getattr(happening, name) for name in Happening.__dataclass_fields__}


def test_the_overview_shows_it_once_and_the_person_alone(
    desk: Client, crowd: list[User], studio: Product, now: datetime
) -> None:
    record(happenings(crowd, studio, at=now), now=now)
    assert words(desk.get("/console/").content.decode()).count("lost access") == 1
    person = words(desk.get(f"/console/people/{crowd[200].pk}/").content.decode())
    assert f"{crowd[200].name} lost access to Studio Membership" in person and "others" not in person


def test_whoever_is_looked_for_is_found_alone(desk: Client, crowd: list[User], studio: Product, now: datetime) -> None:
    record(happenings(crowd, studio, at=now), now=now)
    html = words(desk.get(FEED, {"q": crowd[200].email}).content.decode())
    assert f"{crowd[200].name} lost access to Studio Membership" in html and "others" not in html


def test_the_spreadsheet_has_everybody(desk: Client, crowd: list[User], studio: Product, now: datetime) -> None:
    record(happenings(crowd, studio, at=now), now=now)
    body = b"".join(just_came_in(desk).get(CSV).streaming_content).decode("utf-8-sig")  # type: ignore[attr-defined]
    rows = [row for row in csv.DictReader(io.StringIO(body)) if row["Kind"] == "Access removed"]
    assert {row["E-mail"] for row in rows} == {person.email for person in crowd}


def test_pages_miss_nothing_where_lines_of_many_and_of_one_stand_together(
    crowd: list[User], studio: Product, now: datetime
) -> None:
    for deed in range(30):
        few = happenings(crowd[deed * 10 : deed * 10 + 10], studio, at=now, deed=f"batch-{deed}")
        alone = Happening(verb=Verb.SIGNED_IN, key=f"in:{deed}", at=now + timedelta(seconds=deed % 3))
        record([*few, alone], now=now)
    seen: list[int] = []
    cursor: Cursor | None = None
    while not seen or cursor:
        page = feed.page(Filters(), after=cursor, size=7)
        seen += [line.pk for line in page.activities]
        cursor = page.older
    assert len(seen) == len(set(seen)) == 60


@pytest.mark.parametrize("zone", ["UTC", "Asia/Kathmandu", "America/St_Johns", "Pacific/Chatham"])
def test_no_day_that_is_asked_for_cuts_a_line_in_two(
    crowd: list[User], studio: Product, now: datetime, zone: str
) -> None:
    with timezone.override(zone):
        midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
        record(happenings(crowd, studio, at=midnight - timedelta(seconds=20)), now=now)
        before, after = midnight.date() - timedelta(days=1), midnight.date()
        found = [feed.page(filters).activities for filters in (Filters(until=before), Filters(since=after))]
    counts = [[line.crowd.count for line in page if line.crowd] for page in found]
    assert counts == [[200], [200]]


def test_a_page_of_lines_of_many_costs_as_much_as_one(
    desk: Client, crowd: list[User], studio: Product, now: datetime
) -> None:
    record(happenings(crowd[:20], studio, at=now), now=now)
    desk.get(FEED)
    with CaptureQueriesContext(connection) as one:
        desk.get(FEED)
    for deed in range(2, 42):
        record(happenings(crowd[:20], studio, at=now, deed=f"batch-{deed}"), now=now)
    with CaptureQueriesContext(connection) as many:
        html = desk.get(FEED).content.decode()
    assert html.count("and 17 others") == 41
    assert len(many) == len(one)


def test_the_live_page_puts_who_joins_into_the_line_that_is_there(
    desk: Client, crowd: list[User], studio: Product, now: datetime
) -> None:
    told = happenings(crowd, studio, at=now)
    poll = desk.get(FEED).context["poll"]
    record(told[:3], now=now)
    answer = desk.get(FEED + poll)
    html = answer.content.decode()
    assert lines(html) == 1 and "Ada Lind, Ben Kato and Cleo Marsh lost access" in words(html)
    record(told[3:], now=now)
    answer = desk.get(FEED + answer.context["poll"])
    html = answer.content.decode()
    line = Activity.objects.get(is_folded=False)
    assert f'id="happening-{line.pk}" hx-swap-oob="true"' in html and "and 397 others" in words(html)
    assert "HX-Refresh" not in answer.headers
    assert desk.get(FEED + answer.context["poll"]).status_code == 204


def test_a_batch_its_letters_and_its_undoing_are_a_line_each(
    desk: Client, crowd: list[User], studio: Product, owner: User, now: datetime
) -> None:
    batch = Batch.objects.create(
        deed=Batch.Deed.GIVE, about="all", product=studio, reason="a prize", made_by=owner, created_at=now, writes=True
    )
    BatchRow.objects.bulk_create(BatchRow(batch=batch, user=person) for person in crowd[:60])
    carrying_out.start(batch, now=now)
    carrying_out.carry_on_all()
    deliver_due(now=timezone.now(), limit=100)
    assert Delivery.objects.filter(state=Delivery.State.SENT).count() == 60
    batch.refresh_from_db()
    carrying_out.undo(batch, actor=owner, now=now)
    carrying_out.carry_on_all()
    html = words(desk.get(FEED, {"live": "0"}).content.decode())
    many = "Ada Lind, Ben Kato, Cleo Marsh and 57 others"
    for told in (
        f"{many} got access to Studio Membership",
        f"{many} lost access to Studio Membership",
        f"{many} were sent the access e-mail about Studio Membership",
    ):
        assert html.count(told) == 1, told
    assert Activity.objects.filter(is_folded=False).count() <= 8  # a quarter of an hour may have passed


def test_a_line_lives_on_when_the_first_who_stood_in_it_is_erased(
    crowd: list[User], studio: Product, owner: User, now: datetime
) -> None:
    told = [
        Happening(verb=Verb.EMAIL_SENT, key=f"mail:{person.pk}", at=now, user_id=person.pk, deed="batch-1")
        for person in crowd
    ]
    record(told, now=now)
    erasing.erase(crowd[0], actor=owner, now=now)
    (line,) = feed.page(Filters(verbs=[Verb.EMAIL_SENT])).activities
    assert line.crowd and line.crowd.count == 399
    assert line.user in crowd[1:]


def test_who_stands_alone_costs_no_query(crowd: list[User], now: datetime) -> None:
    record([Happening(verb=Verb.SIGNED_IN, key="in", at=now, user_id=crowd[0].pk)], now=now)
    alone = list(Activity.objects.all())
    with CaptureQueriesContext(connection) as queries:
        assert folding.gather(alone) == alone
    assert len(queries) == 0
