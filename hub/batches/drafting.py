"""A draft: whom a batch is for, before anybody says what is to happen."""

from collections.abc import Iterable, Iterator, Sequence
from datetime import datetime, timedelta
from itertools import islice

from django.db import connection, transaction
from django.db.models import QuerySet

from hub.batches.reading import Line
from hub.models import Batch, BatchRow, Product, User

CHUNK = 2000
DRAFTS_LIVE = timedelta(days=1)
LINES_LIVE = timedelta(days=35)
Deed, Rows = Batch.Deed, BatchRow.State


@transaction.atomic
def draft_for(people: QuerySet[User], *, deed: str, about: str, actor: User, now: datetime) -> Batch:
    """For everybody that the query finds now: who comes later is not among them."""
    batch = _draft(deed, about=about, actor=actor, now=now)
    _fill(batch, people)
    return batch


@transaction.atomic
def draft_from(
    lines: Iterable[Line],
    *,
    about: str,
    products: Sequence[Product],
    reason: str,
    writes: bool,
    actor: User,
    now: datetime,
) -> Batch:
    """People to be added: those lines that cannot be are kept with what is wrong. `products` are for all of them."""
    batch = _draft(Deed.ADD, about=about, actor=actor, now=now)
    batch.reason, batch.writes = reason, writes
    batch.save(update_fields=["reason", "writes"])
    for_all = [product.pk for product in products]
    _keep(
        BatchRow(
            batch=batch,
            state=Rows.FAILED if line.problem else Rows.WAITING,
            line=line.number,
            email=line.email[:320],
            person_name=line.name[:320],
            products=sorted({*for_all, *line.products}),
            words=line.problem,
        )
        for line in lines
    )
    return batch


def discard(batch: Batch) -> None:
    """A draft that nobody wants."""
    Batch.objects.filter(pk=batch.pk, state=Batch.State.DRAFT).delete()


def forget_old(*, now: datetime) -> None:
    """Drafts that were left lying, and what a file said of people who could not be added."""
    Batch.objects.filter(state=Batch.State.DRAFT, created_at__lt=now - DRAFTS_LIVE).delete()
    BatchRow.objects.filter(state=Rows.FAILED, batch__created_at__lt=now - LINES_LIVE).delete()


def _draft(deed: str, *, about: str, actor: User, now: datetime) -> Batch:
    """Beside others of theirs, which may be open on another page. What is left lying goes by `forget_old`."""
    return Batch.objects.create(deed=deed, about=about[:240], made_by=actor, created_at=now)


def _fill(batch: Batch, people: QuerySet[User]) -> None:
    """A row for each, by the database itself: a hundred thousand are made while somebody waits. As a new row is."""
    chosen, given = people.order_by("pk").values_list("id").query.sql_with_params()
    row, quote = BatchRow(batch=batch), connection.ops.quote_name
    alike = [field for field in BatchRow._meta.concrete_fields if not field.primary_key and field.name != "user"]
    columns = ", ".join(quote(str(field.column)) for field in alike)
    marks = ", ".join(["%s"] * len(alike))
    # Only our own table and column names are put into the text.
    sql = (
        f"INSERT INTO {quote(BatchRow._meta.db_table)} (user_id, {columns})"  # noqa: S608
        f" SELECT chosen.id, {marks} FROM ({chosen}) AS chosen"
    )
    values = [field.get_db_prep_save(field.pre_save(row, add=True), connection) for field in alike]
    with connection.cursor() as cursor:
        cursor.execute(sql, [*values, *given])


def _keep(rows: Iterator[BatchRow]) -> None:
    while chunk := list(islice(rows, CHUNK)):
        BatchRow.objects.bulk_create(chunk)
