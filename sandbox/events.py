"""The account's event log: one entry for each change, with the object as it was then."""

from collections.abc import Iterator
from dataclasses import dataclass

from sandbox.packing import Packer, as_text
from sandbox.types import API_VERSION, DAY, Obj

RETENTION = 30 * DAY


@dataclass(slots=True)
class Event:
    """`data` is kept packed: a renewal day of a large account makes hundreds of thousands of these.

    `arrived` is the account's own time, which is not `created` where a test clock made it. `subject` is the id of the
    object it is about. `pending` and `failed` are ids of webhook endpoints: not yet
    delivered to, and having refused it at least once.
    """

    id: str
    type: str
    created: int
    arrived: int
    request: Obj
    subject: str
    data: bytes
    packer: Packer
    live: bool = False
    pending: frozenset[str] = frozenset()
    failed: frozenset[str] = frozenset()

    def as_json(self) -> Obj:
        return {**self.head(), "data": self.packer.unpack(self.data)}

    def head(self) -> Obj:
        """Everything but `data`."""
        return {
            "id": self.id,
            "object": "event",
            "api_version": API_VERSION,
            "created": self.created,
            "livemode": self.live,
            "pending_webhooks": len(self.pending),
            "request": self.request,
            "type": self.type,
        }


class EventLog:
    """In the order they happened. Those that arrived more than 30 days ago are out of reach, as at Stripe."""

    def __init__(self, *, live: bool = False) -> None:
        self.live = live
        self.entries: list[Event] = []
        self.position: dict[str, int] = {}
        self.packers: dict[str, Packer] = {}

    def __len__(self) -> int:
        return len(self.entries)

    def add(
        self, *, event_id: str, event_type: str, created: int, arrived: int, request: Obj, subject: str, data: str
    ) -> Event:
        """Log an event; `data` is JSON text."""
        packer = self.packers.setdefault(event_type, Packer())
        packed = packer.pack_text(data.encode())
        event = Event(event_id, event_type, created, arrived, request, subject, packed, packer, self.live)
        self.position[event_id] = len(self.entries)
        self.entries.append(event)
        return event

    def take(self, event_id: str, value: Obj) -> Event:
        """Log an event that is given as its JSON value."""
        return self.add(
            event_id=event_id,
            event_type=value["type"],
            created=value["created"],
            arrived=value["arrived"] if "arrived" in value else value["created"],
            request=value["request"],
            subject=value["data"]["object"].get("id", ""),
            data=as_text(value["data"]),
        )

    def shorten(self, length: int) -> None:
        """Forget what was logged after the first `length` events."""
        for event in self.entries[length:]:
            del self.position[event.id]
        del self.entries[length:]

    def get(self, event_id: str) -> Event | None:
        at = self.position.get(event_id)
        return None if at is None else self.entries[at]

    def newest_first(self) -> Iterator[Event]:
        return reversed(self.entries)


def difference(before: object, after: object) -> object:
    """What `data.previous_attributes` says of a changed value: old values, of nested objects only the changed keys."""
    if isinstance(before, dict) and isinstance(after, dict):
        keys = [key for key in {**before, **after} if before.get(key) != after.get(key)]
        return {key: difference(before.get(key), after.get(key)) for key in keys}
    return before
