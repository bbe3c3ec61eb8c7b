"""What people ask of an import: begin, apply this plan, stop, go on, undo. The work is done elsewhere."""

from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass
from datetime import datetime

from django.db import IntegrityError, transaction
from django.utils import timezone

from activities.models import Activity
from activities.record import Happening, record_one
from billing.importing.reading import SESSIONS, SUBSCRIPTIONS
from billing.models import Connection, ImportBatch
from hub.models import User

State = ImportBatch.State
FRESH = {"done": 0, "total": 0, "seconds": 0.0, "stopped_at": None, "trouble": ""}


@dataclass(frozen=True, slots=True, kw_only=True)
class Choice:
    """What an import brings, and whether people are written to."""

    subscriptions: bool = True
    orders: bool = True
    emails: bool = False


ALL = Choice()


class UnderWay(Exception):
    """One import at a time."""


class Moved(Exception):
    """The import would do something else by now. The batch carries the new plan; `changed` names the subjects."""

    def __init__(self, changed: list[str]) -> None:
        super().__init__("This has changed since you looked.")
        self.changed = changed


def at_work(connection: Connection) -> ImportBatch | None:
    """The import that is under way, or was stopped on its way."""
    return ImportBatch.objects.filter(connection=connection, state__in=ImportBatch.AT_WORK).first()


def begin(connection: Connection, *, choice: Choice = ALL, actor: User | None = None, now: datetime) -> ImportBatch:
    """A new dry run, or the one that was broken off. Plans that nobody had carried out are forgotten.

    Raises UnderWay while an import is applied or undone, or one with another choice is read.
    """
    chosen = {
        "takes_subscriptions": choice.subscriptions,
        "takes_orders": choice.orders,
        "sends_emails": choice.emails,
    }
    if found := at_work(connection):
        if found.state != State.READING or any(getattr(found, name) != said for name, said in chosen.items()):
            raise UnderWay
        resume(found)
        return found
    try:
        with transaction.atomic():
            batch = ImportBatch.objects.create(
                connection=connection,
                step=SUBSCRIPTIONS if choice.subscriptions else SESSIONS,
                asked_at=timezone.now(),
                created_at=now,
                started_by=actor,
                **chosen,
            )
            ImportBatch.objects.filter(connection=connection, state=State.PLANNED).delete()
    except IntegrityError as error:  # somebody else began in this moment
        raise UnderWay from error
    return batch


def ask_for(batch: ImportBatch, *, plan: str, actor: User | None = None, now: datetime) -> None:
    """Has exactly this plan carried out. Raises Moved where it is another by now; what was begun is left as it is."""
    if batch.state != State.PLANNED:
        return
    if plan != batch.plan:
        raise Moved([])
    with _only_one_at_work(batch):
        if _move(batch, was=State.PLANNED, to=State.CHECKING):
            _tell(batch, "started", actor=actor, now=now)


def ask_to_undo(batch: ImportBatch, *, actor: User, now: datetime) -> None:
    """Has taken back what a finished import gave. Raises UnderWay while another one is at work."""
    if batch.state != State.DONE:
        return
    with _only_one_at_work(batch):
        if _move(batch, was=State.DONE, to=State.UNDOING, undone_by=actor):
            _tell(batch, "undid", actor=actor, now=now)


def stop(batch: ImportBatch) -> bool:
    """Between two steps: what was done stays, and it goes on from there. What is only checked is a plan again.

    Returns whether it is: then nothing was done at all.
    """
    mine = ImportBatch.objects.filter(pk=batch.pk)
    # As it stands in the database: the work may have gone on from checking since `batch` was read.
    is_plan_again = bool(mine.filter(state=State.CHECKING).update(state=State.PLANNED))
    if not is_plan_again:
        mine.filter(state__in=ImportBatch.AT_WORK, stopped_at=None).update(stopped_at=timezone.now())
    batch.refresh_from_db()
    return is_plan_again


def resume(batch: ImportBatch) -> None:
    ImportBatch.objects.filter(pk=batch.pk).update(stopped_at=None, trouble="")
    batch.refresh_from_db()


def forget(batch: ImportBatch) -> None:
    """Throws away a dry run of which nothing was applied."""
    ImportBatch.objects.filter(pk=batch.pk, state__in=[State.READING, State.PLANNED]).delete()


@contextmanager
def _only_one_at_work(batch: ImportBatch) -> Iterator[None]:
    """One transaction for the deed and its line in the feed. Raises UnderWay where another import is at work."""
    try:
        with transaction.atomic():
            yield
    except IntegrityError as error:
        raise UnderWay from error
    batch.refresh_from_db()


def _move(batch: ImportBatch, *, was: str, to: str, **more: object) -> bool:
    """Whether it was still there to be moved: who comes second has nothing to tell."""
    moved = ImportBatch.objects.filter(pk=batch.pk, state=was)
    return bool(moved.update(state=to, changed=[], **FRESH, **more))


def _tell(batch: ImportBatch, verb: str, *, actor: User | None, now: datetime) -> None:
    if actor is None:
        return
    happening = Happening(
        verb=Activity.Verb.STAFF_ACTION,
        key=f"import:{batch.pk}:{verb}:{batch.fingerprint[:12]}",
        at=now,
        actor_id=actor.pk,
        cause=batch.name,
        details={"reason": f"{verb} import {batch.pk}"},
    )
    record_one(happening, now=now)
