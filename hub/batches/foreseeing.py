"""What a draft would do if it were begun now: to each person, in the words of what would come of it, and counted.

It says of each row what `hub.batches.deeds` would do; only what happens between the look and the deed tells them apart.
"""

from collections import Counter
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Case, CharField, Count, Exists, OuterRef, Q, QuerySet, Value, When
from django.db.models.expressions import Combinable

from hub.access import open_grants, opening
from hub.models import Batch, BatchRow, Grant, Product, User
from hub.permissions import may_favour
from hub.roles import Permission

Deed, Rows = Batch.Deed, BatchRow.State

NEW, CHANGES, PARTLY = "new", "changes", "partly"
GOES_ON = (NEW, CHANGES, PARTLY)
SHUT, OWN, WHOLE, HAS, THROUGH, NOTHING = "shut", "own", "whole", "has", "through", "nothing"
# Why somebody is left as they are, of one and of several.
LEFT = {
    SHUT: ("is deactivated", "are deactivated"),
    OWN: ("is you: nobody gives access to themselves",) * 2,
    WHOLE: ("has an account and everything that is to be given", "have an account and everything that is to be given"),
    HAS: ("has it already", "have it already"),
    THROUGH: ("has it through a collection alone", "have it through a collection alone"),
    NOTHING: ("has no access to it", "have no access to it"),
}


@dataclass(frozen=True, slots=True, kw_only=True)
class Foreseen:
    """How many rows there are of each outlook, of those that a draft would take up.

    `bought`: of whom it takes what they paid for. `refused`: lines of a file that cannot be used.
    """

    outlooks: Counter[str]
    bought: int = 0
    refused: int = 0

    @property
    def new(self) -> int:
        return self.outlooks[NEW]

    @property
    def changes(self) -> int:
        return sum(self.outlooks[outlook] for outlook in GOES_ON)

    @property
    def known(self) -> int:
        return self.changes - self.new

    @property
    def left(self) -> int:
        return self.outlooks.total() - self.changes

    @property
    def shut(self) -> int:
        return self.outlooks[SHUT]

    @property
    def why_left(self) -> list[tuple[str, int, str]]:
        """Each outlook by which somebody is left as they are: how many, and why."""
        found = [(outlook, self.outlooks[outlook], words) for outlook, words in LEFT.items() if self.outlooks[outlook]]
        return [(outlook, count, one if count == 1 else many) for outlook, count, (one, many) in found]


def foresee(batch: Batch, *, now: datetime) -> Foreseen:
    """What would come of it now."""
    waiting = batch.rows.filter(state=Rows.WAITING)
    if batch.deed == Deed.ADD:
        refused = batch.rows.filter(state=Rows.FAILED).count()
        return Foreseen(outlooks=Counter(_of_added(batch, waiting, now=now).values()), refused=refused)
    seen: Any = with_outlook(waiting, batch, now=now)
    counts = seen.order_by().values_list("outlook").annotate(Count("pk"))
    bought = seen.filter(outlook__in=GOES_ON, bought=True).count() if batch.deed == Deed.TAKE else 0
    return Foreseen(outlooks=Counter(dict(counts)), bought=bought)


def look_ahead(batch: Batch, rows: Sequence[BatchRow], *, now: datetime) -> None:
    """Gives each row of people to be added its `outlook`."""
    waiting = batch.rows.filter(pk__in=[row.pk for row in rows if row.state == Rows.WAITING])
    outlooks = _of_added(batch, waiting, now=now)
    for row in rows:
        row.outlook = outlooks.get(row.pk, "")  # type: ignore[attr-defined]


def with_outlook(rows: QuerySet[BatchRow], batch: Batch, *, now: datetime) -> QuerySet[BatchRow]:
    """Each row of known people with `outlook` and `bought` (whether it takes what was paid for)."""
    theirs = open_grants(now=now).filter(user=OuterRef("user"), product=batch.product)
    bought = Exists(theirs.exclude(source=Grant.Source.MANUAL))
    is_shut = ~Exists(User.objects.filter(pk=OuterRef("user"), is_active=True))
    match batch.deed:
        case Deed.GIVE if batch.product:
            has = Exists(opening(batch.product, now=now).filter(user=OuterRef("user")))
            own = Q() if batch.made_by.may(Permission.FAVOUR_ONESELF) else Q(user=batch.made_by)
            cases = [(Q(is_shut), SHUT), *([(own, OWN)] if own else []), (Q(has), HAS)]
            outlook = _first(cases, default=CHANGES)
        case Deed.TAKE if batch.product:
            elsewhere = opening(batch.product, now=now).filter(user=OuterRef("user")).exclude(product=batch.product)
            through, direct = Q(Exists(elsewhere)), Q(Exists(theirs))
            cases = [(direct & through, PARTLY), (direct, CHANGES), (through, THROUGH)]
            outlook = _first(cases, default=NOTHING)
        case _:
            outlook = _first([(Q(is_shut), SHUT)], default=CHANGES)
    return rows.annotate(outlook=outlook, bought=bought)


def _first(cases: Iterable[tuple[Q, str]], *, default: str) -> Combinable:
    whens = [When(condition, then=Value(outlook)) for condition, outlook in cases]
    return Case(*whens, default=Value(default), output_field=CharField())


def _of_added(batch: Batch, rows: QuerySet[BatchRow], *, now: datetime) -> dict[int, str]:
    """By row. As many queries as products are to be given, whatever the number of rows."""
    asked = list(rows.values_list("pk", "email", "products"))
    accounts = {user.email: user for user in User.objects.filter(email__in=rows.values("email"))}
    wanted = Product.objects.filter(pk__in={pk for _, _, products in asked for pk in products})
    theirs = Q(user__email__in=rows.values("email"))
    has = {
        product.pk: set(opening(product, now=now).filter(theirs).values_list("user", flat=True)) for product in wanted
    }

    def outlook(email: str, products: Sequence[int]) -> str:
        user = accounts.get(email)
        if user is None:
            return NEW
        if not user.is_active:
            return SHUT
        if all(user.pk in has[pk] for pk in products if pk in has):
            return WHOLE
        return CHANGES if may_favour(batch.made_by, user) else OWN

    return {pk: outlook(email, products) for pk, email, products in asked}
