"""The owner's pages that link a product with Stripe, change what is on sale, and end the link."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from activities.doorbell import ring
from billing import linking, selling
from billing.connection import active_connection
from billing.console.words import AWAY
from billing.draining import TASK
from billing.errors import StripeError, StripeUnavailable
from billing.forms import ChoosePricesForm, ChooseProductForm
from billing.gateway import gateway_for
from billing.models import Connection, ProductLink
from billing.prices import selectable
from hub.models import Product
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther

HALF_WAY = "Stripe did not answer to the end: what is missing is made in a moment, or when you try again."


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.LINK_PRODUCTS)
def link(request: HttpRequest, slug: str) -> HttpResponse:
    """Two steps: which Stripe product, then which of its prices are on sale."""
    product = get_object_or_404(Product, slug=slug)
    made = product.stripe_links.filter(unlinked_at__isnull=True).select_related("connection", "product").first()
    if made is not None:
        return _show(request, made)
    connected = active_connection()
    if connected is None:
        return render(request, "billing/link.html", {"product": product, "connected": None})
    try:
        return _link(request, product, connected=connected)
    except StripeError as error:
        return _cannot(request, product, connected, error)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.LINK_PRODUCTS)
def offers(request: HttpRequest, slug: str) -> HttpResponse:
    """What is on sale: chosen among Stripe's prices, with the days that are free first."""
    made = _made(slug)
    if made.connection.state == Connection.State.OFF:
        return SeeOther(reverse("billing:link", args=[slug]))
    try:
        prices = selectable(gateway_for(made.connection, waiting=True).prices_of(made.stripe_product))
    except StripeError as error:
        return _cannot(request, made.product, made.connection, error)
    data = request.POST if request.method == "POST" else None
    form = ChoosePricesForm(data, prices=prices, offers=made.offers.all())
    if request.method == "POST" and form.is_valid():
        chosen, free = form.cleaned_data["prices"], form.trial_days()
        try:
            selling.change_offers(made, prices=chosen, trial_days=free, actor=actor_of(request))
        except StripeUnavailable:
            form.add_error(None, "Stripe did not answer to the end. This is what you wanted: save it again.")
        except StripeError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"Changed: this is how {made.product} is sold now.")
            return SeeOther(reverse("billing:link", args=[slug]))
    context = {"made": made, "product": made.product, "form": form}
    return render(request, "billing/offers.html", context, status=422 if form.errors else 200)


@require_POST
@staff_only(Permission.LINK_PRODUCTS)
def put_on_sale(request: HttpRequest, slug: str) -> HttpResponse:
    """Makes the payment links that Stripe did not make when it was asked."""
    made = _made(slug)
    try:
        selling.put_on_sale(made, gateway=gateway_for(made.connection, waiting=True))
    except StripeUnavailable:
        messages.error(request, HALF_WAY)
    except StripeError as error:
        messages.error(request, f"Stripe does not allow it: {error}")
    else:
        messages.success(request, f"{made.product} is on sale.")
    return SeeOther(reverse("billing:link", args=[slug]))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.LINK_PRODUCTS)
def unlink(request: HttpRequest, slug: str) -> HttpResponse:
    """Asks first, because a payment link that is switched off stays so; then does it."""
    made = _made(slug)
    if request.method != "POST":
        is_off = made.connection.state == Connection.State.OFF
        count = made.offers.exclude(payment_link_id="").count()
        context = {"made": made, "product": made.product, "count": count, "is_off": is_off}
        context["on_the_way"] = linking.count_on_the_way(made)
        return render(request, "billing/unlink.html", context)
    try:
        linking.unlink(made, actor=actor_of(request))
    except linking.StillLive as error:
        messages.error(request, str(error))
    except StripeUnavailable:
        words = "Stripe did not answer to the end: it is still linked, and some payment links may be off. Try again."
        messages.error(request, words)
    except StripeError as error:
        messages.error(request, f"Stripe does not allow it, and it is still linked: {error}")
    else:
        messages.success(request, f"{made.product} is no longer linked. Access that was given stays.")
    return SeeOther(reverse("billing:link", args=[slug]))


def _made(slug: str) -> ProductLink:
    links = ProductLink.objects.select_related("connection", "product")
    return get_object_or_404(links, product__slug=slug, unlinked_at__isnull=True)


def _show(request: HttpRequest, made: ProductLink) -> HttpResponse:
    context = {
        "product": made.product,
        "connected": made.connection,
        "made": made,
        "offers": made.offers.all(),
        "is_off": made.connection.state == Connection.State.OFF,
        "past": linking.count_past_buyers(made),
    }
    return render(request, "billing/link.html", context)


def _cannot(request: HttpRequest, product: Product, connected: Connection, error: StripeError) -> HttpResponse:
    words = AWAY if isinstance(error, StripeUnavailable) else f"Stripe does not allow it: {error}"
    context = {"product": product, "connected": connected, "away": words}
    return render(request, "billing/link.html", context, status=503)


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
            made = linking.link(
                product,
                stripe_product=chosen,
                prices=form.cleaned_data["prices"],
                trial_days=form.trial_days(),
                actor=actor_of(request),
            )
        except StripeUnavailable:
            raise
        except StripeError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, f"{product} opens for everybody who buys {name}.")
            if made.offers.filter(payment_link_id="").exists():
                messages.warning(request, HALF_WAY)
                ring(TASK)
            return SeeOther(reverse("billing:link", args=[product.slug]))
    return render(request, "billing/link.html", context, status=422 if form.errors else 200)
