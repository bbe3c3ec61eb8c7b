"""What Stripe says now about one subject, fetched with no transaction open."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from types import MappingProxyType
from typing import Any

from activities import clock
from billing.errors import StripeMissing
from billing.gateway import Gateway
from billing.intake.event_types import Facet
from billing.intake.references import Named, named_in
from billing.models import Order, Subscription
from billing.refreshing.earlier_payments import unknown_among
from billing.stripe_objects import (
    OVER,
    expanded,
    is_paid,
    one_off_lines_of,
    payment_intents_of,
    products_of,
    sid,
    subscription_of_invoice,
)

Json = dict[str, Any]


@dataclass(frozen=True, slots=True)
class Ask:
    """What to fetch about a customer: facets whole, and the single things that events named."""

    facets: frozenset[Facet]
    payments: frozenset[str] = frozenset()  # intents, refunded or disputed, that may have paid an invoice
    orders: frozenset[str] = frozenset()  # the same, known to have paid a Checkout Session
    invoices: frozenset[str] = frozenset()  # paid, and may have sold something once


@dataclass(slots=True)
class Payment:
    """A charge that paid invoices."""

    charge: Json
    disputes: list[Json]
    invoices: list[Json]


@dataclass(slots=True)
class Snapshot:
    """None means not asked; an empty list means that Stripe has none.

    `payments` are those that were asked for, and with `has_all_payments` every one that was refunded or disputed.
    `disputes` are by charge; a charge that is not named was not asked about.
    """

    asked_at: datetime
    customer: Json | None = None
    subscriptions: list[Json] | None = None
    missing: frozenset[str] = frozenset()  # subscriptions that we know, and Stripe does not
    open_invoices: list[Json] | None = None
    sessions: list[Json] | None = None
    paid_invoices: list[Json] | None = None
    intents: dict[str, Json] = field(default_factory=dict)
    disputes: dict[str, list[Json]] = field(default_factory=dict)
    payments: list[Payment] | None = None
    paid_before: dict[str, Json] = field(default_factory=dict)  # subscription to its newest paid invoice
    has_all_payments: bool = False
    told: Named = field(default_factory=dict)  # what the events named that led to it

    @property
    def named(self) -> Named:
        """Every id and number in it, and in what led to it, that somebody may ask by, and when that was made."""
        payments = self.payments or []
        seen = [
            *(self.subscriptions or []),
            *(self.open_invoices or []),
            *(self.sessions or []),
            *(self.paid_invoices or []),
            *self.intents.values(),
            *(dispute for disputes in self.disputes.values() for dispute in disputes),
            *(found for payment in payments for found in (payment.charge, *payment.disputes, *payment.invoices)),
        ]
        named = dict(self.told)
        for found in seen:
            named |= {ref: at or named.get(ref) for ref, at in named_in(found).items()}
        return named

    @property
    def names(self) -> set[str]:
        """Every id in it by which a grant, a subscription or an order may be known."""
        found = {sub["id"] for sub in self.subscriptions or []} | self.intents.keys()
        for session in self.sessions or []:
            found |= names_of(session)
        return found | {invoice["id"] for invoice in self.paid_invoices or []}


def names_of(session: Json) -> set[str]:
    """The ids by which the order of a checkout may be known."""
    return {session["id"], sid(session.get("payment_intent")), sid(session.get("invoice"))} - {""}


def fetch_customer(
    gateway: Gateway,
    customer: str,
    *,
    ask: Ask,
    linked: Set[str],
    asked_at: datetime,
    known: Mapping[str, list[Payment]] = MappingProxyType({}),
) -> Snapshot:
    """What is asked about a customer, in no more than two calls for a usual burst of events.

    `known` are payments that were fetched a moment ago, by their intent.
    """
    snapshot = Snapshot(asked_at)
    if Facet.SUBSCRIPTIONS in ask.facets:
        _add_subscriptions(gateway, snapshot, customer, linked=linked)
    if Facet.ORDERS in ask.facets:
        snapshot.sessions = gateway.sessions_of(customer=customer)
    if Facet.PAYMENTS in ask.facets:
        snapshot.payments, snapshot.has_all_payments = _all_payments(gateway, customer), True
        _add_what_they_billed(snapshot, linked=linked)
    if Facet.INVOICES in ask.facets:
        _add_paid_invoices(gateway, snapshot, customer, linked=linked)
    _add_named(gateway, snapshot, customer, ask=ask, linked=linked, known=known)
    snapshot.customer = _expanded_customer(snapshot.subscriptions)
    if Facet.CUSTOMER in ask.facets and snapshot.customer is None:
        snapshot.customer = gateway.customer(customer)
    _add_disputes(gateway, snapshot, but=set() if snapshot.has_all_payments else _settled_disputes(snapshot, ask))
    return snapshot


def fetch_guest(
    gateway: Gateway, key: str, *, asked_at: datetime, may_be_invoiced: bool = False
) -> tuple[Snapshot, str]:
    """A guest's payment, by its intent or (where nothing was to pay) its session; and its customer, if it has one.

    `may_be_invoiced`: a dispute names no customer, and most are of a subscription's payment.
    """
    snapshot = Snapshot(asked_at)
    if may_be_invoiced and (payments := _payments(gateway, payment_intent=key)):
        snapshot.payments = payments
        return snapshot, sid(payments[0].invoices[0]["customer"])
    sessions = [gateway.session(key)] if key.startswith("cs_") else gateway.sessions_of(payment_intent=key)
    owners = [sid(session.get("customer")) for session in sessions]
    if not sessions:
        owners = [sid(gateway.payment_intent(key).get("customer"))]
    snapshot.sessions = sessions
    customer = next((owner for owner in owners if owner), "")
    if not customer:
        _add_disputes(gateway, snapshot, but=set())
    return snapshot, customer


def charge_of_session(session: Json) -> Json | None:
    return expanded((expanded(session.get("payment_intent")) or {}).get("latest_charge"))


def one_off_products_of(invoice: Json) -> list[str]:
    return [product for line in one_off_lines_of(invoice) if (product := product_of_line(line))]


def product_of_line(line: Json) -> str:
    return sid(((line.get("pricing") or {}).get("price_details") or {}).get("product"))


def _subscriptions(gateway: Gateway, customer: str) -> tuple[list[Json], frozenset[str]]:
    """All of a customer's, and those of them that we know and Stripe does not.

    By customer; one by one where Stripe no longer lists them because the customer was deleted. What a list leaves out
    is asked for by its id: it takes more than that to doubt what somebody pays for.
    """
    known = Subscription.objects.filter(customer_id=customer)
    try:
        listed = gateway.subscriptions_of(customer)
    except StripeMissing:
        found, missing = _one_by_one(gateway, known.values_list("stripe_id", flat=True))
        if missing and not found:
            raise
        return found, missing
    unlisted = known.exclude(status__in=OVER).exclude(stripe_id__in=[sub["id"] for sub in listed])
    found, missing = _one_by_one(gateway, unlisted.values_list("stripe_id", flat=True))
    return listed + found, missing


def _one_by_one(gateway: Gateway, subscriptions: Iterable[str]) -> tuple[list[Json], frozenset[str]]:
    found, missing = [], set()
    for subscription in subscriptions:
        try:
            found.append(gateway.subscription(subscription))
        except StripeMissing:
            missing.add(subscription)
    return found, frozenset(missing)


def _expanded_customer(subscriptions: list[Json] | None) -> Json | None:
    return next((found for sub in subscriptions or [] if (found := expanded(sub.get("customer")))), None)


def _add_subscriptions(gateway: Gateway, snapshot: Snapshot, customer: str, *, linked: Set[str]) -> None:
    snapshot.subscriptions, snapshot.missing = _subscriptions(gateway, customer)
    if any(sub["status"] == "past_due" and linked & set(products_of(sub)) for sub in snapshot.subscriptions):
        snapshot.open_invoices = gateway.open_invoices_of(customer)
    ours = {sub["id"]: sub for sub in snapshot.subscriptions if linked & set(products_of(sub))}
    for key in unknown_among(ours.values(), open_invoices=snapshot.open_invoices or [], now=clock.now()):
        paid = (found for found in gateway.paid_invoices_on(key) if is_paid(found, sub=ours[key]))
        if newest := next(paid, None):
            snapshot.paid_before[key] = {"id": newest["id"], "created": newest["created"]}


def _all_payments(gateway: Gateway, customer: str) -> list[Payment]:
    """The customer's charges that were refunded or disputed and paid an invoice; the rest say nothing about access."""
    found = []
    for charge in gateway.charges_of(customer):
        intent = sid(charge.get("payment_intent"))
        if intent and (charge.get("amount_refunded") or charge.get("disputed")):
            found += _payments(gateway, payment_intent=intent)
    return found


def _payments(gateway: Gateway, **where: str) -> list[Payment]:
    """By `payment_intent` or by `invoice`: one call, and one more for the disputes of each disputed charge."""
    found: dict[str, Payment] = {}
    for row in gateway.invoice_payments(**where):
        charge = expanded((expanded(row["payment"].get("payment_intent")) or {}).get("latest_charge"))
        if charge is None:
            continue
        if charge["id"] not in found:
            disputes = gateway.disputes_of(charge["id"]) if charge.get("disputed") else []
            found[charge["id"]] = Payment(charge, disputes, [])
        found[charge["id"]].invoices.append(row["invoice"])
    return list(found.values())


def _add_paid_invoices(gateway: Gateway, snapshot: Snapshot, customer: str, *, linked: Set[str]) -> None:
    """Every paid invoice that sold something of ours once, with what paid it."""
    snapshot.paid_invoices = [
        invoice for invoice in gateway.paid_invoices_of(customer) if linked & set(one_off_products_of(invoice))
    ]
    for intent in {intent for invoice in snapshot.paid_invoices for intent in payment_intents_of(invoice)}:
        if intent not in snapshot.intents:
            snapshot.intents[intent] = gateway.payment_intent(intent)


def _add_named(
    gateway: Gateway,
    snapshot: Snapshot,
    customer: str,
    *,
    ask: Ask,
    linked: Set[str],
    known: Mapping[str, list[Payment]],
) -> None:
    """The payments and invoices that events named, unless all were fetched."""
    payments: list[Payment] = []
    for intent in sorted(ask.payments) if not snapshot.has_all_payments else []:
        found = known[intent] if intent in known else _payments(gateway, payment_intent=intent)
        if not found and snapshot.sessions is None:  # a purchase in Checkout that was not seen yet
            snapshot.sessions = gateway.sessions_of(customer=customer)
        payments += found
    seen = {invoice["id"] for payment in payments for invoice in payment.invoices}
    seen |= {sid(session.get("invoice")) for session in snapshot.sessions or []}
    for invoice in sorted(ask.invoices - seen) if Facet.INVOICES not in ask.facets else []:
        if found := _payments(gateway, invoice=invoice):
            payments += found
        else:  # nothing was to pay, or it was paid outside of Stripe
            _add_if_sold_once(snapshot, gateway.invoice(invoice), linked=linked)
    if payments:
        snapshot.payments = [*(snapshot.payments or []), *payments]
        _add_what_they_billed(snapshot, linked=linked)
    if snapshot.subscriptions is None and _has_unknown_subscription(payments):
        _add_subscriptions(gateway, snapshot, customer, linked=linked)


def _add_what_they_billed(snapshot: Snapshot, *, linked: Set[str]) -> None:
    for payment in snapshot.payments or []:
        intent = sid(payment.charge.get("payment_intent"))
        snapshot.intents[intent] = {"id": intent, "latest_charge": payment.charge}
        snapshot.disputes[payment.charge["id"]] = payment.disputes
        for invoice in payment.invoices:
            _add_if_sold_once(snapshot, invoice, linked=linked)


def _add_if_sold_once(snapshot: Snapshot, invoice: Json, *, linked: Set[str]) -> None:
    known = {found["id"] for found in snapshot.paid_invoices or []}
    if invoice["status"] == "paid" and invoice["id"] not in known and linked & set(one_off_products_of(invoice)):
        snapshot.paid_invoices = [*(snapshot.paid_invoices or []), invoice]


def _has_unknown_subscription(payments: list[Payment]) -> bool:
    """A refund may be told before the subscription is: there would be no row to keep it with."""
    named = {subscription_of_invoice(invoice) for payment in payments for invoice in payment.invoices} - {""}
    return Subscription.objects.filter(stripe_id__in=named).count() < len(named)


def _add_disputes(gateway: Gateway, snapshot: Snapshot, *, but: Set[str]) -> None:
    """Every dispute of every disputed charge of an order: one charge may have several."""
    for charge in _charges(snapshot):
        if charge.get("disputed") and charge["id"] not in snapshot.disputes.keys() | but:
            snapshot.disputes[charge["id"]] = gateway.disputes_of(charge["id"])


def _settled_disputes(snapshot: Snapshot, ask: Ask) -> set[str]:
    """The charges whose disputes we have, and of which no event told anything new."""
    named = ask.orders | ask.payments
    quiet = [found["id"] for found in _charges(snapshot) if sid(found.get("payment_intent")) not in named]
    rows = Order.objects.filter(charge_id__in=quiet).values_list("charge_id", "disputes")
    return {charge for charge, disputes in rows if disputes}


def _charges(snapshot: Snapshot) -> list[Json]:
    of_sessions = [charge_of_session(session) for session in snapshot.sessions or []]
    of_intents = [expanded(intent.get("latest_charge")) for intent in snapshot.intents.values()]
    return [charge for charge in of_sessions + of_intents if charge]
