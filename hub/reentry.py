"""Being there still: what changes how an account is entered asks once more, so that a borrowed browser changes nothing.

Who has a password or a second factor is asked for that by allauth. Everybody else, and that is most members, proves it
by a code to the present address; whoever came in by one a moment ago has just done so.
"""

import time
from collections.abc import Callable
from functools import wraps

from allauth.account import app_settings
from allauth.account.adapter import get_adapter
from allauth.account.authentication import get_authentication_records
from allauth.account.internal.flows.login import record_authentication
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone

from activities.doors import is_to_prove, proof
from hub import codes
from hub.models import User
from hub.redirects import SeeOther

View = Callable[..., HttpResponse]


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


def there_before_a_secret(*, back: str) -> Callable[[View], View]:
    """Guards a view that is posted a secret. `back`: the name of the page with its form.

    allauth keeps what was posted in the session until the person is proved, in the clear: here it is posted again.
    """

    def guard(view: View) -> View:
        @wraps(view)
        def guarded(request: HttpRequest, *args: object, **kwargs: object) -> HttpResponse:
            if request.method != "POST" or not is_to_prove(request):
                return view(request, *args, **kwargs)
            messages.info(request, "Confirm that it is you first, then paste it again: it was not kept.")
            return SeeOther(proof(request, back=reverse(back)))

        return guarded

    return guard
