"""What a full pass that stopped would close: as far as it is still open, and what became of the question."""

from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from enum import StrEnum
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import QuerySet

from billing.models import Attention, Pass
from hub.access import open_grants
from hub.models import Grant, User
from hub.reasons import say

Json = dict[str, Any]
AT_ONCE = 500


class How(StrEnum):
    """What settled a stop."""

    CONFIRMED = "confirmed"
    COMPARED = "compared"
    ENDED = "ended"
    OVERTAKEN = "overtaken"


@dataclass(frozen=True, slots=True)
class Closing:
    """Who would lose what, and why, in words. `person` is a primary key, None where the address is gone."""

    email: str
    person: int | None
    product: str
    reason: str
    ref: str
    is_open: bool


def closings_of(question: Attention, *, now: datetime) -> list[Closing]:
    """The whole list, as the pass kept it and as it stands now: two queries for each five hundred."""
    rows = rows_of(question)
    named = {pk for pk in (row.get("grant") for row in rows) if pk}
    found: dict[int, Grant] = {}
    for some in _in_pieces(named):
        found |= Grant.objects.filter(pk__in=some).select_related("user", "product").in_bulk()
    still_open = open_among(named, now=now)
    return [_closing(row, found.get(row.get("grant", 0)), still_open=still_open) for row in rows]


def rows_of(question: Attention) -> list[Json]:
    """Each has the shape of `billing.rules.rehearsal.Difference`."""
    rows: list[Json] = question.details.get("closing", [])
    return rows


def open_rows(question: Attention, *, now: datetime) -> list[Json]:
    """Those that are open still: nothing else is asked about, or closed."""
    rows = rows_of(question)
    still_open = open_among((row.get("grant") for row in rows), now=now)
    return [row for row in rows if row.get("grant") in still_open]


def open_among(grants: Iterable[int | None], *, now: datetime) -> set[int]:
    """Of these primary keys, those of grants that open something now."""
    found: set[int] = set()
    for some in _in_pieces({pk for pk in grants if pk}):
        found |= set(open_grants(now=now).filter(pk__in=some).values_list("pk", flat=True))
    return found


def fingerprint_of(question: Attention) -> str:
    """Of the pass's list, whatever its order: what is confirmed is what was read, less what has ended since."""
    said = sorted(f"{row.get('grant')} {row.get('reason')}" for row in rows_of(question))
    return sha256("\n".join(said).encode()).hexdigest()


def settle_ended(*, now: datetime) -> None:
    """A stop of which nothing is open any more asks nobody."""
    for asked in _each_waiting():
        if not open_rows(asked, now=now):
            settle(asked, how=How.ENDED, now=now)


def settle_overtaken(*, now: datetime) -> None:
    """A later pass went through: what an earlier one asked is answered."""
    for asked in _each_waiting():
        settle(asked, how=How.OVERTAKEN, now=now)


def settle(question: Attention, *, how: How, now: datetime) -> None:
    """It has settled itself."""
    keep(question, how=how)
    _waiting().filter(pk=question.pk).update(resolved_at=now)


def keep(question: Attention, *, how: How, **more: int) -> None:
    """Keeps what becomes of it, which `told` says in words: of a question that waits, locked by the caller.

    `more`: the `count` that is closed, and the primary key of the `actor`.
    """
    question.details["became"] = {"how": how, **more}
    question.save(update_fields=["details"])


def of_pass(run: Pass) -> Attention | None:
    """What a pass asked, whether or not it is answered. None where it asked nothing, or a later one asks instead."""
    return Attention.objects.filter(kind=Attention.Kind.BRAKE, details__run=run.pk).first()


def told(question: Attention) -> str:
    """What became of a stop, in a sentence; empty while it waits."""
    if question.resolved_at is None:
        return ""
    became, count = question.details.get("became", {}), len(rows_of(question))
    match became.get("how"):
        case How.CONFIRMED:
            asked, who = became.get("count", count), _name_of(became.get("actor"))
            ended = f"; {count - asked} had ended by then" if asked < count else ""
            return f"{who} had {asked} of the {count} closed{ended}."
        case How.COMPARED:
            return f"{_name_of(became.get('actor'))} had nothing closed, and everything compared again."
        case How.ENDED:
            return f"All {count} ended meanwhile without it, so there was nothing left to ask."
        case How.OVERTAKEN:
            return "A later full pass went through, and took its place."
        case _:
            return "It was answered."


def _waiting() -> QuerySet[Attention]:
    return Attention.objects.filter(kind=Attention.Kind.BRAKE, resolved_at__isnull=True)


def _each_waiting() -> Iterator[Attention]:
    """One after another, locked; one query where none waits."""
    for pk in _waiting().values_list("pk", flat=True):
        with transaction.atomic():
            if asked := _waiting().select_for_update().filter(pk=pk).first():
                yield asked


def _closing(row: Json, grant: Grant | None, *, still_open: set[int]) -> Closing:
    """Named as the person and the product are called by now."""
    return Closing(
        email=grant.user.email if grant else row["email"],
        person=grant.user_id if grant else None,
        product=grant.product.name if grant else row["product"],
        reason=say(row["reason"]),
        ref=row.get("source_ref", ""),
        is_open=row.get("grant") in still_open,
    )


def _name_of(actor: int | None) -> str:
    found = User.objects.filter(pk=actor).first() if actor else None
    return str(found) if found else "Somebody"


def _in_pieces(keys: set[int]) -> Iterator[list[int]]:
    listed = sorted(keys)
    for start in range(0, len(listed), AT_ONCE):
        yield listed[start : start + AT_ONCE]
