"""The owner's pages that link a product with a Stripe product, new or known, and end the link."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods

from activities.doorbell import ring
from billing.connection import active_connection
from billing.console.words import AWAY, HALF_WAY, made_for, with_way
from billing.desk.dashboard import page_of
from billing.errors import NotConnected, StripeError, StripeUnavailable
from billing.forms import ChoosePricesForm, CreateProductForm, FindProductForm
from billing.gateway import Gateway, gateway_for
from billing.importing.covering import imports_of
from billing.intake.draining import TASK
from billing.models import Connection, Offer, ProductLink
from billing.shop import linking, selling
from billing.shop.counting import NotCounted, count_bought, count_known_live, count_live
from billing.shop.finding import find_products
from billing.shop.making import create_stripe_product
from billing.shop.prices import selectable
from hub.models import Product
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.LINK_PRODUCTS)
def link(request: HttpRequest, pk: int) -> HttpResponse:
    """Stripe settings: of a linked product what is so; of another one first the Stripe product, then its prices."""
    product = get_object_or_404(Product, pk=pk)
    made = product.stripe_links.filter(unlinked_at__isnull=True).select_related("connection", "product").first()
    if made is not None and request.method == "POST":
        return _linked_meanwhile(request, product, is_so=_is_as_wished(made, request))
    if made is not None:
        return _show(request, made)
    connected = active_connection()
    if connected is None:
        return render(request, "billing/pick.html", {"product": product, "connected": None})
    gateway = gateway_for(connected, waiting=True)
    try:
        if chosen := request.POST.get("stripe_product") or request.GET.get("stripe_product"):
            return _set_up(request, product, chosen, gateway=gateway)
        return _pick(request, product, gateway=gateway, connected=connected)
    except StripeError as error:
        return cannot(request, product, error)


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.LINK_PRODUCTS)
def create(request: HttpRequest, pk: int) -> HttpResponse:
    """A new Stripe product with its first price, linked and on sale in one go."""
    product = get_object_or_404(Product, pk=pk)
    is_linked = product.stripe_links.filter(unlinked_at__isnull=True).exists()
    if active_connection() is None or (is_linked and request.method != "POST"):
        return SeeOther(reverse("billing:link", args=[pk]))
    newest = Offer.objects.order_by("-pk").values_list("currency", flat=True).first()
    form = CreateProductForm(request.POST or None, currency=newest or "EUR", is_live=product.is_live)
    if request.method == "POST" and form.is_valid():
        on_sale, wish = form.cleaned_data["checkout"], form.cleaned_data["token"]
        if is_linked:
            return _linked_meanwhile(request, product, is_so=_is_made(product, form))
        try:
            selling.refuse_draft(product, ["new"] if on_sale else [])
            made, price = create_stripe_product(product, **form.terms(), wish=wish)
            linking.link(
                product,
                stripe_product=made,
                prices=[price] if on_sale else [],
                actor=actor_of(request),
                had_buyers=ProductLink.objects.filter(stripe_product=made).exists(),
            )
        except linking.AlreadyLinked:  # by the other click, or the other tab
            return _linked_meanwhile(request, product, is_so=_is_made(product, form))
        except StripeUnavailable:
            form.add_error(None, "Stripe did not answer to the end. Press the button again: nothing is made twice.")
        except StripeError as error:
            form.add_error(None, str(error))
        else:
            return _linked(request, product)
    return render(
        request, "billing/create.html", {"form": form, "product": product}, status=422 if form.errors else 200
    )


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.LINK_PRODUCTS)
def unlink(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks first, because a payment link that is switched off stays so; then does it."""
    made = made_for(pk)
    if request.method != "POST":
        try:
            return _ask_to_unlink(request, made, live=_count_live(made))
        except NotCounted as error:
            return _ask_to_unlink(request, made, live=0, unsure=str(error))
    if request.POST.get("link") != str(made.pk):
        words = (
            f"{made.product} has been linked anew since that page was opened, or it named no link. Nothing was ended."
        )
        messages.error(request, words)
        return SeeOther(reverse("billing:link", args=[pk]))
    try:
        linking.unlink(made, actor=actor_of(request))
    except linking.StillLive as error:
        return _ask_to_unlink(request, made, live=error.count, status=409)
    except NotCounted as error:
        messages.error(request, f"Nothing was ended. {error}")
    except StripeUnavailable:
        words = "Stripe did not answer to the end: it is still linked, and some payment links may be off. Try again."
        messages.error(request, words)
    except StripeError as error:
        messages.error(request, f"Stripe does not allow it, and it is still linked: {error}")
    else:
        messages.success(request, f"{made.product} is no longer linked. Access that was given stays.")
    return SeeOther(reverse("billing:link", args=[pk]))


def cannot(request: HttpRequest, product: Product, error: StripeError) -> HttpResponse:
    """The page, or its part, that says that Stripe is away or not connected, or what it does not allow."""
    match error:
        case NotConnected():
            words = str(error)
        case StripeUnavailable():
            words = AWAY
        case _:
            words = f"Stripe does not allow it: {error}"
    said = {"product": product, "words": words, "is_off": isinstance(error, NotConnected)}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "billing/_away.html", said)  # as an answer: an error would leave the list of other words
    return render(request, "billing/away.html", said, status=503)


def _pick(request: HttpRequest, product: Product, *, gateway: Gateway, connected: Connection) -> HttpResponse:
    form = FindProductForm(request.GET)
    words = form.cleaned_data["q"].strip() if form.is_valid() else ""
    found = find_products(gateway, connection=connected, words=words, after=request.GET.get("after", "")[:255])
    context = {"product": product, "connected": connected, "form": form, "words": words, "found": found}
    if request.htmx:  # type: ignore[attr-defined]
        return render(request, "billing/_candidates.html", context)
    return render(request, "billing/pick.html", context)


def _set_up(request: HttpRequest, product: Product, chosen: str, *, gateway: Gateway) -> HttpResponse:
    found = gateway.product(chosen)
    prices = selectable(gateway.prices_of(chosen))
    default = found.get("default_price") if product.is_live else None
    sent = request.POST if request.method == "POST" else None
    form = ChoosePricesForm(sent, prices=prices, preselected=default or "")
    if request.method == "POST" and form.is_valid():
        on_sale, free, actor = form.cleaned_data["prices"], form.trial_days(), actor_of(request)
        try:
            linking.link(
                product,
                stripe_product=chosen,
                prices=on_sale,
                trial_days=free,
                actor=actor,
                had_buyers="nobody_yet" not in request.POST,
            )
        except StripeUnavailable:
            raise
        except StripeError as error:
            form.add_error(None, str(error))
        else:
            return _linked(request, product)
    context = {
        "product": product,
        "form": form,
        "chosen": found,
        "archived": selectable(gateway.prices_of(chosen, active=False)),
        "bought": count_bought(gateway, chosen),
        "taken": linking.product_opened_by(chosen),
    }
    return render(request, "billing/set_up.html", context, status=422 if form.errors else 200)


def _linked_meanwhile(request: HttpRequest, product: Product, *, is_so: bool) -> HttpResponse:
    """A second click finds what the first one did (`is_so`); whoever wished something else is told that it was not."""
    if not is_so:
        words = f"Nothing was saved: {product} has been linked since that page was opened. This is how it is linked."
        messages.warning(request, f"{words} A further price is put on sale under “Change what is on sale”.")
    return SeeOther(reverse("billing:link", args=[product.pk]))


def _is_made(product: Product, form: CreateProductForm) -> bool:
    """Whether the price of this form is on sale already, or nothing is and nothing was to be."""
    offers = made_for(product.pk).offers.all()
    if not form.cleaned_data["checkout"]:
        return not offers
    terms = form.terms()
    wanted = (terms["amount"], terms["currency"].lower(), terms.get("interval", ""), terms.get("interval_count", 1))
    return wanted in {(one.amount, one.currency, one.interval, one.interval_count) for one in offers}


def _is_as_wished(made: ProductLink, request: HttpRequest) -> bool:
    prices = request.POST.getlist("prices") if request.POST.get("checkout") else []
    on_sale = {offer.price_id for offer in made.offers.all()}
    return request.POST.get("stripe_product") == made.stripe_product and set(prices) == on_sale


def _linked(request: HttpRequest, product: Product) -> HttpResponse:
    """On to the import where somebody may have bought it before; what Stripe left undone is seen to first."""
    made = made_for(product.pk)
    messages.success(request, with_way(f"{product} opens for everybody who buys {made.stripe_name}.", made))
    if made.offers.filter(payment_link_id="").exists():
        messages.warning(request, HALF_WAY)
        ring(TASK)
    elif made.had_buyers:
        return SeeOther(reverse("billing:imports"))
    return SeeOther(reverse("billing:link", args=[product.pk]))


def _show(request: HttpRequest, made: ProductLink) -> HttpResponse:
    is_off = made.connection.state == Connection.State.OFF
    context = {
        "product": made.product,
        "connected": made.connection,
        "made": made,
        "offers": made.offers.all(),
        "is_off": is_off,
        "live": linking.count_that_keeps(made) if is_off else count_known_live(made),
        "covered": imports_of(made),
        "page_at_stripe": page_of(made.stripe_product, connection=made.connection),
    }
    return render(request, "billing/link.html", context)


def _count_live(made: ProductLink) -> int:
    """What keeps the link from being ended; of a Stripe that is away, only what we know. Raises NotCounted."""
    if made.connection.state == Connection.State.OFF:
        return linking.count_that_keeps(made)
    try:
        return count_live(made, gateway=gateway_for(made.connection, waiting=True))
    except NotCounted:
        raise
    except StripeError:
        return count_known_live(made)


def _ask_to_unlink(
    request: HttpRequest, made: ProductLink, *, live: int, unsure: str = "", status: int = 200
) -> HttpResponse:
    """`unsure`: why nobody knows how many keep it."""
    is_off = made.connection.state == Connection.State.OFF
    context = {
        "made": made,
        "product": made.product,
        "live": live,
        "unsure": unsure,
        "count": made.offers.exclude(payment_link_id="").count(),
        "is_off": is_off,
        "left_behind": count_known_live(made) if is_off and not live else 0,
        "on_the_way": linking.count_on_the_way(made),
    }
    return render(request, "billing/unlink.html", context, status=status)
