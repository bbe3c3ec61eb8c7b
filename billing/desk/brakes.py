"""The two answers to a full pass that stopped because too much would close."""

from datetime import datetime

from django.db import transaction

from activities.doorbell import ring
from billing.desk import attention, closings
from billing.desk.closings import How
from billing.intake.draining import TASK
from billing.intake.inbox import look_again
from billing.models import Attention
from hub.models import User

COMPARE = "billing.tasks.full_pass"


class Moved(Exception):
    """The list is not the one that was read: somebody answered, or a later pass brought it up to date."""


@transaction.atomic
def close_them(question: Attention, *, fingerprint: str, actor: User, now: datetime) -> int:
    """Has those on the list that are open still looked at again, and returns how many they are. Raises Moved.

    Stripe is asked once more about each, so that whoever has paid meanwhile stays; nobody else is touched. Where all
    have ended meanwhile it is settled by that, and nobody has confirmed anything.
    """
    asked = _lock(question)
    if closings.fingerprint_of(asked) != fingerprint:
        raise Moved
    rows = closings.open_rows(asked, now=now)
    if not rows:
        closings.settle(asked, how=How.ENDED, now=now)
        return 0
    look_again(*attention.subjects_of(row["source_ref"] for row in rows))
    closings.keep(asked, how=How.CONFIRMED, count=len(rows), actor=actor.pk)
    deed = f"confirmed that access ends: {len(rows)} of a full pass that had stopped"
    attention.settle(asked, actor=actor, now=now, deed=deed)
    transaction.on_commit(lambda: ring(TASK), robust=True)
    return len(rows)


@transaction.atomic
def compare_again(question: Attention, *, actor: User, now: datetime) -> None:
    """Closes nothing, and begins another full pass: if it would still close too much, it asks anew. Raises Moved."""
    asked = _lock(question)
    closings.keep(asked, how=How.COMPARED, actor=actor.pk)
    attention.settle(asked, actor=actor, now=now, deed="had everything compared with Stripe again, and closed nothing")
    transaction.on_commit(lambda: ring(COMPARE), robust=True)


def _lock(question: Attention) -> Attention:
    asked = Attention.objects.select_for_update().get(pk=question.pk)
    if asked.resolved_at is not None:
        raise Moved
    return asked
