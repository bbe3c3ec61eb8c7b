"""An import's rows as people read them: found, filtered, a page at a time, and as CSV."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from itertools import islice

from django.db.models import Exists, OuterRef, Q, QuerySet

from activities import spreadsheet
from activities.numbers import read_number
from billing.desk.dashboard import page_of
from billing.importing import totals
from billing.models import Attention, ImportBatch, ImportRow
from hub.grants import IMPORT_UNDONE
from hub.models import Grant, Ledger, Product
from hub.reasons import say

PAGE, PIECE = 50, 1000
CHANGED = "changed"
TO_DO = (ImportRow.Verdict.CREATE, ImportRow.Verdict.MATCH, ImportRow.Verdict.DOUBT)
HERE = "Has this access already."
SKIPPED = {
    totals.NOTHING: "Opens nothing.",
    totals.SEVERAL: "Several purchases, none of which opens anything now.",
    totals.NOBODYS: "Opens when somebody says whose it is: see To decide.",
}
COLUMNS = ("Person", "Stripe id", "What", "State", "Access", "Why", "E-mail", "Error")


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Which rows. `show`: one of `options`; words all have to match. `is_misread`: one of them cannot be read, so that
    no row is shown.
    """

    show: str = ""
    words: str = ""
    is_misread: bool = False


@dataclass(frozen=True, slots=True)
class Opening:
    product: str
    state: str

    def __str__(self) -> str:
        return f"{self.product}: {Grant.State(self.state).label.lower()}"


@dataclass(frozen=True, slots=True)
class Line:
    """A row in words. `url` is the customer's or payment's page at Stripe, empty where it has none."""

    row: ImportRow
    openings: list[Opening]
    why: list[str]
    has_letter: bool
    url: str

    @property
    def who(self) -> str:
        """The address that Stripe gives; nothing where it gives none."""
        return self.row.who if "@" in self.row.who else ""


@dataclass(frozen=True, slots=True)
class Page:
    lines: Sequence[Line]
    after: str


@dataclass(frozen=True, slots=True)
class Summary:
    """What a plan comes to: openings by product and state, doubts by kind, what is skipped by the reason; how many
    people are written to, are new, are known and get something; how many rows there are, and how many do something.
    """

    access: list[tuple[Opening, int]]
    doubts: list[tuple[str, int]]
    skipped: list[tuple[str, int]]
    letters: int
    new: int
    known: int
    rows: int
    to_do: int


def summary(batch: ImportBatch) -> Summary:
    counted, names = batch.totals, _names()
    verdicts = counted.get("verdicts", {})
    return Summary(
        access=[
            (Opening(names.get(slug, slug), state), count)
            for slug, states in counted.get("access", {}).items()
            for state, count in states.items()
        ],
        doubts=[(Attention.Kind(kind).label, count) for kind, count in counted.get("doubts", {}).items()],
        skipped=_say_skipped(counted.get("skipped", {})),
        letters=counted.get("letters", 0),
        new=counted.get("new", 0),
        known=counted.get("known", 0),
        rows=sum(verdicts.values()),
        to_do=sum(verdicts.get(verdict, 0) for verdict in TO_DO),
    )


def options(batch: ImportBatch) -> list[tuple[str, str]]:
    """What its rows can be filtered by, as far as there are such rows."""
    counts = batch.totals.get("verdicts", {})
    found = [(f"verdict:{verdict}", verdict.label) for verdict in ImportRow.Verdict if counts.get(verdict)]
    if batch.changed:
        found.append((CHANGED, "Changed since you looked"))
    if batch.state not in {ImportBatch.State.READING, ImportBatch.State.PLANNED, ImportBatch.State.CHECKING}:
        found += [(f"state:{state}", state.label) for state in ImportRow.State if state != ImportRow.State.READ]
    return found


def find(batch: ImportBatch, filters: Filters, *, after: str = "") -> Page:
    """A page of the rows that match, a person's together. Costs the same on every page."""
    rows = _select(batch, filters).order_by("who", "pk")
    who, _, pk = after.rpartition("_")
    last = read_number(pk)
    if last is not None and "\0" not in who:
        rows = rows.filter(who__gte=who).filter(Q(who__gt=who) | Q(pk__gt=last))
    found = list(rows.defer("snapshot")[: PAGE + 1])
    page = found[:PAGE]
    return Page(list(_lines(batch, page)), f"{page[-1].who}_{page[-1].pk}" if len(found) > PAGE else "")


def export(batch: ImportBatch, filters: Filters) -> Iterator[bytes]:
    rows = _select(batch, filters).order_by("who", "pk").defer("snapshot")
    return spreadsheet.lines(COLUMNS, _cells(_lines_in_pieces(batch, rows.iterator(chunk_size=PIECE))))


def _select(batch: ImportBatch, filters: Filters) -> QuerySet[ImportRow]:
    rows = batch.rows.all() if not filters.is_misread else batch.rows.none()
    for word in filters.words.split()[:6]:
        rows = rows.filter(Q(who__icontains=word) | Q(subject=word))
    name, _, value = filters.show.partition(":")
    if filters.show == CHANGED:
        return rows.filter(subject__in=batch.changed)
    return rows.filter(**{name: value}) if name in {"verdict", "state"} else rows


def _lines_in_pieces(batch: ImportBatch, rows: Iterator[ImportRow]) -> Iterator[Line]:
    while piece := list(islice(rows, PIECE)):
        yield from _lines(batch, piece)


def _lines(batch: ImportBatch, rows: Sequence[ImportRow]) -> Iterator[Line]:
    names, since = _names(), _since_undone(batch, rows)
    for row in rows:
        planned = row.planned
        grants = [(slug, *since.get((ref, slug), (state, reason))) for _, slug, ref, _, state, reason in _grants(row)]
        reasons = [reason for *_, reason in grants] or planned.get("reasons", [])
        why = [Attention.Kind(doubt).label + "." for doubt in planned.get("doubts", [])]
        yield Line(
            row=row,
            openings=[Opening(names.get(slug, slug), state) for slug, state, _ in grants],
            why=[*why, *_sentences(row, reasons)],
            has_letter=bool(planned.get("letters")),
            url=page_of(row.subject, connection=batch.connection),
        )


def _grants(row: ImportRow) -> list[list[str]]:
    """What it opens, each as `importing.rehearsing.Outcome` has it."""
    found: list[list[str]] = row.planned.get("grants", [])
    return found


def _since_undone(batch: ImportBatch, rows: Sequence[ImportRow]) -> dict[tuple[str, str], tuple[str, str]]:
    """Of an import that was undone, what became of all that these rows opened: (ref, product) to (state, reason)."""
    if batch.state != ImportBatch.State.UNDONE:
        return {}
    refs = [ref for row in rows for _, _, ref, *_ in _grants(row)]
    opened = Grant.objects.filter(source_ref__in=refs, ledger__batch=batch.name).distinct()
    undone = Exists(Ledger.objects.filter(grant=OuterRef("pk"), batch=batch.name, reason=IMPORT_UNDONE))
    found = opened.annotate(is_undone=undone).values_list(
        "source_ref", "product__slug", "is_undone", "state", "reason", "close_reason"
    )
    return {
        (ref, slug): (Grant.State.REVOKED, IMPORT_UNDONE) if is_undone else (state, close_reason or reason)
        for ref, slug, is_undone, state, reason, close_reason in found
    }


def _sentences(row: ImportRow, reasons: Sequence[str]) -> list[str]:
    said = list(dict.fromkeys(say(reason) for reason in reasons))
    if row.verdict != ImportRow.Verdict.SKIP:
        return said
    reason = totals.reason_of(row.planned)
    if reason in totals.OPENING:
        return [HERE, *said]
    return [SKIPPED[reason], *said] if reason == totals.NOBODYS else said or [SKIPPED[totals.NOTHING]]


def _say_skipped(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Those who have it already as one line, the others by what is over."""
    said = Counter[str]()
    for reason, count in counts.items():
        said[HERE if reason in totals.OPENING else SKIPPED.get(reason) or say(reason)] += count
    return said.most_common()


def _names() -> dict[str, str]:
    return dict(Product.objects.values_list("slug", "name"))


def _cells(lines: Iterator[Line]) -> Iterator[Sequence[str]]:
    for line in lines:
        row = line.row
        yield (
            line.who,
            row.subject,
            ImportRow.Verdict(row.verdict).label if row.verdict else "",
            row.get_state_display(),
            "; ".join(map(str, line.openings)),
            " ".join(line.why),
            "yes" if line.has_letter else "",
            row.error,
        )
