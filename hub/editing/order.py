"""The order of things in a list: a row moved one place, or all of them as somebody put them."""

from collections.abc import Iterable, Sequence
from typing import Any, TypeVar

from django.db import models, transaction

Row = TypeVar("Row", bound=models.Model)

PLACES = {"up": -1, "down": 1}


def arrow_of(row: str, *, to: str) -> str:
    """Where a page is opened again after a row was moved: at the arrow that was pressed, which so keeps the focus."""
    return f"{row}-{to}" if to in PLACES else row


@transaction.atomic
def move(rows: models.QuerySet[Any], *, pk: int, places: int) -> bool:
    """Moves one row by so many places among its siblings; whether it could be moved."""
    order = _locked(rows)
    here = order.index(pk)
    there = min(max(here + places, 0), len(order) - 1)
    order.insert(there, order.pop(here))
    number(rows, order)
    return here != there


@transaction.atomic
def arrange(rows: models.QuerySet[Any], *, order: Sequence[int]) -> None:
    """Puts those that are named into this order, into the places that they had; the others keep theirs."""
    present = _locked(rows)
    known = set(present)
    turns = {pk: None for pk in order if pk in known}
    following = iter(turns)
    number(rows, [next(following) if pk in turns else pk for pk in present])


def number(rows: models.QuerySet[Any], order: Iterable[int]) -> None:
    """Writes the positions 0, 1, 2 … where they are others."""
    known = {row.pk: row for row in rows}
    moved = []
    for position, pk in enumerate(order):
        if known[pk].position != position:
            known[pk].position = position
            moved.append(known[pk])
    rows.model._default_manager.bulk_update(moved, ["position"], batch_size=200)


def last_position(rows: models.QuerySet[Any]) -> int:
    """Behind all of them."""
    found: int | None = rows.aggregate(last=models.Max("position"))["last"]
    return 0 if found is None else found + 1


def _locked(rows: models.QuerySet[Any]) -> list[int]:
    return list(rows.select_for_update().values_list("pk", flat=True))
