"""The owners' page of who works here. Every change asks whether it is still them."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from activities import clock
from hub import staff as working
from hub.errors import Refused
from hub.forms import InviteForm, RoleForm
from hub.models import User
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther
from hub.roles import MAY, Role

RANKS = [Role.OWNER, Role.ADMIN, Role.SUPPORT]
# Each role may what the ones before it may.
TABLE = [
    ("Support, admins and owners", [may for may in Permission if may in MAY[Role.SUPPORT]]),
    ("Admins and owners", [may for may in Permission if may in MAY[Role.ADMIN] - MAY[Role.SUPPORT]]),
    ("Owners alone", [may for may in Permission if may in MAY[Role.OWNER] - MAY[Role.ADMIN]]),
]


@require_safe
@staff_only(Permission.MANAGE_STAFF)
def staff(request: HttpRequest) -> HttpResponse:
    return _show(request, InviteForm())


@require_POST
@staff_only(Permission.MANAGE_STAFF)
@reauthentication_required(app="allauth.account")
def invite(request: HttpRequest) -> HttpResponse:
    form = InviteForm(request.POST)
    if form.is_valid():
        address, name, role = (form.cleaned_data[field] for field in ("address", "name", "role"))
        try:
            person = working.invite(address, name=name, role=role, actor=actor_of(request), now=clock.now())
        except Refused as refused:
            form.add_error("address", str(refused))
        else:
            messages.success(request, f"{person} is staff now, and was written to.")
            return SeeOther(reverse("hub:console_staff"))
    return _show(request, form)


@require_POST
@staff_only(Permission.MANAGE_STAFF)
@reauthentication_required(app="allauth.account")
def change_role(request: HttpRequest, pk: int) -> HttpResponse:
    """Another role, or none: they, and every owner, are written to."""
    person, form = get_object_or_404(User, pk=pk), RoleForm(request.POST)
    if not form.is_valid():
        messages.error(request, "That is no role: nothing was changed.")
        return SeeOther(reverse("hub:console_staff"))
    try:
        person = working.change_role(person, role=form.cleaned_data["role"], actor=actor_of(request), now=clock.now())
    except Refused as refused:
        messages.error(request, str(refused))
    else:
        is_gone = person.role == Role.MEMBER
        words = "is no longer staff" if is_gone else f"is {person.get_role_display().lower()} from now on"
        messages.success(request, f"{person} {words}, and was written to.")
    stays = person.pk != request.user.pk or person.may(Permission.MANAGE_STAFF)
    return SeeOther(reverse("hub:console_staff") if stays else reverse("hub:library"))


def _show(request: HttpRequest, form: InviteForm) -> HttpResponse:
    found = User.objects.filter(role__in=RANKS)
    people = sorted(found, key=lambda person: (RANKS.index(Role(person.role)), str(person).lower()))
    owners = [person for person in people if person.role == Role.OWNER and person.is_active]
    context = {
        "form": form,
        "people": people,
        "choices": RoleForm.base_fields["role"].choices,  # type: ignore[attr-defined]
        "last_owner": owners[0] if len(owners) == 1 else None,
        "table": TABLE,
    }
    return render(request, "console/staff.html", context, status=422 if form.errors else 200)
