"""A batch as the console shows it: how far it is, and its people a page at a time."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Exists, OuterRef, Q, QuerySet

from activities import spreadsheet
from activities.numbers import read_number
from hub.batches import foreseeing
from hub.batches.carrying_out import TO_DO, count
from hub.models import Batch, BatchRow, User

PAGE = 50
Rows = BatchRow.State
COLUMNS = ("Line", "Name", "E-mail", "What became of it", "Why")


@dataclass(frozen=True, slots=True)
class Tally:
    """`states`: (state, words, how many), for those that have any. `left`: still to do."""

    states: Sequence[tuple[str, str, int]]
    whole: int
    left: int

    @property
    def done(self) -> int:
        return self.whole - self.left


@dataclass(frozen=True, slots=True)
class Page:
    rows: Sequence[BatchRow]
    after: int | None


@dataclass(frozen=True, slots=True)
class Kept:
    """Why some were not undone, and how many."""

    words: str
    count: int


def past(*, limit: int) -> QuerySet[Batch]:
    """What was begun, the newest first, each with `is_partly_undone`."""
    begun = Batch.objects.exclude(state=Batch.State.DRAFT).select_related("made_by", "product")
    kept = Exists(BatchRow.objects.filter(batch=OuterRef("pk"), state=Rows.KEPT))
    return begun.annotate(is_partly_undone=Q(state=Batch.State.UNDONE) & Q(kept))[:limit]


def kept_of(batch: Batch) -> list[Kept]:
    """What undoing left as it was, the commonest reason first."""
    rows = batch.rows.filter(state=Rows.KEPT).order_by().values_list("words").annotate(many=Count("pk"))
    return [Kept(words, many) for words, many in rows.order_by("-many", "words")]


def tally(batch: Batch) -> Tally:
    counts = count(batch)
    waiting = TO_DO[batch.state][0] if batch.is_at_work else Rows.WAITING
    states = [(state.value, str(state.label), counts[state]) for state in Rows if state in counts]
    whole = sum(counts.values())
    if batch.state == Batch.State.UNDOING:  # what was never done is not undone either
        whole = sum(counts.get(state, 0) for state in (Rows.DONE, Rows.UNDONE, Rows.KEPT))
    return Tally(states, whole, counts.get(waiting, 0))


def page(batch: Batch, *, state: str, after: str, now: datetime) -> Page:
    """People in the order of the draft; where it is said what is to happen, each with what would come of it."""
    rows = _in_state(batch, state)
    is_foreseen, adds = batch.state == Batch.State.DRAFT and bool(batch.reason), batch.deed == Batch.Deed.ADD
    if is_foreseen and not adds:
        rows = foreseeing.with_outlook(rows, batch, now=now)
    if (last := read_number(after)) is not None:
        rows = rows.filter(pk__gt=last)
    found = list(rows.order_by("pk")[: PAGE + 1])
    if is_foreseen and adds:
        foreseeing.look_ahead(batch, found, now=now)
    return Page(found[:PAGE], found[PAGE - 1].pk if len(found) > PAGE else None)


def export_rows(batch: Batch, *, state: str) -> Iterator[bytes]:
    found = _in_state(batch, state).order_by("pk").iterator(chunk_size=1000)
    return spreadsheet.lines(COLUMNS, map(_cells, found))


def _in_state(batch: Batch, state: str) -> QuerySet[BatchRow]:
    rows = batch.rows.select_related("user")
    if state and state not in Rows.values:
        return rows.none()
    return rows.filter(state=state) if state else rows


def _cells(row: BatchRow) -> tuple[str, ...]:
    user: User | None = row.user
    name, email = (user.name, user.email) if user else (row.person_name, row.email)
    return (str(row.line or ""), name, email, row.get_state_display(), row.words)
