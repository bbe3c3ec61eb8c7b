"""Seeing the site as a member does: for half an hour, with nothing that can be pressed, and nothing that stays.

The member of staff keeps their own session; no session of the member's is made. Each request that is answered as the
member runs in a transaction that is taken back, so whatever a page notes down when it is read (a visit, a place in a
lesson) is not noted.
"""

from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone

from activities.marks import rehearsed
from activities.record import record_deed
from hub.models import User
from hub.permissions import Permission, signed_in
from hub.redirects import SeeOther
from hub.roles import Role

KEY = "sees_as"
LASTS = timedelta(minutes=30)
SAFE = frozenset({"GET", "HEAD"})
# Where whoever looks is themselves: what they do there, and proving that it is them. Signing out ends everything.
OWN = (
    "/console/",
    "/admin/",
    "/accounts/reauthenticate/",
    "/accounts/2fa/reauthenticate/",
    "/accounts/2fa/webauthn/reauthenticate/",
    "/accounts/logout/",
    "/static/",
)
# What is the member's alone: how they sign in, their money, and what leaves the house.
CLOSED = ("/accounts/", "/portal/", "/checkout/", "/account/data/", "/account/erase/")


@dataclass(frozen=True, slots=True)
class Seeing:
    """Who looks, as whom, until when in real time; and whether they are themselves on this page."""

    staff: User
    person: User
    until: datetime
    is_oneself: bool


def is_seeing(request: HttpRequest) -> bool:
    """Whether this request is answered to somebody who is not the person that it seems to be."""
    return hasattr(request, "seeing")


def may_be_seen_as(person: User) -> bool:
    """Members alone: as staff nobody sees anything, and whoever is deactivated sees nothing."""
    return person.is_active and person.role == Role.MEMBER


def begin(request: HttpRequest, person: User, *, actor: User, now: datetime) -> None:
    """From the next request on. Kept in the feed, with who looked."""
    until = timezone.now() + LASTS
    request.session[KEY] = {"person": person.pk, "until": until.isoformat()}
    record_deed("saw the site as this member", actor_id=actor.pk, user_id=person.pk, now=now)


def stop(request: HttpRequest) -> User | None:
    """Whom it was as; None where nobody was looking."""
    given = request.session.pop(KEY, None)
    return User.objects.filter(pk=given["person"]).first() if given else None


def answer_as_member(request: HttpRequest, get_response: Callable[[HttpRequest], HttpResponse]) -> HttpResponse:
    """The answer to whoever sees the site as a member; to everybody else what they would get anyway."""
    given = request.session.get(KEY)
    staff = signed_in(request) if given else None
    if given is None or staff is None:
        return get_response(request)
    person = User.objects.filter(pk=given["person"]).first()
    until = datetime.fromisoformat(given["until"])
    allowed = person is not None and may_be_seen_as(person) and staff.may(Permission.SEE_AS_MEMBER)
    if person is None or not allowed or timezone.now() >= until:
        return _over(request, person)
    is_oneself = request.path.startswith(OWN)
    request.seeing = Seeing(staff, person, until, is_oneself)  # type: ignore[attr-defined]
    if is_oneself:
        return get_response(request)
    request.user = person
    if request.method not in SAFE or request.path.startswith(CLOSED):
        return render(request, "console/not_as_member.html", status=403)
    with rehearsed():
        return get_response(request)


def _over(request: HttpRequest, person: User | None) -> HttpResponse:
    """Nothing is done by the request that finds it over: it was meant for somebody else's page."""
    del request.session[KEY]
    messages.info(request, f"You no longer see the site as {person or 'that member'}: that ends by itself.")
    return SeeOther(reverse("hub:console_person", args=[person.pk]) if person else reverse("hub:console"))
