"""The whole state of one Stripe account and mode: its objects, its clock, its events."""

import copy
from collections.abc import Callable, Iterator, MutableMapping
from contextlib import contextmanager

from sandbox.clock import Timeline
from sandbox.errors import NotFound
from sandbox.events import Event, EventLog, difference
from sandbox.ids import IdMaker
from sandbox.limiting import Limiter
from sandbox.packing import as_text
from sandbox.store import Row
from sandbox.tables import Table
from sandbox.types import Obj

# Named here because `Account.list` hides the built-in inside the class.
Objects = list[Obj]
Rows = list[Row]
Unsaved = tuple[Rows, list[tuple[str, str, str]]]
Appointments = list[tuple[str, Obj]]

NOUNS = {
    "checkout.session": "checkout session",
    "credit_note": "credit note",
    "payment_method": "PaymentMethod",
    "radar.early_fraud_warning": "early fraud warning",
    "payment_link": "payment link",
    "promotion_code": "promotion code",
    "webhook_endpoint": "webhook endpoint",
    "billing_portal.configuration": "configuration",
    "invoice_payment": "invoice payment",
    "subscription_item": "subscription item",
    "subscription_schedule": "subscription schedule",
    "test_helpers.test_clock": "test clock",
}
# What the owner of a Stripe account chooses in the Dashboard, as far as it changes what happens.
DEFAULT_SETTINGS: Obj = {
    "retry_days": [3, 5, 7],  # days after the first failed attempt
    "after_retries": "cancel",  # or "unpaid" or "past_due"
    "debit_days": 3,  # how long a bank debit is `processing`
    "refund_failure_days": 1,
    "requests_per_second": None,  # Stripe's limit is 25 in a sandbox and 100 live; None: no limit
    "upcoming_days": 7,  # how long before a renewal `invoice.upcoming` comes; None: never
    "due_soon_days": None,  # how long before a sent invoice is due `invoice.will_be_due` comes
    "overdue_days": None,  # how long a sent invoice may be overdue before `after_retries`; None: for ever
    "portal_saved": False,  # whether the owner ever saved the settings of the customer portal
    "embedded_items": 20,  # subscription items shown inside a subscription before `has_more`
}


class Account:
    """Call everything under `sandbox.box.box().lock`. `now()` is the only time there is."""

    def __init__(self, account_id: str, *, seed: int, live: bool = False) -> None:
        self.id = account_id
        self.seed = seed
        self.live = live
        self.base_url = "http://127.0.0.1:4242"
        self.listener: Callable[[Account, Event], None] | None = None
        self.renderer: Callable[[Account, Obj], Obj] | None = None
        self.limiter = Limiter()
        self.wake: Callable[[], None] | None = None  # tells that a test clock was sent on its way
        self.main = Timeline()
        self.clear()

    def clear(self) -> None:
        """Forget everything, as on the first day."""
        self.ids = IdMaker(self.seed)
        self.request_ids = IdMaker(self.seed)  # apart, so that looking changes no object's id
        self.tables: dict[str, Table] = {}
        self.private: dict[str, Obj] = {}
        self.item_owner: MutableMapping[str, str] = {}
        self.rehearsed = False  # whether what happens is only tried out: see `sandbox.rehearsing`
        self.events = EventLog(live=self.live)
        self.settings: Obj = copy.deepcopy(DEFAULT_SETTINGS)
        self.main.clear()
        self.timeline = self.main
        self.clocks: dict[str, Timeline] = {}
        self.kept_deliveries: Objects = []  # as the store has them, for the post to take up
        self.remembered: dict[str, Obj] = {}  # idempotency keys and what became of them
        self.request: Obj = {"id": None, "idempotency_key": None}
        self.unsaved: dict[tuple[str, str], tuple[int, object]] = {}
        self.gone: set[tuple[str, str]] = set()
        self.created_at = self.main.now()

    @property
    def mode(self) -> str:
        """ "test" or "live", as ids and keys say it."""
        return "live" if self.live else "test"

    # Time

    def now(self) -> int:
        return self.timeline.now()

    def schedule(self, action: str, object_id: str, *, at: int | None) -> None:
        self.timeline.schedule(action, object_id, at=at)

    @contextmanager
    def on(self, timeline: Timeline) -> Iterator[None]:
        """Let time be that of `timeline` (a test clock's, or the account's own)."""
        before, self.timeline = self.timeline, timeline
        try:
            yield
        finally:
            self.timeline = before

    # Objects

    def table(self, kind: str) -> Table:
        if kind not in self.tables:
            self.tables[kind] = Table(kind)
        return self.tables[kind]

    def find(self, kind: str, object_id: str | None) -> Obj | None:
        return self.table(kind).get(object_id) if object_id else None

    def get(self, kind: str, object_id: str, *, param: str = "id") -> Obj:
        """The live object itself, or Stripe's "No such …". A deleted object is not found."""
        obj = self.table(kind).get(object_id)
        if obj is None or obj.get("deleted"):
            raise NotFound(NOUNS.get(kind, kind), object_id, param=param)
        return obj

    def list(self, kind: str, **where: object) -> Objects:
        """Objects of a kind, newest first, whose fields equal `where`; an indexed field makes it cheap."""
        table = self.table(kind)
        fields = [field for field in where if field in table.fields]
        rows = table.by(fields[0], where[fields[0]]) if fields else list(table)
        return [row for row in reversed(rows) if all(table.key(row, field) == value for field, value in where.items())]

    def add(self, obj: Obj, *, event: str | None = None, **notes: object) -> Obj:
        """Keep a new object; `notes` are what we know of it that Stripe does not show."""
        if "livemode" in obj:
            obj["livemode"] = self.live
        if notes:
            self.note(obj["id"], **notes)
        self.save(obj)
        if event:
            self.emit(event, obj)
        return obj

    def save(self, obj: Obj) -> Obj:
        seq = self.table(obj["object"]).put(obj)
        self.unsaved[obj["object"], obj["id"]] = (seq, obj)
        return obj

    def change(self, obj: Obj, *, event: str | None = None, **fields: object) -> Obj:
        """Set fields; where any differs, save and emit `event` with their previous values."""
        changed = [name for name, value in fields.items() if name not in obj or obj[name] != value]
        if not changed:
            return obj
        before = {name: copy.deepcopy(obj.get(name)) for name in changed} if event else {}
        obj.update(fields)
        self.save(obj)
        if event:
            self.emit(event, obj, before=before)
        return obj

    def remove(self, obj: Obj) -> None:
        self.table(obj["object"]).remove(obj["id"])
        self.private.pop(obj["id"], None)
        for key in ((obj["object"], obj["id"]), ("_notes", obj["id"])):
            self.unsaved.pop(key, None)
            self.gone.add(key)

    def notes(self, object_id: str) -> Obj:
        """What we remember of an object beyond its public shape. Write through `note`."""
        return self.private.get(object_id, {})

    def note(self, object_id: str, **values: object) -> Obj:
        notes = self.private.setdefault(object_id, {})
        notes.update(values)
        self.unsaved["_notes", object_id] = (0, notes)
        return notes

    # Events

    def emit(self, event_type: str, obj: Obj, *, before: Obj | None = None) -> Event:
        """Log an event about `obj` as it is now; `before` holds the old values of its changed fields."""
        shown = self.renderer(self, obj) if self.renderer else obj
        data: Obj = {"object": shown}
        if before is not None:
            data["previous_attributes"] = {name: difference(old, obj.get(name)) for name, old in before.items()}
        text = as_text(data)
        event = self.events.add(
            event_id=self.ids.make("evt"),
            event_type=event_type,
            created=self.now(),
            arrived=self.main.now(),
            request=self.request,
            subject=obj.get("id", ""),
            data=text,
        )
        if self.listener:
            self.listener(self, event)
        # As text: an event is written once and never changes, so it need not be unpacked for the store.
        head = as_text({**event.head(), "arrived": event.arrived})
        self.unsaved["event", event.id] = (len(self.events), f'{head[:-1]},"data":{text}}}')
        return event

    # Persistence

    def take_unsaved(self) -> Unsaved:
        """(rows, gone) for the store since the last call."""
        rows: Rows = []
        for (kind, object_id), (seq, value) in self.unsaved.items():
            rows.append((self.id, kind, object_id, seq, value))
        gone = [(self.id, kind, object_id) for kind, object_id in self.gone]
        for clock_id, line in ((None, self.main), *self.clocks.items()):
            for key in line.changed:
                name, at = " ".join(key), line.appointments.get(key)
                if at is None:
                    gone.append((self.id, "_due", name))
                else:
                    rows.append((self.id, "_due", name, 0, {"clock": clock_id, "at": at}))
            line.changed = set()
        self.unsaved, self.gone = {}, set()
        return rows, gone

    def meta(self) -> Obj:
        """Small things that the store keeps besides objects."""
        return {
            f"{self.id}:ids": self.ids.count,
            f"{self.id}:request_ids": self.request_ids.count,
            f"{self.id}:offset": self.main.offset,
            f"{self.id}:latest": self.main.latest,
            f"{self.id}:frozen": self.main.frozen,
            f"{self.id}:settings": self.settings,
        }

    def restore(self, rows: Iterator[tuple[str, str, object]], meta: Obj) -> None:
        """Rebuild from what `take_unsaved` and `meta` wrote."""
        due: Appointments = []
        for kind, object_id, value in rows:
            assert isinstance(value, dict)  # noqa: S101 - rows are written by us
            if kind == "_notes":
                self.private[object_id] = value
            elif kind == "_delivery":
                self.kept_deliveries.append(value)
            elif kind == "_key":
                self.remembered[object_id] = value
            elif kind == "_due":
                due.append((object_id, value))
            elif kind == "event":
                self.events.take(object_id, value)
            else:
                self.table(kind).put(value)
                self.table(kind).tidy()
        self._relink()
        self.ids.count = meta.get(f"{self.id}:ids", 0)
        self.request_ids.count = meta.get(f"{self.id}:request_ids", 0)
        self.main.offset = meta.get(f"{self.id}:offset", self.main.offset)
        self.main.latest = meta.get(f"{self.id}:latest", self.main.latest)
        self.main.frozen = meta.get(f"{self.id}:frozen", self.main.frozen)
        self.settings |= meta.get(f"{self.id}:settings", {})
        for clock in self.table("test_helpers.test_clock"):
            line = self.clocks[clock["id"]] = Timeline(frozen=clock["frozen_time"])
            line.target = self.notes(clock["id"]).get("target") if clock["status"] == "advancing" else None
        for name, appointment in due:
            action, object_id = name.split(" ", 1)
            line = self.clocks[appointment["clock"]] if appointment["clock"] else self.main
            line.schedule(action, object_id, at=appointment["at"])
            line.changed.clear()

    def _relink(self) -> None:
        # Items share the price object itself, so that they always show it as it is.
        for subscription in self.table("subscription"):
            self.own_items(subscription)
        for notes in self.private.values():
            for line in notes.get("line_items", []):
                if line["price"]:
                    line["price"] = self.table("price").get(line["price"]["id"]) or line["price"]

    def own_items(self, subscription: Obj) -> None:
        """Link the items of a subscription that was read from JSON."""
        for item in subscription["items"]["data"]:
            item["price"] = self.table("price").get(item["price"]["id"]) or item["price"]
            self.item_owner[item["id"]] = subscription["id"]
