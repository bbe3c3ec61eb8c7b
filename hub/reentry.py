"""Being there still: what changes how an account is entered asks once more, so that a borrowed browser changes nothing.

Who has a password or a second factor is asked for that by allauth. Everybody else, and that is most members, proves it
by a code to the present address; whoever came in by one a moment ago has just done so.
"""

import time

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from django.http import HttpRequest
from django.utils import timezone

from hub import codes
from hub.models import User


def is_fresh(request: HttpRequest) -> bool:
    """Whether this browser's person was proved to be there within ACCOUNT_REAUTHENTICATION_TIMEOUT seconds."""
    records = get_authentication_records(request, request.user)
    return bool(records) and time.time() - records[-1]["at"] < app_settings.REAUTHENTICATION_TIMEOUT


def send_code(request: HttpRequest, user: User) -> None:
    adapter = get_adapter(request)
    adapter.send_mail("account/email/reentry_code", user.email, {"code": adapter.generate_login_code()})


def note_reentry(request: HttpRequest, user: User) -> None:
    record_authentication(request, user, method="code", reauthenticated=True)


def check_code(request: HttpRequest, user: User, code: str) -> None:
    """Takes a code that was mailed to the person's address of late. Raises ValidationError."""
    codes.take_or_refuse(request, user.email, code, has_account=True, now=timezone.now())
