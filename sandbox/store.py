"""What survives a restart: every object as one JSON row of a SQLite file, written at the end of each request."""

import json
import sqlite3
import threading
from collections.abc import Iterable, Iterator
from typing import Any

from sandbox.packing import as_text

SCHEMA = """
create table if not exists row (
    account text not null, kind text not null, id text not null, seq integer not null, body text not null,
    primary key (account, kind, id)
) without rowid;
create table if not exists meta (name text primary key, value text not null);
"""

UPSERT = "insert into row values (?, ?, ?, ?, ?) on conflict (account, kind, id) do update set body = excluded.body"
Row = tuple[str, str, str, int, Any]


class Store:
    """`path` may be ":memory:". The sandbox holds no real money: speed is preferred to surviving a power cut."""

    def __init__(self, path: str) -> None:
        self.lock = threading.Lock()
        self.db = sqlite3.connect(path, check_same_thread=False, isolation_level=None)
        self.db.executescript("pragma journal_mode=wal; pragma synchronous=off;" + SCHEMA)

    def load(self, account: str) -> Iterator[tuple[str, str, Any]]:
        """(kind, id, value) of every row, in creation order within a kind."""
        for kind, object_id, body in self.db.execute(
            "select kind, id, body from row where account = ? order by kind, seq", (account,)
        ):
            yield kind, object_id, json.loads(body)

    def write(self, rows: Iterable[Row], *, gone: Iterable[tuple[str, str, str]], meta: dict[str, Any]) -> None:
        """One transaction: upsert `rows` (values or JSON text), delete `gone` (account, kind, id), keep `meta`."""
        with self.lock:
            self.db.execute("begin")
            self.db.executemany(
                UPSERT,
                [
                    (account, kind, oid, seq, value if isinstance(value, str) else as_text(value))
                    for account, kind, oid, seq, value in rows
                ],
            )
            self.db.executemany("delete from row where account = ? and kind = ? and id = ?", list(gone))
            self.db.executemany(
                "insert or replace into meta values (?, ?)", [(name, json.dumps(value)) for name, value in meta.items()]
            )
            self.db.execute("commit")

    def meta(self) -> dict[str, Any]:
        return {name: json.loads(value) for name, value in self.db.execute("select name, value from meta")}

    def clear(self) -> None:
        with self.lock:
            self.db.executescript("delete from row; delete from meta;")
