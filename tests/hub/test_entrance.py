"""Nobody is caught at the door: not by a change of mind, not by wrong codes, not by a code that came late."""

import re

import pytest
from django.conf import settings as project
from django.core import mail
from django.test import Client

from hub import codes
from hub.models import User
from tests.hub.conftest import Studio
from tests.hub.test_signing_in import LOGIN, code_sent

pytestmark = pytest.mark.usefixtures("mails_in_memory")

JOIN = "/accounts/signup/"
CONFIRM = "/accounts/login/code/confirm/"


@pytest.mark.parametrize("address", ["ada@example.org", "nobody@example.org"])
@pytest.mark.parametrize("door", [LOGIN, JOIN, "/account/"])
def test_who_began_to_join_can_sign_in_instead(
    studio: Studio, ada: User, client: Client, address: str, door: str
) -> None:
    client.post(JOIN, {"email": address})
    answer = client.get(door, follow=True)
    assert answer.status_code == 200
    assert answer.request["PATH_INFO"] == (JOIN if door == JOIN else LOGIN)
    client.post(LOGIN, {"login": address})
    client.post(CONFIRM, {"code": code_sent()})
    assert client.session["_auth_user_id"]


def test_the_mail_to_who_has_an_account_leads_to_the_door(studio: Studio, ada: User, client: Client) -> None:
    client.post(JOIN, {"email": ada.email})
    found = re.search(r"http://\S+", str(mail.outbox[-1].body))
    assert found
    page = client.get(found[0].replace(project.SITE_URL, "")).content.decode()
    assert 'value="ada@example.org"' in page


def test_three_wrong_codes_keep_the_address_and_the_way(studio: Studio, ada: User, client: Client) -> None:
    client.post(LOGIN, {"login": ada.email, "next": "/products/wheel/"})
    for _ in range(3):
        answer = client.post(CONFIRM, {"code": "WRONG-1", "next": "/products/wheel/"})
    assert answer.status_code == 303
    page = client.get(answer["Location"]).content.decode()
    assert 'value="ada@example.org"' in page
    assert 'name="next" value="/products/wheel/"' in page
    assert "Ask for a new code" in page
    assert "Try again later" not in page


def test_starting_again_keeps_the_way(studio: Studio, ada: User, client: Client) -> None:
    client.post(LOGIN, {"login": ada.email})
    page = client.get(f"{CONFIRM}?next=/products/wheel/").content.decode()
    assert 'name="next" value="/accounts/login/?next=/products/wheel/"' in page


def test_page_mail_and_code_agree_on_how_long_a_code_lives(studio: Studio, ada: User, client: Client) -> None:
    client.post(LOGIN, {"login": ada.email})
    assert codes.LIFE.seconds == 15 * 60
    for words in (str(mail.outbox[-1].body), client.get(CONFIRM).content.decode()):
        assert "for 15 minutes" in words
    for path in ("login/code/", "signup/", "password/reset/"):
        page = Client().post(f"/accounts/{path}", {"email": "dora@example.org"}, follow=True).content.decode()
        assert "for 15 minutes" in page


def test_a_code_asked_for_late_still_has_its_page(studio: Studio, ada: User, client: Client) -> None:
    client.post(LOGIN, {"login": ada.email})
    _let_pass(client, seconds=14 * 60)
    client.post(CONFIRM, {"action": "resend"})
    _let_pass(client, seconds=14 * 60)
    client.post(CONFIRM, {"code": code_sent()})
    assert client.session["_auth_user_id"] == str(ada.pk)


def _let_pass(client: Client, *, seconds: int) -> None:
    session = client.session
    login = session["account_login"]
    login["initiated_at"] -= seconds
    login["state"]["stages"]["login_by_code"]["data"]["at"] -= seconds
    session["account_login"] = login
    session.save()
