"""Second factors are kept sealed, and work."""

import json
import time
from collections.abc import Callable

import pytest
from allauth.mfa import app_settings
from allauth.mfa.models import Authenticator
from allauth.mfa.recovery_codes.internal.auth import RecoveryCodes
from allauth.mfa.totp.internal.auth import TOTP, format_hotp_value, generate_totp_secret, hotp_value
from cryptography.fernet import InvalidToken
from django.core import mail
from django.test import Client

from billing.sealed import open_text
from hub.models import User
from tests.hub.conftest import Studio
from tests.hub.test_signing_in import LOGIN, code_sent

Enter = Callable[[User], Client]


@pytest.fixture(autouse=True)
def _mail(settings: object) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"  # type: ignore[attr-defined]


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


def _now(secret: str) -> str:
    counter = int(time.time()) // app_settings.TOTP_PERIOD
    return str(format_hotp_value(hotp_value(secret, counter)))
