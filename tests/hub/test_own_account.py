"""One's own account: passwords, browsers, and the way back in for who lost the second step."""

import pytest
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, generate_totp_secret
from allauth.usersessions.models import UserSession
from django.core import mail
from django.test import Client
from django.utils import timezone

from activities.deliveries import deliver_due
from activities.models import Activity
from hub.models import User
from tests.hub.conftest import Studio
from tests.hub.test_second_factors import sign_in
from tests.hub.test_signing_in import LOGIN

pytestmark = pytest.mark.usefixtures("mails_in_memory")

SESSIONS = "/accounts/sessions/"


def test_setting_a_password_says_so_and_leaves_the_form(studio: Studio, ada: User, client: Client) -> None:
    sign_in(client, ada)
    new = "a pot of blue clay"
    page = client.post("/accounts/password/set/", {"password1": new, "password2": new}, follow=True)
    assert page.request["PATH_INFO"] == "/account/"
    assert "Your password is set." in page.content.decode()
    ada.refresh_from_db()
    assert ada.check_password(new)


def test_one_browser_is_signed_out_and_the_others_stay(studio: Studio, ada: User) -> None:
    mine, phone, tablet = Client(), Client(), Client()
    for browser in (phone, tablet, mine):
        sign_in(browser, ada)
        browser.get("/account/")
    lost = UserSession.objects.get(session_key=phone.session.session_key)
    assert f'name="session" value="{lost.pk}"' in mine.get(SESSIONS).content.decode()
    assert mine.post(SESSIONS, {"session": lost.pk}).status_code == 303
    assert phone.get("/account/").status_code == 302
    assert tablet.get("/account/").status_code == 200
    assert mine.get("/account/").status_code == 200


@pytest.mark.parametrize("number", ["0", "x", "9" * 30])
def test_nobody_signs_out_anothers_browser(studio: Studio, ada: User, dan: User, number: str) -> None:
    mine, theirs = Client(), Client()
    sign_in(theirs, dan)
    theirs.get("/account/")
    sign_in(mine, ada)
    assert mine.post(SESSIONS, {"session": number}).status_code == 404
    assert mine.post(SESSIONS, {"session": UserSession.objects.get(user=dan).pk}).status_code == 404
    assert theirs.get("/account/").status_code == 200


def test_an_owner_lets_in_who_lost_the_second_step(studio: Studio, ada: User, owner: User, client: Client) -> None:
    TOTP.activate(ada, generate_totp_secret())
    RecoveryCodes.activate(ada)
    sign_in(client, owner)
    page = client.get(f"/console/people/{ada.pk}/").content.decode()
    assert "Lost phone or passkey" in page
    path = f"/console/people/{ada.pk}/second-factors/"
    client.post(path, {"reason": ""})
    assert Authenticator.objects.exists()
    client.post(path, {"reason": "knows her last three receipts; called her back"})
    assert not Authenticator.objects.exists()
    deliver_due(now=timezone.now())
    assert mail.outbox[-1].to == [ada.email]
    assert "removed" in mail.outbox[-1].subject
    told = Activity.objects.get(verb="staff_action", user=ada)
    assert told.actor == owner
    assert "called her back" in told.details["reason"]
    sign_in(Client(), ada)


def test_nobody_but_an_owner_removes_a_second_step(studio: Studio, ada: User, dan: User, client: Client) -> None:
    TOTP.activate(ada, generate_totp_secret())
    path = f"/console/people/{ada.pk}/second-factors/"
    assert client.post(path, {"reason": "me"})["Location"].startswith(LOGIN)
    for role in (User.Role.MEMBER, User.Role.SUPPORT, User.Role.ADMIN):
        User.objects.filter(pk=dan.pk).update(role=role)
        browser = Client()
        browser.force_login(User.objects.get(pk=dan.pk))
        assert browser.post(path, {"reason": "me"}).status_code == 403
    assert Authenticator.objects.count() == 1
