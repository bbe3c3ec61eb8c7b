"""Second factors are kept sealed, and work."""

import json
import re
import time
from typing import Any

import pytest
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from cryptography.fernet import InvalidToken
from django.core import mail
from django.test import Client
from fido2.webauthn import AuthenticatorData

from billing.sealed import open_text
from hub.models import User
from tests.hub.conftest import Studio
from tests.hub.test_codes import CONFIRM
from tests.hub.test_signing_in import LOGIN, code_sent
from tests.passkeys import SEEN, make_passkey

pytestmark = pytest.mark.usefixtures("mails_in_memory")

ADD_PASSKEY = "/accounts/2fa/webauthn/add/"


def test_a_code_generator_is_sealed_and_asked_for(studio: Studio, ada: User, client: Client) -> None:
    secret = generate_totp_secret()
    TOTP.activate(ada, secret)
    assert secret not in json.dumps(Authenticator.objects.get().data)
    response = client.post(LOGIN, {"login": ada.email})
    response = client.post(response["Location"], {"code": code_sent()})
    assert "_auth_user_id" not in client.session
    client.post(response["Location"], {"code": _now(secret)})
    assert client.session["_auth_user_id"] == str(ada.pk)
    assert len(mail.outbox) == 1


def test_recovery_codes_are_sealed(studio: Studio, ada: User) -> None:
    made = RecoveryCodes.activate(ada)
    kept = json.dumps(Authenticator.objects.get().data)
    assert all(code not in kept for code in made.get_unused_codes())
    assert RecoveryCodes(Authenticator.objects.get()).validate_code(made.get_unused_codes()[0])


def test_a_factor_is_opened_for_no_other_purpose_and_by_no_other_key(ada: User, settings: object) -> None:
    made = TOTP.activate(ada, generate_totp_secret())
    with pytest.raises(InvalidToken):
        open_text(made.instance.data["secret"])
    settings.ENCRYPTION_KEYS = ["another key, of another site"]  # type: ignore[attr-defined]
    with pytest.raises(InvalidToken):
        made.validate_code("000000")


def test_an_app_is_turned_on_with_one_code_and_shows_the_recovery_codes(
    studio: Studio, ada: User, client: Client
) -> None:
    sign_in(client, ada)
    page = client.get("/accounts/2fa/totp/activate/").content.decode()
    secret = re.search(r'id="authenticator_secret">(\w+)<', page)
    assert secret
    assert f"otpauth://totp/ada%40example.org?secret={secret[1]}&amp;issuer=Hillside%20Pottery" in page
    answer = client.post("/accounts/2fa/totp/activate/", {"code": _now(secret[1])}, follow=True)
    assert answer.request["PATH_INFO"] == "/accounts/2fa/recovery-codes/"
    made = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes()
    assert all(code in answer.content.decode() for code in made)


def test_only_what_somebody_has_is_asked_for(studio: Studio, ada: User, client: Client) -> None:
    TOTP.activate(ada, generate_totp_secret())
    RecoveryCodes.activate(ada)
    client.post(LOGIN, {"login": ada.email})
    page = client.post(CONFIRM, {"code": code_sent()}, follow=True).content.decode()
    assert "authenticator app" in page
    assert "recovery codes works too" in page
    assert "passkey" not in page


def test_a_passkey_is_added_in_one_step_and_shows_the_recovery_codes(studio: Studio, ada: User, client: Client) -> None:
    sign_in(client, ada)
    answer = add_passkey(client)
    assert answer.request["PATH_INFO"] == "/accounts/2fa/recovery-codes/"
    made = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes()
    assert made[0] in answer.content.decode()
    assert 'data-copy="recovery_codes"' in answer.content.decode()


def test_who_has_a_passkey_alone_is_asked_for_no_app(studio: Studio, ada: User) -> None:
    browser, other = Client(), Client()
    sign_in(browser, ada)
    add_passkey(browser)
    codes = RecoveryCodes(Authenticator.objects.get(type="recovery_codes")).get_unused_codes()
    other.post(LOGIN, {"login": ada.email})
    page = other.post(CONFIRM, {"code": code_sent()}, follow=True).content.decode()
    assert "Use your passkey" in page
    assert "authenticator app" not in page
    other.post("/accounts/2fa/authenticate/", {"code": codes[0]})
    assert other.session["_auth_user_id"] == str(ada.pk)


def test_who_has_a_passkey_alone_is_asked_for_it_again_first(studio: Studio, ada: User) -> None:
    browser, other = Client(), Client()
    sign_in(browser, ada)
    add_passkey(browser)
    other.force_login(ada)
    answer = other.get(ADD_PASSKEY, follow=True)
    assert answer.request["PATH_INFO"] == "/accounts/2fa/webauthn/reauthenticate/"
    assert "Use your passkey" in answer.content.decode()
    page = other.get("/accounts/2fa/reauthenticate/").content.decode()
    assert "Enter one of your recovery codes" in page
    assert "authenticator app" not in page


def test_a_passkey_that_did_not_see_its_owner_is_refused_in_words(studio: Studio, ada: User, client: Client) -> None:
    sign_in(client, ada)
    page = add_passkey(client, flags=AuthenticatorData.FLAG.UP).content.decode()
    assert "That did not work" in page
    assert not Authenticator.objects.exists()


def test_a_passkey_is_always_kept_on_the_device_and_asks_for_its_owner(
    studio: Studio, ada: User, client: Client
) -> None:
    sign_in(client, ada)
    page = client.get(ADD_PASSKEY)
    wanted = page.context["js_data"]["creation_options"]["publicKey"]["authenticatorSelection"]
    assert (wanted["residentKey"], wanted["userVerification"]) == ("required", "required")
    assert "Passwordless" not in page.content.decode()


def test_a_passkey_that_did_not_come_is_said_on_the_page(studio: Studio, ada: User, client: Client) -> None:
    sign_in(client, ada)
    page = client.post(ADD_PASSKEY, {"name": "Phone", "credential": ""}).content.decode()
    assert "The passkey did not arrive" in page


@pytest.mark.parametrize("path", ["/accounts/login/", ADD_PASSKEY])
def test_no_passkey_is_offered_at_a_bare_number(
    studio: Studio, ada: User, client: Client, settings: object, path: str
) -> None:
    settings.ALLOWED_HOSTS = ["127.0.0.1", "testserver"]  # type: ignore[attr-defined]
    if path != LOGIN:
        sign_in(client, ada)
    button = 'id="passkey_login"' if path == LOGIN else 'id="mfa_webauthn_add"'
    assert button in client.get(path).content.decode()
    assert button not in client.get(path, headers={"host": "127.0.0.1:8000"}).content.decode()


def test_the_pages_speak_our_words(studio: Studio, ada: User, client: Client) -> None:
    sign_in(client, ada)
    pages = ["", "totp/activate/", "webauthn/", "webauthn/add/"]
    words = "".join(client.get(f"/accounts/2fa/{page}").content.decode() for page in pages)
    for theirs in ("Authenticator App", "Two-Factor", "Sign In", "Alternative options", "Master key", "security key"):
        assert theirs not in words


def add_passkey(client: Client, *, flags: AuthenticatorData.FLAG = SEEN) -> Any:
    options = client.get(ADD_PASSKEY).context["js_data"]["creation_options"]
    credential = json.dumps(make_passkey(options, flags=flags))
    return client.post(ADD_PASSKEY, {"name": "Phone", "credential": credential}, follow=True)


def sign_in(client: Client, user: User) -> None:
    client.post(LOGIN, {"login": user.email})
    client.post(CONFIRM, {"code": code_sent()})
    assert client.session["_auth_user_id"] == str(user.pk)


def _now(secret: str) -> str:
    counter = int(time.time()) // app_settings.TOTP_PERIOD
    return str(format_hotp_value(hotp_value(secret, counter)))
