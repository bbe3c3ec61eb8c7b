from collections.abc import Callable
from functools import wraps

from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.views.decorators.http import require_http_methods


class SeeOther(HttpResponseRedirect):
    """The answer to every POST that succeeded: go there with GET."""

    status_code = 303


Act = Callable[..., HttpResponse]


def back_to(where: Callable[..., str]) -> Callable[[Act], Act]:
    """For a view that acts by POST. Whoever comes with GET is led to where its button is: so it is after signing in
    on the way, and with an address that was kept. `where` takes the view's own arguments.
    """

    def decorate(view: Act) -> Act:
        @wraps(view)
        @require_http_methods(["GET", "HEAD", "POST"])
        def acting(request: HttpRequest, **kwargs: str) -> HttpResponse:
            return view(request, **kwargs) if request.method == "POST" else SeeOther(where(**kwargs))

        return acting

    return decorate
