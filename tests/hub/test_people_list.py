"""The console's list of people: narrowed by payment and role, and each filter taken off by a click."""

from collections.abc import Callable
from datetime import timedelta
from urllib.parse import urlencode

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from activities import clock, feed
from activities.models import Activity
from billing.models import Connection, Order, Subscription
from hub.models import Batch, User
from hub.people import Filters, select_people
from tests import cast
from tests.hub.conftest import Studio
from tests.members import just_came_in

Enter = Callable[[User], Client]


def subscribe(user: User, studio: Studio, *, status: str, ends: bool = False) -> None:
    account, _ = Connection.objects.get_or_create(account_id="acct_1")
    Subscription.objects.create(
        stripe_id=f"sub_{user.pk}",
        connection=account,
        customer_id=f"cus_{user.pk}",
        user=user,
        status=status,
        data={},
        cancel_at=studio.now + timedelta(days=3) if ends else None,
        created=studio.now,
        fetched_at=studio.now,
    )


def names(client: Client, **query: object) -> set[str]:
    people = client.get("/console/people/", query).context["found"].people
    return {person.email.split("@")[0] for person in people}


def test_people_are_told_apart_by_how_they_pay(
    studio: Studio, ada: User, ben: User, cleo: User, dan: User, owner: User, signed_in: Enter
) -> None:
    subscribe(ada, studio, status="active")
    subscribe(ben, studio, status="past_due")
    subscribe(cleo, studio, status="canceled")
    eva = cast.UserFactory(email="eva@example.org")
    subscribe(eva, studio, status="active", ends=True)
    Order.objects.create(
        connection=Connection.objects.get(),
        key="pi_1",
        user=ada,
        state=Order.State.PAID,
        currency="eur",
        created=studio.now,
        fetched_at=studio.now,
    )
    client = signed_in(owner)
    assert names(client, stage="active") == {"ada"}
    assert names(client, stage="past_due") == {"ben"}
    assert names(client, stage="ended") == {"cleo"}
    assert names(client, stage="ending") == {"eva"}
    assert names(client, stage="bought") == {"ada"}
    assert names(client, stage="none", role="member") == {"dan"}


@pytest.mark.parametrize(
    "query",
    [
        {"state": "had"},
        {"state": "open", "stage": "nonsense"},
        {"role": "boss"},
        {"seen": "soon"},
        {"product": "9999"},
        {"since": "x"},
        {"until": "9999-12-31"},
        {"order": "shoe size"},
        {"q": "a" * 1001},
        {"q": "\0"},
    ],
)
def test_a_filter_that_cannot_be_read_shows_and_exports_and_changes_nobody(
    studio: Studio, ada: User, owner: User, signed_in: Enter, query: dict[str, str]
) -> None:
    studio.give(ada, studio.course)
    client, name = just_came_in(signed_in(owner)), list(query)[-1]
    page = client.get("/console/people/", query)
    html = page.content.decode()
    assert not page.context["found"].people
    assert "Nothing is shown" in html and page.context["form"].misread[0] in html
    assert [chip.is_misread for chip in page.context["chips"]][-1]
    assert name not in page.context["chips"][-1].without
    exported = client.get("/console/people/export/", query)
    assert exported["Location"].startswith("/console/people/?")
    body = {"deed": "take", "everybody": "1"}
    client.post(f"/console/people/together/new/?{urlencode(query)}", body)
    assert not Batch.objects.exists() and not Activity.objects.filter(verb="staff_action").exists()


@pytest.mark.parametrize(
    ("role", "found"), [("staff", {"owner", "sam"}), ("support", {"sam"}), ("member", {"ada"}), ("admin", set())]
)
def test_people_are_told_apart_by_role(
    studio: Studio, ada: User, owner: User, signed_in: Enter, role: str, found: set[str]
) -> None:
    cast.UserFactory(email="sam@example.org", role=User.Role.SUPPORT)
    assert names(signed_in(owner), role=role) == found


def test_each_filter_is_a_chip_that_leads_to_the_list_without_it(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    client = signed_in(owner)
    page = client.get(
        "/console/people/",
        {"q": "ada", "product": studio.course.pk, "since": "2026-01-01", "order": "name", "after": "x_1"},
    )
    chips = {chip.label: chip for chip in page.context["chips"]}
    assert {label: chip.words for label, chip in chips.items()} == {
        "Search": "ada",
        "Product": "The Wheel",
        "Joined from": "1 Jan 2026",
    }
    without = chips["Product"].without
    assert "product=" not in without
    assert "after=" not in without
    assert "order=name" in without
    assert {chip.label for chip in client.get(f"/console/people/{without}").context["chips"]} == {
        "Search",
        "Joined from",
    }


def test_of_several_kinds_in_the_feed_one_is_taken_off_at_a_time(studio: Studio, owner: User, signed_in: Enter) -> None:
    client = signed_in(owner)
    chips = client.get("/console/activity/?verb=refunded&verb=disputed&since=2026-01-01").context["chips"]
    assert [(chip.label, chip.words) for chip in chips] == [
        ("Kind", "Refunded"),
        ("Kind", "Disputed"),
        ("From", "1 Jan 2026"),
    ]
    left = client.get(f"/console/activity/{chips[0].without}").context["chips"]
    assert [chip.words for chip in left] == ["Disputed", "1 Jan 2026"]


@pytest.mark.parametrize(
    "path",
    [
        "/console/people/?state=open&order=name",
        "/console/activity/?verb=access_granted&live=0",
        "/console/people/together/",
        "/console/",
    ],
)
def test_a_list_costs_as_many_queries_whatever_its_length(
    studio: Studio, owner: User, signed_in: Enter, path: str
) -> None:
    client = signed_in(owner)

    def queries() -> int:
        with CaptureQueriesContext(connection) as asked:
            assert client.get(path).status_code == 200
        return len(asked)

    def more(count: int) -> None:
        for person in cast.UserFactory.create_batch(count, proved=False):
            studio.give(person, studio.course)
            studio.subscribe(person, studio.club, state="grace", reason="past_due_grace")
            Batch.objects.create(
                deed="invite", state="done", about="x", reason="x", made_by=owner, created_at=studio.now
            )

    more(2)
    queries()
    few = queries()
    more(30)
    assert queries() <= few


def total(client: Client, **query: object) -> str:
    return str(client.get("/console/people/", query).context["found"].total)


def test_the_list_says_how_many_there_are_and_how_many_match(
    studio: Studio, ada: User, ben: User, dan: User, owner: User, signed_in: Enter, monkeypatch: pytest.MonkeyPatch
) -> None:
    studio.give(ada, studio.course)
    client = signed_in(owner)
    html = client.get("/console/people/").content.decode()
    assert '<p class="list-total muted num">4 people</p>' in html
    assert total(client, q="ada@") == total(client, state="open") == "1 of 4 people"
    assert total(client, order="name") == "4 people"
    for copied in (f"Ada <{ada.email}>", f"mailto:{ada.email}", f" {ada.email}, "):
        assert total(client, q=copied) == "1 of 4 people"
    assert total(client, q="nobody@") == "0 of 4 people"
    cast.UserFactory.create_batch(60)
    first = client.get("/console/people/")
    assert str(first.context["found"].total) == "64 people"
    assert "list-total" not in client.get(f"/console/people/{first.context['older']}").content.decode()
    monkeypatch.setattr("hub.people.COUNTED", 40)
    assert total(client) == "40+ people"
    assert total(client, q="ada@") == "1 of 40+ people"
    monkeypatch.setattr("hub.people.MATCHED", 2)
    assert total(client, state="never") == "2+ of 40+ people"


def test_the_first_of_all_is_one_person(owner: User, signed_in: Enter) -> None:
    assert total(signed_in(owner)) == "1 person"


@pytest.mark.parametrize(
    ("word", "found"),
    [
        ("straße", {"weiss"}),
        ("STRASSE", set()),
        ("%", {"percent"}),
        ("o'ne", {"percent"}),
        ("a_b", {"under_a_b"}),
        ("der_a", {"under_a_b"}),
        ("EISS@EX", {"weiss"}),
        ("ße", {"weiss"}),
        ("\\", set()),
    ],
)
def test_a_word_is_found_wherever_it_stands(owner: User, signed_in: Enter, word: str, found: set[str]) -> None:
    cast.UserFactory(email="weiss@example.com", name="Anna Lange Straße")
    cast.UserFactory(email="percent@example.com", name="100% O'Neil")
    cast.UserFactory(email="under_a_b@example.com", name="axb")
    assert names(signed_in(owner), q=word) == found


@pytest.mark.postgres
def test_a_search_reads_no_large_table_whole(owner: User) -> None:
    User.objects.bulk_create(User(email=f"person{n}@example.org", name=f"Member {n}") for n in range(8_000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    for words in ("son7777", "zzzz", "member 4242"):
        plan = select_people(Filters(words=words), now=clock.now()).explain()
        assert "people_by_pieces" in plan and "Seq Scan on hub_user" not in plan, plan
    assert select_people(Filters(words="son777"), now=clock.now()).count() == 11


@pytest.mark.postgres
def test_who_acted_is_looked_up_by_the_same_index(owner: User) -> None:
    User.objects.bulk_create(User(email=f"person{n}@example.org") for n in range(8_000))
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE")
    with CaptureQueriesContext(connection) as queries:
        list(feed.page(feed.Filters(words="son7777")).activities)
    assert "hub_pieces_of" in queries[0]["sql"]


def test_what_two_gifts_say_alike_stands_in_the_spreadsheet_once(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    studio.give(ada, studio.course)
    answer = just_came_in(signed_in(owner)).get("/console/people/export/", {"q": "ada@"})
    assert b"".join(answer.streaming_content).decode().count("ada@example.org") == 1


@pytest.mark.parametrize(
    ("name", "said", "short", "initials"),
    [
        ("Ada Lind", "Ada Lind", "Ada", "AL"),
        ("\u202edniL adA\u202c", "dniL adA", "dniL", "DA"),
        ("\u2067\u202e\u2069", "turned@example.org", "turned", "T"),
        ("דנה לוי", "דנה לוי", "דנה", "דל"),
    ],
)
def test_no_name_turns_the_sentence_that_it_stands_in(name: str, said: str, short: str, initials: str) -> None:
    person = User(name=name, email="turned@example.org")
    assert (str(person), person.short_name, person.initials) == (said, short, initials)
