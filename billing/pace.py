"""One pace for all processes: so many background calls a second to an account, and none while Stripe asks for a pause.

A leaky bucket in one row: each call takes the next place in a single statement, by the database's clock, and sleeps
until its place has come. Calls that a person waits for are few, and take none.
"""

import time

from django.conf import settings
from django.db import connection as database

from billing.errors import StripePaused, StripeUnavailable
from billing.models import Pace

BURST = 1.0  # seconds' worth of calls that may be made at once after a rest
QUEUE = 2.0  # seconds that a call may stand in the queue
PAUSE = 1.0  # seconds to be silent after a 429 that names none
NOW = {
    "postgresql": "EXTRACT(EPOCH FROM clock_timestamp())::float8",
    "sqlite": "((julianday('now') - 2440587.5) * 86400.0)",
}


def wait_for_turn(connection_id: int, *, patience: float = 0) -> None:
    """Returns when a call may be made. Raises StripePaused, at once, where that takes longer than `patience`."""
    delay = _take_place(connection_id, longest=max(QUEUE, patience))
    if delay > 0:
        time.sleep(delay)


def fall_silent(connection_id: int, *, seconds: float | None) -> None:
    """Stripe answered 429: nobody calls until its pause is over."""
    until = f"{_now()} + %s"
    with database.cursor() as cursor:
        cursor.execute(
            f"UPDATE {_TABLE} SET next_at = {until} WHERE connection_id = %s AND next_at < {until}",  # noqa: S608
            [seconds or PAUSE, connection_id, seconds or PAUSE],
        )


def _take_place(connection_id: int, *, longest: float) -> float:
    """The seconds until the place that was taken comes; none is taken where that is too long."""
    step = 1 / settings.STRIPE_CALLS_PER_SECOND
    earliest = f"{_now()} - %s"
    # Only our own table and the names of its columns are put into the text.
    sql = (
        f"UPDATE {_TABLE} SET next_at = CASE WHEN next_at > {earliest} THEN next_at ELSE {earliest} END + %s"  # noqa: S608
        f" WHERE connection_id = %s AND next_at <= {_now()} + %s RETURNING next_at - %s - {_now()}"
    )
    for _ in range(2):
        with database.cursor() as cursor:
            cursor.execute(sql, [BURST, BURST, step, connection_id, longest, step])
            if row := cursor.fetchone():
                return float(row[0])
            cursor.execute(f"SELECT next_at - {_now()} FROM {_TABLE} WHERE connection_id = %s", [connection_id])  # noqa: S608
            if paused := cursor.fetchone():
                raise StripePaused("429: Stripe asked for a pause", retry_after=max(1.0, float(paused[0])))
        Pace.objects.bulk_create([Pace(connection_id=connection_id)], ignore_conflicts=True)
    raise StripeUnavailable("The account was disconnected meanwhile")


def _now() -> str:
    return NOW[database.vendor]


_TABLE = Pace._meta.db_table
