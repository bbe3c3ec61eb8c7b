"""Staff begin to see the site as a member does, and stop."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from activities import clock
from hub import seeing
from hub.models import User
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther


@require_POST
@staff_only(Permission.SEE_AS_MEMBER)
def begin(request: HttpRequest, pk: int) -> HttpResponse:
    person = get_object_or_404(User, pk=pk)
    if not seeing.may_be_seen_as(person):
        messages.error(request, f"The site is not seen as {person}: only as a member who is not deactivated.")
        return SeeOther(reverse("hub:console_person", args=[pk]))
    seeing.begin(request, person, actor=actor_of(request), now=clock.now())
    return SeeOther(reverse("hub:library"))


@require_POST
@staff_only(Permission.SEE_AS_MEMBER)
def stop(request: HttpRequest) -> HttpResponse:
    person = seeing.stop(request)
    return SeeOther(reverse("hub:console_person", args=[person.pk]) if person else reverse("hub:console"))
