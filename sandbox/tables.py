"""Objects of one kind, in creation order, findable by id and by the fields that Stripe's lists filter on.

Objects that are rarely looked at again (paid invoices, charges, …) are kept packed once there are many: as nested
dictionaries a hundred thousand subscribers with a year's invoices would not fit into memory.
"""

from bisect import bisect_left, insort
from collections.abc import Callable, Iterator, Sequence

from sandbox.packing import Packer
from sandbox.types import Obj

# Fields with an index: lists filtered by them never scan. Values are read with `key_of`.
INDEXES: dict[str, tuple[str, ...]] = {
    "price": ("product",),
    "customer": ("email", "test_clock"),
    "payment_method": ("customer",),
    "card": ("customer",),
    "customer_balance_transaction": ("customer",),
    "tax_id": ("customer",),
    "subscription": ("customer", "status", "test_clock"),
    "invoice": ("customer", "subscription", "status"),
    "invoiceitem": ("customer", "invoice"),
    "invoice_payment": ("invoice", "payment_intent"),
    "payment_intent": ("customer",),
    "charge": ("customer", "payment_intent"),
    "refund": ("charge", "payment_intent"),
    "credit_note": ("customer", "invoice"),
    "dispute": ("charge", "payment_intent"),
    "subscription_schedule": ("customer",),
    "checkout.session": ("customer", "subscription", "payment_intent", "payment_link", "status"),
}


def subscription_of(invoice: Obj) -> str | None:
    """The subscription that an invoice belongs to, from its `parent` (Stripe's shape since basil)."""
    parent = invoice.get("parent")
    return parent["subscription_details"]["subscription"] if parent and parent["subscription_details"] else None


COMPUTED: dict[tuple[str, str], Callable[[Obj], object]] = {
    ("invoice", "subscription"): subscription_of,
    ("invoice_payment", "payment_intent"): lambda payment: payment["payment"].get("payment_intent"),
}


# Kinds that are packed. Not subscriptions and links: their items share the price object.
PACKED = frozenset(
    ("charge", "customer", "invoice", "invoice_payment", "invoiceitem", "payment_intent", "payment_method", "refund")
)
LOOSE = 4_000  # objects of a packed kind that stay unpacked between requests


class Table:
    """Rows keep a sequence number: newest-first paging is a walk backwards from any row, deletions leave gaps."""

    def __init__(self, kind: str) -> None:
        self.kind = kind
        self.rows: list[Obj | bytes | None] = []
        self.loose: dict[int, None] = {}
        self.packed = kind in PACKED
        self.packer = Packer()
        self.position: dict[str, int] = {}
        self.fields = INDEXES.get(kind, ())
        self.index: dict[str, dict[object, list[int]]] = {field: {} for field in self.fields}
        self.indexed: dict[int, tuple[object, ...]] = {}

    def __len__(self) -> int:
        return len(self.position)

    def __contains__(self, object_id: str) -> bool:
        return object_id in self.position

    def __iter__(self) -> Iterator[Obj]:
        return (row for at in range(len(self.rows)) if (row := self.row(at)) is not None)

    def row(self, at: int) -> Obj | None:
        """The object at a sequence number, unpacked in place: until `tidy` everybody gets the same one."""
        row = self.rows[at]
        if isinstance(row, bytes):
            row = self.rows[at] = self.packer.unpack(row)
            self.loose[at] = None
        return row

    def tidy(self) -> None:
        """Pack the longest unpacked objects. Only where nobody holds one: between requests."""
        if len(self.loose) <= LOOSE:
            return
        for at in list(self.loose)[: len(self.loose) - LOOSE // 2]:
            row = self.rows[at]
            if isinstance(row, dict):
                self.rows[at] = self.packer.pack(row)
            del self.loose[at]

    def get(self, object_id: str) -> Obj | None:
        position = self.position.get(object_id)
        return None if position is None else self.row(position)

    def put(self, obj: Obj) -> int:
        """Add or re-index one object; returns its sequence number."""
        position = self.position.get(obj["id"])
        if position is None:
            position = len(self.rows)
            self.rows.append(obj)
            self.position[obj["id"]] = position
        else:
            self.rows[position] = obj
        if self.packed:
            self.loose[position] = None
        self._reindex(position, tuple(self.key(obj, field) for field in self.fields))
        return position

    def put_text(self, object_id: str, text: str, *, keys: tuple[object, ...]) -> int:
        """Add a new object of a packed kind, given as JSON text and the values of its indexed fields."""
        position = len(self.rows)
        self.rows.append(self.packer.pack_text(text.encode()))
        self.position[object_id] = position
        self._reindex(position, keys)
        return position

    def remove(self, object_id: str) -> None:
        position = self.position.pop(object_id)
        self._reindex(position, ())
        self.loose.pop(position, None)
        self.rows[position] = None

    def by(self, field: str, value: object) -> list[Obj]:
        """Every object whose indexed `field` is `value`, oldest first."""
        return [row for at in self.index[field].get(value, ()) if (row := self.row(at)) is not None]

    def positions(self, wanted: dict[str, object]) -> Sequence[int]:
        """Sequence numbers, ascending, of the smallest index that `wanted` allows; all rows where it allows none."""
        hits = [self.index[field].get(wanted[field], []) for field in self.fields if wanted.get(field) is not None]
        return min(hits, key=len) if hits else range(len(self.rows))

    def key(self, obj: Obj, field: str) -> object:
        compute = COMPUTED.get((self.kind, field))
        return compute(obj) if compute else obj.get(field)

    def indexed_values(self, object_id: str) -> tuple[object, ...]:
        """What the object is filed under, in the order of `fields`."""
        return self.indexed[self.position[object_id]]

    def _reindex(self, position: int, keys: tuple[object, ...]) -> None:
        old = self.indexed.get(position, (None,) * len(self.fields))
        new = keys or (None,) * len(self.fields)
        for field, before, after in zip(self.fields, old, new, strict=True):
            if before == after:
                continue
            if before is not None:
                positions = self.index[field][before]
                del positions[bisect_left(positions, position)]
            if after is not None:
                insort(self.index[field].setdefault(after, []), position)
        if keys:
            self.indexed[position] = keys
        else:
            self.indexed.pop(position, None)
