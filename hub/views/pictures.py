from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.utils.cache import patch_cache_control
from django.views.decorators.http import condition, require_safe

from activities import clock
from hub.models import Picture, PictureSize
from hub.permissions import signed_in
from hub.pictures.keeping import CONTENT_TYPES, is_public, may_see, purpose_of

YEAR = 365 * 24 * 3600


def _etag(request: HttpRequest, name: str, side: int, ending: str) -> str:
    return f'"{name}-{side}"'


@require_safe
def picture(request: HttpRequest, name: str, side: int, ending: str) -> HttpResponse:
    """One size of a picture. Its address never shows another one: whoever may keep it, keeps it."""
    found = get_object_or_404(Picture, name=name)
    user, for_all = signed_in(request), is_public(found)
    if ending != purpose_of(found).format.lower():
        raise Http404
    if not for_all and (user is None or not may_see(found, user, now=clock.now())):
        raise Http404
    response = condition(etag_func=_etag)(_send)(request, name, side, ending)
    response["Content-Security-Policy"] = "default-src 'none'; sandbox"
    if for_all:
        patch_cache_control(response, public=True, max_age=YEAR, immutable=True)
    else:
        patch_cache_control(response, private=True, max_age=3600)
    return response


def _send(request: HttpRequest, name: str, side: int, ending: str) -> HttpResponse:
    size = get_object_or_404(PictureSize, picture=name, side=side)
    return HttpResponse(bytes(size.content), content_type=CONTENT_TYPES[ending.upper()])
