"""Many that one deed touches are one line of the feed: which line each is of, and who stands in it."""

from collections.abc import Collection, Iterable, Sequence
from dataclasses import dataclass
from datetime import UTC
from typing import TYPE_CHECKING, Any

from django.db.models import Case, Count, OuterRef, QuerySet, Subquery, Value, When

from activities.models import Activity
from activities.numbers import write_count

if TYPE_CHECKING:
    from activities.record import Happening

NAMES = 3
LONGEST = 255
COUNTED = 10_000
MOST = COUNTED + NAMES


@dataclass(frozen=True, slots=True)
class Crowd:
    """Who stands in a line: the first few, and how many they all are. Nobody counts beyond MOST: one more is more."""

    people: tuple[Any, ...]
    count: int

    def __str__(self) -> str:
        """ "400", "10,000+"."""
        return write_count(self.count, most=COUNTED)

    @property
    def others(self) -> str:
        """ "397 others", "" where everybody is named."""
        count = self.count - len(self.people)
        return f"{write_count(count, most=COUNTED)} other{'' if count == 1 else 's'}" if count else ""


def fold_of(happening: "Happening") -> str:
    """The line that a happening is of; "" where it stands alone.

    Alike is what reads alike. Lines end with the quarter of an hour: midnight is one in every time zone, so that no
    day somebody asks for cuts a line in two.
    """
    if not happening.deed:
        return ""
    at, told = happening.at.astimezone(UTC), happening.details
    quarter = f"{at:%Y%m%d%H}{at.minute // 15}"
    alike = (happening.deed, happening.verb, happening.product_id or "", quarter, told.get("notice", ""))
    return ":".join(map(str, (*alike, told.get("reason", ""))))[:LONGEST]


def begun(folds: Iterable[str]) -> set[str]:
    """Those of these lines that somebody stands in already. No query where there is none to ask about."""
    asked = set(folds) - {""}
    if not asked:
        return set()
    return set(_heads(Activity.objects.all(), asked).values_list("fold", flat=True))


def gather(lines: Sequence[Activity]) -> list[Activity]:
    """The same lines, each with its `crowd`: two queries, none where everybody stands alone."""
    heads = [line.pk for line in lines if line.fold]
    if not heads:
        return list(lines)
    of_line = _of_line(OuterRef("fold")).order_by("pk")
    count = of_line.order_by().values("fold").annotate(many=Count("pk")).values("many")
    beyond = Subquery(of_line.values("pk")[MOST : MOST + 1])
    behind = of_line.filter(is_folded=True)
    second, third = (Subquery(behind.values("pk")[place : place + 1]) for place in range(NAMES - 1))
    found = Activity.objects.filter(pk__in=heads).order_by().annotate(beyond=beyond)
    many = Case(When(beyond=None, then=Subquery(count)), default=Value(MOST + 1))
    asked = found.annotate(many=many, second=second, third=third)
    rows = {pk: rest for pk, *rest in asked.values_list("pk", "many", "second", "third")}
    named = Activity.objects.select_related("user").in_bulk({pk for row in rows.values() for pk in row[1:] if pk})
    for line in lines:
        many, *nexts = rows.get(line.pk, [1])
        if many > 1:
            line.crowd = Crowd((line.user, *(named[pk].user for pk in nexts if pk)), many)
    return list(lines)


def grown(folds: Collection[str], *, among: QuerySet[Activity]) -> list[Activity]:
    """The lines of these names, gathered."""
    return gather(list(_heads(among, folds))) if folds else []


def forget(gone: QuerySet[Activity]) -> None:
    """Deletes these; where one stood for many, the next one does."""
    heads = list(gone.exclude(fold="").filter(is_folded=False).values_list("fold", flat=True))
    gone.delete()
    for fold in heads:
        next_one = _of_line(fold).filter(is_folded=True).order_by("pk").values("pk")[:1]
        Activity.objects.filter(pk__in=list(next_one.values_list("pk", flat=True))).update(is_folded=False)


def _heads(among: QuerySet[Activity], folds: Collection[str]) -> QuerySet[Activity]:
    # Not the empty name: said so that the index of heads is used.
    return among.filter(fold__in=folds, is_folded=False).exclude(fold="")


def _of_line(fold: Any) -> QuerySet[Activity]:
    # Not the empty name: said so that the index of lines is used.
    return Activity.objects.filter(fold=fold).exclude(fold="")
