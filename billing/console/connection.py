"""The owner's page about the connection: which account, is it well, and its key."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from billing import connection as connections
from billing.console.words import AWAY
from billing.errors import StripeError, StripeRefused, StripeUnavailable
from billing.forms import ConnectForm
from billing.models import Attention, InboxEvent, Pass
from billing.refresh import active_connection
from hub.permissions import OWNER, staff_only
from hub.redirects import SeeOther


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(OWNER)
def stripe(request: HttpRequest) -> HttpResponse:
    """The connection: which account, is it well, and a new key."""
    form = ConnectForm(request.POST or None)
    if request.method == "POST" and form.is_valid():
        try:
            connected = connections.connect(form.cleaned_data["key"])
        except StripeRefused as error:
            form.add_error("key", f"Stripe does not take this key: {error}")
        except StripeUnavailable:
            form.add_error(None, AWAY)
        except StripeError as error:
            form.add_error("key", str(error))
        else:
            messages.success(request, f"Connected to {connected.account_name}.")
            return SeeOther(reverse("billing:console"))
    context = {
        "form": form,
        "connection": active_connection(),
        "waiting": InboxEvent.objects.filter(state=InboxEvent.State.PENDING).count(),
        "dead": InboxEvent.objects.filter(state=InboxEvent.State.DEAD).count(),
        "decide": Attention.objects.filter(resolved_at__isnull=True).count(),
        "catch_up": Pass.objects.filter(kind="catch_up").order_by("-pk").first(),
        "full_pass": Pass.objects.filter(kind="full").order_by("-pk").first(),
    }
    return render(request, "billing/stripe.html", context, status=422 if form.errors else 200)
