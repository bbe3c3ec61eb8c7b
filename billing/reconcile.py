"""Keeping true without being told: catch-up from Stripe's event list, and the full pass that finds drift."""

from collections.abc import Iterator
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.utils import timezone

from activities import clock
from billing import attention, event_types, inbox, listing
from billing.errors import StripeUnavailable
from billing.event_types import ACCESS_TYPES
from billing.facts import required_moment, sid
from billing.gateway import Gateway, gateway_for
from billing.models import Connection, InboxEvent, Order, Pass, Subject, Subscription
from billing.refresh import active_connection, look_again, note_answer, note_unavailable
from billing.rehearsal import Difference, rehearse
from billing.snapshots import Snapshot, charge_of_session
from hub.models import Grant

log = structlog.get_logger(__name__)
Json = dict[str, Any]

OVERLAP = timedelta(minutes=15)  # clocks, and events that become visible late
SURELY_VISIBLE = timedelta(hours=1)
TOO_OLD = timedelta(days=25)  # Stripe keeps events for thirty days
BRAKE_GRANTS = 20
BRAKE_SHARE = 0.05


def catch_up() -> int:
    """Stores the events that never reached us, and returns how many. After a long absence, a full pass before that.

    The cursor moves only when the whole window is listed and stored; where nothing happened it follows the clock,
    so that a quiet account does not look like a long absence.
    """
    connection = active_connection()
    if connection is None:
        return 0
    now = clock.now()
    newest = connection.cursor or connection.created_at
    if now - newest > TOO_OLD:
        full_pass()
    run = Pass.objects.create(kind="catch_up", started_at=now)
    missed = 0
    try:
        for page in _event_pages(gateway_for(connection), since=newest - OVERLAP):
            run.looked_at += len(page)
            newest = max([newest, *(required_moment(event["created"]) for event in page)])
            missed += _store_missed(page, connection=connection, run=run)
    except StripeUnavailable as error:
        note_unavailable(connection, error)
        run.stopped = str(error)[:240]
    else:
        Connection.objects.filter(pk=connection.pk).update(cursor=max(newest, now - SURELY_VISIBLE))
        note_answer(connection)
    run.finished_at = clock.now()
    run.save()
    return missed


def full_pass(*, confirmed: bool = False) -> Pass | None:
    """Compares everything with Stripe and mends what drifted.

    A pass that would close more than 20 grants, or more than 5 % of the open ones, changes nothing: it keeps its
    list and asks, until it is run `confirmed`.
    """
    connection = active_connection()
    if connection is None:
        return None
    now = clock.now()
    run = Pass.objects.create(kind="full", started_at=now)
    try:
        drifted = [
            (subject, snapshot, found)
            for subject, snapshot in snapshots_of_everything(gateway_for(connection))
            if (found := _drift(subject, snapshot, run=run, connection=connection, now=now))
        ]
    except StripeUnavailable as error:
        note_unavailable(connection, error)
        run.stopped, run.finished_at = str(error)[:240], clock.now()
        run.save()
        return run
    closing = [difference for _, _, found in drifted for difference in found if difference.closes]
    run.found = [_as_json(difference) for _, _, found in drifted for difference in found]
    if not confirmed and _is_too_much(len(closing)):
        run.stopped = f"{len(closing)} grants would close: waiting for the owner."
        attention.raise_brake([_as_json(difference) for difference in closing], key=str(run.pk), now=now)
    else:
        for subject, _, _ in drifted:
            look_again(subject)
    run.finished_at = clock.now()
    run.save()
    Connection.objects.filter(pk=connection.pk).update(full_pass_at=timezone.now())
    return run


def differences() -> Iterator[Difference]:
    """What is not as Stripe's present state and the policy want it. Writes nothing. Raises billing.errors."""
    connection = active_connection()
    if connection is None:
        return
    now = clock.now()
    for subject, snapshot in snapshots_of_everything(gateway_for(connection)):
        yield from rehearse(snapshot, subject=subject, connection=connection, now=now)


def snapshots_of_everything(gateway: Gateway) -> Iterator[tuple[str, Snapshot]]:
    """One snapshot for each customer and each guest's payment, from pages of a hundred."""
    asked_at = timezone.now()
    open_invoices = listing.open_invoices_by_subscription(gateway)
    subscriptions: dict[str, list[Json]] = {}
    for page in listing.subscription_pages(gateway):
        for customer, subs in listing.by_customer(page).items():
            subscriptions.setdefault(customer, []).extend(subs)
    sessions: dict[str, list[Json]] = {}
    for page in listing.session_pages(gateway):
        for session in page:
            key = sid(session.get("customer")) or sid(session.get("payment_intent")) or session["id"]
            sessions.setdefault(key, []).append(session)
    charges = {subject: _disputed_charges(found) for subject, found in sessions.items()}
    disputes = listing.disputes_by_charge(gateway) if any(charges.values()) else {}
    for subject in sorted(subscriptions.keys() | sessions.keys() | _known_subjects()):
        snapshot = Snapshot(asked_at)
        if subject in subscriptions:
            snapshot.subscriptions = subscriptions[subject]
            snapshot.open_invoices = [
                invoice for sub in subscriptions[subject] for invoice in open_invoices.get(sub["id"], [])
            ]
        if subject in sessions:
            snapshot.sessions = sessions[subject]
            snapshot.disputes = {charge: disputes.get(charge, []) for charge in charges[subject]}
        yield subject, snapshot


def _disputed_charges(sessions: list[Json]) -> list[str]:
    found = [charge for session in sessions if (charge := charge_of_session(session))]
    return [charge["id"] for charge in found if charge.get("disputed")]


def _known_subjects() -> set[str]:
    """Whom open grants come from: their clocks may have run out even where Stripe has nothing new."""
    open_refs = Grant.objects.filter(state__in=Grant.OPEN).values("source_ref")
    customers = Subscription.objects.filter(stripe_id__in=open_refs).values_list("customer_id", flat=True)
    return set(customers) | set(Order.objects.filter(key__in=open_refs).values_list("subject", flat=True))


def _drift(subject: str, snapshot: Snapshot, *, run: Pass, connection: Connection, now: datetime) -> list[Difference]:
    run.looked_at += 1
    if Subject.objects.filter(key=subject, lease_until__gt=timezone.now()).exists():
        return []  # being looked at right now: newer than this list
    return rehearse(snapshot, subject=subject, connection=connection, now=now)


def _is_too_much(closing: int) -> bool:
    still_open = Grant.objects.filter(state__in=Grant.OPEN).count()
    return closing > BRAKE_GRANTS or (closing > 1 and closing > still_open * BRAKE_SHARE)


def _as_json(difference: Difference) -> Json:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(difference).items()
    }


def _event_pages(gateway: Gateway, *, since: datetime) -> Iterator[list[Json]]:
    after, more = "", True
    while more:
        page, more = gateway.event_page(types=sorted(ACCESS_TYPES), created_from=int(since.timestamp()), after=after)
        if page:
            after = page[-1]["id"]
            yield page


def _store_missed(page: list[Json], *, connection: Connection, run: Pass) -> int:
    """Stores what is not in the inbox, and says why it was not."""
    known = set(
        InboxEvent.objects.filter(event_id__in=[event["id"] for event in page]).values_list("event_id", flat=True)
    )
    missed = [event for event in page if event["id"] not in known and event_types.facets_of(event)]
    inbox.store(missed, connection=connection, caught_up=True)
    run.found += [{"event": event["id"], "type": event["type"], "why": "its webhook never came"} for event in missed]
    return len(missed)
