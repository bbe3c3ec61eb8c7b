"""Working off what waits: subjects that events rang for, that somebody asked for, or whose deadline has passed."""

import time

import structlog
from django.db.models import Exists, OuterRef, Q
from django.utils import timezone

from activities import clock
from activities.doorbell import ring
from billing.connection import active_connection
from billing.desk import attention, closings
from billing.errors import StripeUnavailable
from billing.intake import inbox
from billing.models import Connection, Subject, Subscription
from billing.refreshing.refresh import Outcome, hold_while_disconnected, note_unavailable, refresh
from billing.sweeping import renewal_day
from hub import grants
from hub.models import Grant

log = structlog.get_logger(__name__)

BATCH = 50
SECONDS = 45.0
IN_VAIN = 3
TASK = "billing.tasks.drain"


def drain(*, seconds: float = SECONDS) -> int:
    """Refreshes what waits until nothing does or the time is up; returns how many subjects were refreshed.

    Who bought a moment ago comes first. Then what can be listed has two thirds of the time at most, so that nothing
    that has to be fetched ever waits for it alone. What another worker lists is left to it.
    """
    connection = active_connection()
    if connection is None:
        return 0
    turn = _Turn(until=time.monotonic() + seconds)
    turn.refresh(inbox.buyers(limit=BATCH))
    listed: int | None = 0
    if not turn.is_over:
        listed = _drain_by_listing(connection, seconds=min(seconds * 2 / 3, turn.seconds_left))
        turn.done += listed or 0
    while not turn.is_over:
        subjects = inbox.dirty_subjects(business_now=clock.now(), limit=BATCH, is_listed_elsewhere=listed is None)
        if not subjects or not turn.refresh(subjects):
            return turn.done
    if not turn.is_in_vain:
        ring(TASK)
    return turn.done


class _Turn:
    """One drain's work: how much was done, and whether to go on."""

    def __init__(self, *, until: float) -> None:
        self.done = 0
        self._until = until
        self._in_vain = 0

    @property
    def seconds_left(self) -> float:
        return max(0.0, self._until - time.monotonic())

    @property
    def is_in_vain(self) -> bool:
        """Stripe is away: the next sweep asks again."""
        return self._in_vain >= IN_VAIN

    @property
    def is_over(self) -> bool:
        return self.is_in_vain or not self.seconds_left

    def refresh(self, subjects: list[str]) -> int:
        """Returns how many it got on with: none where others are at work on all of them."""
        progress = 0
        for key in subjects:
            if self.is_over:
                break
            if not inbox.is_dirty(key, business_now=clock.now()):
                progress += 1
                continue
            outcome = refresh(key)
            progress += outcome is not Outcome.BUSY
            self.done += outcome is Outcome.DONE
            self._in_vain = self._in_vain + 1 if outcome is Outcome.LATER else 0
        return progress


def _drain_by_listing(connection: Connection, *, seconds: float) -> int | None:
    """A renewal day's burst, a hundred customers a call. What it leaves is fetched one by one, or listed next time.

    None while another worker lists.
    """
    planned = renewal_day.plan()
    if planned is None:
        return 0
    try:
        return renewal_day.refresh_by_listing(planned, connection=connection, seconds=seconds)
    except StripeUnavailable as error:
        note_unavailable(connection, error)
        log.warning("listing_put_off", error=str(error))
        return 0


def sweep() -> None:
    """Stands behind every doorbell and acts on every deadline, asking Stripe first where Stripe knows."""
    _send_a_scout()
    drain()
    now = clock.now()
    if active_connection() is None:
        hold_while_disconnected()
    close_what_is_over()
    closings.settle_ended(now=clock.now())
    Connection.objects.exclude(state=Connection.State.OFF).update(swept_at=timezone.now())
    log.debug("swept", business_now=now.isoformat())


def _send_a_scout() -> None:
    """While Stripe is away one of those that wait for a later try asks first: once it is answered, all are tried."""
    connection = active_connection()
    if connection and connection.state != Connection.State.OK and (scout := inbox.next_put_off()):
        refresh(scout)


def close_what_is_over() -> None:
    """Writes down ends that came by time alone.

    A subscription's only once Stripe was asked about it since: a subject still due was not, however late it is. Unless
    nobody can be asked: its account is disconnected while another one is in use, or has not known it for a month.
    """
    now = clock.now()
    by_time = ~Q(source=Grant.Source.SUBSCRIPTION)
    if active_connection() is not None:
        unasked = Subject.objects.filter(Q(due_at__lte=now) | Q(requests__gt=0), key=OuterRef("customer_id"))
        unasked = unasked.exclude(inbox.of_a_disconnected_account())
        unasked = unasked.exclude(key__in=attention.given_up(now=now).values("subject"))
        asked = Subscription.objects.filter(~Exists(unasked), stripe_id=OuterRef("source_ref"))
        by_time |= Q(Exists(asked), source=Grant.Source.SUBSCRIPTION)
    grants.close_overdue(Grant.objects.filter(by_time, ends_at__lte=now, state__in=Grant.OPEN)[:500], now=now)
