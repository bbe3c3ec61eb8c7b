"""What one look at a subject is to fetch: what events named, what is due, what somebody asked for."""

from collections.abc import Iterable, Mapping, Set
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from activities import clock
from billing.intake import references
from billing.intake.event_types import EVERYTHING, Facet
from billing.intake.leases import Lease
from billing.intake.references import Named
from billing.models import InboxEvent, Order, StripeCustomer, Subject
from billing.refreshing.snapshots import Ask, Payment
from billing.stripe_objects import sid


@dataclass(frozen=True, slots=True)
class Move:
    """A payment that turned out to be a customer's, and what was fetched of it on the way."""

    to: str
    asked_at: datetime
    payments: Mapping[str, list[Payment]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Errand:
    """What one look is to fetch, and which inbox rows and how many requests it answers.

    `named`: what those rows call things by.
    """

    lease: Lease
    rows: tuple[int, ...]
    requests: int
    ask: Ask
    cause: str
    news: Mapping[str, datetime]
    known: Mapping[str, list[Payment]]
    named: Named


@dataclass(frozen=True, slots=True)
class Row:
    """What is read of a waiting event: where it points, and nothing else that it says."""

    id: int
    facets: str
    event_id: str
    type: str
    created: datetime
    about: dict[str, Any]  # its object, as far as it names things


def errand_for(lease: Lease, *, facets: Set[Facet], cause: str, moved: Move | None = None) -> Errand:
    """Reads what waits for this subject. Whatever comes later is not answered by this look."""
    subject = Subject.objects.get(key=lease.key)
    rows = waiting(lease.key)
    business_now = clock.now()
    wanted = set(EVERYTHING) if subject.requests else set(facets)
    if subject.due_at is not None and subject.due_at <= business_now:
        wanted |= {Facet.SUBSCRIPTIONS, Facet.ORDERS} if _has_orders(lease.key) else {Facet.SUBSCRIPTIONS}
    last = rows[-1] if rows else None
    return Errand(
        lease=lease,
        rows=tuple(row.id for row in rows),
        requests=subject.requests,
        ask=_ask(lease.key, rows, wanted=wanted),
        cause=cause or (f"{last.type} {last.event_id}" if last else "sweep"),
        news=newest_of_each(rows),
        known=moved.payments if moved and _is_newest(moved, subject) else {},
        named=named_by(rows),
    )


def newest_of_each(rows: Iterable[Row]) -> dict[str, datetime]:
    """The types of waiting events, and when the newest of each was made."""
    return {row.type: row.created for row in sorted(rows, key=lambda row: row.created)}


def waiting(key: str) -> list[Row]:
    """The events that no look at this subject has answered, in the order in which they came."""
    found = InboxEvent.objects.filter(subject=key, state=InboxEvent.State.PENDING).order_by("id")
    about = [f"payload__data__object__{name}" for name in references.READ]
    rows = found.values_list("id", "facets", "event_id", "type", "created", *about)
    return [
        Row(pk, facets, event_id, kind, created, dict(zip(references.READ, names, strict=True)))
        for pk, facets, event_id, kind, created, *names in rows
    ]


def named_by(rows: Iterable[Row]) -> Named:
    """What they call things by, and when that was made."""
    return {ref: at for row in rows for ref, at in references.named_in(row.about).items()}


def _ask(key: str, rows: Iterable[Row], *, wanted: set[Facet]) -> Ask:
    """A facet is fetched whole only where no event says which payment or invoice is meant."""
    intents: set[str] = set()
    invoices: set[str] = set()
    for row in rows:
        facets = {Facet(name) for name in row.facets.split()}
        if Facet.PAYMENTS in facets and (intent := sid(row.about["payment_intent"])):
            intents.add(intent)
            facets.remove(Facet.PAYMENTS)
        if Facet.INVOICES in facets and (invoice := sid(row.about["invoice"]) or sid(row.about)):
            invoices.add(invoice)
            facets.remove(Facet.INVOICES)
        wanted = wanted | facets
    orders = set(
        Order.objects.filter(payment_intent__in=intents, invoice_id="").values_list("payment_intent", flat=True)
    )
    if orders:
        wanted = wanted | {Facet.ORDERS}
    if not wanted and not intents and not invoices:
        wanted = set(EVERYTHING)
    return Ask(
        _with_what_binds(key, frozenset(wanted)),
        payments=frozenset(intents - orders),
        orders=frozenset(orders),
        invoices=frozenset(invoices),
    )


def _with_what_binds(key: str, facets: frozenset[Facet]) -> frozenset[Facet]:
    """A customer that is nobody's yet is bound by the reference on its session, before its address is looked at."""
    if not key.startswith("cus_") or facets == {Facet.CATALOGUE}:
        return facets
    if StripeCustomer.objects.filter(stripe_id=key, user__isnull=False).exists():
        return facets
    return facets | {Facet.ORDERS}


def _has_orders(key: str) -> bool:
    return Order.objects.filter(subject=key).exists()


def _is_newest(moved: Move, subject: Subject) -> bool:
    """Nobody looked at the customer since the payment was fetched, without its lease."""
    return subject.fetched_at is None or subject.fetched_at <= moved.asked_at
