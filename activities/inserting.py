"""Insert-or-ignore by natural key, telling which rows this very call wrote.

`bulk_create(ignore_conflicts=True)` cannot tell, and reading first would race: the unique key decides here,
in the INSERT itself. Nothing is raised on a duplicate, so an open PostgreSQL transaction stays usable.
"""

from collections.abc import Sequence
from typing import TypeVar

from django.db import connections, models, router

Row = TypeVar("Row", bound=models.Model)


def insert_new(rows: Sequence[Row], *, by: str = "key") -> list[Row]:
    """Write the unsaved rows whose natural key (the unique column `by`) is new; return those, with their primary keys.

    In the order given. One statement for as many rows as the database takes in one (999 parameters on SQLite). A
    duplicate that another transaction has not committed yet is waited for.
    """
    first_of_key = {getattr(row, by): row for row in reversed(rows)}
    if not first_of_key:
        return []
    model = type(rows[0])
    connection = connections[router.db_for_write(model)]
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    # Every writer takes the keys in the same order: two batches that overlap wait, and never deadlock.
    ordered = [first_of_key[key] for key in sorted(first_of_key)]
    size = max(1, connection.ops.bulk_batch_size(fields, ordered))
    pks: dict[str, int] = {}
    for start in range(0, len(ordered), size):
        pks |= _insert_batch(ordered[start : start + size], by=by)
    for key, pk in pks.items():
        row = first_of_key[key]
        row.pk, row._state.adding, row._state.db = pk, False, connection.alias
    return [row for row in rows if row.pk is not None]


def _insert_batch(rows: Sequence[models.Model], *, by: str) -> dict[str, int]:
    model = type(rows[0])
    connection = connections[router.db_for_write(model)]
    quote = connection.ops.quote_name
    fields = [field for field in model._meta.concrete_fields if not field.primary_key]
    columns = ", ".join(quote(str(field.column)) for field in fields)
    marks = ", ".join(["(" + ", ".join(["%s"] * len(fields)) + ")"] * len(rows))
    # Only our own table and column names are put into the text. No index is named as the one in conflict: where two
    # guard one key (an address, and the same in lower case) either may be the first to see another writer.
    sql = (
        f"INSERT INTO {quote(model._meta.db_table)} ({columns}) VALUES {marks}"  # noqa: S608
        f" ON CONFLICT DO NOTHING RETURNING {quote(by)}, {quote('id')}"
    )
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for row in rows for field in fields]
    with connection.cursor() as cursor:
        cursor.execute(sql, values)
        return dict(cursor.fetchall())
