"""Many customers at once: on a renewal day listing is cheaper than fetching, a hundred customers a call."""

from collections.abc import Iterator
from datetime import datetime
from typing import Any

import structlog
from django.db import transaction
from django.db.models import Count, Q
from django.utils import timezone

from activities import clock
from billing import leases, listing
from billing.applying import apply_snapshot
from billing.event_types import Facet
from billing.gateway import gateway_for
from billing.models import Connection, InboxEvent, StripeCustomer, Subject, Subscription
from billing.snapshots import Snapshot

log = structlog.get_logger(__name__)
Json = dict[str, Any]
FEWEST = 20
LISTING = "renewal_day"  # leased as a subject is, so that one worker lists at a time


def customers_to_list() -> set[str]:
    """The customers whose events ask for subscriptions alone, if listing them costs fewer calls than fetching.

    Customers that are nobody's yet are left out: whose they are is seen on their sessions.
    """
    waiting = Subject.objects.filter(Q(retry_at__gt=timezone.now()) | Q(lease_until__gt=timezone.now()))
    found = set(
        InboxEvent.objects.filter(state=InboxEvent.State.PENDING, subject__startswith="cus_")
        .filter(subject__in=StripeCustomer.objects.filter(user__isnull=False).values("stripe_id"))
        .exclude(subject__in=waiting.values("key"))
        .values("subject")
        .annotate(others=Count("pk", filter=~Q(facets=Facet.SUBSCRIPTIONS.value)))
        .filter(others=0)
        .values_list("subject", flat=True)
    )
    pages = Subscription.objects.count() // 100 + 2
    return found if len(found) > max(FEWEST, pages) else set()


def refresh_by_listing(customers: set[str], *, connection: Connection) -> int:
    """Looks at many customers' subscriptions again by listing the account; returns how many were settled.

    Only for customers whose waiting events ask for subscriptions and nothing else. One that is leased by somebody
    else is left to them; a row that was fetched after its page was asked for is left as it is. Settles nobody while
    another worker lists.
    """
    lease = leases.take(LISTING)
    if lease is None:
        return 0
    try:
        return _list_and_settle(customers, connection=connection)
    finally:
        leases.release(lease)


def _list_and_settle(customers: set[str], *, connection: Connection) -> int:
    gateway = gateway_for(connection)
    newest = InboxEvent.objects.order_by("-id").values_list("id", flat=True).first() or 0
    asked_at = timezone.now()
    open_invoices = listing.open_invoices_by_subscription(gateway)
    pages: dict[str, list[Json]] = {}
    for page in listing.subscription_pages(gateway):
        for customer, subs in listing.by_customer(page).items():
            if customer in customers:
                pages.setdefault(customer, []).extend(subs)
    done = 0
    for chunk in _chunks(sorted(pages), 100):
        done += _settle_chunk(
            {customer: pages[customer] for customer in chunk},
            open_invoices=open_invoices,
            connection=connection,
            asked_at=asked_at,
            newest=newest,
        )
    return done


def _settle_chunk(
    pages: dict[str, list[Json]],
    *,
    open_invoices: dict[str, list[Json]],
    connection: Connection,
    asked_at: datetime,
    newest: int,
) -> int:
    """Applies a hundred customers' subscriptions, each in a short transaction and under a lease of its own."""
    taken = [lease for customer in pages if (lease := leases.take(customer))]
    done = 0
    try:
        for lease in taken:
            subs = pages[lease.key]
            invoices = [invoice for sub in subs for invoice in open_invoices.get(sub["id"], [])]
            snapshot = Snapshot(asked_at, subscriptions=subs, open_invoices=invoices)
            try:
                done += _settle_one(lease, snapshot, connection=connection, newest=newest)
            except Exception:  # fetched alone, it keeps its error with its rows, and holds nobody else up
                log.exception("not_settled_by_listing", subject=lease.key)
    finally:
        for lease in taken:
            leases.release(lease)
    return done


def _settle_one(lease: leases.Lease, snapshot: Snapshot, *, connection: Connection, newest: int) -> int:
    waiting = InboxEvent.objects.filter(
        subject=lease.key, state=InboxEvent.State.PENDING, id__lte=newest, facets=Facet.SUBSCRIPTIONS.value
    )
    with transaction.atomic():
        subject = leases.held(lease)
        last = waiting.order_by("-id").first()
        if subject is None or last is None:
            return 0
        subject.due_at = apply_snapshot(
            snapshot,
            subject=lease.key,
            connection=connection,
            cause=f"{last.type} {last.event_id}",
            happened_at=last.created,
            now=clock.now(),
        )
        waiting.update(state=InboxEvent.State.DONE, done_at=timezone.now(), error="")
        subject.attempts, subject.error, subject.fetched_at, subject.retry_at = 0, "", timezone.now(), None
        subject.save(update_fields=["due_at", "attempts", "error", "fetched_at", "retry_at"])
    return 1


def _chunks(keys: list[str], size: int) -> Iterator[list[str]]:
    for start in range(0, len(keys), size):
        yield keys[start : start + size]
