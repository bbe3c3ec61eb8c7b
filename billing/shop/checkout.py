"""Buying: a Checkout Session for a signed-in member, and the truth about a session somebody returns with."""

import re
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import urljoin

import structlog
from django.conf import settings
from django.db.models import F, Q
from django.urls import reverse
from django.utils import timezone

from activities import clock
from billing.connection import required_connection
from billing.errors import StripeError, StripeMissing
from billing.gateway import Gateway, gateway_for
from billing.intake.inbox import look_again
from billing.models import Checkout, Connection, Offer, Order, ProductLink
from billing.refreshing.identity import customers_managed_by, reference_for
from billing.refreshing.refresh import Outcome, refresh
from billing.shop import buying_once
from billing.shop.selling import marks_of, return_url
from billing.stripe_objects import REFERENCE_KEY, email_of_session, required_moment, sid
from billing.sweeping.listing import subject_of_session
from hub.access import can_open
from hub.addresses import usable_address
from hub.models import Product, User
from hub.sale import has_sales_page

log = structlog.get_logger(__name__)

Json = dict[str, Any]
SESSION_ID = re.compile(r"cs_(test|live)_[A-Za-z0-9]{8,200}")


def start(user: User, offer: Offer) -> str:
    """The address of a new Checkout Session for a member.

    Raises AlreadySubscribed, Paused, AlreadyBought, PaymentOnItsWay and billing.errors.
    """
    buying_once.refuse_known(user, offer)
    gateway, now = gateway_for(required_connection(), waiting=True), clock.now()
    if address := buying_once.continued(user, offer, gateway=gateway, now=now):
        return address
    customer = billing_customer(user)
    try:
        return _start(user, offer, customer=customer, gateway=gateway, now=now)
    except StripeMissing:
        if not customer:
            raise
    look_again(customer)  # deleted at Stripe, and we have not heard
    return _start(user, offer, customer="", gateway=gateway, now=now)


def where_sold(product: Product) -> str:
    """The page of ours that its buy buttons are on."""
    return reverse("hub:buy", args=[product.slug]) if has_sales_page(product) else product.get_absolute_url()


def billing_customer(user: User) -> str:
    """The Stripe customer that a member buys as: their newest that still exists; empty for a first purchase."""
    found = customers_managed_by(user).order_by("-pk").first()
    return found.stripe_id if found else ""


@dataclass(frozen=True, slots=True)
class Returned:
    """What may be said to somebody who came back with a session id: nothing about the buyer, whose account it opens.

    `is_for_another`: that is not the address that was given at the checkout, but the one of whoever shared the link.

    `state`: open, processing, failed, unfinished (nothing was paid yet), expired, working (ask again in a moment),
    closed (paid, and opens nothing now: refunded, ended, or waiting for a person) or unknown.
    `is_free`: nothing was charged, as for a trial.
    """

    state: str
    product: Product | None = None
    is_buyer: bool = False
    is_for_another: bool = False
    is_free: bool = False


def look_at_return(session_id: str, *, visitor: User | None) -> Returned:
    """Asks Stripe about the session, opens what it paid for, and says how it stands. Signs nobody in."""
    connection = required_connection()
    match = SESSION_ID.fullmatch(session_id)
    if match is None or (match[1] == "live") != connection.livemode:
        return Returned("unknown")
    gateway = gateway_for(connection, waiting=True)
    try:
        session = gateway.session(session_id)
    except StripeMissing:
        return Returned("unknown")
    except StripeError as error:
        log.warning("return_not_looked_at", error=repr(error))
        return Returned("working")
    product = _product_of(session, connection=connection)
    if product is None:
        return Returned("unknown")
    if session["status"] == "expired":
        return Returned("expired", product)
    if session["status"] == "open":
        return Returned("unfinished", product)
    subject = subject_of_session(session)
    outcome = refresh(subject, facets=buying_once.PURCHASE, waiting=True, cause=f"return {session_id}")
    buyer = _buyer_of(session)
    state = _standing(session, opens=buyer is not None and can_open(buyer, product, now=clock.now()), outcome=outcome)
    payer = usable_address(email_of_session(session))
    is_for_another = buyer is not None and payer not in {"", buyer.email} and bool(session.get("client_reference_id"))
    is_free = session["payment_status"] == "no_payment_required"
    return Returned(state, product, buyer is not None and buyer == visitor, is_for_another, is_free)


def _standing(session: Json, *, opens: bool, outcome: Outcome) -> str:
    """How a complete session stands, as far as this look could tell."""
    state = Order.objects.filter(session_id=session["id"]).values_list("state", flat=True).first()
    paid = state == Order.State.PAID or session["payment_status"] != "unpaid"
    if state == Order.State.FAILED:
        return "failed"
    if not paid and session["mode"] == "payment":
        return "processing"
    if opens:
        return "open"
    if outcome is not Outcome.DONE:
        return "working"
    return "closed" if paid else "processing"


def _start(user: User, offer: Offer, *, customer: str, gateway: Gateway, now: datetime) -> str:
    buying_once.refuse_paid_lately(user, offer, customer=customer, gateway=gateway, now=now)
    params = _session_params(user, offer, customer=customer)
    # A double click is one session; half a minute later, or after another one, it is a new wish.
    before = Checkout.objects.filter(user=user, product=offer.product).values_list("session_id", flat=True).first()
    bucket = int(timezone.now().timestamp()) // 30
    key = f"checkout-{user.pk}-{offer.pk}-{customer}-{bucket}-{before or ''}"
    session = gateway.create_session(params, idempotency_key=key)
    Checkout.objects.update_or_create(
        user=user, product=offer.product, defaults={"offer": offer, "session_id": session["id"], "made_at": now}
    )
    return str(session["url"])


def _session_params(user: User, offer: Offer, *, customer: str) -> Json:
    marks = marks_of(offer.product_id)
    params: Json = {
        "mode": "subscription" if offer.is_recurring else "payment",
        "line_items": [{"price": offer.price_id, "quantity": 1}],
        "client_reference_id": reference_for(user),
        "success_url": return_url(),
        "cancel_url": urljoin(settings.SITE_URL, where_sold(offer.product)),
        "metadata": marks,
    }
    params |= {"customer": customer} if customer else {"customer_email": user.email}
    if offer.is_recurring:
        params["subscription_data"] = {"metadata": {**marks, REFERENCE_KEY: reference_for(user)}}
        if offer.trial_days:
            params["subscription_data"]["trial_period_days"] = offer.trial_days
    else:
        params["payment_intent_data"] = {"metadata": marks}
        if not customer:
            params["customer_creation"] = "always"
    return params


def _product_of(session: Json, *, connection: Connection) -> Product | None:
    lines = (session.get("line_items") or {}).get("data") or []
    sold = [sid((line.get("price") or {}).get("product")) for line in lines]
    links = ProductLink.objects.filter(
        Q(unlinked_at__isnull=True) | Q(unlinked_at__gt=required_moment(session["created"])),
        connection=connection,
        stripe_product__in=sold,
    ).select_related("product")
    found = links.order_by(F("unlinked_at").desc(nulls_first=True)).first()
    return found.product if found else None


def _buyer_of(session: Json) -> User | None:
    subscription = sid(session.get("subscription"))
    bought = Q(subscriptions__stripe_id=subscription) if subscription else Q(orders__session_id=session["id"])
    return User.objects.filter(bought).first()
