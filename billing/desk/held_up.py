"""Events that came and cannot be worked off yet: how many wait, since when, why, and when they are tried again."""

import re
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db.models import Count, Min, Q, QuerySet

from activities.doorbell import ring
from activities.record import record_deed
from billing.connection import active_connection
from billing.intake.draining import TASK
from billing.models import Connection, InboxEvent, Subject
from hub.models import User
from hub.reasons import say_moment

# What failed once is tried again within seconds, and a renewal day's burst waits while it is being worked off.
SHORT = timedelta(minutes=1)
LONG = timedelta(minutes=15)
SHOWN = 300  # characters of what Stripe said
AWAY = frozenset({Connection.State.REFUSED, Connection.State.UNREACHABLE})
SAID = re.compile(r"""Stripe\w+\((['"])(?P<words>.*)\1\)""", re.DOTALL)


@dataclass(frozen=True, slots=True)
class HeldUp:
    """Times are real ones. `trouble`: that Stripe cannot be asked at all, else empty. `cause`: what most of them met
    when they were tried, empty where none was. `retry_at`: when the first of them is tried again, None for at once.
    """

    count: int
    since: datetime
    trouble: str
    cause: str
    retry_at: datetime | None

    @property
    def how_many(self) -> str:
        return "1 event from Stripe waits" if self.count == 1 else f"{self.count} events from Stripe wait"

    @property
    def why(self) -> str:
        """A sentence, with what Stripe said in Stripe's words."""
        told = ": ".join(words for words in (self.trouble, self.cause[:SHOWN].rstrip(".")) if words)
        return f"{told}." if told else "Nobody works on them: does the worker run?"

    @property
    def when(self) -> str:
        """A sentence; empty where nothing was tried yet."""
        if self.trouble:
            return "Stripe is asked again within the minute."
        if self.retry_at:
            return f"Tried again on {say_moment(self.retry_at)}."
        return "Tried again in a moment." if self.cause else ""

    def __str__(self) -> str:
        return f"{self.how_many} since {say_moment(self.since)}. {self.why} {self.when}".rstrip()


def held_up(used: Connection | None, *, now: datetime) -> HeldUp | None:
    """Of the connection in use. None where whatever waits is about to be worked off. `now` is real time."""
    if used is None:
        return None
    trouble = _trouble_of(used)
    waiting = _waiting(used)
    if not trouble:
        is_late = Q(received_at__lt=now - SHORT, subject__in=_tried().values("key")) | Q(received_at__lt=now - LONG)
        waiting = waiting.filter(is_late)
    found = waiting.aggregate(count=Count("pk"), since=Min("received_at"))
    if not found["count"]:
        return None
    tried = _tried().filter(key__in=waiting.values("subject")).order_by()
    causes = tried.values("error").annotate(count=Count("pk")).order_by("-count", "error")
    cause = used.last_error if trouble else _words_of(next((row["error"] for row in causes[:1]), ""))
    retry_at = tried.filter(retry_at__gt=now).aggregate(first=Min("retry_at"))["first"]
    return HeldUp(found["count"], found["since"], trouble, cause, retry_at)


def try_now(*, actor: User, now: datetime) -> int:
    """Has what waits for a later try worked off at once, in the background; returns how many events wait. A pause that
    Stripe asked for is kept.
    """
    used = active_connection()
    waiting = _waiting(used) if used else InboxEvent.objects.none()
    count = waiting.count()
    if count:
        Subject.objects.filter(key__in=waiting.values("subject"), retry_at__isnull=False).update(retry_at=None)
        record_deed(f"had {count} waiting event{'s' * (count > 1)} tried at once", actor_id=actor.pk, now=now)
        ring(TASK)
    return count


def tell_of_delay() -> str:
    """Why somebody who has bought may not be known here yet: a sentence, empty where nothing speaks for it."""
    used = active_connection()
    if used is None:
        return ""
    found = _waiting(used).aggregate(count=Count("pk"), since=Min("received_at"))
    trouble, count = _trouble_of(used), found["count"]
    waiting = f"{count} event{'s wait' if count > 1 else ' waits'} since {say_moment(found['since'])}" if count else ""
    if trouble:
        return f"{trouble}{f', and {waiting}' if waiting else ''}: who bought lately may not be known here yet."
    return f"{waiting} to be worked off: who bought just now may not be known here yet." if waiting else ""


def _trouble_of(used: Connection) -> str:
    return str(used.get_state_display()) if used.state in AWAY else ""


def _waiting(used: Connection) -> QuerySet[InboxEvent]:
    return InboxEvent.objects.filter(connection=used, state=InboxEvent.State.PENDING)


def _tried() -> QuerySet[Subject]:
    return Subject.objects.filter(attempts__gt=0).exclude(error="")


def _words_of(error: str) -> str:
    """What Stripe said, out of an error as it is kept with a subject; what we did not foresee stays as it is."""
    said = SAID.fullmatch(error)
    if said:
        return f"Stripe’s answer is {said['words']}"
    return f"What came of trying is {error}" if error else ""
