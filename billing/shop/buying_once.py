"""Before anybody pays: what they have paid for already, as far as we know and as far as Stripe can be asked.

Two payment pages that were open before either was paid are beyond this: `billing.refreshing.twice` finds what came
of them.
"""

from datetime import datetime, timedelta

from django.db.models import Q

from billing.errors import StripeError, StripeInvalid, StripeMissing
from billing.gateway import Gateway, Json
from billing.intake.event_types import Facet
from billing.models import Checkout, Offer, Order, Subscription
from billing.refreshing.refresh import Outcome, refresh
from billing.stripe_objects import LIVE, products_of, sid
from billing.sweeping.listing import subject_of_session
from hub.models import Grant, Product, User

PAYING = tuple(status for status in LIVE if status != "incomplete")
PURCHASE = frozenset({Facet.SUBSCRIPTIONS, Facet.ORDERS})
LONGEST_OPEN = timedelta(hours=25)  # a session may be paid for a day after it was made
CONTINUED = timedelta(hours=1)  # then prices, free days and discounts may be others


class AlreadySubscribed(StripeError):
    """The member has a live subscription to this product: the portal is where it is changed."""


class Paused(StripeError):
    """The member has a subscription to this product whose trial ended without a card: it is resumed, not bought."""


class AlreadyBought(StripeError):
    """The member has this for good: a second payment would open nothing more."""


class PaymentOnItsWay(StripeError):
    """The member has paid for this, and the money takes its time: a second payment would be one too many."""


def refuse_known(user: User, offer: Offer) -> None:
    """Raises AlreadySubscribed, Paused, AlreadyBought or PaymentOnItsWay, by what we know."""
    if _has_paid(user, offer):
        raise PaymentOnItsWay(str(offer.product))
    if offer.is_recurring:
        mine = Subscription.objects.filter(user=user, connection=offer.link.connection, status__in=PAYING)
        _refuse_any({row.status for row in mine if offer.link.stripe_product in products_of(row.data)}, offer)
    elif _has_for_good(user, offer.product):
        raise AlreadyBought(str(offer.product))


def refuse_paid_lately(user: User, offer: Offer, *, customer: str, gateway: Gateway, now: datetime) -> None:
    """The same, by what Stripe says of payments that have not reached us: they are let in on the way.

    Of this member's address, on whatever page, and of their Stripe customer. Raises billing.errors besides.
    """
    for session in gateway.complete_sessions_of(user.email, created_from=int((now - LONGEST_OPEN).timestamp())):
        if _sells(session, offer) and not _is_known(session):
            let_in(user, offer, session)
    live = gateway.subscriptions_of(customer) if offer.is_recurring and customer else []
    statuses = {sub["status"] for sub in live if offer.link.stripe_product in products_of(sub)}
    _refuse_any(statuses.intersection(PAYING), offer)


def continued(user: User, offer: Offer, *, gateway: Gateway, now: datetime) -> str:
    """The address of the member's Checkout that is still open, for a second tab; empty where a new one is needed.

    One for another price, or of long ago, is closed: of one product no two are open. Raises as refuse_known.
    """
    kept = Checkout.objects.filter(user=user, product=offer.product_id).first()
    if kept is None:
        return ""
    try:
        session = gateway.session(kept.session_id)
    except StripeMissing:
        return ""
    if session["status"] == "complete":
        if not _is_known(session):
            let_in(user, offer, session)
        return ""
    if session["status"] != "open":
        return ""
    if kept.offer_id == offer.pk and now - kept.made_at < CONTINUED:
        return str(session["url"])
    try:
        gateway.expire_session(kept.session_id)
    except StripeInvalid as error:  # it was paid in this very moment
        raise PaymentOnItsWay(str(offer.product)) from error
    return ""


def let_in(user: User, offer: Offer, session: Json) -> None:
    """Looks at what a session paid for, at once, and then refuses by what is known."""
    outcome = refresh(subject_of_session(session), facets=PURCHASE, waiting=True, cause=f"checkout {session['id']}")
    refuse_known(user, offer)
    if outcome is not Outcome.DONE:  # somebody else looks just now, or Stripe did not answer to the end
        raise PaymentOnItsWay(str(offer.product))


def _refuse_any(statuses: set[str], offer: Offer) -> None:
    """`statuses`: of the member's subscriptions to this."""
    if statuses == {"paused"}:
        raise Paused(str(offer.product))
    if statuses:
        raise AlreadySubscribed(str(offer.product))


def _has_paid(user: User, offer: Offer) -> bool:
    """For this once, with money that has not arrived: a bank debit takes days."""
    waiting = Order.objects.filter(user=user, connection=offer.link.connection, state=Order.State.PENDING)
    return any(offer.link.stripe_product in order.products for order in waiting)


def _has_for_good(user: User, product: Product) -> bool:
    """Bought or given, without an end. Who subscribes may still buy, to keep it."""
    kept = Grant.objects.filter(user=user, product=product, state=Grant.State.ACTIVE, ends_at__isnull=True)
    return kept.exclude(source=Grant.Source.SUBSCRIPTION).exists()


def _sells(session: Json, offer: Offer) -> bool:
    lines = (session.get("line_items") or {}).get("data") or []
    return offer.link.stripe_product in {sid((line.get("price") or {}).get("product")) for line in lines}


def _is_known(session: Json) -> bool:
    """Whether what it sold is here: its order, or its subscription with the person."""
    named = Q(session_id=session["id"])
    if intent := sid(session.get("payment_intent")):
        named |= Q(payment_intent=intent)
    subscription = sid(session.get("subscription"))
    if subscription:
        return Subscription.objects.filter(stripe_id=subscription, user__isnull=False).exists()
    return Order.objects.filter(named, user__isnull=False).exists()
