"""The account's event log: one entry for each change, with the object as it was then."""

import json
import zlib
from bisect import bisect_left
from collections.abc import Iterator
from dataclasses import dataclass, field

from sandbox.types import API_VERSION, DAY, Obj

RETENTION = 30 * DAY


@dataclass(slots=True)
class Event:
    """`data` is kept compressed: a renewal day of a large account makes hundreds of thousands of these."""

    id: str
    type: str
    created: int
    request: Obj
    data: bytes
    subject: str
    pending: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def as_json(self) -> Obj:
        return {
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "data": json.loads(zlib.decompress(self.data)),
            "livemode": False,
            "pending_webhooks": len(self.pending),
            "request": self.request,
            "type": self.type,
        }


def pack(data: Obj) -> bytes:
    return zlib.compress(json.dumps(data, separators=(",", ":")).encode(), 1)


class EventLog:
    """In the order they happened. Events older than 30 days are out of reach, as at Stripe."""

    def __init__(self) -> None:
        self.entries: list[Event] = []
        self.position: dict[str, int] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def add(self, event: Event) -> None:
        self.position[event.id] = len(self.entries)
        self.entries.append(event)

    def get(self, event_id: str) -> Event | None:
        at = self.position.get(event_id)
        return None if at is None else self.entries[at]

    def newest_first(self, *, since: int) -> Iterator[Event]:
        first = bisect_left(self.entries, since, key=lambda event: event.created)
        return (self.entries[at] for at in range(len(self.entries) - 1, first - 1, -1))


def difference(before: object, after: object) -> object:
    """What `data.previous_attributes` says of a changed value: old values, of nested objects only the changed keys."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        return {key: difference(before.get(key), after.get(key)) for key in keys}
    return before
