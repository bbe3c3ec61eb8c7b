"""The link that brings the buyer of an expired session back."""

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_GET

from sandbox.account import Account
from sandbox.checkout import recover_session
from sandbox.errors import NotFound, StripeRefusal
from sandbox.pages.acting import in_account
from sandbox.pages.checkout import show_state


@require_GET
@never_cache
@in_account
def recover(request: HttpRequest, account: Account, session_id: str) -> HttpResponse:
    """Open a copy of the session, as following a payment link opens one."""
    try:
        session = recover_session(account, session_id)
    except NotFound:
        raise
    except StripeRefusal as refusal:
        return show_state(request, account, title="This page has expired", text=str(refusal))
    return HttpResponseRedirect(session["url"])
