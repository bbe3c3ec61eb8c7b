"""What Stripe says now about one subject, fetched with no transaction open."""

from collections.abc import Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from billing.errors import StripeMissing
from billing.event_types import Facet
from billing.facts import expanded, one_off_lines_of, payment_intents_of, products_of, sid
from billing.gateway import Gateway
from billing.models import Subscription

Json = dict[str, Any]


@dataclass(slots=True)
class Payment:
    """A refunded or disputed charge that paid a subscription's invoices."""

    charge: Json
    disputes: list[Json]
    invoices: list[Json]


@dataclass(slots=True)
class Snapshot:
    """None means not asked; an empty list means that Stripe has none."""

    asked_at: datetime
    customer: Json | None = None
    subscriptions: list[Json] | None = None
    open_invoices: list[Json] | None = None
    sessions: list[Json] | None = None
    paid_invoices: list[Json] | None = None
    intents: dict[str, Json] = field(default_factory=dict)
    disputes: dict[str, list[Json]] = field(default_factory=dict)
    payments: list[Payment] | None = None


def fetch_customer(
    gateway: Gateway, customer: str, *, facets: Set[Facet], linked: Set[str], asked_at: datetime
) -> Snapshot:
    """What the facets ask about a customer: one call for each, and no more than two for a usual burst of events."""
    snapshot = Snapshot(asked_at)
    if Facet.SUBSCRIPTIONS in facets:
        snapshot.subscriptions = _subscriptions(gateway, customer)
        if any(sub["status"] == "past_due" and linked & set(products_of(sub)) for sub in snapshot.subscriptions):
            snapshot.open_invoices = gateway.open_invoices_of(customer)
    snapshot.customer = _expanded_customer(snapshot.subscriptions)
    if Facet.CUSTOMER in facets and snapshot.customer is None:
        snapshot.customer = gateway.customer(customer)
    if Facet.ORDERS in facets:
        snapshot.sessions = gateway.sessions_of(customer=customer)
    if Facet.INVOICES in facets:
        snapshot.paid_invoices = [
            invoice for invoice in gateway.paid_invoices_of(customer) if linked & set(one_off_products_of(invoice))
        ]
        for intent in {intent for invoice in snapshot.paid_invoices for intent in payment_intents_of(invoice)}:
            snapshot.intents[intent] = gateway.payment_intent(intent)
    if Facet.PAYMENTS in facets:
        snapshot.payments = _payments(gateway, customer)
    _add_disputes(gateway, snapshot)
    return snapshot


def fetch_guest(gateway: Gateway, key: str, *, asked_at: datetime) -> tuple[Snapshot, str]:
    """A guest's payment, by its intent or (where nothing was to pay) its session; and its customer, if it has one."""
    sessions = [gateway.session(key)] if key.startswith("cs_") else gateway.sessions_of(payment_intent=key)
    owners = [sid(session.get("customer")) for session in sessions]
    if not sessions:
        owners = [sid(gateway.payment_intent(key).get("customer"))]
    snapshot = Snapshot(asked_at, sessions=sessions)
    customer = next((owner for owner in owners if owner), "")
    if not customer:
        _add_disputes(gateway, snapshot)
    return snapshot, customer


def charge_of_session(session: Json) -> Json | None:
    return expanded((expanded(session.get("payment_intent")) or {}).get("latest_charge"))


def one_off_products_of(invoice: Json) -> list[str]:
    return [product for line in one_off_lines_of(invoice) if (product := product_of_line(line))]


def product_of_line(line: Json) -> str:
    return sid(((line.get("pricing") or {}).get("price_details") or {}).get("product"))


def _subscriptions(gateway: Gateway, customer: str) -> list[Json]:
    """By customer; one by one where Stripe no longer lists them because the customer was deleted."""
    try:
        return gateway.subscriptions_of(customer)
    except StripeMissing:
        known = Subscription.objects.filter(customer_id=customer).values_list("stripe_id", flat=True)
        return [gateway.subscription(subscription) for subscription in known]


def _expanded_customer(subscriptions: list[Json] | None) -> Json | None:
    return next((found for sub in subscriptions or [] if (found := expanded(sub.get("customer")))), None)


def _payments(gateway: Gateway, customer: str) -> list[Payment]:
    """The customer's charges that were refunded or disputed and paid an invoice; the rest say nothing about access."""
    found = []
    for charge in gateway.charges_of(customer):
        intent = sid(charge.get("payment_intent"))
        if not intent or not (charge.get("amount_refunded") or charge.get("disputed")):
            continue
        if invoices := [gateway.invoice(invoice) for invoice in gateway.invoices_paid_by(intent)]:
            disputes = gateway.disputes_of(charge["id"]) if charge.get("disputed") else []
            found.append(Payment(charge, disputes, invoices))
    return found


def _add_disputes(gateway: Gateway, snapshot: Snapshot) -> None:
    """Every dispute of every disputed charge of an order: one charge may have several."""
    charges = [charge for session in snapshot.sessions or [] if (charge := charge_of_session(session))]
    charges += [charge for intent in snapshot.intents.values() if (charge := expanded(intent.get("latest_charge")))]
    for charge in charges:
        if charge.get("disputed"):
            snapshot.disputes[charge["id"]] = gateway.disputes_of(charge["id"])
