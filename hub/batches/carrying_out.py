"""Carrying a batch out, a person a transaction: begun, stopped, gone on with, undone."""

from collections.abc import Sequence
from datetime import datetime

import structlog
from django.db import InterfaceError, OperationalError, transaction
from django.db.models import Count

from activities import clock, doorbell
from activities.models import Activity
from activities.record import Happening, record_deed, record_one
from hub.batches import deeds
from hub.errors import Refused
from hub.models import Batch, BatchRow, User
from hub.roles import Permission

log = structlog.get_logger(__name__)
TASK = "hub.tasks.carry_on"
AT_ONCE = 50  # people for whom somebody waits in front of the page
CHUNK = 50
TOLD = {
    Batch.Deed.ADD: "Added {people}",
    Batch.Deed.GIVE: "Gave access to {people}",
    Batch.Deed.TAKE: "Took access back from {people}",
    Batch.Deed.INVITE: "Invited {people}",
}
State, Rows = Batch.State, BatchRow.State
# What is to do in each state of work, and where it ends.
TO_DO: dict[str, tuple[str, str, deeds.Deal]] = {
    State.RUNNING: (Rows.WAITING, State.DONE, deeds.do),
    State.UNDOING: (Rows.DONE, State.UNDONE, deeds.undo),
}


def start(batch: Batch, *, now: datetime) -> None:
    """Begins a draft. A second click finds it begun."""
    with transaction.atomic():
        if not _turn(batch, to=State.RUNNING, of=[State.DRAFT], started_at=now):
            return
        _tell(batch, TOLD[Batch.Deed(batch.deed)], now=now)
    _work(batch)


def may_go_on(batch: Batch, *, actor: User) -> bool:
    """It works in its maker's name, who is no shield for what others may not do for themselves."""
    return actor.pk == batch.made_by_id or actor.may(Permission.FAVOUR_ONESELF)


def go_on(batch: Batch, *, actor: User, now: datetime) -> None:
    """With what was stopped. Raises Refused where `actor` neither made it nor is an owner."""
    if not may_go_on(batch, actor=actor):
        raise Refused("Only who began this goes on with it, or an owner.")
    with transaction.atomic():
        if not _turn(batch, to=State.RUNNING, of=[State.STOPPED]):
            return
        words = "Went on with what was stopped for several people"
        record_deed(words, actor_id=actor.pk, product_id=batch.product_id, note=batch.reason, now=now)
    _work(batch)


def stop(batch: Batch) -> None:
    """After the person that is at work now."""
    _turn(batch, to=State.STOPPED, of=[State.RUNNING])


def undo(batch: Batch, *, actor: User, now: datetime) -> None:
    """Grant for grant. No e-mail comes back, and nobody's account goes."""
    if not batch.may_undo:
        return
    with transaction.atomic():
        if not _turn(batch, to=State.UNDOING, of=Batch.ENDED, undone_by=actor):
            return
        _tell(batch, "Undid what was done to several people", actor=actor, now=now)
    _work(batch)


def count(batch: Batch) -> dict[str, int]:
    """How many rows there are in each state that has any."""
    return dict(batch.rows.order_by().values_list("state").annotate(Count("pk")))


def carry_on_all() -> None:
    for batch in Batch.objects.filter(state__in=Batch.AT_WORK).order_by("pk"):
        carry_on(batch)


def carry_on(batch: Batch) -> None:
    """Does what waits, until nothing does or somebody stops it."""
    work = batch.state
    waiting, end, _deed = TO_DO[work]
    to_do = batch.rows.filter(state=waiting).order_by("pk").values_list("pk", flat=True)
    while chunk := list(to_do[:CHUNK]):
        for pk in chunk:
            if not _do(pk, of=batch.pk, work=work):
                return
    _turn(batch, to=end, of=[work], finished_at=clock.now())


def _tell(batch: Batch, words: str, *, now: datetime, actor: User | None = None) -> None:
    """One line of the feed for all of it, once, beside those of each person."""
    many = batch.rows.exclude(state=Rows.FAILED).count()
    said = words.format(people="1 person" if many == 1 else f"{many} people")
    by = actor or batch.made_by
    happening = Happening(
        verb=Activity.Verb.STAFF_ACTION,
        key=f"{batch.name}:{words[:40]}",
        at=now,
        product_id=batch.product_id,
        actor_id=by.pk,
        cause=batch.name,
        details={"reason": said, "note": batch.reason},
    )
    record_one(happening, now=now)


def _do(pk: int, *, of: int, work: str) -> bool:
    """One person, unless the batch is at this work no more: False then. Who stops it waits for the person at work.

    Whose deed fails is marked, and the others go on; a database that is away is no failure of theirs.
    """
    waiting, _end, deed = TO_DO[work]
    try:
        with transaction.atomic():
            if not Batch.objects.select_for_update().filter(pk=of, state=work).exists():
                return False
            found = BatchRow.objects.select_for_update(of=("self",)).select_related(
                "batch__made_by", "batch__undone_by", "batch__product", "user"
            )
            row = found.filter(pk=pk, state=waiting).first()
            if row is not None:
                deed(row, now=clock.now())
                row.save()
    except (OperationalError, InterfaceError):
        raise
    except Exception as error:
        log.exception("batch_row_failed", row=pk)
        failed = Rows.FAILED if waiting == Rows.WAITING else Rows.KEPT
        words = f"It could not be done: {type(error).__name__}."
        BatchRow.objects.filter(pk=pk, state=waiting).update(state=failed, words=words)
    return True


def _turn(batch: Batch, *, to: str, of: Sequence[str], **changes: datetime | User) -> bool:
    """Moves it on unless somebody else has: False then, and there is nothing to tell."""
    moved = Batch.objects.filter(pk=batch.pk, state__in=of).update(state=to, **changes)
    batch.refresh_from_db()
    return bool(moved)


def _work(batch: Batch) -> None:
    """Here if there is little to do, else by a worker."""
    waiting, *_rest = TO_DO[batch.state]
    if batch.rows.filter(state=waiting)[: AT_ONCE + 1].count() <= AT_ONCE:
        carry_on(batch)
        batch.refresh_from_db()
    else:
        transaction.on_commit(lambda: doorbell.ring(TASK), robust=True)
