"""What members may ask of whoever keeps data about them: a copy of all of it, and that it is destroyed."""

from datetime import datetime
from typing import cast

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.contrib.auth import logout
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from activities import clock
from activities.record import record_deed
from hub import erasing
from hub.errors import Refused
from hub.forms import EraseForm
from hub.models import User
from hub.own_data import export
from hub.payments import bills_of
from hub.redirects import SeeOther

still_there = reauthentication_required(app="allauth.account")


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@never_cache
def own_data(request: HttpRequest) -> HttpResponseBase:
    """Says what is kept; posted to, it is the document."""
    return _download(request) if request.method == "POST" else render(request, "hub/own_data.html")


@still_there
def _download(request: HttpRequest) -> HttpResponseBase:
    person, now = _person(request), clock.now()
    record_deed("took a copy of their data", actor_id=person.pk, user_id=person.pk, now=now)
    return document(person, now=now)


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
@still_there
def erase(request: HttpRequest) -> HttpResponse:
    """Whoever erases themselves types their address, and is signed out for good."""
    person = _person(request)
    try:
        erasing.check(person)
        form = EraseForm(request.POST if request.method == "POST" else None, person=person)
        if form.is_valid():  # refused still, where a subscription began while it was asked
            erasing.erase(person, actor=person, now=clock.now())
            logout(request)
    except Refused as refused:
        context = {"refused": str(refused), "bills": bills_of(person)}
        return render(request, "hub/own_erase.html", context, status=409 if request.method == "POST" else 200)
    if form.is_valid():
        messages.success(request, "Your account is erased. What was paid stays in the books, without your name.")
        return SeeOther(reverse("hub:library"))
    asked: dict[str, object] = {"form": form, "closes": erasing.what_closes(person, now=clock.now())}
    return render(request, "hub/own_erase.html", asked, status=422 if form.errors else 200)


def document(person: User, *, now: datetime) -> HttpResponseBase:
    """The JSON document as a file, sent as it is read."""
    name = f"data-{person.pk}-{timezone.localtime(now):%Y-%m-%d}.json"
    return StreamingHttpResponse(
        (piece.encode() for piece in export(person, now=now)),
        content_type="application/json",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _person(request: HttpRequest) -> User:
    return cast(User, request.user)
