"""An import's rows as people read them: found, filtered, a page at a time, and as CSV."""

from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from django.db.models import Q, QuerySet

from activities import spreadsheet
from activities.numbers import read_number
from billing.desk.dashboard import page_of
from billing.models import Attention, ImportBatch, ImportRow
from hub.models import Grant, Product
from hub.reasons import RENEWING, say

PAGE = 50
CHANGED = "changed"
TO_DO = (ImportRow.Verdict.CREATE, ImportRow.Verdict.MATCH, ImportRow.Verdict.DOUBT)
HERE, NOTHING = "Is here already.", "Opens nothing."
# With these a purchase opens something; where nothing is to be done about one, it is open already.
OPENING = RENEWING | {"trial", "ending", "canceled_paid_through", "past_due_grace", "invoice_late_grace", "bought"}
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
    """What a plan comes to: openings by product and state, doubts by kind, what is skipped by the reason; how many."""

    access: list[tuple[Opening, int]]
    doubts: list[tuple[str, int]]
    skipped: list[tuple[str, int]]
    letters: int
    new: int
    to_do: int


def summary(batch: ImportBatch) -> Summary:
    totals, names = batch.totals, _names()
    verdicts = totals.get("verdicts", {})
    return Summary(
        access=[
            (Opening(names.get(slug, slug), state), count)
            for slug, states in totals.get("access", {}).items()
            for state, count in states.items()
        ],
        doubts=[(Attention.Kind(kind).label, count) for kind, count in totals.get("doubts", {}).items()],
        skipped=_say_skipped(totals.get("skipped", {})),
        letters=totals.get("letters", 0),
        new=totals.get("new", 0),
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
    return spreadsheet.lines(COLUMNS, _cells(_lines(batch, rows.iterator(chunk_size=1000))))


def _select(batch: ImportBatch, filters: Filters) -> QuerySet[ImportRow]:
    rows = batch.rows.all() if not filters.is_misread else batch.rows.none()
    for word in filters.words.split()[:6]:
        rows = rows.filter(Q(who__icontains=word) | Q(subject=word))
    name, _, value = filters.show.partition(":")
    if filters.show == CHANGED:
        return rows.filter(subject__in=batch.changed)
    return rows.filter(**{name: value}) if name in {"verdict", "state"} else rows


def _lines(batch: ImportBatch, rows: "Sequence[ImportRow] | Iterator[ImportRow]") -> Iterator[Line]:
    names = _names()
    for row in rows:
        planned = row.planned
        grants = planned.get("grants", [])
        reasons = [reason for *_, reason in grants] or planned.get("reasons", [])
        why = [Attention.Kind(doubt).label + "." for doubt in planned.get("doubts", [])]
        yield Line(
            row=row,
            openings=[Opening(names.get(slug, slug), state) for _, slug, _, _, state, _ in grants],
            why=[*why, *_sentences(row, reasons)],
            has_letter=bool(planned.get("letters")),
            url=page_of(row.subject, connection=batch.connection),
        )


def _sentences(row: ImportRow, reasons: Sequence[str]) -> list[str]:
    said = list(dict.fromkeys(say(reason) for reason in reasons))
    if row.verdict != ImportRow.Verdict.SKIP:
        return said
    return [HERE, *said] if OPENING.intersection(reasons) else said or [NOTHING]


def _say_skipped(counts: Mapping[str, int]) -> list[tuple[str, int]]:
    """Those who are here already as one line, the others by what is over."""
    said = Counter[str]()
    for reason, count in counts.items():
        said[HERE if reason in OPENING else NOTHING if reason == "nothing" else say(reason)] += count
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
