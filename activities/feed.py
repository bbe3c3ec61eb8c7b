"""The feed: of the site, of a person, of a product; filtered, paged by key, newest first."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import UTC, date, datetime, tzinfo
from typing import Any, Self

from django.contrib.auth import get_user_model
from django.db.models import Q, QuerySet
from django.utils import timezone

from activities import spreadsheet
from activities.days import end_of, start_of
from activities.folding import gather, grown
from activities.marks import newest
from activities.models import Activity
from activities.money import decimals
from activities.naming import named
from activities.numbers import read_number
from activities.sentences import Voice, tell

PAGE = 50
FEW = 100


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What to show. Days are whole days in the current time zone, both included; words all have to match.

    `fold`: only what is of this line of the feed, one by one. `is_misread`: one of them cannot be read, so that nothing
    is shown.
    """

    verbs: Sequence[str] = ()
    words: str = ""
    user_id: int | None = None
    product_id: int | None = None
    since: date | None = None
    until: date | None = None
    fold: str = ""
    is_misread: bool = False

    @property
    def is_folded(self) -> bool:
        """Whether what is alike is shown as one line: not where somebody is looked for, who may stand inside it."""
        return not self.fold and not self.words.split() and self.user_id is None


@dataclass(frozen=True, slots=True)
class Cursor:
    """A place in the feed, between two activities."""

    at: datetime
    pk: int

    @classmethod
    def of(cls, activity: Activity) -> Self:
        return cls(activity.at, activity.pk)

    @classmethod
    def read(cls, text: str) -> Self | None:
        """From an address; None for anything that is not a cursor."""
        at, _, pk = text.rpartition("_")
        try:
            moment = datetime.fromisoformat(at)
            place = moment.astimezone(UTC) if moment.tzinfo else None
        except (ValueError, OverflowError):  # no moment, or one that no calendar has
            return None
        number = read_number(pk)
        return cls(place, number) if place and number is not None else None

    def __str__(self) -> str:
        return f"{self.at.astimezone(UTC).isoformat().replace('+00:00', 'Z')}_{self.pk}"


@dataclass(frozen=True, slots=True)
class Page:
    """Lines with their crowds. `older` is the cursor of the next page, None on the last."""

    activities: list[Activity]
    older: Cursor | None


def find(filters: Filters) -> QuerySet[Activity]:
    """Everything, newest first, with user, product and actor."""
    found = Activity.objects.select_related("user", "product", "actor").order_by("-at", "-pk")
    if filters.is_misread:
        return found.none()
    if filters.verbs:
        found = found.filter(verb__in=filters.verbs)
    if filters.user_id is not None:
        found = found.filter(user_id=filters.user_id)
    if filters.product_id is not None:
        found = found.filter(product_id=filters.product_id)
    if filters.words.split():
        found = found.filter(user__in=_people(filters.words))
    if filters.since:
        found = found.filter(at__gte=start_of(filters.since))
    if filters.until:
        found = found.filter(at__lt=end_of(filters.until))
    if filters.fold:
        found = found.filter(fold=filters.fold).exclude(fold="")
    return found


def _lines(filters: Filters) -> QuerySet[Activity]:
    """As `find`, many by one deed as one."""
    found = find(filters)
    return found.filter(is_folded=False) if filters.is_folded else found


def _people(words: str) -> QuerySet[Any] | list[int]:
    """Whom the words find: by number if they are few, because then the feed of each is read instead of everybody's."""
    people = get_user_model()._default_manager.all()
    for word in words.split():
        people = people.filter(named(word))
    few = list(people.values_list("pk", flat=True)[: FEW + 1])
    return few if len(few) <= FEW else people


def page(filters: Filters, *, after: Cursor | None = None, size: int = PAGE) -> Page:
    """The `size` lines older than the cursor. Costs the same on every page."""
    found = _lines(filters)
    if after:
        # The first condition is implied by the second, and is what an index can be read by.
        found = found.filter(at__lte=after.at).filter(Q(at__lt=after.at) | Q(pk__lt=after.pk))
    rows = list(found[: size + 1])
    return Page(_gathered(rows[:size], filters), Cursor.of(rows[size - 1]) if len(rows) > size else None)


def written_since(filters: Filters, *, pk: int, size: int = PAGE) -> list[Activity]:
    """What was written after this row, newest first, at most `size` + 1.

    By the order of writing and not of happening: Stripe's news may be about yesterday.
    """
    return _gathered(list(_lines(filters).filter(pk__gt=pk)[: size + 1]), filters)


def grown_since(filters: Filters, *, pk: int, size: int = PAGE) -> list[Activity]:
    """The lines written before this row in which more stand now, at most `size`."""
    if not filters.is_folded:
        return []
    joined = Activity.objects.filter(pk__gt=pk, is_folded=True).order_by().values_list("fold", flat=True)
    return grown(list(joined.distinct()[:size]), among=find(filters).filter(pk__lte=pk))


def _gathered(rows: list[Activity], filters: Filters) -> list[Activity]:
    return gather(rows) if filters.is_folded else rows


def last_pk() -> int:
    return newest(Activity)


COLUMNS = (
    "At (UTC)",
    "Recorded at (UTC)",
    "Kind",
    "Person",
    "E-mail",
    "Product",
    "What",
    "Amount",
    "Currency",
    "By",
    "Cause",
    "Imported",
)


def export_csv(filters: Filters) -> Iterator[bytes]:
    """The whole selection as CSV, read from the database in pieces."""
    zone = timezone.get_current_timezone()  # the reader's: when the lines are read, the request is over
    rows = find(filters).iterator(chunk_size=1000)
    return spreadsheet.lines(COLUMNS, (list(_cells(row, zone=zone)) for row in rows))


def _cells(activity: Activity, *, zone: tzinfo) -> Iterator[str]:
    amount, currency = activity.details.get("amount"), str(activity.details.get("currency") or "").upper()
    yield activity.at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    yield activity.recorded_at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S")
    yield activity.get_verb_display()
    yield str(activity.user or "")
    yield activity.user.email if activity.user else ""
    yield str(activity.product or "")
    with timezone.override(zone):
        words = str(tell(activity, voice=Voice.STAFF))
    yield words
    yield _decimal(amount, currency) if isinstance(amount, int) else ""
    yield currency
    yield str(activity.actor or "")
    yield activity.cause
    yield "yes" if activity.imported else ""


def _decimal(amount: int, currency: str) -> str:
    """Minor units as a plain decimal: 2400 of EUR is 24.00, of JPY 2400."""
    places = decimals(currency)
    digits = str(abs(amount)).rjust(places + 1, "0")
    text = f"{digits[:-places]}.{digits[-places:]}" if places else digits
    return f"-{text}" if amount < 0 else text
