"""The owner's pages that link a product with Stripe, and end the link."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from billing import linking
from billing.connection import active_connection
from billing.console.words import AWAY, actor_of
from billing.errors import StripeUnavailable
from billing.forms import ChoosePricesForm, ChooseProductForm
from billing.gateway import gateway_for
from billing.models import Connection, ProductLink
from hub.models import Product
from hub.permissions import EDITORS, staff_only
from hub.redirects import SeeOther


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(EDITORS)
def link(request: HttpRequest, slug: str) -> HttpResponse:
    """Two steps: which Stripe product, then which of its prices are on sale."""
    product = get_object_or_404(Product, slug=slug)
    links = product.stripe_links.filter(unlinked_at__isnull=True).select_related("connection")
    made = links.prefetch_related("offers").first()
    if made is not None:
        is_off = made.connection.state == Connection.State.OFF
        past = linking.count_past_buyers(made)
        context = {"product": product, "connected": made.connection, "made": made, "is_off": is_off, "past": past}
        return render(request, "billing/link.html", context)
    connected = active_connection()
    if connected is None:
        return render(request, "billing/link.html", {"product": product, "connected": None})
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
        is_off = made.connection.state == Connection.State.OFF
        count = made.offers.exclude(payment_link_id="").count()
        context = {"made": made, "product": made.product, "count": count, "is_off": is_off}
        return render(request, "billing/unlink.html", context)
    try:
        linking.unlink(made, actor=actor_of(request))
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
            linking.link(product, stripe_product=chosen, prices=form.cleaned_data["prices"], actor=actor_of(request))
        except (linking.AlreadyLinked, linking.NotPublished) as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{product} opens for everybody who buys {name}.")
            return SeeOther(reverse("billing:link", args=[product.slug]))
    return render(request, "billing/link.html", context, status=422 if form.errors else 200)
