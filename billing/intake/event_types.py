"""Which events are asked for, and where each one says to look.

A facet is one thing to fetch about a customer; a subject is the customer itself, or a guest's payment.
"""

from collections.abc import Callable
from enum import StrEnum
from typing import Any

from billing.stripe_objects import one_off_lines_of, sid, subscription_of_invoice

Json = dict[str, Any]


class Facet(StrEnum):
    SUBSCRIPTIONS = "subscriptions"
    ORDERS = "orders"  # from Checkout
    INVOICES = "invoices"  # one-off purchases billed by invoice
    PAYMENTS = "payments"  # refunds and disputes
    CUSTOMER = "customer"
    CATALOGUE = "catalogue"


NOBODYS = ("product:", "payment_link:", "portal:")  # subjects that are about nobody, but what we have at Stripe
EVERYTHING = frozenset(Facet) - {Facet.CATALOGUE}


def _session(session: Json) -> set[Facet]:
    subscription = {Facet.SUBSCRIPTIONS} if session.get("mode") == "subscription" else set()
    return {Facet.ORDERS} | subscription


def _invoice(invoice: Json) -> set[Facet]:
    """An unpaid invoice sells nothing; what it means for a subscription, the subscription's status says."""
    return {Facet.SUBSCRIPTIONS} if subscription_of_invoice(invoice) else set()


def _paid_invoice(invoice: Json) -> set[Facet]:
    facets = _invoice(invoice)
    if one_off_lines_of(invoice) or not facets:
        facets.add(Facet.INVOICES)
    return facets


def _credit_note(note: Json) -> set[Facet]:
    """One after the payment gives money back, perhaps without a refund; one before it is in the invoice's amount."""
    return {Facet.INVOICES} if note.get("post_payment_amount") else set()


def _payment_intent(intent: Json) -> set[Facet]:
    """Checkout and invoices have events of their own; only what is captured by hand has no other."""
    return {Facet.ORDERS} if intent.get("capture_method") == "manual" else set()


def _always(*facets: Facet) -> Callable[[Json], set[Facet]]:
    return lambda _object: set(facets)


_SUBSCRIPTION = _always(Facet.SUBSCRIPTIONS)
_PAYMENT = _always(Facet.PAYMENTS)
_CATALOGUE = _always(Facet.CATALOGUE)

# The twenty that access depends on: also what catch-up lists, because Stripe lists at most twenty types.
ACCESS_TYPES: dict[str, Callable[[Json], set[Facet]]] = {
    "checkout.session.completed": _session,
    "checkout.session.async_payment_succeeded": _session,
    "checkout.session.async_payment_failed": _session,
    "customer.subscription.created": _SUBSCRIPTION,
    "customer.subscription.updated": _SUBSCRIPTION,
    "customer.subscription.deleted": _SUBSCRIPTION,
    "customer.subscription.paused": _SUBSCRIPTION,
    "customer.subscription.resumed": _SUBSCRIPTION,
    "invoice.paid": _paid_invoice,
    "invoice.payment_failed": _invoice,
    "invoice.voided": _invoice,
    "invoice.marked_uncollectible": _invoice,
    "charge.refunded": _PAYMENT,
    "refund.failed": _PAYMENT,
    "charge.dispute.created": _PAYMENT,
    "charge.dispute.updated": _PAYMENT,
    "charge.dispute.closed": _PAYMENT,
    "customer.updated": _always(Facet.CUSTOMER),
    "customer.deleted": _always(Facet.CUSTOMER, Facet.SUBSCRIPTIONS),
    "payment_intent.succeeded": _payment_intent,
}
# Of what Stripe offers besides, three say nothing new: an action that a payment requires comes with a failed payment,
# an expired session was never paid, and a coupon changes no access. A refund is told by its charge; that it was made
# tells its id.
OTHER_TYPES: dict[str, Callable[[Json], set[Facet]]] = {
    "product.updated": _CATALOGUE,
    "product.deleted": _CATALOGUE,
    "price.created": _CATALOGUE,
    "price.updated": _CATALOGUE,
    "price.deleted": _CATALOGUE,
    "payment_link.updated": _CATALOGUE,
    "billing_portal.configuration.updated": _CATALOGUE,
    "credit_note.created": _credit_note,
    "refund.created": _always(),
    "refund.updated": _PAYMENT,
    "charge.dispute.funds_reinstated": _PAYMENT,
    "customer.subscription.pending_update_applied": _SUBSCRIPTION,
    "customer.subscription.pending_update_expired": _SUBSCRIPTION,
    "customer.subscription.trial_will_end": _SUBSCRIPTION,
}
TYPES = ACCESS_TYPES | OTHER_TYPES


def facets_of(event: Json) -> set[Facet]:
    """What the event says to fetch; nothing for types we did not ask for."""
    find = TYPES.get(event["type"])
    return find(event["data"]["object"]) if find else set()


def is_asked_for(event: Json) -> bool:
    return event["type"] in TYPES


def subject_of(event: Json) -> str:
    """What to look at again: the customer, else the payment (a guest's), else the session; else the object itself.

    What is for sale is named with its type, because an owner may choose a product's id.
    """
    found = event["data"]["object"]
    kind = found.get("object")
    if kind == "customer":
        return sid(found)
    if customer := sid(found.get("customer")):
        return customer
    if kind == "payment_intent":
        return sid(found)
    if intent := sid(found.get("payment_intent")):
        return intent
    if kind == "price":
        return f"product:{sid(found.get('product'))}"
    if kind in {"product", "payment_link"}:
        return f"{kind}:{found['id']}"
    if kind == "billing_portal.configuration":
        return f"portal:{found['id']}"
    return str(found.get("id") or event["id"])
