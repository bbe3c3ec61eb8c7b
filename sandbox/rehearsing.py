"""Doing something to see what would come of it: everything runs as ever, on copies, and leaves no trace."""

import copy
from collections import ChainMap
from collections.abc import Iterator
from contextlib import contextmanager

from sandbox.account import Account
from sandbox.clock import Timeline
from sandbox.events import EventLog
from sandbox.tables import Table
from sandbox.types import Obj


class Copies(Table):
    """A table seen through copies: each row is copied when first looked at; what is written stays here."""

    def __init__(self, real: Table) -> None:
        super().__init__(real.kind)
        self.packed = False
        self.real = real
        self.gone: set[str] = set()

    def __contains__(self, object_id: str) -> bool:
        return super().__contains__(object_id) or (object_id in self.real and object_id not in self.gone)

    def __iter__(self) -> Iterator[Obj]:
        yield from self.rows_of(list(self.real))

    def get(self, object_id: str) -> Obj | None:
        known = super().get(object_id)
        if known is None and object_id not in self.gone:
            row = self.real.get(object_id)
            if row is not None:
                known = copy.deepcopy(row)
                self.put(known)
        return known

    def by(self, field: str, value: object) -> list[Obj]:
        return [row for row in self.rows_of(self.real.by(field, value)) if self.key(row, field) == value]

    def rows_of(self, real: list[Obj]) -> Iterator[Obj]:
        """Copies of real rows, then the rows that are new here."""
        for row in real:
            if (known := self.get(row["id"])) is not None:
                yield known
        yield from [row for row in super().__iter__() if row["id"] not in self.real]

    def remove(self, object_id: str) -> None:
        if self.get(object_id) is not None:
            super().remove(object_id)
        self.gone.add(object_id)


class CopiedNotes(dict[str, Obj]):
    """An account's notes, copied when first looked at."""

    def __init__(self, real: dict[str, Obj]) -> None:
        super().__init__()
        self.real = real

    def get(self, object_id: str, default: Obj | None = None) -> Obj:  # type: ignore[override]
        if object_id not in self and object_id in self.real:
            self[object_id] = copy.deepcopy(self.real[object_id])
        return super().get(object_id, {} if default is None else default)

    def setdefault(self, object_id: str, default: Obj) -> Obj:
        self.get(object_id)
        return super().setdefault(object_id, default)


@contextmanager
def rehearsing(account: Account) -> Iterator[None]:
    """Inside, the account is a copy of itself: nothing that is done stays, nobody is told, and no bill is collected.

    Objects found before are the real ones: look them up again. Ids that are made stay unused for ever.
    """
    kept = {
        name: getattr(account, name)
        for name in ("tables", "private", "item_owner", "events", "unsaved", "gone", "listener", "rehearsed")
    }
    scratch = Timeline(frozen=account.now())
    account.tables = {kind: Copies(table) for kind, table in account.tables.items()}
    account.private = CopiedNotes(account.private)
    account.item_owner = ChainMap({}, account.item_owner)
    account.events, account.listener, account.rehearsed = EventLog(live=account.live), None, True
    account.unsaved, account.gone = {}, set()
    try:
        with account.on(scratch):
            yield
    finally:
        for name, value in kept.items():
            setattr(account, name, value)
