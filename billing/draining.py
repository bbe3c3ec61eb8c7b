"""Working off what waits: subjects that events rang for, that somebody asked for, or whose deadline has passed."""

import time

import structlog
from django.db.models import Q
from django.utils import timezone

from activities import clock
from activities.doorbell import ring
from billing import inbox, renewal_day
from billing.connection import active_connection
from billing.errors import StripeUnavailable
from billing.models import Connection, Subject, Subscription
from billing.refresh import Outcome, hold_while_disconnected, note_unavailable, refresh
from hub import grants
from hub.models import Grant

log = structlog.get_logger(__name__)

BATCH = 50
SECONDS = 45.0
IN_VAIN = 3
TASK = "billing.tasks.drain"


def drain(*, seconds: float = SECONDS) -> int:
    """Refreshes what waits until nothing does or the time is up; returns how many subjects were refreshed."""
    until = time.monotonic() + seconds
    if active_connection() is None:
        return 0
    done, in_vain = _drain_by_listing(), 0
    while time.monotonic() < until:
        subjects = inbox.dirty_subjects(business_now=clock.now(), limit=BATCH)
        if not subjects:
            return done
        progress = 0
        for key in subjects:
            if not inbox.is_dirty(key, business_now=clock.now()):
                progress += 1
                continue
            outcome = refresh(key)
            progress += outcome is not Outcome.BUSY
            done += outcome is Outcome.DONE
            in_vain = in_vain + 1 if outcome is Outcome.LATER else 0
            if in_vain == IN_VAIN:  # Stripe is away: the next sweep asks again
                return done
            if time.monotonic() > until:
                break
        if not progress:
            return done
    ring(TASK)
    return done


def _drain_by_listing() -> int:
    """A renewal day's burst, a hundred customers a call. What it leaves is fetched one by one."""
    connection = active_connection()
    customers = renewal_day.customers_to_list() if connection else set()
    if connection is None or not customers:
        return 0
    try:
        return renewal_day.refresh_by_listing(customers, connection=connection)
    except StripeUnavailable as error:
        note_unavailable(connection, error)
        log.warning("listing_put_off", error=str(error))
        return 0


def sweep() -> None:
    """Stands behind every doorbell and acts on every deadline, asking Stripe first where Stripe knows."""
    drain()
    now = clock.now()
    if active_connection() is None:
        hold_while_disconnected()
    close_what_is_over()
    Connection.objects.exclude(state=Connection.State.OFF).update(swept_at=timezone.now())
    log.debug("swept", business_now=now.isoformat())


def close_what_is_over() -> None:
    """Writes down ends that came by time alone.

    A subscription's only once Stripe was asked about it since: a subject still due was not, however late it is.
    """
    now = clock.now()
    by_time = ~Q(source=Grant.Source.SUBSCRIPTION)
    if active_connection() is not None:
        unasked = Subject.objects.filter(Q(due_at__lte=now) | Q(look_again=True)).values("key")
        asked = Subscription.objects.exclude(customer_id__in=unasked).values("stripe_id")
        by_time |= Q(source=Grant.Source.SUBSCRIPTION, source_ref__in=asked)
    grants.close_overdue(Grant.objects.filter(by_time, ends_at__lte=now, state__in=Grant.OPEN)[:500], now=now)
