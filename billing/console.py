"""The owner's pages about Stripe: the connection, and what each product is linked with."""

from typing import cast

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from activities import clock
from billing import attention, linking
from billing import connection as connections
from billing.errors import StripeError, StripeRefused, StripeUnavailable
from billing.forms import ChoosePricesForm, ChooseProductForm, ConnectForm
from billing.gateway import gateway_for
from billing.models import Attention, Connection, InboxEvent, Pass, ProductLink
from billing.refresh import active_connection
from hub.models import Product, User
from hub.permissions import EDITORS, OWNER, staff_only
from hub.redirects import SeeOther

AWAY = "Stripe does not answer right now. Nothing was changed; try again in a minute."


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


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(EDITORS)
def link(request: HttpRequest, slug: str) -> HttpResponse:
    """Two steps: which Stripe product, then which of its prices are on sale."""
    product = get_object_or_404(Product, slug=slug)
    connected = active_connection()
    if connected is None:
        return render(request, "billing/link.html", {"product": product, "connected": None})
    made = product.stripe_links.filter(unlinked_at__isnull=True).prefetch_related("offers").first()
    if made is not None:
        return render(request, "billing/link.html", {"product": product, "connected": connected, "made": made})
    try:
        return _link(request, product, connected=connected)
    except StripeUnavailable:
        context = {"product": product, "connected": connected, "away": AWAY}
        return render(request, "billing/link.html", context, status=503)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(EDITORS)
def unlink(request: HttpRequest, slug: str) -> HttpResponse:
    """Asks first, because a payment link that is switched off stays so; then does it."""
    made = get_object_or_404(ProductLink, product__slug=slug, unlinked_at__isnull=True)
    if request.method != "POST":
        count = made.offers.exclude(payment_link_id="").count()
        return render(request, "billing/unlink.html", {"made": made, "product": made.product, "count": count})
    try:
        linking.unlink(made, actor=_actor(request))
    except linking.StillLive as error:
        messages.error(request, str(error))
    except StripeUnavailable:
        messages.error(request, AWAY)
    else:
        messages.success(request, f"{made.product} is no longer linked. Access that was given stays.")
    return SeeOther(reverse("billing:link", args=[slug]))


def _link(request: HttpRequest, product: Product, *, connected: Connection) -> HttpResponse:
    gateway = gateway_for(connected, waiting=True)
    taken = {
        found.stripe_product: found.product.name
        for found in ProductLink.objects.filter(connection=connected, unlinked_at__isnull=True).select_related(
            "product"
        )
    }
    data = request.POST or request.GET
    chosen = data.get("stripe_product", "")
    products = gateway.products()
    prices_of = linking.selectable_by_product(gateway)
    choose = ChooseProductForm(data if chosen else None, products=products, prices=prices_of, taken=taken)
    context = {"product": product, "connected": connected, "form": choose}
    if not chosen or not choose.is_valid():
        return render(request, "billing/link.html", context, status=422 if choose.errors else 200)
    prices = prices_of.get(chosen, [])
    form = ChoosePricesForm(request.POST if request.method == "POST" else None, prices=prices)
    name = next(found["name"] for found in products if found["id"] == chosen)
    context |= {"form": form, "chosen": chosen, "chosen_name": name, "has_prices": bool(prices)}
    if request.method == "POST" and form.is_valid():
        try:
            linking.link(product, stripe_product=chosen, prices=form.cleaned_data["prices"], actor=_actor(request))
        except (linking.AlreadyLinked, linking.NotPublished) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{product} opens for everybody who buys {name}.")
            return SeeOther(reverse("billing:link", args=[product.slug]))
    return render(request, "billing/link.html", context, status=422 if form.errors else 200)


def _actor(request: HttpRequest) -> User:
    return cast(User, request.user)


@require_safe
@staff_only()
def decide(request: HttpRequest) -> HttpResponse:
    """What no rule can settle: each with its evidence, the oldest first."""
    found = Attention.objects.filter(resolved_at__isnull=True).select_related("user").order_by("opened_at", "pk")
    return render(request, "billing/decide.html", {"found": found[:200], "count": found.count()})


@require_POST
@staff_only(EDITORS)
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """A person has dealt with it."""
    found = get_object_or_404(Attention, pk=pk)
    attention.settle(found, actor=_actor(request), now=clock.now())
    messages.success(request, "Settled.")
    return SeeOther(reverse("billing:decide"))
