"""The console's doors: each of its pages names what somebody has to be allowed to come in, and what leaves the house
leaves it with whoever is still there.
"""

from collections.abc import Callable
from functools import wraps
from typing import Concatenate, ParamSpec
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.account.internal.flows.reauthentication import is_reauthentication_required
from allauth.core.exceptions import ReauthenticationRequired
from django.contrib import messages
from django.contrib.auth.views import redirect_to_login
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponseBase, HttpResponseRedirect
from django.urls import reverse

P = ParamSpec("P")
View = Callable[Concatenate[HttpRequest, P], HttpResponseBase]


def staff_only(permission: str) -> Callable[[View[P]], View[P]]:
    """Lets in whose role has this permission; strangers are sent to sign in, everybody else is refused (403)."""

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not request.user.is_authenticated:
                return redirect_to_login(request.get_full_path())
            if not request.user.may(permission):
                raise PermissionDenied
            return view(request, *args, **kwargs)

        return guarded

    return decorate


def is_to_prove(request: HttpRequest) -> bool:
    """Whether somebody who is signed in came in too long ago to be taken for the one who did."""
    try:
        return bool(is_reauthentication_required(request, app="allauth.account"))
    except ReauthenticationRequired:
        return True


def proof(request: HttpRequest, *, back: str) -> str:
    """The page where they prove to be there still, and go on from to `back`."""
    way = get_adapter(request).get_reauthentication_methods(request.user)[0]
    return f"{way['url']}?{urlencode({'next': back})}"


def there_before_a_file(*, page: str) -> Callable[[View[P]], View[P]]:
    """Guards a file with people in it. `page`: the name of the page, with the same arguments, where its link is; it is
    led back there, and not to the file, which would leave the question on the screen.
    """

    def decorate(view: View[P]) -> View[P]:
        @wraps(view)
        def guarded(request: HttpRequest, /, *args: P.args, **kwargs: P.kwargs) -> HttpResponseBase:
            if not is_to_prove(request):
                return view(request, *args, **kwargs)
            messages.info(request, "It holds people’s addresses: confirm that it is you first, then download it.")
            query = f"?{request.GET.urlencode()}" if request.GET else ""
            return HttpResponseRedirect(proof(request, back=reverse(page, args=args, kwargs=kwargs) + query))

        return guarded

    return decorate
