"""Taking back what an import gave, and nothing else: what has happened to it since stays as it is."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Exists, OuterRef, QuerySet

from activities import deliveries
from billing.importing.turns import Note, unnoted
from billing.importing.welcoming import key_prefix
from billing.models import ImportBatch
from hub import grants
from hub.models import Grant, Ledger, User
from hub.reasons import say

CHUNK = 100
State = ImportBatch.State


@dataclass(frozen=True, slots=True)
class Kept:
    """A grant that is left as it is, and why in a sentence."""

    grant: Grant
    why: str


@dataclass(frozen=True, slots=True)
class Preview:
    """How many grants would be taken back and are kept; people who have been here since; e-mails by their fate."""

    taken: int
    people: int
    seen: int
    kept: int
    sent: int
    unsent: int


def preview(batch: ImportBatch) -> Preview:
    taken = grants.given_by_import(batch.name)
    people = User.objects.filter(pk__in=taken.values("user"))
    gone, waiting = deliveries.count_beginning_with(key_prefix(batch))
    return Preview(
        taken=taken.count(),
        people=people.count(),
        seen=people.filter(last_seen__isnull=False).count(),
        kept=_kept(batch).count(),
        sent=gone,
        unsent=waiting,
    )


def kept(batch: ImportBatch, *, limit: int) -> Iterator[Kept]:
    """What the import opened and would stay, with the reason."""
    for grant in _kept(batch).select_related("user", "product").order_by("user__email", "pk")[:limit]:
        since = "Has changed since" if grant.is_open else "Is closed already"
        reason, until = (grant.reason, grant.until) if grant.is_open else (grant.close_reason, grant.closed_at)
        yield Kept(grant, f"{since}. {say(reason, until=until)}")


def carry_on(batch: ImportBatch, *, now: datetime, note: Note = unnoted) -> None:
    """A hundred grants a transaction. What is taken back is not found again, so that anybody goes on."""
    deliveries.withdraw_beginning_with(key_prefix(batch), why="The import was undone before this was sent.")
    undone = Ledger.objects.filter(batch=batch.name, reason=grants.IMPORT_UNDONE)
    given = grants.given_by_import(batch.name)
    left, done = list(given.order_by("user", "pk").values_list("pk", flat=True)), undone.count()
    total = done + len(left)
    note(done=0, total=total)
    for start in range(0, len(left), CHUNK):
        chunk = Grant.objects.filter(pk__in=left[start : start + CHUNK])
        grants.undo_import(chunk, batch=batch.name, actor=batch.undone_by, now=now)
        note(done=done + min(start + CHUNK, len(left)), total=total)
    total = undone.count()
    batch.state, batch.finished_at, batch.done, batch.total = State.UNDONE, now, total, total
    batch.save(update_fields=["state", "finished_at", "done", "total"])


def _kept(batch: ImportBatch) -> QuerySet[Grant]:
    """What it opened, and it is not the last that was written about it."""
    rows = Ledger.objects.filter(grant=OuterRef("pk"), batch=batch.name)
    opened = Exists(rows.filter(to_state__in=Grant.OPEN).exclude(from_state__in=Grant.OPEN))
    undone = Exists(rows.filter(reason=grants.IMPORT_UNDONE))
    return Grant.objects.filter(opened, ~undone).exclude(pk__in=grants.given_by_import(batch.name))
