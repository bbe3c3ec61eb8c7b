"""What the owner may do about the webhook endpoint at Stripe, and its signing secret."""

from collections.abc import Callable

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST

from activities import clock
from billing.connecting import endpoint
from billing.connection import active_connection
from billing.console.asking import TOO_OFTEN, is_asked_often
from billing.console.words import AWAY
from billing.errors import StripeError, StripeForbidden, StripeUnavailable
from billing.forms import SecretForm
from billing.gateway import Gateway, gateway_for
from billing.models import Connection
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther
from hub.reentry import there_before_a_secret


@require_POST
@staff_only(Permission.CONNECT_STRIPE)
def look(request: HttpRequest) -> HttpResponse:
    """As Stripe has it now."""
    return _ask_stripe(request, lambda used, gateway: endpoint.look_at_endpoint(used, gateway, now=timezone.now()))


@require_POST
@staff_only(Permission.CONNECT_STRIPE)
@reauthentication_required(app="allauth.account")
def repair(request: HttpRequest) -> HttpResponse:
    """Switched on, leading here, hearing of everything; made anew, with another secret, where it is gone."""

    def do(used: Connection, gateway: Gateway) -> None:
        endpoint.repair(used, gateway, actor=actor_of(request), now=clock.now(), real_now=timezone.now())

    return _ask_stripe(request, do, words="Mended: Stripe tells this site again.")


@require_POST
@staff_only(Permission.CONNECT_STRIPE)
@reauthentication_required(app="allauth.account")
def roll(request: HttpRequest) -> HttpResponse:
    """Another signing secret; the present one is good for a day more."""

    def do(used: Connection, gateway: Gateway) -> None:
        endpoint.roll_secret(used, gateway, actor=actor_of(request), now=clock.now(), real_now=timezone.now())

    return _ask_stripe(request, do, words="The signing secret is another one now. The old one is good for a day more.")


@require_POST
@staff_only(Permission.CONNECT_STRIPE)
@reauthentication_required(app="allauth.account")
def end_overlap(request: HttpRequest) -> HttpResponse:
    """The old secret is good no longer."""

    def do(used: Connection, gateway: Gateway) -> None:
        endpoint.end_overlap(used, gateway, actor=actor_of(request), now=clock.now())

    return _ask_stripe(request, do, words="The old signing secret is good no longer.")


@require_POST
@staff_only(Permission.CONNECT_STRIPE)
@there_before_a_secret(back="billing:console")
def keep_secret(request: HttpRequest) -> HttpResponse:
    """The signing secret of an endpoint that the owner made in Stripe."""
    used, form = active_connection(), SecretForm(request.POST)
    if used is None or not form.is_valid():
        messages.error(request, "A signing secret begins with whsec_: copy it from the endpoint’s page in Stripe.")
        return SeeOther(reverse("billing:console"))
    secret, now = form.cleaned_data["secret"], timezone.now()
    endpoint.keep_pasted_secret(used, secret, actor=actor_of(request), now=clock.now(), real_now=now)
    messages.success(request, "Kept. Events signed with it are heard from now on.")
    return SeeOther(reverse("billing:console"))


def _ask_stripe(request: HttpRequest, do: Callable[[Connection, Gateway], None], *, words: str = "") -> HttpResponse:
    used = active_connection()
    if used is None:
        return SeeOther(reverse("billing:console"))
    if is_asked_often(request):
        messages.warning(request, TOO_OFTEN)
        return SeeOther(reverse("billing:console"))
    try:
        do(used, gateway_for(used, waiting=True))
    except StripeForbidden:
        messages.error(
            request, "The key lacks “Webhook Endpoints: Write”. Do it in Stripe, or paste a key that has it."
        )
    except StripeUnavailable:
        messages.error(request, AWAY)
    except StripeError as error:
        messages.error(request, f"Stripe does not allow it: {error}")
    else:
        if words:
            messages.success(request, words)
    return SeeOther(reverse("billing:console"))
