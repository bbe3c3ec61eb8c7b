"""Many customers at once: on a renewal day listing is cheaper than fetching, a hundred customers a call."""

import time
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Count, Q, QuerySet
from django.utils import timezone

from activities import clock
from billing.desk import attention
from billing.gateway import Gateway, gateway_for
from billing.intake import errands, leases
from billing.intake.event_types import Facet
from billing.intake.inbox import put_off
from billing.models import Connection, InboxEvent, StripeCustomer, Subscription
from billing.refreshing.applying import apply_snapshot
from billing.refreshing.look import Look
from billing.refreshing.snapshots import Snapshot
from billing.stripe_objects import OVER, sid, subscription_of_invoice
from billing.sweeping import listing

log = structlog.get_logger(__name__)
Json = dict[str, Any]
FEWEST = 20
LISTING = "renewal_day"  # leased as a subject is, so that one worker lists at a time


@dataclass(frozen=True, slots=True)
class Plan:
    """Whom to list: each customer's subscriptions that may have changed, and when the oldest and newest were made.

    `rows` are the events that it was made from: no later one is answered by the list, for it may name a subscription
    that the list leaves out.
    """

    wanted: dict[str, set[str]]
    rows: set[int]
    since: datetime
    until: datetime

    @property
    def created(self) -> dict[str, int]:
        return {"gte": int(self.since.timestamp()), "lte": int(self.until.timestamp())}


def plan() -> Plan | None:
    """The customers whose events ask for subscriptions alone, if listing these costs fewer calls than fetching.

    Customers that are nobody's yet are left out: whose they are is seen on their sessions. So is whoever has a
    subscription that we have never seen, because we could not tell when all of theirs were listed.
    """
    pending = InboxEvent.objects.filter(state=InboxEvent.State.PENDING, subject__startswith="cus_").exclude(
        connection__state=Connection.State.OFF
    )
    found = set(
        pending.filter(subject__in=StripeCustomer.objects.filter(user__isnull=False).values("stripe_id"))
        .exclude(subject__in=put_off().values("key"))
        .values("subject")
        .annotate(others=Count("pk", filter=~Q(facets=Facet.SUBSCRIPTIONS.value)))
        .filter(others=0)
        .values_list("subject", flat=True)
    )
    if len(found) <= FEWEST:
        return None
    known = {
        row.stripe_id: row
        for row in Subscription.objects.filter(customer_id__in=found).only(
            "stripe_id", "customer_id", "status", "created"
        )
    }
    wanted: dict[str, set[str]] = {customer: set() for customer in found}
    rows: set[int] = set()
    for row_id, customer, subscription in _named(pending.filter(subject__in=found)):
        rows.add(row_id)
        if subscription not in known:
            wanted.pop(customer, None)
        elif customer in wanted:
            wanted[customer].add(subscription)
    for row in known.values():
        if row.status not in OVER and row.customer_id in wanted:
            wanted[row.customer_id].add(row.stripe_id)
    made = [known[subscription].created for subscriptions in wanted.values() for subscription in subscriptions]
    if not made:
        return None
    since, until = min(made), max(made)
    pages = Subscription.objects.filter(created__range=(since, until)).count() // 100 + 2
    return Plan(wanted, rows, since, until) if len(wanted) > max(FEWEST, pages) else None


def refresh_by_listing(planned: Plan, *, connection: Connection, seconds: float) -> int | None:
    """Looks at many customers' subscriptions again by listing them; returns how many were settled.

    A customer is settled as soon as all of theirs were listed. When the time is up the rest waits: the next plan
    begins where this one stopped, because lists begin with the newest. One that is leased by somebody else is left
    to them; a row that was fetched after its page was asked for is left as it is. None while another worker
    lists.
    """
    lease = leases.take(LISTING)
    if lease is None:
        return None
    try:
        return _list_and_settle(planned, connection=connection, until=time.monotonic() + seconds)
    finally:
        leases.release(lease)


def _named(pending: QuerySet[InboxEvent]) -> Iterator[tuple[int, str, str]]:
    """Row, customer and subscription of each waiting event: its object, or its invoice's."""
    about = "payload__data__object__"
    columns = ("pk", "subject", f"{about}object", f"{about}id", f"{about}parent", f"{about}subscription")
    for pk, subject, kind, object_id, parent, subscription in pending.values_list(*columns).iterator(chunk_size=500):
        named = object_id if kind == "subscription" else {"parent": parent, "subscription": subscription}
        yield pk, subject, named if isinstance(named, str) else subscription_of_invoice(named)


def _list_and_settle(planned: Plan, *, connection: Connection, until: float) -> int:
    gateway = gateway_for(connection)
    missing = {customer: set(subscriptions) for customer, subscriptions in planned.wanted.items()}
    listed: dict[str, Snapshot] = {}
    open_invoices = _OpenInvoices(gateway, until=until)
    asked_at = timezone.now()
    done = 0
    for page in listing.subscription_pages(gateway, created=planned.created):
        for sub in page:
            if (customer := sid(sub["customer"])) in missing:
                snapshot = listed.setdefault(customer, Snapshot(asked_at, subscriptions=[]))
                snapshot.subscriptions = [*(snapshot.subscriptions or []), sub]
                missing[customer].discard(sub["id"])
        for customer in [customer for customer in listed if not missing[customer]]:
            if time.monotonic() > until:
                return done
            del missing[customer]
            snapshot = listed.pop(customer)
            done += _settle(customer, snapshot, open_invoices=open_invoices, connection=connection, rows=planned.rows)
        if not missing or time.monotonic() > until:
            return done
        asked_at = timezone.now()
    return done


class _TimeIsUp(Exception):
    pass


class _OpenInvoices:
    """The account's open invoices, by subscription: listed when the first past due one is met, if there is time."""

    def __init__(self, gateway: Gateway, *, until: float) -> None:
        self._gateway, self._until = gateway, until
        self._found: dict[str, list[Json]] | None = None

    def of(self, subscriptions: list[Json]) -> list[Json] | None:
        """None where they could not be listed in time."""
        if not any(sub["status"] == "past_due" for sub in subscriptions):
            return []
        if self._found is None:
            try:
                self._found = listing.gather_open_invoices(self._pages())
            except _TimeIsUp:
                return None
        return [invoice for sub in subscriptions for invoice in self._found.get(sub["id"], [])]

    def _pages(self) -> Iterator[list[Json]]:
        for page in self._gateway.open_invoice_pages():
            yield page
            if time.monotonic() > self._until:
                raise _TimeIsUp


def _settle(
    customer: str, snapshot: Snapshot, *, open_invoices: _OpenInvoices, connection: Connection, rows: set[int]
) -> int:
    """Applies one customer's subscriptions in a short transaction, under a lease. What fails is fetched alone later."""
    snapshot.open_invoices = open_invoices.of(snapshot.subscriptions or [])
    if snapshot.open_invoices is None or (lease := leases.take(customer)) is None:
        return 0
    try:
        return _settle_one(lease, snapshot, connection=connection, rows=rows)
    except Exception:  # fetched alone, it keeps its error with its rows, and holds nobody else up
        log.exception("not_settled_by_listing", subject=customer)
        return 0
    finally:
        leases.release(lease)


def _settle_one(lease: leases.Lease, snapshot: Snapshot, *, connection: Connection, rows: set[int]) -> int:
    pending = InboxEvent.objects.filter(
        subject=lease.key, state=InboxEvent.State.PENDING, facets=Facet.SUBSCRIPTIONS.value
    )
    with transaction.atomic():
        subject = leases.held(lease)
        waiting = [row for row in errands.waiting(lease.key) if row.id in rows and row.facets == Facet.SUBSCRIPTIONS]
        last = waiting[-1] if waiting else None
        if subject is None or last is None:
            return 0
        snapshot.told = errands.named_by(waiting)
        subject.due_at = apply_snapshot(
            snapshot,
            subject=lease.key,
            connection=connection,
            look=Look(f"{last.type} {last.event_id}", now=clock.now(), news=errands.newest_of_each(waiting)),
        )
        pending.filter(pk__in=[row.id for row in waiting]).update(
            state=InboxEvent.State.DONE, done_at=timezone.now(), error=""
        )
        if subject.attempts:
            attention.settle_missing([subject.key], now=clock.now())
        subject.attempts, subject.error, subject.fetched_at, subject.retry_at = 0, "", timezone.now(), None
        subject.save(update_fields=["due_at", "attempts", "error", "fetched_at", "retry_at"])
    return 1
