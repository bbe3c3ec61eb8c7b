from collections.abc import Callable
from functools import wraps
from typing import Any, cast

import structlog
from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.csrf import csrf_exempt
from django.views.decorators.http import require_GET, require_POST

from activities import clock
from activities.doorbell import ring
from activities.numbers import read_number
from billing.account import account_of, news_of
from billing.connection import active_connection
from billing.errors import NotConnected, StripeError, StripeInvalid
from billing.intake import inbox
from billing.intake.draining import TASK
from billing.intake.event_types import Facet
from billing.intake.inbox import look_again
from billing.models import Connection, Offer, StripeCustomer
from billing.refreshing.refresh import Outcome, refresh
from billing.shop import buying_once, checkout, keeping, portal
from hub.access import can_open
from hub.models import Product, User
from hub.permissions import signed_in
from hub.redirects import SeeOther, back_to
from hub.seeing import is_seeing
from hub.throttling import happens_too_often, visitor_of

log = structlog.get_logger(__name__)

MAX_LOOKS = 3
RETURNS_PER_MINUTE = 60  # a waiting page asks every other second
RETURNS_OF_ONE_PER_MINUTE = 40  # of one purchase, from wherever
STARTS_PER_MINUTE = 10  # of what asks Stripe, by one person
PORTAL_LOOKS_PER_MINUTE = 30  # as often as the page that waits

View = Callable[..., HttpResponse]


def limited(what: str) -> Callable[[View], View]:
    """For members' views that ask Stripe: what one person may ask is little beside what all share."""

    def limit(view: View) -> View:
        @wraps(view)
        def limited_view(request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
            who = str(cast(User, request.user).pk)
            if happens_too_often(who, what=what, per_minute=STARTS_PER_MINUTE):
                return render(request, "429.html", status=429)
            return view(request, *args, **kwargs)

        return limited_view

    return limit


@csrf_exempt
@require_POST
def webhook(request: HttpRequest, uuid: str) -> HttpResponse:
    """Stripe's door: verify, store, answer. No call to Stripe, and no broker is needed."""
    if int(request.headers.get("content-length") or 0) > inbox.MAX_BYTES:
        return HttpResponse(status=413)
    answer = inbox.receive(request.body, signature=request.headers.get("stripe-signature", ""), webhook_uuid=uuid)
    if answer is inbox.Answer.STORED:
        ring(TASK)
    return HttpResponse(status=answer.status)


@back_to(lambda slug: checkout.where_sold(get_object_or_404(Product, slug=slug, is_live=True)))
@login_required
@limited("checkout")
def start_checkout(request: HttpRequest, slug: str) -> HttpResponse:
    """Sends a member to Stripe's Checkout, or to what they have already."""
    user = cast(User, request.user)
    offer = get_object_or_404(
        Offer.objects.exclude(link__connection__state=Connection.State.OFF).select_related("product"),
        pk=read_number(request.POST.get("offer", "")),
        product__slug=slug,
        product__is_live=True,
        is_live=True,
        link__unlinked_at__isnull=True,
    )
    try:
        return SeeOther(checkout.start(user, offer))
    except buying_once.AlreadySubscribed:
        messages.info(request, f"You already subscribe to {offer.product}. Here you can change it.")
        return _to_portal(request, customer="", flow="", subscription="")
    except buying_once.Paused:
        messages.info(request, f"Your subscription to {offer.product} is paused. Here you can resume it.")
        return SeeOther(reverse("billing:account"))
    except buying_once.AlreadyBought:
        messages.info(request, "This is yours already.")
        return SeeOther(offer.product.get_absolute_url())
    except buying_once.PaymentOnItsWay:
        messages.info(request, "Your payment is on its way already. Nothing more was charged.")
        return SeeOther(offer.product.get_absolute_url())
    except StripeError as error:
        log.error("checkout_not_started", offer=offer.pk, error=repr(error))
        return render(request, "billing/checkout_unavailable.html", {"product": offer.product}, status=503)


@never_cache
@require_GET
def checkout_return(request: HttpRequest) -> HttpResponse:
    """Where Checkout sends people back. Tells how it stands, and nothing about who paid."""
    session_id = request.GET.get("session_id", "")
    is_known_shape = checkout.SESSION_ID.fullmatch(session_id) is not None
    if happens_too_often(visitor_of(request), what="return", per_minute=RETURNS_PER_MINUTE) or (
        is_known_shape and happens_too_often(session_id, what="return-of", per_minute=RETURNS_OF_ONE_PER_MINUTE)
    ):
        return render(request, "429.html", status=429)
    visitor = signed_in(request)
    try:
        returned = checkout.look_at_return(session_id, visitor=visitor)
    except NotConnected:
        returned = checkout.Returned("unknown")
    status = 404 if returned.state == "unknown" else 200
    context = {
        "state": returned.state,
        "product": returned.product,
        "is_buyer": returned.is_buyer,
        "is_for_another": returned.is_for_another,
        "is_free": returned.is_free,
    }
    if visitor and returned.product:
        context["can_open"] = can_open(visitor, returned.product, now=clock.now())
    return render(request, "billing/return.html", context, status=status)


@back_to(lambda: reverse("billing:account"))
@login_required
@limited("to-portal")
def open_portal(request: HttpRequest) -> HttpResponse:
    return _to_portal(
        request,
        customer=request.POST.get("customer", ""),
        flow=request.POST.get("flow", ""),
        subscription=request.POST.get("subscription", ""),
    )


@back_to(lambda: reverse("billing:account"))
@login_required
@limited("keep")
def keep_subscription(request: HttpRequest) -> HttpResponse:
    """Takes a cancellation back. Where our key may not, Stripe's portal has the same button."""
    subscription = request.POST.get("subscription", "")
    try:
        keeping.keep(cast(User, request.user), subscription=subscription)
    except portal.NotTheirs:
        return render(request, "403.html", status=403)
    except StripeError as error:
        log.warning("subscription_not_kept", error=repr(error))
        return _to_portal(request, customer="", flow="", subscription=subscription)
    return SeeOther(f"{reverse('billing:account')}?from=portal")


@back_to(lambda: reverse("billing:account"))
@login_required
@limited("resume")
def resume_subscription(request: HttpRequest) -> HttpResponse:
    """Begins a paused subscription anew, with the card that is at Stripe now."""
    try:
        is_paid = keeping.resume(cast(User, request.user), subscription=request.POST.get("subscription", ""))
    except portal.NotTheirs:
        return render(request, "403.html", status=403)
    except StripeInvalid as error:
        log.warning("subscription_not_resumed", error=repr(error))
        messages.warning(request, "Stripe resumed nothing, and nothing was charged. How it stands there now is below.")
        return SeeOther(f"{reverse('billing:account')}?from=portal")
    except StripeError as error:
        log.error("subscription_not_resumed", error=repr(error))
        return render(request, "billing/checkout_unavailable.html", status=503)
    if is_paid:
        messages.success(request, "Your subscription goes on, and everything in it is open.")
    else:
        messages.warning(request, "The payment has not gone through yet. If your card was refused, put in another one.")
    return SeeOther(f"{reverse('billing:account')}?from=portal")


@never_cache
@login_required
@require_GET
def account(request: HttpRequest) -> HttpResponse:
    user = cast(User, request.user)
    customers, now = portal.customers_of(user), clock.now()
    is_back = request.GET.get("from") == "portal" and not is_seeing(request)
    outcomes = _look_now(customers) if is_back else set()
    found = account_of(user, customers=customers, connection=active_connection(), now=now)
    context = {
        "subscriptions": found.subscriptions,
        "purchases": found.purchases,
        "grants_by_hand": found.grants_by_hand,
        "banners": found.banners,
        "twice": found.twice,
        "customers": customers,
        "is_checking": bool(outcomes & {Outcome.BUSY, Outcome.LATER}),
        "is_perhaps_old": Outcome.FAILED in outcomes,
        "news": news_of(user, now=now) if is_back else [],
    }
    return render(request, "billing/account.html", context)


def _look_now(customers: list[StripeCustomer]) -> set[Outcome]:
    """Asks Stripe how things stand after a visit to the portal, because its webhooks may come later than the member.

    The newest few while they wait; the others, and all after one that Stripe did not answer, in the background.
    """
    outcomes: set[Outcome] = set()
    if active_connection() is None:
        return outcomes
    due = [customer for customer in customers if not _was_asked_about(customer)]
    for position, customer in enumerate(due):
        if position < MAX_LOOKS and Outcome.LATER not in outcomes:
            found = refresh(customer.stripe_id, facets={Facet.SUBSCRIPTIONS}, waiting=True, cause="portal")
            outcomes.add(found)
        else:
            look_again(customer.stripe_id)
    if len(due) > MAX_LOOKS or Outcome.LATER in outcomes:
        ring(TASK)
    return outcomes


def _was_asked_about(customer: StripeCustomer) -> bool:
    """Often enough in this minute: a page that is loaded again and again costs Stripe nothing."""
    return happens_too_often(customer.stripe_id, what="portal", per_minute=PORTAL_LOOKS_PER_MINUTE)


def _to_portal(request: HttpRequest, *, customer: str, flow: str, subscription: str) -> HttpResponse:
    """One customer, or the one behind a subscription: straight in. Several: which one? None: why there is nothing."""
    user = cast(User, request.user)
    if active_connection() is None:
        return render(request, "billing/checkout_unavailable.html", status=503)
    customers = portal.customers_of(user)
    if subscription and not customer:
        customer = portal.customer_behind(user, subscription=subscription)
    if not customers:
        return render(request, "billing/portal_none.html")
    if not customer and len(customers) > 1:
        rows = portal.places_of(customers)
        several_names = len({found.email for found in customers if found.email}) > 1
        context = {"customers": rows, "flow": flow, "several_names": several_names}
        return render(request, "billing/choose_customer.html", context)
    try:
        url = portal.open_portal(
            user, customer=customer or customers[0].stripe_id, flow=flow, subscription=subscription
        )
    except portal.NotTheirs:
        return render(request, "403.html", status=403)
    except StripeError as error:
        log.error("portal_not_opened", error=repr(error))
        return render(request, "billing/checkout_unavailable.html", status=503)
    return SeeOther(url)
