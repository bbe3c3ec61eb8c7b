"""Look again at one subject: the one path from Stripe's state to rows, grants, ledger, activities and mail.

Lease, then fetch with no transaction open, then one short transaction that checks the lease. Events decide only
what is fetched. A refresh may run twice, late or never: the next one ends in the same state.
"""

import random
from collections.abc import Set
from datetime import timedelta
from enum import StrEnum

import structlog
from django.db import transaction
from django.db.models import F, QuerySet
from django.utils import timezone

from activities import clock
from billing.connection import active_connection, adopt_portal_configuration
from billing.desk import attention
from billing.errors import StripeInvalid, StripeMissing, StripeRefused, StripeUnavailable
from billing.gateway import Gateway, gateway_for
from billing.intake import leases
from billing.intake.errands import Errand, Move, errand_for
from billing.intake.event_types import NOBODYS, Facet
from billing.intake.faults import fault_of
from billing.intake.inbox import belongs_elsewhere, is_news, look_again
from billing.intake.leases import Lease
from billing.models import Connection, InboxEvent, Order, Subject, Subscription
from billing.refreshing import applying
from billing.refreshing.deciding_links import ever_linked
from billing.refreshing.look import Look
from billing.refreshing.snapshots import fetch_customer, fetch_guest
from billing.shop import catalogue
from hub import grants
from hub.models import Grant

log = structlog.get_logger(__name__)

MAX_ATTEMPTS = 8
HELD_AT_ONCE = 200
OFTEN = timedelta(minutes=15)
RARELY = timedelta(hours=6)


class Outcome(StrEnum):
    DONE = "done"
    BUSY = "busy"  # somebody else is looking right now
    LATER = "later"  # Stripe could not be asked; it will be tried again
    FAILED = "failed"


class LeaseLost(Exception):
    """Somebody else took over while we fetched: what was fetched is not written."""


def refresh(key: str, *, facets: Set[Facet] = frozenset(), waiting: bool = False, cause: str = "") -> Outcome:
    """Looks again at a subject until nothing newer is waiting for it.

    `facets` are fetched besides what events point at (nothing at all means everything); `waiting` is for a person
    who waits.
    """
    connection = active_connection()
    if connection is None or belongs_elsewhere(key):
        return Outcome.LATER
    moved: Move | None = None
    while True:
        lease = leases.take(key)
        if lease is None:
            return Outcome.BUSY
        try:
            errand = errand_for(lease, facets=facets, cause=cause, moved=moved)
            moved = _run(errand, connection=connection, waiting=waiting)
        except LeaseLost:
            log.warning("lease_lost", subject=key)
            return Outcome.BUSY
        except StripeMissing as error:
            _note_missing(lease, error)
            return Outcome.FAILED
        except StripeUnavailable as error:
            note_unavailable(connection, error)
            _retry_later(lease, error, after=error.retry_after)
            return Outcome.LATER
        except Exception as error:
            log.exception("refresh_failed", subject=key)
            _note_failure(lease, error)
            return Outcome.FAILED
        if moved:
            key = moved.to
        elif not is_news(key):
            return Outcome.DONE


def _run(errand: Errand, *, connection: Connection, waiting: bool) -> Move | None:
    """Fetches and applies. Returns where this subject turned out to be part of another one."""
    key, gateway = errand.lease.key, gateway_for(connection, waiting=waiting)
    if key.startswith(NOBODYS):
        _run_nobodys(errand, gateway=gateway, connection=connection)
        return None
    asked_at = timezone.now()
    if key.startswith("cus_"):
        linked = ever_linked(connection)
        snapshot = fetch_customer(gateway, key, ask=errand.ask, linked=linked, asked_at=asked_at, known=errand.known)
    else:
        if known := _subject_of_payment(key):
            return _move(errand, Move(known, asked_at))
        may_be_invoiced = key in errand.ask.payments
        snapshot, customer = fetch_guest(gateway, key, asked_at=asked_at, may_be_invoiced=may_be_invoiced)
        if customer:
            payments = {key: snapshot.payments or []} if may_be_invoiced else {}
            return _move(errand, Move(customer, asked_at, payments))
    snapshot.told = errand.named
    with transaction.atomic():
        subject = leases.held(errand.lease)
        if subject is None:
            raise LeaseLost(key)
        overcome = subject.error
        subject.due_at = applying.apply_snapshot(
            snapshot,
            subject=key,
            connection=connection,
            look=Look(errand.cause, now=clock.now(), news=errand.news),
        )
        _finish(subject, errand)
    note_answer(connection)
    _bring_forward_alike(overcome)
    return None


def _run_nobodys(errand: Errand, *, gateway: Gateway, connection: Connection) -> None:
    kind, _, name = errand.lease.key.partition(":")
    if kind == "portal":
        adopt_portal_configuration(connection, gateway, configuration=name)
    else:
        catalogue.refresh_product(errand.lease.key, gateway=gateway, connection=connection)
    with transaction.atomic():
        if subject := leases.held(errand.lease):
            subject.due_at = None
            _finish(subject, errand)


def _finish(subject: Subject, errand: Errand) -> None:
    """Marks what this look answered, and gives the lease back, in the transaction that applied it.

    What was asked for since the look began stays: it may be about what had been fetched by then.
    """
    _answered(errand).update(state=InboxEvent.State.DONE, done_at=timezone.now(), error="")
    if subject.attempts:
        attention.settle_missing([subject.key], now=clock.now())
    if errand.requests:  # everything was fetched, so that what was given up is answered too
        InboxEvent.objects.filter(subject=subject.key, state=InboxEvent.State.DEAD).update(
            state=InboxEvent.State.DONE, done_at=timezone.now()
        )
    subject.lease_token = subject.lease_until = subject.retry_at = None
    subject.requests = F("requests") - errand.requests  # as it is now: this look itself may have asked for another
    subject.attempts, subject.error, subject.fetched_at = 0, "", timezone.now()
    subject.save()


def _answered(errand: Errand) -> QuerySet[InboxEvent]:
    """The very rows that were read: a lower id may commit later, and ask for what was not fetched."""
    return InboxEvent.objects.filter(pk__in=errand.rows, subject=errand.lease.key, state=InboxEvent.State.PENDING)


def _subject_of_payment(key: str) -> str:
    """Where a payment is already known to belong: its order's subject, when that is another one."""
    subject = Order.objects.filter(payment_intent=key).values_list("subject", flat=True).first()
    return subject if subject and subject != key else ""


def _move(errand: Errand, move: Move) -> Move:
    """The payment belongs to a customer: its events do too."""
    with transaction.atomic():
        subject = leases.held(errand.lease)
        if subject is not None:
            _answered(errand).update(subject=move.to)
            if errand.requests or not errand.rows:
                look_again(move.to)
            subject.due_at = None
            _finish(subject, errand)
    return move


def note_unavailable(connection: Connection, error: StripeUnavailable) -> None:
    """Stripe cannot be asked: said on the connection, and whoever's end is near gets another day.

    Everybody's of this account, not only that of the subject whose turn it was: during an outage not all get a turn.
    """
    refused = isinstance(error, StripeRefused)
    Connection.objects.filter(pk=connection.pk).exclude(state=Connection.State.OFF).update(
        state=Connection.State.REFUSED if refused else Connection.State.UNREACHABLE, last_error=str(error)
    )
    theirs = Subscription.objects.filter(connection=connection).values("stripe_id")
    _hold(Grant.objects.filter(source_ref__in=theirs), reason="held_stripe_unreachable")


def hold_while_disconnected() -> None:
    """Nobody loses access because the owner has disconnected Stripe."""
    _hold(Grant.objects.all(), reason="held_disconnected")


def _hold_subject(key: str, *, reason: str) -> None:
    ours = Subscription.objects.filter(customer_id=key).values("stripe_id")
    _hold(Grant.objects.filter(source_ref__in=ours), reason=reason)


def _hold(found: QuerySet[Grant], *, reason: str) -> None:
    """Some hundred at a time: nobody's row is locked for as long as a whole site takes."""
    now, after = clock.now(), 0
    near = found.filter(source=Grant.Source.SUBSCRIPTION, state__in=Grant.OPEN, ends_at__lt=now + grants.HOLD / 2)
    while chunk := list(near.filter(pk__gt=after).order_by("pk")[:HELD_AT_ONCE]):
        grants.hold(chunk, now=now, cause="stripe_not_asked", reason=reason)
        after = chunk[-1].pk


def _note_missing(lease: Lease, error: StripeMissing) -> None:
    """Another account's or mode's object: nothing is revoked, a person is told, and it is asked for again, rarely.

    Access is held meanwhile, but not for ever: after `policy.MISSING_IS_HELD` it ends by time.
    """
    attention.raise_missing(lease.key, now=clock.now(), error=str(error))
    is_held = not attention.given_up(now=clock.now()).filter(subject=lease.key).exists()
    _note_failure(lease, error, is_held=is_held)


def _note_failure(lease: Lease, error: Exception, *, is_held: bool = True) -> None:
    """A surprise: kept with the rows and tried again. After a few times a person is to look, and it is tried rarely."""
    if is_held:
        _hold_subject(lease.key, reason="held_not_understood")
    subject = _retry_later(lease, error, at_most=RARELY)
    pending = InboxEvent.objects.filter(subject=lease.key, state=InboxEvent.State.PENDING)
    if subject and subject.attempts >= MAX_ATTEMPTS:
        kept = {"error": repr(error), "fault": fault_of(repr(error)), "attempts": subject.attempts}
        pending.update(state=InboxEvent.State.DEAD, **kept)
        Subject.objects.filter(pk=subject.pk).update(requests=F("requests") + 1)
    else:
        pending.update(error=repr(error), attempts=subject.attempts if subject else 1)


def _retry_later(
    lease: Lease, error: Exception, *, after: float | None = None, at_most: timedelta = OFTEN
) -> Subject | None:
    with transaction.atomic():
        subject = leases.held(lease)
        if subject is None:
            return None
        subject.attempts += 1
        longest = min(at_most.total_seconds(), 5 * 2 ** min(subject.attempts, 14))
        pause = after or longest * random.uniform(0.5, 1)  # noqa: S311
        subject.retry_at = timezone.now() + timedelta(seconds=pause)
        subject.error = repr(error)
        subject.lease_token = subject.lease_until = None
        subject.save()
    return subject


def _bring_forward_alike(error: str) -> None:
    """What Stripe refused and now allows, it allows the others too that it refused in the same words."""
    if error.startswith(StripeInvalid.__name__):
        Subject.objects.filter(retry_at__gt=timezone.now(), error=error).update(retry_at=None)


def note_answer(connection: Connection) -> None:
    """Stripe answered: said at most once a minute, and at once when it had been away."""
    now = timezone.now()
    stale = connection.last_ok_at is None or now - connection.last_ok_at > timedelta(minutes=1)
    was_away = connection.state != Connection.State.OK
    if was_away:  # whoever waits for a later try need not wait any longer
        Subject.objects.filter(retry_at__gt=now).update(retry_at=None)
    if stale or was_away:
        Connection.objects.filter(pk=connection.pk).exclude(state=Connection.State.OFF).update(
            state=Connection.State.OK, last_ok_at=now, last_error=""
        )
