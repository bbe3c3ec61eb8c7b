"""What support does for a person from their page, besides giving and taking access."""

from django.contrib import messages
from django.db import transaction
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse
from django.views.decorators.http import require_POST

from activities import clock
from hub.access import open_products
from hub.invitations import send_access_again
from hub.models import Product, User
from hub.payments import ask_again
from hub.permissions import signed_in, staff_only
from hub.redirects import SeeOther
from hub.throttling import happens_too_often

LOOKS_PER_MINUTE = 3


@require_POST
@staff_only()
def send_again(request: HttpRequest, pk: int, slug: str) -> HttpResponse:
    user, product = get_object_or_404(User, pk=pk), get_object_or_404(Product, slug=slug)
    actor, now = signed_in(request), clock.now()
    assert actor is not None  # noqa: S101  staff_only has seen to it
    with transaction.atomic():
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
@staff_only()
def look(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks Stripe how this person stands, while the member of staff waits."""
    user = get_object_or_404(User, pk=pk)
    if happens_too_often(str(user.pk), what="staff_look", per_minute=LOOKS_PER_MINUTE):
        messages.warning(request, "Stripe was asked about this person a moment ago. Wait a minute.")
    else:
        messages.info(request, ask_again(user))
    return SeeOther(reverse("hub:console_person", args=[user.pk]))
