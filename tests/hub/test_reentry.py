"""A borrowed browser changes nothing: whoever changes how an account is entered proves to be there still."""

import time
from datetime import UTC, datetime, timedelta

import pytest
from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.core import mail
from django.http import QueryDict
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from activities.deliveries import deliver_due
from activities.models import Activity, Delivery
from activities.sentences import Voice, tell
from hub.models import Batch, User
from hub.recovery import move_to_address
from tests.cast import UserFactory
from tests.hub.conftest import Studio
from tests.hub.test_signing_in import LOGIN, Enter, code_sent

pytestmark = pytest.mark.usefixtures("mails_in_memory")

REENTER = "/accounts/reauthenticate/code/"
NEW = "ada@elsewhere.example"
CHANGE = ("/accounts/email/", {"action_add": "", "email": NEW})


def prove(client: Client) -> str:
    """Asks for a code and types it; returns where that leads."""
    client.post(REENTER, {"action": "send"})
    return str(client.post(REENTER, {"code": code_sent()})["Location"])


@pytest.mark.parametrize(
    ("path", "data"),
    [
        CHANGE,
        ("/accounts/password/set/", {"password1": "a pot of blue clay", "password2": "a pot of blue clay"}),
        ("/accounts/sessions/", {}),
        ("/accounts/2fa/totp/activate/", {"code": "123456"}),
        ("/accounts/2fa/webauthn/add/", {}),
    ],
)
def test_what_changes_how_one_comes_in_asks_first(
    studio: Studio, ada: User, signed_in: Enter, path: str, data: dict[str, str]
) -> None:
    client, other = signed_in(ada), signed_in(ada)
    answer = client.post(path, data)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, REENTER)
    ada.refresh_from_db()
    assert not ada.has_usable_password() and not Authenticator.objects.exists() and not mail.outbox
    assert other.get("/account/").status_code == 200
    assert list(EmailAddress.objects.values_list("email", flat=True)) == [ada.email]


def test_looking_at_the_list_of_sessions_asks_nothing(studio: Studio, ada: User, signed_in: Enter) -> None:
    assert signed_in(ada).get("/accounts/sessions/").status_code == 200


def test_a_code_to_the_present_address_lets_the_change_go_on(studio: Studio, ada: User, signed_in: Enter) -> None:
    client = signed_in(ada)
    page = client.post(*CHANGE, follow=True)
    assert ada.email in page.content.decode() and not mail.outbox
    client.post(REENTER, {"action": "send", "next": CHANGE[0]})
    assert mail.outbox[-1].to == [ada.email]
    assert mail.outbox[-1].subject == "Confirm that it is you at Hillside Pottery"
    for asked in ("change how you sign in", "take a copy of your data", "erase your account", "in the console"):
        assert asked in mail.outbox[-1].body
    answer = client.post(REENTER, {"code": code_sent(), "next": CHANGE[0]})
    assert mail.outbox[-1].to == [NEW]
    client.post(answer["Location"], {"code": code_sent()})
    ada.refresh_from_db()
    assert ada.email == NEW


def test_the_old_address_is_told_and_the_feed_keeps_both(studio: Studio, ada: User, signed_in: Enter) -> None:
    client, old = signed_in(ada), ada.email
    prove(client)
    path = client.post(*CHANGE)["Location"]
    client.post(path, {"code": code_sent()})
    letter = mail.outbox[-1]
    assert letter.to == [old] and f"from {old} to {NEW}" in letter.body and "help@hillside.example" in letter.body
    told = Activity.objects.select_related("user", "product", "actor").get(verb="address_changed")
    assert (told.user, told.actor) == (ada, ada)
    assert str(tell(told, voice=Voice.STAFF)) == f"Ada Lind’s e-mail address was changed, from {old} to {NEW}"


def test_a_wrong_code_changes_nothing(studio: Studio, ada: User, signed_in: Enter) -> None:
    client = signed_in(ada)
    client.post(REENTER, {"action": "send"})
    for code in ("BCDF-GHJK", ""):
        assert client.post(REENTER, {"code": code}).status_code == 200
    assert client.post(*CHANGE)["Location"].startswith(REENTER)


def test_a_code_to_another_address_is_a_wrong_code(studio: Studio, ada: User, dan: User, signed_in: Enter) -> None:
    Client().post(LOGIN, {"login": dan.email})
    theirs = code_sent()
    client = signed_in(ada)
    assert client.post(REENTER, {"code": theirs}).status_code == 200
    assert client.post(*CHANGE)["Location"].startswith(REENTER)


def test_who_came_in_by_a_code_a_moment_ago_is_asked_five_minutes_later(
    studio: Studio, ada: User, client: Client, monkeypatch: pytest.MonkeyPatch
) -> None:
    client.post(client.post(LOGIN, {"login": ada.email})["Location"], {"code": code_sent()})
    assert client.get("/accounts/password/set/").status_code == 200
    now = time.time()
    monkeypatch.setattr(time, "time", lambda: now + 301)
    assert client.get("/accounts/password/set/")["Location"].startswith(REENTER)


def test_who_has_a_password_is_asked_for_it_and_told_of_its_change(studio: Studio, ada: User, signed_in: Enter) -> None:
    client = signed_in(ada)
    prove(client)
    client.post("/accounts/password/set/", {"password1": "a pot of blue clay", "password2": "a pot of blue clay"})
    assert mail.outbox[-1].subject == "A password was set at Hillside Pottery"
    later = signed_in(User.objects.get())
    assert later.post(*CHANGE)["Location"].startswith("/accounts/reauthenticate/?")
    assert later.get(REENTER)["Location"].startswith("/accounts/reauthenticate/")


def test_a_stranger_proves_nothing(studio: Studio, client: Client) -> None:
    for answer in (client.get(REENTER), client.post(REENTER, {"action": "send"})):
        assert answer["Location"].startswith(LOGIN)
    assert not mail.outbox


# An owner gives a lost account back


def test_an_owner_moves_an_account_to_another_address(studio: Studio, ada: User, owner: User, signed_in: Enter) -> None:
    ada.set_password("somebody else's")
    ada.save()
    Authenticator.objects.create(user=ada, type="totp", data={})
    old, thief, client = ada.email, signed_in(ada), signed_in(owner)
    prove(client)
    path = f"/console/people/{ada.pk}/"
    answer = client.post(f"{path}address/", {"address": " Ada@Elsewhere.example", "why": "lost her mailbox"})
    assert (answer.status_code, answer["Location"]) == (303, path)
    ada.refresh_from_db()
    assert ada.email == NEW and not ada.has_usable_password() and not Authenticator.objects.exists()
    assert thief.get("/account/").status_code == 302
    deliver_due(now=timezone.now())
    assert sorted(letter.to for letter in mail.outbox[-2:]) == sorted([[old], [NEW]])
    assert all(old in str(letter.body) and NEW in str(letter.body) for letter in mail.outbox[-2:])
    page = client.get(path).content.decode()
    assert f"from {old} to {NEW}" in page and "lost her mailbox" in page and "by Ida Holm" in page
    hers = Client()
    hers.post(hers.post(LOGIN, {"login": NEW})["Location"], {"code": code_sent()})
    assert hers.get("/account/").status_code == 200


def test_letters_of_two_moves_say_when_each_was_in_whatever_order_they_come(ada: User, owner: User) -> None:
    first, second = datetime(2026, 11, 20, 9, 15, tzinfo=UTC), datetime(2026, 11, 20, 17, 40, tzinfo=UTC)
    move_to_address(ada, address="ada@between.example", actor=owner, reason="lost her mailbox", now=first)
    move_to_address(ada, address=NEW, actor=owner, reason="mistyped", now=second)
    late = timezone.now() + timedelta(minutes=1)
    Delivery.objects.filter(created_at=first).update(next_try=late)
    deliver_due(now=late)
    between = [str(letter.body) for letter in mail.outbox if letter.to == ["ada@between.example"]]
    assert ["17:40" in body and f"to {NEW}" in body for body in between] == [True, False]
    assert "On 20 November 2026, 09:15, " in between[1] and "to ada@between.example" in between[1]


def test_a_mail_server_that_is_away_keeps_no_account_from_its_owner_and_loses_no_letter(
    studio: Studio, ada: User, owner: User, signed_in: Enter, settings: Settings
) -> None:
    client = signed_in(owner)
    prove(client)
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", 9
    said = {"address": NEW, "why": "lost her mailbox"}
    answer = client.post(f"/console/people/{ada.pk}/address/", said, follow=True)
    assert "Both addresses are written to." in answer.content.decode()
    assert set(Delivery.objects.values_list("to", "state")) == {(ada.email, "waiting"), (NEW, "waiting")}
    client.post(f"/console/people/{ada.pk}/second-factors/", {"reason": "lost her phone"})
    assert Delivery.objects.filter(notice="factors_removed", to="", state="waiting").count() == 1


@pytest.mark.parametrize(
    ("address", "why"),
    [("dan@example.org", "x"), ("nonsense", "x"), ("ada@example.org", "x"), ("a@b\u0131.example", "x"), (NEW, "")],
)
def test_an_address_that_cannot_be_is_refused(
    studio: Studio, ada: User, dan: User, owner: User, signed_in: Enter, address: str, why: str
) -> None:
    client = signed_in(owner)
    prove(client)
    assert client.post(f"/console/people/{ada.pk}/address/", {"address": address, "why": why}).status_code == 422
    ada.refresh_from_db()
    assert ada.email == "ada@example.org"


def test_a_borrowed_owners_browser_moves_nobody(studio: Studio, ada: User, owner: User, signed_in: Enter) -> None:
    path = f"/console/people/{ada.pk}/address/"
    assert signed_in(owner).post(path, {"address": NEW, "why": "x"})["Location"].startswith(REENTER)
    ada.refresh_from_db()
    assert ada.email == "ada@example.org"


@pytest.mark.parametrize("role", [User.Role.ADMIN, User.Role.SUPPORT, User.Role.MEMBER])
def test_nobody_but_owners_moves_anybody(studio: Studio, ada: User, signed_in: Enter, role: User.Role) -> None:
    client = signed_in(UserFactory(role=role))
    assert client.post(f"/console/people/{ada.pk}/address/", {"address": NEW, "why": "x"}).status_code == 403
    assert Client().post(f"/console/people/{ada.pk}/address/")["Location"].startswith(LOGIN)
    if role != User.Role.MEMBER:
        assert "Lost address" not in client.get(f"/console/people/{ada.pk}/").content.decode()


@pytest.mark.parametrize(
    "file",
    [
        "/console/people/export/?state=never&q=ada",
        "/console/people/together/{batch}/rows/",
        "/console/activity.csv?q=ada",
    ],
)
def test_a_file_of_people_leaves_with_who_is_there_still(
    studio: Studio, ada: User, owner: User, signed_in: Enter, file: str
) -> None:
    batch = Batch.objects.create(
        deed="invite", state="done", about="x", reason="x", made_by=owner, created_at=studio.now
    )
    file, client = file.format(batch=batch.pk), signed_in(owner)
    asked = client.get(file)
    page, _, query = asked["Location"].partition("?")
    assert (asked.status_code, page) == (302, REENTER)
    assert "confirm that it is you first, then download it" in client.get(asked["Location"]).content.decode()
    assert not Activity.objects.filter(verb=Activity.Verb.STAFF_ACTION).exists()
    back = QueryDict(query)["next"]
    client.post(REENTER, {"action": "send", "next": back})
    assert client.post(REENTER, {"code": code_sent(), "next": back})["Location"] == back
    shown = client.get(back)
    assert shown.status_code == 200 and file.replace("&", "&amp;") in shown.content.decode()
    assert client.get(file)["Content-Disposition"].startswith("attachment")
