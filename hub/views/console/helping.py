"""What support does for a person from their page, besides giving and taking access."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from activities import clock
from activities.record import record_deed
from hub.access import open_products
from hub.forms import ReasonForm
from hub.invitations import send_access_again, send_invitation
from hub.models import Product, User
from hub.payments import ask_again
from hub.permissions import Permission, actor_of, staff_only
from hub.recovery import remove_second_factors
from hub.redirects import SeeOther
from hub.throttling import happens_too_often

LOOKS_PER_MINUTE = 3


@require_POST
@staff_only(Permission.HELP_PEOPLE)
def send_again(request: HttpRequest, pk: int, product_pk: int) -> HttpResponse:
    user, product = get_object_or_404(User, pk=pk), get_object_or_404(Product, pk=product_pk)
    actor, now = actor_of(request), clock.now()
    if not user.is_active:
        messages.error(request, f"{user} is deactivated: nothing was sent.")
    elif product.pk not in open_products(user, now=now):
        messages.error(request, f"{user} has no access to {product}: nothing was sent.")
    elif send_access_again(user, product, actor=actor, now=now):
        messages.success(request, f"The access e-mail for {product} is on its way to {user.email}.")
    else:
        messages.warning(request, "It was sent a moment ago. Wait a minute.")
    return SeeOther(reverse("hub:console_person", args=[user.pk]))


@require_POST
@staff_only(Permission.HELP_PEOPLE)
def invite(request: HttpRequest, pk: int) -> HttpResponse:
    """For who never came in: how to, and what is open to them."""
    user = get_object_or_404(User, pk=pk)
    if not user.is_active:
        messages.error(request, f"{user} is deactivated: nothing was sent.")
    elif send_invitation(user, actor=actor_of(request), now=clock.now()):
        messages.success(request, f"The invitation is on its way to {user.email}.")
    else:
        messages.warning(request, "It was sent a moment ago. Wait a minute.")
    return SeeOther(reverse("hub:console_person", args=[pk]))


@require_POST
@staff_only(Permission.RECOVER_ACCOUNTS)
@reauthentication_required(app="allauth.account")
def remove_factors(request: HttpRequest, pk: int) -> HttpResponse:
    """For who lost phone and recovery codes: an owner lets them in by e-mail alone again, and they are written to."""
    user, form, actor = get_object_or_404(User, pk=pk), ReasonForm(request.POST), actor_of(request)
    if not form.is_valid():
        messages.error(request, "Say why, and how you know that it is them: nothing was changed.")
    else:
        remove_second_factors(user, actor=actor, reason=form.cleaned_data["reason"], now=clock.now())
        messages.success(request, f"{user} signs in with a code by e-mail alone now, and is written to.")
    return SeeOther(reverse("hub:console_person", args=[user.pk]))


@require_POST
@staff_only(Permission.HELP_PEOPLE)
def look(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks Stripe how this person stands, while the member of staff waits."""
    user = get_object_or_404(User, pk=pk)
    if happens_too_often(str(user.pk), what="staff_look", per_minute=LOOKS_PER_MINUTE):
        messages.warning(request, "Stripe was asked about this person a moment ago. Wait a minute.")
    else:
        became = ask_again(user)
        record_deed("looked at Stripe again", actor_id=actor_of(request).pk, user_id=pk, note=became, now=clock.now())
        messages.info(request, became)
    return SeeOther(reverse("hub:console_person", args=[user.pk]))
