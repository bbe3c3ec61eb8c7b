"""The owner's pages about the connection: which account, is it well, its key, and its end."""

from allauth.account.decorators import reauthentication_required
from django.conf import settings
from django.contrib import messages
from django.forms import model_to_dict
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from activities import clock
from billing import connection as connections
from billing.connecting.beginning import begin
from billing.connecting.endpoint import webhook_url
from billing.connecting.health import health_of_connection
from billing.connecting.keys import NEEDS, Need, PermissionsMissing
from billing.connection import active_connection
from billing.console.asking import TOO_OFTEN, is_asked_often
from billing.console.words import AWAY
from billing.desk.held_up import held_up
from billing.errors import StripeError, StripeRefused, StripeUnavailable
from billing.forms import ConnectForm, PortalForm, SecretForm
from billing.intake import event_types
from billing.models import Connection, Offer
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther
from hub.reentry import there_before_a_secret


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.CONNECT_STRIPE)
@there_before_a_secret(back="billing:console")
def stripe(request: HttpRequest) -> HttpResponse:
    """The connection: which account, is it well, and a new key."""
    form = ConnectForm(request.POST or None)
    missing: list[Need] = []
    if request.method == "POST" and form.is_valid() and is_asked_often(request):
        form.add_error(None, TOO_OFTEN)
    elif request.method == "POST" and form.is_valid():
        try:
            connected = begin(form.cleaned_data["key"], actor=actor_of(request), now=clock.now())
        except PermissionsMissing as error:
            form.add_error("key", "This restricted key may not do all that is needed. Nothing was changed.")
            missing = error.missing
        except StripeRefused as error:
            form.add_error("key", f"Stripe does not take this key: {error}")
        except StripeUnavailable:
            form.add_error(None, AWAY)
        except StripeError as error:
            form.add_error("key", str(error))
        else:
            messages.success(request, f"Connected to {connected.account_name}.")
            return SeeOther(reverse("billing:console"))
    used = active_connection()
    context = {
        "form": form,
        "secret_form": SecretForm(),
        "missing": missing,
        "needs": NEEDS,
        "connection": used,
        "was": Connection.objects.filter(state=Connection.State.OFF).order_by("-pk").first(),
        "health": health_of_connection() if used else None,
        "held_up": held_up(used, now=timezone.now()),
        "endpoint_url": webhook_url(used, site_url=settings.SITE_URL) if used else "",
        "event_types": sorted(event_types.TYPES),
        "version": settings.STRIPE_API_VERSION,
    }
    return render(request, "billing/stripe.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.CONNECT_STRIPE)
@reauthentication_required(app="allauth.account", allow_get=True)
def disconnect(request: HttpRequest) -> HttpResponse:
    """Says what happens, then does it."""
    used = active_connection()
    if used is None:
        return SeeOther(reverse("billing:console"))
    if request.method == "POST":
        connections.disconnect(used, actor=actor_of(request), now=clock.now())
        messages.success(request, f"{used.account_name} is disconnected. Nobody has lost access.")
        return SeeOther(reverse("billing:console"))
    links = Offer.objects.filter(link__connection=used, is_live=True).exclude(payment_link_id="")
    context = {"connection": used, "payment_links": links.count()}
    return render(request, "billing/disconnect.html", context)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.CONNECT_STRIPE)
def portal(request: HttpRequest) -> HttpResponse:
    """What Stripe's customer portal shows and allows."""
    used = active_connection()
    if used is None:
        return SeeOther(reverse("billing:console"))
    form = PortalForm(request.POST or None, initial=model_to_dict(used, fields=list(PortalForm.base_fields)))
    if request.method == "POST" and form.is_valid() and is_asked_often(request):
        form.add_error(None, TOO_OFTEN)
    elif request.method == "POST" and form.is_valid():
        try:
            connections.set_up_portal(used, **form.cleaned_data)
        except StripeUnavailable:
            form.add_error(None, AWAY)
        except StripeError as error:
            form.add_error(None, f"Stripe does not take this: {error}")
        else:
            messages.success(request, "Saved. The portal shows it from now on.")
            return SeeOther(reverse("billing:console"))
    return render(request, "billing/portal_settings.html", {"form": form}, status=422 if form.errors else 200)
