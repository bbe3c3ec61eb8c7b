"""Staff see the site as a member does: read-only, for half an hour, and without a trace of theirs in the member's."""

from collections.abc import Callable

import pytest
from django.contrib.sessions.models import Session
from django.core import mail
from django.test import Client
from django.urls import reverse

from activities.models import Activity, Delivery
from activities.sentences import Voice, tell
from hub import seeing
from hub.models import PageProgress, User
from hub.roles import Role
from tests import cast
from tests.hub.conftest import Studio
from tests.hub.test_signing_in import code_sent

Enter = Callable[[User], Client]
BANNER = "You see the site as <strong>Ada Lind</strong> does"
TAKEN = "console/not_as_member.html"


@pytest.fixture
def sam(db: None) -> User:
    return cast.UserFactory(email="sam@example.org", name="Sam Ode", role=Role.SUPPORT)  # type: ignore[no-any-return]


@pytest.fixture
def seen(studio: Studio, ada: User, sam: User, signed_in: Enter) -> Client:
    """Sam's browser, in which he sees the site as Ada, who has the course."""
    studio.give(ada, studio.course)
    client = signed_in(sam)
    assert client.post(f"/console/people/{ada.pk}/see/")["Location"] == "/"
    return client


def templates(client: Client, method: str, path: str) -> tuple[int, bool]:
    answer = client.generic(method, path)
    return answer.status_code, TAKEN in [template.name for template in answer.templates]


def test_what_the_member_sees_is_seen_under_a_banner_on_every_page(studio: Studio, seen: Client, ada: User) -> None:
    for path in ("/", "/account/", "/account/profile/", "/products/wheel/", "/products/wheel/clay/"):
        assert BANNER in seen.get(path).content.decode(), path
    assert "Secret of Clay." in seen.get("/products/wheel/clay/").content.decode()
    assert ada.email in seen.get("/account/").content.decode()
    assert '<a href="/console/">Console</a>' not in seen.get("/").content.decode()


def test_it_is_kept_in_the_feed_with_who_looked(seen: Client) -> None:
    told = Activity.objects.select_related("user", "actor").get(verb=Activity.Verb.STAFF_ACTION)
    assert tell(told, voice=Voice.STAFF).text == "Sam Ode: Saw the site as this member, Ada Lind"


def test_nothing_that_is_pressed_is_done(studio: Studio, seen: Client, ada: User) -> None:
    for method in ("POST", "PUT", "PATCH", "DELETE", "OPTIONS"):
        for path in ("/account/profile/", "/products/wheel/clay/complete/", "/account/keep/", "/"):
            assert templates(seen, method, path) == (403, True), f"{method} {path}"
    seen.post("/account/profile/", {"name": "Mallory", "timezone": ""})
    ada.refresh_from_db()
    assert ada.name == "Ada Lind"


def test_reading_leaves_no_trace_of_the_member(studio: Studio, seen: Client, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(last_seen=None, timezone="")
    before = (Activity.objects.count(), Delivery.objects.count(), Session.objects.count())
    seen.cookies["zone"] = "Europe/Berlin"
    for path in ("/", "/account/", "/account/?from=portal", "/products/wheel/", "/products/wheel/clay/"):
        assert seen.get(path).status_code == 200
    ada.refresh_from_db()
    assert (ada.last_seen, ada.timezone) == (None, "")
    assert not PageProgress.objects.filter(user=ada).exists()
    assert (Activity.objects.count(), Delivery.objects.count(), Session.objects.count()) == before


def test_how_the_member_signs_in_and_pays_stays_theirs_alone(studio: Studio, seen: Client) -> None:
    for path in (
        "/portal/",
        "/checkout/wheel/",
        "/checkout/return?session_id=cs_1",
        "/accounts/2fa/",
        "/accounts/2fa/recovery-codes/",
        "/accounts/email/",
        "/accounts/sessions/",
        "/accounts/password/set/",
        "/accounts/login/",
    ):
        assert templates(seen, "GET", path) == (403, True), path


def test_no_page_shows_a_way_to_the_portal_or_to_checkout(studio: Studio, seen: Client, ada: User) -> None:
    studio.sell(studio.club, url="https://buy.example/club")
    cast.SalesPageFactory(product=studio.club)
    studio.subscribe(ada, studio.club, state="grace", reason="past_due")
    studio.sell(studio.kit)
    for path in ("/", "/account/", "/buy/club/", "/products/glaze/", "/products/club/"):
        page = seen.get(path).content.decode()
        assert BANNER in page
        for way in ("/portal/", 'action="/checkout/', "https://buy.example/"):
            assert way not in page, f"{way} on {path}"
    assert "Here is the way to Stripe’s portal." in seen.get("/").content.decode()


def test_in_the_console_they_are_themselves(studio: Studio, seen: Client, ada: User, sam: User) -> None:
    body = {"product": studio.kit.pk, "reason": "asked nicely"}
    assert seen.post(f"/console/people/{ada.pk}/give/", body).status_code == 303
    assert ada.grants.get(product=studio.kit).granted_by == sam
    assert seen.get("/console/people/export/").status_code == 403


def test_in_the_console_the_banner_says_that_what_they_do_counts(seen: Client, ada: User) -> None:
    for path in ("/console/", f"/console/people/{ada.pk}/", "/accounts/logout/"):
        page = seen.get(path).content.decode()
        assert "Here you are yourself, and what you do counts." in page, path
        assert "Nothing can be changed" not in page and 'action="/console/seeing/stop/"' in page, path
    assert "Here you are yourself" not in seen.get("/account/").content.decode()


@pytest.mark.usefixtures("mails_in_memory")
def test_a_dangerous_thing_in_the_console_asks_who_they_are_and_goes_on(
    studio: Studio, ada: User, ben: User, owner: User, signed_in: Enter
) -> None:
    client = signed_in(owner)
    client.post(f"/console/people/{ben.pk}/see/")
    deed = f"/console/people/{ada.pk}/address/"
    asked = client.post(deed, {"address": "ada@elsewhere.example", "why": "lost her mailbox"})
    page = client.get(asked["Location"])
    assert page.status_code == 200 and "Here you are yourself" in page.content.decode()
    reenter = asked["Location"].partition("?")[0]
    client.post(reenter, {"action": "send", "next": deed})
    assert mail.outbox[-1].to == [owner.email]
    done = client.post(reenter, {"code": code_sent(), "next": deed})
    assert (done.status_code, done["Location"]) == (303, f"/console/people/{ada.pk}/")
    ada.refresh_from_db()
    assert ada.email == "ada@elsewhere.example"
    assert "You see the site as <strong>Ben" in client.get("/").content.decode()


def test_every_way_of_proving_who_they_are_is_their_own(seen: Client) -> None:
    for name in ("account_reauthenticate", "hub:reenter", "mfa_reauthenticate", "mfa_reauthenticate_webauthn"):
        for method in ("GET", "POST"):
            assert templates(seen, method, reverse(name))[1] is False, f"{method} {name}"


def test_what_is_the_members_alone_says_how_to_be_oneself_again(seen: Client, ada: User) -> None:
    page = seen.get("/accounts/email/").content.decode()
    assert "Stop seeing as Ada" in page and page.count('action="/console/seeing/stop/"') == 2


def test_it_stops_when_they_say_so(seen: Client, ada: User) -> None:
    assert seen.post("/console/seeing/stop/")["Location"] == f"/console/people/{ada.pk}/"
    page = seen.get("/account/").content.decode()
    assert BANNER not in page and ada.email not in page
    assert seen.post("/console/seeing/stop/")["Location"] == "/console/"


def test_it_ends_by_itself_after_half_an_hour(studio: Studio, seen: Client, ada: User, sam: User) -> None:
    lasts = seeing.LASTS.total_seconds()
    assert lasts == 1800
    session = seen.session
    session[seeing.KEY]["until"] = "2026-01-01T00:00:00+00:00"
    session.save()
    answer = seen.post("/account/profile/", {"name": "Mallory", "timezone": ""}, follow=True)
    assert answer.redirect_chain == [(f"/console/people/{ada.pk}/", 303)]
    assert "You no longer see the site as Ada Lind" in answer.content.decode()
    for person in (ada, sam):
        person.refresh_from_db()
        assert person.name != "Mallory"
    assert BANNER not in seen.get("/").content.decode()


def test_it_ends_when_the_member_becomes_staff_or_is_deactivated(seen: Client, ada: User) -> None:
    User.objects.filter(pk=ada.pk).update(role=Role.OWNER)
    assert seen.get("/")["Location"] == f"/console/people/{ada.pk}/"
    assert BANNER not in seen.get("/").content.decode()


def test_it_ends_when_who_looks_is_let_go(seen: Client, sam: User, ada: User) -> None:
    User.objects.filter(pk=sam.pk).update(role=Role.MEMBER)
    assert seen.get("/account/").status_code == 303
    assert ada.email not in seen.get("/account/").content.decode()


def test_signing_out_ends_it_too(seen: Client) -> None:
    answer = seen.post("/accounts/logout/")
    assert (answer.status_code, answer["Location"]) == (302, "/")
    assert "_auth_user_id" not in seen.session and seeing.KEY not in seen.session


@pytest.mark.parametrize("change", [{"role": Role.SUPPORT}, {"role": Role.OWNER}, {"is_active": False}])
def test_nobody_is_seen_as_staff_or_as_somebody_deactivated(
    studio: Studio, ada: User, owner: User, signed_in: Enter, change: dict[str, object]
) -> None:
    User.objects.filter(pk=ada.pk).update(**change)
    client = signed_in(owner)
    assert "See as Ada" not in client.get(f"/console/people/{ada.pk}/").content.decode()
    answer = client.post(f"/console/people/{ada.pk}/see/", follow=True)
    assert "The site is not seen as Ada Lind" in answer.content.decode()
    assert seeing.KEY not in client.session
    assert not Activity.objects.filter(verb=Activity.Verb.STAFF_ACTION).exists()


def test_a_borrowed_key_of_the_session_is_nothing_to_a_member(
    studio: Studio, ada: User, dan: User, signed_in: Enter
) -> None:
    client = signed_in(dan)
    session = client.session
    session[seeing.KEY] = {"person": ada.pk, "until": "2999-01-01T00:00:00+00:00"}
    session.save()
    assert client.get("/account/").status_code == 303
    assert ada.email not in client.get("/account/").content.decode()
