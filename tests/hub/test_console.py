"""The console: who may enter, what it shows, what staff do by hand."""

import csv
import json
import re
from collections.abc import Callable
from datetime import timedelta
from pathlib import Path

import pytest
from django.test import Client
from django.utils import timezone
from django.utils.formats import date_format
from pytest_django import DjangoAssertNumQueries, Settings

from activities.models import Activity
from hub import erasing, grants
from hub.access import can_open
from hub.errors import Refused
from hub.models import Grant, Ledger, User
from tests import cast
from tests.hub.conftest import Studio
from tests.members import just_came_in

Enter = Callable[[User], Client]
PAGES = ["/console/", "/console/products/", "/console/people/"]


@pytest.fixture
def support(db: None) -> User:
    return cast.UserFactory(email="sam@example.org", name="Sam Ode", role=User.Role.SUPPORT)  # type: ignore[no-any-return]


@pytest.mark.parametrize("path", PAGES)
def test_staff_enter_members_are_refused_strangers_sign_in(
    studio: Studio, dan: User, owner: User, support: User, client: Client, signed_in: Enter, path: str
) -> None:
    assert client.get(path)["Location"] == f"/accounts/login/?next={path}"
    assert signed_in(dan).get(path).status_code == 403
    assert signed_in(owner).get(path).status_code == 200
    assert signed_in(support).get(path).status_code == 200


def test_every_act_by_hand_is_closed_to_members_and_strangers(
    studio: Studio, ada: User, dan: User, client: Client, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    grant = Grant.objects.get()
    for path in (
        f"/console/people/{dan.pk}/give/",
        f"/console/grants/{grant.pk}/revoke/",
        f"/console/grants/{grant.pk}/restore/",
    ):
        body = {"product": studio.kit.pk, "reason": "because"}
        assert client.post(path, body).status_code == 302
        assert signed_in(dan).post(path, body).status_code == 403
    assert signed_in(dan).get(f"/console/people/{ada.pk}/").status_code == 403
    assert Grant.objects.get().is_open


def test_giving_access_by_hand_opens_it_and_is_kept_with_its_reason(
    studio: Studio, dan: User, owner: User, signed_in: Enter
) -> None:
    day = timezone.localdate() + timedelta(days=30)
    body = {"product": studio.course.pk, "reason": "won the raffle", "ends_on": day.isoformat()}
    response = signed_in(owner).post(f"/console/people/{dan.pk}/give/", body, follow=True)
    assert response.redirect_chain == [(f"/console/people/{dan.pk}/", 303)]
    page = response.content.decode()
    assert "Dan Ruiz has access to The Wheel now." in page
    assert "won the raffle" in page
    assert can_open(dan, studio.course, now=timezone.now() + timedelta(days=29))
    assert not can_open(dan, studio.course, now=timezone.now() + timedelta(days=32))
    assert Ledger.objects.get().actor == owner


@pytest.mark.parametrize(
    "change",
    [{"reason": ""}, {"product": "0"}, {"ends_on": "2001-01-01"}, {"ends_on": "yesterday"}, {"ends_on": "9999-12-31"}],
)
def test_a_form_that_is_not_right_says_why_and_gives_nothing(
    studio: Studio, dan: User, owner: User, signed_in: Enter, change: dict[str, str]
) -> None:
    body = {"product": str(studio.course.pk), "reason": "prize", "ends_on": ""} | change
    response = signed_in(owner).post(f"/console/people/{dan.pk}/give/", body)
    assert response.status_code == 422
    assert 'aria-invalid="true"' in response.content.decode()
    assert not Grant.objects.exists()


def test_what_an_erased_person_had_is_given_back_by_nobody(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    grant = Grant.objects.get()
    erasing.erase(ada, actor=owner, now=studio.now)
    client = signed_in(owner)
    page = client.post(f"/console/grants/{grant.pk}/restore/", {"reason": "a mistake"}, follow=True)
    assert "This account was erased: nothing is given to it." in page.content.decode()
    with pytest.raises(Refused):
        grants.give(ada, studio.kit, actor=owner, reason="a gift", now=studio.now)
    chosen = {"action": "give_back", "_selected_action": [grant.pk], "reason": "a mistake"}
    assert client.post("/admin/hub/grant/", chosen).status_code == 302
    assert not Grant.objects.filter(state__in=Grant.OPEN).exists()


def test_taking_back_needs_a_reason_and_can_be_undone(studio: Studio, ada: User, owner: User, signed_in: Enter) -> None:
    studio.give(ada, studio.course)
    grant = Grant.objects.get()
    client = signed_in(owner)
    client.post(f"/console/grants/{grant.pk}/revoke/", {"reason": ""})
    assert can_open(ada, studio.course, now=timezone.now())
    client.post(f"/console/grants/{grant.pk}/revoke/", {"reason": "sold on"})
    assert not can_open(ada, studio.course, now=timezone.now())
    assert "Give back" in client.get(f"/console/people/{ada.pk}/").content.decode()
    client.post(f"/console/grants/{grant.pk}/restore/")
    assert can_open(ada, studio.course, now=timezone.now())


def test_a_reason_that_is_too_long_gives_nothing_back(studio: Studio, ada: User, owner: User, signed_in: Enter) -> None:
    studio.give(ada, studio.course)
    grant = grants.revoke(Grant.objects.get(), actor=owner, reason="shared", now=timezone.now())
    page = signed_in(owner).post(f"/console/grants/{grant.pk}/restore/", {"reason": "x" * 241}, follow=True)
    assert "That reason is too long" in page.content.decode()
    assert Grant.objects.get().state == Grant.State.REVOKED


def test_taking_back_one_of_two_says_that_the_other_still_opens(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    studio.subscribe(ada, studio.course)
    given = Grant.objects.get(source=Grant.Source.MANUAL)
    client = signed_in(owner)
    page = client.get(f"/console/people/{ada.pk}/").content.decode()
    for grant in Grant.objects.all():
        day = date_format(timezone.localtime(grant.starts_at), "j F Y")
        assert re.search(rf"Take back \({grant.get_source_display().lower()}, <time[^>]*>{day}</time>\)", page)
    page = client.post(f"/console/grants/{given.pk}/revoke/", {"reason": "twice"}, follow=True).content.decode()
    assert "The Wheel is still open through another subscription (The Wheel, " in page


def test_beside_a_moved_clock_days_are_those_of_that_clock(
    studio: Studio, dan: User, owner: User, signed_in: Enter, settings: Settings, tmp_path: Path
) -> None:
    settings.CLOCK_FILE = str(tmp_path / "clock.json")
    Path(settings.CLOCK_FILE).write_text(json.dumps({"offset": timedelta(days=40).total_seconds()}))
    client, today = signed_in(owner), timezone.localdate()
    give, look = f"/console/people/{dan.pk}/give/", f"/console/people/{dan.pk}/"

    def answer(days: int) -> int:
        ends_on = (today + timedelta(days=days)).isoformat()
        return client.post(give, {"product": studio.course.pk, "reason": "x", "ends_on": ends_on}).status_code

    assert answer(39) == 422
    assert not Grant.objects.exists()
    assert answer(40) == 303
    for days, chosen in ((39, True), (40, False)):
        on = today + timedelta(days=days)
        assert client.get(f"{look}?on={on.isoformat()}").context["on"] == (on if chosen else None)


def test_why_staff_gave_took_and_gave_back_is_told_to_staff_everywhere_and_to_nobody_else(
    studio: Studio, dan: User, owner: User, signed_in: Enter
) -> None:
    client = just_came_in(signed_in(owner))
    client.post(f"/console/people/{dan.pk}/give/", {"product": studio.course.pk, "reason": "won the raffle"})
    grant = Grant.objects.get()
    client.post(f"/console/grants/{grant.pk}/revoke/", {"reason": "shared the login"})
    client.post(f"/console/grants/{grant.pk}/restore/", {"reason": "was somebody else"})
    told = {
        "feed": client.get("/console/activity/").content.decode(),
        "person": client.get(f"/console/people/{dan.pk}/").content.decode().partition('id="happened"')[2],
        "file": b"".join(client.get("/console/activity.csv").streaming_content).decode(),
    }
    for reason in ("won the raffle", "shared the login", "was somebody else"):
        assert [where for where, text in told.items() if reason not in text] == []
        hers = signed_in(dan)
        assert reason not in "".join(hers.get(path).content.decode() for path in ("/", "/account/", "/products/wheel/"))


def test_nobody_is_let_in_again_without_a_reason(studio: Studio, dan: User, owner: User, signed_in: Enter) -> None:
    client, page = signed_in(owner), f"/console/people/{dan.pk}/"
    client.post(f"{page}deactivate/", {"reason": "shared the login"})
    assert "Say why" in client.post(f"{page}reactivate/", follow=True).content.decode()
    dan.refresh_from_db()
    assert not dan.is_active
    told = client.post(f"{page}reactivate/", {"reason": "it was his sister"}, follow=True).content.decode()
    dan.refresh_from_db()
    assert dan.is_active
    assert "Reactivated the account" in told and "it was his sister" in told


def test_the_why_comes_first_unless_something_keeps_the_person_out(
    studio: Studio, dan: User, owner: User, signed_in: Enter
) -> None:
    page = f"/console/people/{dan.pk}/"
    told = signed_in(owner).get(page).content.decode()
    assert "Has never signed in" in told
    assert told.index('id="access"') < told.index('id="way-in"')
    User.objects.filter(pk=dan.pk).update(is_active=False)
    told = signed_in(owner).get(page).content.decode()
    assert told.index('id="way-in"') < told.index('id="access"')


def test_what_is_open_through_a_day_is_said_to_be(studio: Studio, dan: User, owner: User, signed_in: Enter) -> None:
    day = timezone.localdate() + timedelta(days=30)
    body = {"product": studio.course.pk, "reason": "prize", "ends_on": day.isoformat()}
    page = signed_in(owner).post(f"/console/people/{dan.pk}/give/", body, follow=True).content.decode()
    assert f"Given by hand until {date_format(day, 'j F Y')}." in page
    assert re.search(rf"until <time[^>]*>{date_format(day, 'j F Y')}<", page)
    assert date_format(day + timedelta(days=1), "j F Y") not in page


def test_a_persons_page_says_why_now_and_on_a_past_day(
    studio: Studio, ben: User, owner: User, signed_in: Enter
) -> None:
    studio.subscribe(ben, studio.club, state="grace", reason="past_due_grace")
    client = signed_in(owner)
    page = client.get(f"/console/people/{ben.pk}/").content.decode()
    assert "The last payment failed. Access is kept while the card is tried again" in page
    assert "Part of Studio Club." in page
    assert "days of grace left" in page
    yesterday = (timezone.localdate() - timedelta(days=1)).isoformat()
    then = client.get(f"/console/people/{ben.pk}/?on={yesterday}")
    assert then.context["known"] == []
    odd = client.get(f"/console/people/{ben.pk}/?on=nonsense")
    assert odd.status_code == 200 and "That is no day in the past" in odd.content.decode()
    assert "That is no day in the past" not in then.content.decode()


@pytest.mark.parametrize("on", ["2026-02-31", "9999-12-31", "0001-01-01"])
def test_days_that_never_were_break_nothing(studio: Studio, ben: User, owner: User, signed_in: Enter, on: str) -> None:
    assert signed_in(owner).get(f"/console/people/{ben.pk}/?on={on}").status_code == 200


def test_people_are_found_by_name_address_and_state(
    studio: Studio, ada: User, ben: User, dan: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    studio.subscribe(ben, studio.club, state="grace", reason="past_due_grace")
    client = signed_in(owner)

    def found(query: str) -> set[str]:
        return {
            person.email.split("@")[0] for person in client.get(f"/console/people/?{query}").context["found"].people
        }

    assert found("q=kato") == {"ben"}
    assert found("q=ada+lind") == {"ada"}
    assert found("q=example.org") == {"ada", "ben", "dan", "owner"}
    assert found("state=open") == {"ada", "ben"}
    assert found("state=grace") == {"ben"}
    assert found("state=never") == {"dan"}
    assert found("state=ended") == set()
    assert found("role=staff") == {"owner"}
    assert "Nobody matches" in client.get("/console/people/?q=zzz").content.decode()
    unknown = "Ask which address is on Stripe’s receipt"
    page = client.get("/console/people/?q=zoe@example.net").content.decode()
    assert "<h2>Nobody has this address</h2>" in page and unknown in page
    for others in ("q=zzz", "q=ada@example.org", "q=ada@example.org&state=never", "role=admin"):
        assert unknown not in client.get(f"/console/people/?{others}").content.decode(), others


@pytest.mark.parametrize("order", ["joined", "seen", "name"])
def test_many_people_come_in_pages_that_miss_nobody(
    studio: Studio, owner: User, signed_in: Enter, django_assert_max_num_queries: DjangoAssertNumQueries, order: str
) -> None:
    people = cast.UserFactory.create_batch(120, proved=False, name="Some One_Else")
    for days, person in enumerate(people[:40]):
        person.last_seen = timezone.now() - timedelta(days=days)
        person.save()
    client, seen, address = signed_in(owner), [], f"?order={order}"
    while address:
        with django_assert_max_num_queries(10):
            context = client.get(f"/console/people/{address}").context
        seen += context["found"].people
        address = context["older"]
    assert len(seen) == User.objects.count()
    assert {person.pk for person in seen} == set(User.objects.values_list("pk", flat=True))
    places = [person.place for person in seen]
    assert places == sorted(places, reverse=order != "name")


@pytest.mark.parametrize("after", ["x", "_", "2026-01-01_1", "0001-01-01T00:00:00+23:00_1", "9999-12-31T23:59:59Z_1"])
def test_a_place_that_is_none_shows_the_list(studio: Studio, owner: User, signed_in: Enter, after: str) -> None:
    assert signed_in(owner).get("/console/people/", {"after": after}).status_code == 200


def test_people_are_narrowed_by_product_and_days(
    studio: Studio, ada: User, ben: User, dan: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    studio.subscribe(ben, studio.club)
    ada.last_seen = timezone.now() - timedelta(days=3)
    ada.joined_at = timezone.now()
    ada.save()
    client = signed_in(owner)

    def found(**query: object) -> set[str]:
        people = client.get("/console/people/", query).context["found"].people
        return {person.email.split("@")[0] for person in people} - {"owner"}

    today = timezone.localdate().isoformat()
    assert found(product=studio.course.pk) == {"ada"}
    assert found(product=studio.club.pk, state="open") == {"ben"}
    assert found(product=studio.club.pk, state="never") == {"ada", "dan"}
    assert found(seen="7") == {"ada"}
    assert found(seen="never") == {"ben", "dan"}
    assert found(since=today) == {"ada"}
    assert found(until=today, seen="7") == {"ada"}
    assert found(until="9000-01-01") == found(since="1970-01-01") == {"ada", "ben", "dan"}
    page = client.get("/console/people/", {"since": "soon"})
    assert page.status_code == 200
    assert "Enter a valid date." in page.content.decode()


def test_the_list_leaves_as_csv_by_who_may_and_the_feed_says_so(
    studio: Studio, ada: User, dan: User, owner: User, support: User, client: Client, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    path = "/console/people/export/"
    assert client.get(path).status_code == 302
    assert [signed_in(who).get(path).status_code for who in (dan, support)] == [403, 403]
    answer = just_came_in(signed_in(owner)).get(path, {"q": "example.org", "state": "open"})
    heading, *rows = list(csv.reader(answer.getvalue().decode("utf-8-sig").splitlines()))
    assert [dict(zip(heading, row, strict=True))["Product"] for row in rows] == ["The Wheel"]
    assert rows[0][:3] == ["Ada Lind", "ada@example.org", "Member"]
    taken = Activity.objects.get(verb=Activity.Verb.STAFF_ACTION, details__reason="Exported the list of people")
    assert taken.actor == owner


def test_a_live_product_without_a_published_page_is_pointed_out(studio: Studio, owner: User, signed_in: Enter) -> None:
    page = signed_in(owner).get("/console/").content.decode()
    assert "Glaze Atlas is live and has no published page." in page


def test_the_first_page_says_what_today_brought_and_who_is_at_risk(
    studio: Studio, ben: User, owner: User, signed_in: Enter, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    studio.subscribe(ben, studio.club, state="grace", reason="past_due_grace")
    client = signed_in(owner)
    client.get("/console/")
    with django_assert_max_num_queries(26):
        context = client.get("/console/").context
    assert [grant.user for grant in context["at_risk"]] == [ben]
    told = {tally.words: tally for tally in context["today"]}
    assert set(told) == {"sign-in"}
    assert client.get(told["sign-in"].url).context["page"].activities[0].user == owner


def test_a_new_site_is_shown_the_way_to_its_first_sale(db: None, owner: User, signed_in: Enter) -> None:
    client = signed_in(owner)
    steps = client.get("/console/").context["steps"]
    assert [step.words for step in steps] == [
        "Make a product",
        "Publish its first page",
        "Connect Stripe",
        "Link the product to Stripe",
        "Put the product live",
    ]
    assert not any(step.is_done for step in steps)
    for step in steps:
        assert client.get(step.url).status_code == 200
    product = cast.ProductFactory(is_live=False)
    cast.PageFactory(product=product)
    assert [step.is_done for step in client.get("/console/").context["steps"]] == [True, True, False, False, False]


def test_the_admin_shows_grants_and_ledger_and_changes_neither(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    client = signed_in(owner)
    for model, row in (("grant", Grant.objects.get()), ("ledger", Ledger.objects.get())):
        assert client.get(f"/admin/hub/{model}/").status_code == 200
        assert client.get(f"/admin/hub/{model}/add/").status_code == 403
        assert client.post(f"/admin/hub/{model}/{row.pk}/delete/", {"post": "yes"}).status_code == 403
        assert client.post(f"/admin/hub/{model}/{row.pk}/change/", {"reason": "x"}).status_code == 403


def test_support_cannot_make_itself_owner(studio: Studio, support: User, signed_in: Enter) -> None:
    client = signed_in(support)
    body = {"email": support.email, "name": "Sam", "role": "owner", "timezone": "UTC", "is_active": "on"}
    assert client.post(f"/admin/hub/user/{support.pk}/change/", body).status_code == 403


def test_admins_cannot_make_owners(studio: Studio, signed_in: Enter) -> None:
    admin = cast.UserFactory(email="adi@example.org", role=User.Role.ADMIN)
    body = {"email": admin.email, "name": "Adi", "role": "owner", "timezone": "UTC", "is_active": "on"}
    assert signed_in(admin).post(f"/admin/hub/user/{admin.pk}/change/", body).status_code == 403
    admin.refresh_from_db()
    assert admin.role == User.Role.ADMIN


@pytest.mark.parametrize(("role", "may"), [("owner", True), ("admin", False), ("support", False)])
def test_nobody_but_an_owner_opens_a_door_for_themselves(
    studio: Studio, signed_in: Enter, role: str, may: bool
) -> None:
    staff = cast.UserFactory(role=role)
    client = signed_in(staff)
    client.post(f"/console/people/{staff.pk}/give/", {"product": studio.course.pk, "reason": "for me"})
    assert can_open(staff, studio.course, now=studio.now) is may
    studio.give(staff, studio.kit)
    taken = Grant.objects.get(user=staff, product=studio.kit)
    grants.revoke(taken, actor=None, reason="test", now=studio.now)
    client.post(f"/console/grants/{taken.pk}/restore/", {"reason": ""})
    assert can_open(staff, studio.kit, now=studio.now) is may


@pytest.mark.parametrize("order", ["name", "joined", "seen"])
def test_a_place_that_no_list_has_is_the_beginning(studio: Studio, owner: User, signed_in: Enter, order: str) -> None:
    assert signed_in(owner).get(f"/console/people/?order={order}&after=%00_1").status_code == 200
