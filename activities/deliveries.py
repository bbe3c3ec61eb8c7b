"""Hand every queued mail over once.

A row goes waiting → (claimed, rendered) → handing_over → sent. Each step is a conditional UPDATE of its own
and its lease is the token that the next one asks for: of many workers one goes on, and one that overslept
its lease finds that the row is no longer its own. Whoever dies before `handing_over` has sent nothing, and
the row is tried again. Whoever dies after it may have: the row becomes `unsure`, and no machine sends it.
"""

import random
import time
from collections import Counter
from dataclasses import dataclass
from datetime import datetime, timedelta

import structlog
from django.core.mail import EmailMessage, get_connection
from django.core.mail.backends.base import BaseEmailBackend
from django.db import transaction
from django.db.models import F, QuerySet

from activities import clock, letters, refusals
from activities.leases import is_free
from activities.models import Activity, Delivery
from activities.record import Happening, record_deed, record_one

log = structlog.get_logger(__name__)
State = Delivery.State

MAX_ATTEMPTS = 8
TO_RENDER = timedelta(minutes=2)
TO_HAND_OVER = timedelta(minutes=6)  # longer than a task may run, so that only the dead are overtaken
BACKOFF = [timedelta(minutes=minutes) for minutes in (1, 5, 15, 60, 180, 360, 720)]
RUN_FOR = timedelta(minutes=2)


def deliver_due(*, now: datetime, limit: int = 50) -> int:
    """Hand over what is due, at most `limit` mails or two minutes; return how many rows were tried.

    `now` is real time. Must run outside a transaction: every step is committed before the next.
    A mail server that cannot be reached ends the run, so that an outage costs one attempt and not one each.
    """
    overtake_the_dead(now=now)
    started, tried = time.monotonic(), 0
    with _Line() as line:
        for pk in _due(now=now)[:limit]:
            passed = timedelta(seconds=time.monotonic() - started)
            if passed > RUN_FOR or line.is_dead:
                break
            if claim := _claim(pk, now=now + passed):
                tried += 1
                _deliver(claim, line=line, now=now + passed)
    return tried


def overtake_the_dead(*, now: datetime) -> int:
    """Rows whose sender died while handing over become `unsure`; return how many."""
    dead = Delivery.objects.filter(state=State.HANDING_OVER, lease_until__lt=now)
    count = dead.update(state=State.UNSURE, error="The worker stopped while it was handing the mail over.")
    if count:
        log.error("deliveries_unsure", count=count)
    return count


def send_again(pk: int, *, reason: str, actor_id: int, now: datetime) -> bool:
    """A person decides: a mail that failed, or perhaps went out, is sent (again). `now` is real time."""
    with transaction.atomic():
        changed = Delivery.objects.filter(pk=pk, state__in=[State.FAILED, State.UNSURE]).update(
            state=State.WAITING, attempts=0, next_try=now, lease_until=None, error=""
        )
        if changed:
            _record_decision(pk, "Sent an e-mail again", note=reason, actor_id=actor_id)
    return bool(changed)


def mark_arrived(pk: int, *, reason: str, actor_id: int, now: datetime) -> bool:
    """A person knows: a mail that was `unsure` did arrive. `now` is real time."""
    with transaction.atomic():
        changed = Delivery.objects.filter(pk=pk, state=State.UNSURE).update(
            state=State.SENT, sent_at=now, lease_until=None, error=""
        )
        if changed:
            _record_decision(pk, "Marked an e-mail as arrived", note=reason, actor_id=actor_id)
    return bool(changed)


def count_beginning_with(prefix: str) -> tuple[int, int]:
    """Of the mails whose keys begin so: how many are on their way or went, perhaps, and how many wait."""
    states = Counter(Delivery.objects.filter(key__startswith=prefix).values_list("state", flat=True))
    return states[State.SENT] + states[State.HANDING_OVER] + states[State.UNSURE], states[State.WAITING]


def withdraw_beginning_with(prefix: str, *, why: str) -> int:
    """Those that nobody has begun to send are not sent; returns how many."""
    waiting = Delivery.objects.filter(key__startswith=prefix, state=State.WAITING)
    return waiting.update(state=State.FAILED, lease_until=None, error=why)


@dataclass(frozen=True, slots=True)
class _Claim:
    pk: int
    lease: datetime

    def move(self, *, to: Delivery.State, **changes: object) -> bool:
        """Change the row while it is still ours; one overtaken as `unsure` may still learn the truth."""
        mine = Delivery.objects.filter(
            pk=self.pk, lease_until=self.lease, state__in=[State.WAITING, State.HANDING_OVER, State.UNSURE]
        )
        return mine.update(state=to, **changes) == 1


class _Line:
    """The connection to the mail server: opened for the first mail, closed after the last or an error."""

    def __init__(self) -> None:
        self._backend: BaseEmailBackend | None = None
        self.is_dead = False

    def __enter__(self) -> "_Line":
        return self

    def __exit__(self, *_exc: object) -> None:
        self.hang_up()

    def open(self) -> None:
        """Raises what the backend raises; nothing has been handed over then."""
        self._backend = self._backend or get_connection()
        try:
            self._backend.open()
        except Exception:
            self.is_dead = True
            raise

    def send(self, message: EmailMessage) -> bool:
        assert self._backend, "open() comes first"  # noqa: S101
        try:
            return bool(self._backend.send_messages([message]))
        except Exception:
            self.hang_up()
            raise

    def hang_up(self) -> None:
        backend, self._backend = self._backend, None
        try:
            if backend:
                backend.close()
        except Exception as error:
            log.info("mail_line_closed_badly", error=repr(error))


def _due(*, now: datetime) -> QuerySet[Delivery, int]:
    rows = Delivery.objects.filter(is_free(now=now), state=State.WAITING, next_try__lte=now)
    return rows.order_by("next_try", "pk").values_list("pk", flat=True)


def _claim(pk: int, *, now: datetime) -> _Claim | None:
    lease = now + TO_RENDER
    with transaction.atomic(durable=True):
        won = _due(now=now).filter(pk=pk).order_by().update(attempts=F("attempts") + 1, lease_until=lease)
    return _Claim(pk, lease) if won else None


def _deliver(claim: _Claim, *, line: _Line, now: datetime) -> None:
    delivery = Delivery.objects.select_related("user", "product", "activity").get(pk=claim.pk)
    if not delivery.user.is_active:
        claim.move(to=State.FAILED, lease_until=None, error="The account is closed.")
        return
    try:
        message = letters.render(delivery)
        line.open()
    except Exception as error:
        log.exception("delivery_not_tried", delivery=claim.pk, notice=delivery.notice)
        _put_back(claim, delivery, fate=State.WAITING, error=error, now=now)
        return
    handing_over = _stamp(claim, now=now)
    if handing_over is None:
        return
    try:
        taken = line.send(message)
    except Exception as error:
        fate = refusals.fate_of(error)
        log.warning("delivery_failed", delivery=claim.pk, fate=fate, error=type(error).__name__)
        _put_back(handing_over, delivery, fate=fate, error=error, now=now)
        return
    if taken:
        _mark_sent(handing_over, delivery, now=now)
    else:
        nothing = RuntimeError("The mail backend took no message.")
        _put_back(handing_over, delivery, fate=State.WAITING, error=nothing, now=now)


def _stamp(claim: _Claim, *, now: datetime) -> _Claim | None:
    """The point of no return, committed before the mail server hears of the mail."""
    lease = now + TO_HAND_OVER
    with transaction.atomic(durable=True):
        mine = Delivery.objects.filter(pk=claim.pk, lease_until=claim.lease, state=State.WAITING)
        won = mine.update(state=State.HANDING_OVER, lease_until=lease)
    return _Claim(claim.pk, lease) if won else None


def _mark_sent(claim: _Claim, delivery: Delivery, *, now: datetime) -> None:
    with transaction.atomic(durable=True):
        if claim.move(to=State.SENT, sent_at=now, lease_until=None, error=""):
            happening = Happening(
                verb=Activity.Verb.EMAIL_SENT,
                key=f"email_sent:{delivery.pk}",
                at=clock.now(),
                user_id=delivery.user_id,
                product_id=delivery.product_id,
                cause=f"delivery {delivery.pk}",
                details={"notice": delivery.notice},
                deed=delivery.activity.deed if delivery.activity else "",
            )
            record_one(happening, now=clock.now())


def _put_back(claim: _Claim, delivery: Delivery, *, fate: Delivery.State, error: Exception, now: datetime) -> None:
    if fate == State.WAITING and delivery.attempts >= MAX_ATTEMPTS:
        fate = State.FAILED
    wait = BACKOFF[min(delivery.attempts, len(BACKOFF)) - 1] * random.uniform(0.8, 1.2)  # noqa: S311
    next_try = now + wait if fate == State.WAITING else delivery.next_try
    claim.move(to=fate, lease_until=None, next_try=next_try, error=refusals.in_words(error))


def _record_decision(pk: int, words: str, *, note: str, actor_id: int) -> None:
    decided = Delivery.objects.get(pk=pk)
    person, product = decided.user_id, decided.product_id
    record_deed(words, note=note, actor_id=actor_id, user_id=person, product_id=product, now=clock.now())
