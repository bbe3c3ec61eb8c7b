"""Stripe's objects copied into dj-stripe's tables, where staff browse them. Nothing is decided from there.

Bulk upserts by Stripe's id. dj-stripe's own sync is not used: it calls Stripe for each row, follows foreign keys
and stores our key in plain text.
"""

from collections.abc import Iterable
from typing import Any

from djstripe import models as mirrored

from billing.models import Connection
from billing.stripe_objects import moment, sid

Json = dict[str, Any]

# Parents first: a row's references have to be there before it.
MODELS: dict[str, Any] = {
    "product": mirrored.Product,
    "price": mirrored.Price,
    "customer": mirrored.Customer,
    "subscription": mirrored.Subscription,
    "invoice": mirrored.Invoice,
}
COLUMNS = {
    "product": ("name", "active"),
    "price": ("active", "currency", "nickname", "lookup_key"),
    "customer": ("email",),
}
PARENTS = {"price": "product", "subscription": "customer", "invoice": "customer"}


def write(objects: Iterable[Json], *, connection: Connection) -> None:
    """Upserts each object as it is now; what the mirror does not hold is passed over."""
    by_kind: dict[str, dict[str, Json]] = {}
    for found in objects:
        if found.get("object") in MODELS and not found.get("deleted"):
            by_kind.setdefault(found["object"], {})[found["id"]] = found
    for kind, parent in PARENTS.items():
        ids = {sid(found.get(parent)) for found in by_kind.get(kind, {}).values()} - {""}
        _add_stubs(parent, ids - by_kind.get(parent, {}).keys(), connection=connection)
    for kind, model in MODELS.items():
        if rows := by_kind.get(kind):
            _upsert(kind, model, rows.values(), connection=connection)


def _upsert(kind: str, model: Any, found: Iterable[Json], *, connection: Connection) -> None:
    parent = PARENTS.get(kind)
    columns = COLUMNS.get(kind, ())
    rows = []
    for row in found:
        values: Json = {name: row.get(name) if row.get(name) is not None else "" for name in columns}
        if parent:
            values[f"{parent}_id"] = sid(row.get(parent)) or None
        created = moment(row.get("created"))
        data = {**row, parent: sid(row.get(parent))} if parent else row
        rows.append(
            model(
                id=row["id"],
                stripe_data=data,
                livemode=row.get("livemode", connection.livemode),
                created=created,
                metadata=row.get("metadata") or {},
                **values,
            )
        )
    fields = ["stripe_data", "livemode", "created", "metadata", *columns, *([parent] if parent else [])]
    model.objects.bulk_create(rows, update_conflicts=True, unique_fields=["id"], update_fields=fields, batch_size=200)


def _add_stubs(kind: str, ids: set[str], *, connection: Connection) -> None:
    """A parent that was not fetched: known by its id until it is."""
    stubs = [
        MODELS[kind](id=found, stripe_data={"id": found, "object": kind}, livemode=connection.livemode) for found in ids
    ]
    MODELS[kind].objects.bulk_create(stubs, ignore_conflicts=True)
