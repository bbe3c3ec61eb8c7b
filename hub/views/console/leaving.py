"""An account that is shut, opened again, copied for its owner, or erased: each with what goes on being charged."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST

from activities import clock
from activities.record import record_deed
from hub import deactivating, erasing
from hub.errors import Refused
from hub.forms import EraseForm, ReasonForm
from hub.models import User
from hub.payments import bills_of, payers_of
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther
from hub.views.own_data import document


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.DEACTIVATE_PEOPLE)
def deactivate(request: HttpRequest, pk: int) -> HttpResponse:
    """Asked first, with what goes on being charged: no subscription ends by it."""
    person = get_object_or_404(User, pk=pk)
    form = ReasonForm(request.POST if request.method == "POST" else None)
    if form.is_valid():
        try:
            deactivating.deactivate(
                person, actor=actor_of(request), reason=form.cleaned_data["reason"], now=clock.now()
            )
        except Refused as refused:
            messages.error(request, str(refused))
        else:
            messages.success(request, f"{person} is deactivated, and signed out everywhere.")
        return _back(person)
    context = {"person": person, "form": form, "bills": bills_of(person)}
    return render(request, "console/deactivate.html", context, status=422 if form.errors else 200)


@require_POST
@staff_only(Permission.DEACTIVATE_PEOPLE)
def reactivate(request: HttpRequest, pk: int) -> HttpResponse:
    person, form = get_object_or_404(User, pk=pk), ReasonForm(request.POST)
    if not form.is_valid():
        messages.error(request, "Say why, in at most 240 characters: nothing was changed.")
        return _back(person)
    try:
        deactivating.reactivate(person, actor=actor_of(request), reason=form.cleaned_data["reason"], now=clock.now())
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        messages.success(request, f"{person} may sign in again, and has what they had.")
    return _back(person)


@require_POST
@staff_only(Permission.EXPORT_PEOPLE)
@reauthentication_required(app="allauth.account")
@never_cache
def export(request: HttpRequest, pk: int) -> HttpResponseBase:
    """All that is kept about one person. It leaves the house: the feed says who took it."""
    person, now = get_object_or_404(User, pk=pk), clock.now()
    record_deed("exported all that is known of this person", actor_id=actor_of(request).pk, user_id=pk, now=now)
    return document(person, now=now)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.ERASE_PEOPLE)
@reauthentication_required(app="allauth.account")
def erase(request: HttpRequest, pk: int) -> HttpResponse:
    """Asked first, with the address to be typed."""
    person = get_object_or_404(User, pk=pk)
    try:
        erasing.check(person)
        form = EraseForm(request.POST if request.method == "POST" else None, person=person)
        if form.is_valid():  # refused still, where a subscription began or a role came while it was asked
            erasing.erase(person, actor=actor_of(request), now=clock.now())
            messages.success(request, "Erased. What was paid stays in the books, without a name.")
            return _back(person)
    except Refused as refused:
        context = {"person": person, "refused": str(refused), "bills": bills_of(person)}
        return render(request, "console/erase.html", context, status=409 if request.method == "POST" else 200)
    closes = erasing.what_closes(person, now=clock.now())
    context = {"person": person, "form": form, "payers": payers_of(person), "closes": closes}
    return render(request, "console/erase.html", context, status=422 if form.errors else 200)


def _back(person: User) -> HttpResponse:
    return SeeOther(reverse("hub:console_person", args=[person.pk]))
