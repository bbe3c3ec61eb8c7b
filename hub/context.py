from typing import Any, cast

from django.http import HttpRequest
from django.utils.functional import SimpleLazyObject

from hub.models import Site
from hub.roles import Permission


def site(request: HttpRequest) -> dict[str, Any]:
    """`our_site`, not `site`: allauth's pages bring a `site` of their own."""
    return {"our_site": site_of(request)}


def may(request: HttpRequest) -> dict[str, Any]:
    """`may.export_people`: what the person who looks is allowed, by `hub.roles`."""
    return {"may": SimpleLazyObject(lambda: _allowed(request))}


def _allowed(request: HttpRequest) -> dict[str, bool]:
    user = request.user
    return {permission.value: user.is_authenticated and user.may(permission) for permission in Permission}


def site_of(request: HttpRequest) -> Site:
    """The site's row, read at most once in a request, and only when somebody looks at it."""
    if not hasattr(request, "_site"):
        request._site = SimpleLazyObject(Site.load)  # type: ignore[attr-defined]
    return cast(Site, request._site)  # type: ignore[attr-defined]
