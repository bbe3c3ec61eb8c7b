from collections.abc import Callable
from datetime import timedelta

from django.db import transaction
from django.db.models import Q
from django.http import HttpRequest, HttpResponse, HttpResponseNotAllowed
from django.shortcuts import render
from django.utils import timezone
from django.utils.cache import patch_cache_control

from activities import clock
from activities.zones import find_zone
from hub.engagement import SHORTEST, note_return
from hub.models import User
from hub.seeing import answer_as_member

Handler = Callable[[HttpRequest], HttpResponse]
ZONE_COOKIE = "zone"  # static/js/zone.js writes it
SEEN_EVERY = timedelta(minutes=5)
ELSEWHERE = frozenset({302, 303, 403, 404})


def visitor_timezone(get_response: Handler) -> Handler:
    """Shows times in the visitor's zone: the one in their profile, which is first learned from their browser."""

    def middleware(request: HttpRequest) -> HttpResponse:
        told = find_zone(request.COOKIES.get(ZONE_COOKIE, ""))
        user = request.user
        if user.is_authenticated and not user.timezone and told:
            User.objects.filter(pk=user.pk, timezone="").update(timezone=told.key)
            user.timezone = told.key
        zone = find_zone(user.timezone) if user.is_authenticated else told
        with timezone.override(zone):
            return get_response(request)

    return middleware


def kept_private(get_response: Handler) -> Handler:
    """What a signed-in person is shown is theirs: no shared cache keeps it, and a browser asks again."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.user.is_authenticated and not response.has_header("Cache-Control"):
            patch_cache_control(response, private=True, no_cache=True)
        return response

    return middleware


def refusals_with_a_face(get_response: Handler) -> Handler:
    """A method that an address does not take is refused by Django without a word: a person needs some."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if isinstance(response, HttpResponseNotAllowed) and not response.content:
            response.content = render(request, "405.html").content
        return response

    return middleware


def parts_with_their_page(get_response: Handler) -> Handler:
    """A part of a page that is refused, gone or sent elsewhere, as to sign in, has the whole page asked for again.

    htmx would follow into the part, or leave it as it is for good.
    """

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        if request.headers.get("HX-Request") and response.status_code in ELSEWHERE:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return response

    return middleware


def last_seen(get_response: Handler) -> Handler:
    """Remembers when a signed-in person was here, to five minutes: one conditional UPDATE at most that often."""

    def middleware(request: HttpRequest) -> HttpResponse:
        response = get_response(request)
        user = request.user
        now = clock.now()
        if user.is_authenticated and (user.last_seen is None or user.last_seen < now - SEEN_EVERY):
            stale = Q(last_seen__isnull=True) | Q(last_seen__lt=now - SEEN_EVERY)
            seen = User.objects.filter(stale, pk=user.pk)
            if user.last_seen is None or now - user.last_seen < SHORTEST:
                seen.update(last_seen=now)
                return response
            with transaction.atomic():
                if seen.update(last_seen=now):
                    note_return(user, last_seen=user.last_seen, now=now)
        return response

    return middleware


def seen_as_member(get_response: Handler) -> Handler:
    """Answers staff who see the site as a member does as if they were that member, read-only."""

    def middleware(request: HttpRequest) -> HttpResponse:
        return answer_as_member(request, get_response)

    return middleware
