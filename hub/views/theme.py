from collections.abc import Callable

from django.http import HttpRequest, HttpResponse
from django.utils.cache import patch_cache_control
from django.views.decorators.http import condition, require_safe

from hub.context import site_of
from hub.theme import make_palette, stylesheet

VERSION = 1


def _etag(request: HttpRequest) -> str:
    return f'"{VERSION}-{site_of(request).accent.strip("#")}"'


def _kept(view: Callable[[HttpRequest], HttpResponse]) -> Callable[[HttpRequest], HttpResponse]:
    """Browsers keep it ten minutes, then ask with its tag."""

    def kept(request: HttpRequest) -> HttpResponse:
        response = condition(etag_func=_etag)(view)(request)
        patch_cache_control(response, public=True, max_age=600)
        return response

    return require_safe(kept)


@_kept
def theme(request: HttpRequest) -> HttpResponse:
    return HttpResponse(stylesheet(site_of(request).accent), content_type="text/css; charset=utf-8")


@_kept
def icon(request: HttpRequest) -> HttpResponse:
    """The site's mark: a doorway in the owner's colour."""
    shades = make_palette(site_of(request).accent).light
    svg = (
        '<svg xmlns="http://www.w3.org/2000/svg" viewBox="0 0 32 32">'
        f'<rect width="32" height="32" rx="7" fill="{shades.fill}"/>'
        f'<path d="M9 27V14a7 7 0 0 1 14 0v13h-4V14a3 3 0 0 0-6 0v13z" fill="{shades.on_fill}"/></svg>'
    )
    return HttpResponse(svg, content_type="image/svg+xml")
