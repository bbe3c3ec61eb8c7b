from collections.abc import Callable
from functools import wraps

from django.http import Http404, HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from hub.models import Product


class SeeOther(HttpResponseRedirect):
    """The answer to every POST that succeeded: go there with GET."""

    status_code = 303


def following_moves(view: Callable[..., HttpResponse]) -> Callable[..., HttpResponse]:
    """For a view that shows a product by its `slug`: from an address that it had before, on to the one that it has."""

    @wraps(view)
    def showing(request: HttpRequest, **kwargs: str) -> HttpResponse:
        try:
            return view(request, **kwargs)
        except Http404:
            moved = Product.objects.filter(former_addresses__slug=kwargs["slug"], is_live=True).first()
            if moved is None or request.resolver_match is None or moved.slug == kwargs["slug"]:
                raise
            there = reverse(request.resolver_match.view_name, kwargs={**kwargs, "slug": moved.slug})
            return HttpResponseRedirect(there)

    return showing


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
