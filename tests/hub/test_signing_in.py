"""People come in by a code sent to their address, or by a password if they have one."""

import re
from collections.abc import Callable

import pytest
from django.core import mail
from django.test import Client

from hub.models import User
from tests.hub.conftest import Studio

pytestmark = pytest.mark.usefixtures("mails_in_memory")

Enter = Callable[[User], Client]
LOGIN = "/accounts/login/"
CODE = re.compile(r"^\s*([A-Z0-9]{2,6}-?[A-Z0-9]{2,6})\s*$", re.MULTILINE)


def code_sent() -> str:
    match = CODE.search(str(mail.outbox[-1].body))
    assert match
    return match[1]


def test_a_code_lets_ada_in_and_on_to_where_she_was_going(studio: Studio, ada: User, client: Client) -> None:
    response = client.post(LOGIN, {"login": "ADA@example.org ", "next": "/products/wheel/"})
    assert response.status_code == 302
    assert mail.outbox[-1].to == ["ada@example.org"]
    response = client.post(response["Location"], {"code": code_sent(), "next": "/products/wheel/"})
    assert response["Location"] == "/products/wheel/"
    assert client.session["_auth_user_id"] == str(ada.pk)


def test_the_code_comes_in_the_owners_name(studio: Studio, ada: User, client: Client) -> None:
    client.post(LOGIN, {"login": ada.email})
    letter = mail.outbox[-1]
    assert letter.subject == "Your sign-in code for Hillside Pottery"
    assert "help@hillside.example" in letter.body
    assert "testserver" not in letter.body


@pytest.mark.parametrize(
    ("path", "field", "subject"),
    [
        ("/accounts/login/", "login", "No account with this address at Hillside Pottery"),
        ("/accounts/password/reset/", "email", "No account with this address at Hillside Pottery"),
        ("/accounts/signup/", "email", "Confirm your address for Hillside Pottery"),
    ],
)
def test_a_stranger_is_answered_by_mail_alone(
    studio: Studio, client: Client, path: str, field: str, subject: str
) -> None:
    assert client.post(path, {field: "nobody@example.org"}).status_code == 302
    assert [letter.subject for letter in mail.outbox] == [subject]


def test_making_an_account_twice_is_answered_by_mail_alone(studio: Studio, ada: User, client: Client) -> None:
    assert client.post("/accounts/signup/", {"email": ada.email}).status_code == 302
    assert mail.outbox[-1].subject == "You have an account at Hillside Pottery already"


@pytest.mark.parametrize(
    ("path", "field"),
    [("/accounts/login/", "login"), ("/accounts/signup/", "email"), ("/accounts/password/reset/", "email")],
)
def test_who_is_deactivated_is_led_to_people_and_not_in_circles(
    studio: Studio, ada: User, client: Client, path: str, field: str
) -> None:
    User.objects.filter(pk=ada.pk).update(is_active=False)
    assert client.post(path, {field: "Ada@example.org"}).status_code == 302
    (letter,) = mail.outbox
    assert letter.subject == "Your account at Hillside Pottery is closed"
    assert "Write to help@hillside.example" in letter.body
    assert "http" not in letter.body and not CODE.search(str(letter.body))


def test_a_wrong_code_is_refused_in_place(studio: Studio, ada: User, client: Client) -> None:
    response = client.post(LOGIN, {"login": ada.email})
    page = client.post(response["Location"], {"code": "WRONG-1"})
    assert page.status_code == 200
    assert 'aria-invalid="true"' in page.content.decode()
    assert 'id="id_code_error"' in page.content.decode()
    assert "_auth_user_id" not in client.session


def test_an_unknown_address_looks_just_like_a_known_one(studio: Studio, ada: User) -> None:
    answers = []
    for address in (ada.email, "nobody@example.org"):
        client = Client()
        response = client.post(LOGIN, {"login": address})
        page = client.get(response["Location"]).content.decode().replace(address, "X")
        page = re.sub(r'name="csrfmiddlewaretoken" value="\w+"', "", page)
        answers.append((response.status_code, response["Location"], page))
    assert answers[0] == answers[1]


def test_a_password_is_optional_and_works_for_those_who_have_one(studio: Studio, ada: User, client: Client) -> None:
    ada.set_password("a pot of blue clay")
    ada.save()
    response = client.post(LOGIN, {"login": ada.email, "password": "a pot of blue clay"})
    assert response["Location"] == "/"
    wrong = Client().post(LOGIN, {"login": ada.email, "password": "a pot of red clay"})
    assert wrong.status_code == 200
    assert 'role="alert"' in wrong.content.decode()


def test_coming_in_is_said_by_the_page_alone(studio: Studio, ada: User, client: Client) -> None:
    response = client.post(LOGIN, {"login": ada.email})
    page = client.get(response["Location"]).content.decode()
    assert page.count(ada.email) == 1
    page = client.post(response["Location"], {"code": code_sent()}, follow=True).content.decode()
    assert 'class="banner' not in page


def test_making_an_account_greets_with_the_page_alone(studio: Studio, client: Client) -> None:
    response = client.post("/accounts/signup/", {"email": "nina@example.org"})
    page = client.get(response["Location"]).content.decode()
    assert 'class="banner' not in page
    page = client.post(response["Location"], {"code": code_sent()}, follow=True).content.decode()
    assert client.session["_auth_user_id"]
    assert 'class="banner' not in page


def test_a_changed_address_is_said_to_be_confirmed(studio: Studio, ada: User, signed_in: Enter) -> None:
    client = signed_in(ada)
    client.post("/accounts/reauthenticate/code/", {"action": "send"})
    client.post("/accounts/reauthenticate/code/", {"code": code_sent()})
    response = client.post("/accounts/email/", {"action_add": "", "email": "ada@elsewhere.example"}, follow=True)
    path = response.redirect_chain[-1][0]
    page = client.post(path, {"code": code_sent()}, follow=True).content.decode()
    assert "You have confirmed ada@elsewhere.example." in page


@pytest.mark.parametrize("path", ["login/", "login/code/", "signup/", "password/reset/", "email/"])
def test_an_address_is_asked_for_in_the_same_words(
    studio: Studio, ada: User, client: Client, signed_in: Enter, path: str
) -> None:
    page = (signed_in(ada) if path == "email/" else client).get(f"/accounts/{path}").content.decode()
    words = "New e-mail address" if path == "email/" else "E-mail address"
    assert f">{words}</label>" in page
    assert "Email" not in page


def test_the_address_can_be_prefilled_by_a_link(studio: Studio, client: Client) -> None:
    assert 'value="ada@example.org"' in client.get(f"{LOGIN}?email=ada@example.org").content.decode()


def test_the_entrance_bears_the_owners_name(studio: Studio, client: Client) -> None:
    page = client.get(LOGIN).content.decode()
    assert "Hillside Pottery" in page
    assert "testserver" not in page


def test_too_many_tries_are_answered_429_with_a_page(studio: Studio, client: Client) -> None:
    for _ in range(40):
        response = client.post(LOGIN, {"login": "ada@example.org"})
        if response.status_code == 429:
            break
    assert response.status_code == 429
    assert "Too many tries" in response.content.decode()


@pytest.mark.parametrize(
    "path",
    ["", "login/code/", "signup/", "password/reset/"],
)
def test_every_entrance_page_can_be_read_by_a_stranger(studio: Studio, client: Client, path: str) -> None:
    assert client.get(f"/accounts/{path or 'login/'}").status_code == 200


@pytest.mark.parametrize(
    "path", ["email/", "2fa/", "sessions/", "password/set/", "logout/", "2fa/webauthn/", "2fa/recovery-codes/generate/"]
)
def test_every_page_of_ones_own_account_is_closed_to_strangers(studio: Studio, client: Client, path: str) -> None:
    response = client.get(f"/accounts/{path}")
    assert response.status_code == 302
    assert response["Location"].startswith(("/accounts/login/", "/"))


def test_staff_sign_in_to_the_admin_at_the_same_door(studio: Studio, client: Client) -> None:
    assert client.get("/admin/", follow=True).redirect_chain[-1][0].startswith(LOGIN)
