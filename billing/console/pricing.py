"""The owner's pages that change what is on sale of a linked product."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from billing.console.linking import cannot
from billing.console.words import HALF_WAY, made_for, with_way
from billing.errors import NotConnected, StripeError, StripeUnavailable
from billing.forms import ChoosePricesForm, NewPriceForm
from billing.gateway import gateway_for
from billing.models import Connection, ProductLink
from billing.shop import selling
from billing.shop.catalogue import refresh_product
from billing.shop.prices import selectable
from billing.shop.repricing import put_price_on_sale
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther

AGAIN = "Stripe did not answer to the end. This is what you wanted: save it again."
STILL_OPEN = "The old price is off sale here, and Stripe did not archive it: archive it in Stripe."


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.LINK_PRODUCTS)
def offers(request: HttpRequest, pk: int) -> HttpResponse:
    """What is on sale: chosen among Stripe's prices, with the days that are free first."""
    made = made_for(pk)
    if _is_too_early(request, made) and not made.offers.exists():
        return _publish_first(request, made, here="What is on sale")
    try:
        gateway = gateway_for(made.connection, waiting=True)
        prices = selectable(gateway.prices_of(made.stripe_product))
        archived = selectable(gateway.prices_of(made.stripe_product, active=False))
    except StripeError as error:
        return cannot(request, made.product, error)
    data = request.POST if request.method == "POST" else None
    form = ChoosePricesForm(data, prices=prices, offers=made.offers.all())
    if request.method == "POST" and form.is_valid():
        chosen, free = form.cleaned_data["prices"], form.trial_days()
        try:
            selling.change_offers(made, prices=chosen, trial_days=free, actor=actor_of(request))
        except StripeUnavailable:
            form.add_error(None, AGAIN)
        except StripeError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, with_way(f"Changed: this is how {made.product} is sold now.", made))
            return SeeOther(reverse("billing:link", args=[pk]))
    context = {"made": made, "product": made.product, "form": form, "archived": archived}
    return render(request, "billing/offers.html", context, status=422 if form.errors else 200)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.LINK_PRODUCTS)
def new_price(request: HttpRequest, pk: int) -> HttpResponse:
    """A further price, or one in another's place."""
    made = made_for(pk)
    if made.connection.state == Connection.State.OFF:
        return SeeOther(reverse("billing:link", args=[pk]))
    if _is_too_early(request, made):
        return _publish_first(request, made, here="New price")
    data = request.POST if request.method == "POST" else None
    form = NewPriceForm(data, offers=made.offers.all(), instead_of=request.GET.get("instead_of", ""))
    if request.method == "POST" and form.is_valid():
        try:
            is_closed = put_price_on_sale(made, **form.terms(), **form.change(), actor=actor_of(request))
        except StripeUnavailable:
            form.add_error(None, AGAIN)
        except StripeError as error:
            form.add_error(None, str(error))
        else:
            messages.success(request, with_way(f"Changed: this is how {made.product} is sold now.", made))
            if not is_closed:
                messages.warning(request, STILL_OPEN)
            return SeeOther(reverse("billing:link", args=[pk]))
    context = {"made": made, "product": made.product, "form": form}
    return render(request, "billing/new_price.html", context, status=422 if form.errors else 200)


@require_POST
@staff_only(Permission.LINK_PRODUCTS)
def look_again(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks Stripe how the product, its prices and its payment links are now."""
    made = made_for(pk)
    try:
        gateway = gateway_for(made.connection, waiting=True)
        refresh_product(f"product:{made.stripe_product}", gateway=gateway, connection=made.connection)
    except StripeError as error:
        return cannot(request, made.product, error)
    messages.success(request, "This is how it is at Stripe now.")
    return SeeOther(reverse("billing:link", args=[pk]))


@require_POST
@staff_only(Permission.LINK_PRODUCTS)
def put_on_sale(request: HttpRequest, pk: int) -> HttpResponse:
    """Makes the payment links that are missing or gone, and switches on those that somebody switched off in Stripe."""
    made = made_for(pk)
    try:
        selling.put_on_sale(made, gateway=gateway_for(made.connection, waiting=True))
    except NotConnected as error:
        messages.error(request, str(error))
    except StripeUnavailable:
        messages.error(request, HALF_WAY)
    except StripeError as error:
        messages.error(request, f"Stripe does not allow it: {error}")
    else:
        messages.success(request, with_way(f"{made.product} is on sale.", made))
    return SeeOther(reverse("billing:link", args=[pk]))


def _is_too_early(request: HttpRequest, made: ProductLink) -> bool:
    """Nobody fills in a form for a draft; one that was open before it became one is answered with its reason."""
    return request.method != "POST" and not made.product.is_live


def _publish_first(request: HttpRequest, made: ProductLink, *, here: str) -> HttpResponse:
    return render(request, "billing/draft.html", {"made": made, "product": made.product, "here": here})
