"""Stripe's lists into an import's rows: the cursor moves with each page, so that a dead reader's successor goes on.

One row for each customer or guest's payment that bought something linked. Nothing is written but the import itself.
"""

from collections.abc import Iterable
from dataclasses import asdict
from datetime import datetime
from itertools import islice
from typing import Any

from django.db import transaction

from activities import clock
from billing.errors import StripeMissing
from billing.gateway import Gateway, gateway_for
from billing.importing.turns import Interrupted, Note, unnoted
from billing.intake.event_types import EVERYTHING
from billing.models import ImportBatch, ImportRow
from billing.refreshing.deciding_links import links_of
from billing.refreshing.earlier_payments import unknown_among
from billing.refreshing.snapshots import Ask, Payment, Snapshot, charge_of_session, fetch_customer, fetch_guest
from billing.stripe_objects import expanded, products_of, sid
from billing.sweeping import listing

Json = dict[str, Any]
AT_ONCE = 500
SUBSCRIPTIONS, INVOICES, SESSIONS, WHOLE, ALL_READ = "subscriptions", "invoices", "sessions", "whole", "all_read"


def read(batch: ImportBatch, *, note: Note = unnoted) -> None:
    """Reads on to the end of the lists. Raises billing.errors, and goes on from there when it is called again."""
    gateway = gateway_for(batch.connection)
    linked = frozenset(links_of(batch.connection))
    while batch.step == SUBSCRIPTIONS:
        page, more = gateway.subscription_page(after=batch.after)
        bought = {
            key: [sub for sub in subs if linked & set(products_of(sub))]
            for key, subs in listing.by_customer(page).items()
        }
        _keep(batch, bought, kind="subscriptions", page=page, then="" if more else INVOICES)
        note(done=batch.seen)
    if batch.step == INVOICES:
        _read_open_invoices(batch, gateway)
    while batch.step == SESSIONS:
        page, more = gateway.session_page(after=batch.after)
        _keep(batch, _sessions(batch, page, linked=linked), kind="sessions", page=page, then="" if more else WHOLE)
        note(done=batch.seen)
    if batch.step == WHOLE:
        _read_whole(batch, gateway, linked=linked, note=note)


def snapshot_of(row: ImportRow, *, asked_at: datetime) -> Snapshot:
    said = dict(row.snapshot)
    payments, missing = said.pop("payments", None), frozenset(said.pop("missing", ()))
    payments = None if payments is None else [Payment(**payment) for payment in payments]
    return Snapshot(asked_at, payments=payments, missing=missing, **said)


def _sessions(batch: ImportBatch, page: list[Json], *, linked: frozenset[str]) -> dict[str, list[Json]]:
    """Those that sold something linked; a subscription's too where it has a row, for the reference that it carries.

    Of those that are not wanted only the reference is kept.
    """
    keys = {id(session): listing.subject_of_session(session) for session in page}
    known = set(batch.rows.filter(subject__in=keys.values()).values_list("subject", flat=True))
    found: dict[str, list[Json]] = {}
    for session in page:
        key = keys[id(session)]
        if batch.takes_orders and linked & _sold(session, in_subscriptions=batch.takes_subscriptions):
            found.setdefault(key, []).append(session)
        elif session.get("subscription") and key in known:
            found.setdefault(key, []).append(session if batch.takes_orders else _reference_alone(session))
    return found


def _sold(session: Json, *, in_subscriptions: bool) -> set[str]:
    lines = (session.get("line_items") or {}).get("data") or []
    prices = [line.get("price") or {} for line in lines]
    return {sid(price.get("product")) for price in prices if in_subscriptions or price.get("type") == "one_time"}


def _reference_alone(session: Json) -> Json:
    return {name: session.get(name) for name in ("id", "subscription", "client_reference_id", "status", "mode")}


@transaction.atomic
def _keep(batch: ImportBatch, bought: dict[str, list[Json]], *, kind: str, page: list[Json], then: str) -> None:
    """A page's purchases into the rows, and the cursor past it: both or neither, and no page twice."""
    here = ImportBatch.objects.filter(pk=batch.pk, step=batch.step, after=batch.after)
    batch.seen += len(page)
    batch.step, batch.after = (then, "") if then else (batch.step, page[-1]["id"])
    if not here.update(seen=batch.seen, step=batch.step, after=batch.after):
        raise Interrupted  # somebody else reads it, or it was thrown away
    rows = {row.subject: row for row in batch.rows.filter(subject__in=list(bought))}
    for subject, objects in bought.items():
        if not objects:
            continue
        row = rows.setdefault(subject, ImportRow(batch=batch, subject=subject))
        row.snapshot[kind] = row.snapshot.get(kind, []) + objects
        if kind == "subscriptions" and (customer := expanded(objects[0].get("customer"))):
            row.snapshot["customer"] = customer
    _save(rows.values())


def _read_open_invoices(batch: ImportBatch, gateway: Gateway) -> None:
    """They date the days of grace: nobody past due, nothing to ask."""
    late = [row for row in batch.rows.iterator(chunk_size=500) if _is_late(row)]
    by_subscription = listing.open_invoices_by_subscription(gateway) if late else {}
    for row in late:
        row.snapshot["open_invoices"] = [
            invoice for sub in row.snapshot["subscriptions"] for invoice in by_subscription.get(sub["id"], [])
        ]
    with transaction.atomic():
        _save(late)
        batch.step = SESSIONS
        batch.save(update_fields=["step"])


def _is_late(row: ImportRow) -> bool:
    return any(sub["status"] == "past_due" for sub in row.snapshot.get("subscriptions", []))


def _read_whole(batch: ImportBatch, gateway: Gateway, *, linked: frozenset[str], note: Note) -> None:
    """Whom no list says it all of: refunded, disputed, billed for a linked product by an invoice, or paid before an
    invoice that is open.
    """
    billed = listing.billed_once(gateway, linked=linked) if batch.takes_orders else set()
    refunded = listing.refunded_or_disputed(gateway)
    unsure = _who_may_have_paid_before(batch)
    known = {row.subject: row for row in batch.rows.filter(subject__in=billed | refunded | unsure)}
    for subject in sorted(billed | unsure | (refunded & known.keys())):
        row = known.get(subject) or ImportRow(batch=batch, subject=subject)
        if not row.is_whole:
            _fetch(row, gateway, linked=linked)
            note(done=batch.seen)
    for row in batch.rows.exclude(subject__startswith="cus_").filter(is_whole=False).iterator(chunk_size=500):
        if any((charge_of_session(session) or {}).get("disputed") for session in row.snapshot.get("sessions", [])):
            _fetch(row, gateway, linked=linked)
            note(done=batch.seen)
    batch.step = ALL_READ
    batch.save(update_fields=["step"])


def _who_may_have_paid_before(batch: ImportBatch) -> set[str]:
    said = batch.rows.filter(is_whole=False).values_list("snapshot", flat=True).iterator(chunk_size=AT_ONCE)
    found: set[str] = set()
    while some := list(islice(said, AT_ONCE)):
        subscriptions = [sub for snapshot in some for sub in snapshot.get("subscriptions") or []]
        late = [invoice for snapshot in some for invoice in snapshot.get("open_invoices") or []]
        unknown = unknown_among(subscriptions, open_invoices=late, now=clock.now())
        found |= {sid(sub["customer"]) for sub in subscriptions if sub["id"] in unknown}
    return found


def _fetch(row: ImportRow, gateway: Gateway, *, linked: frozenset[str]) -> None:
    """Replaces what the lists said, but for subscriptions that only they still name: a deleted customer's."""
    asked_at = row.batch.asked_at
    try:
        if row.subject.startswith("cus_"):
            snapshot = fetch_customer(gateway, row.subject, ask=Ask(EVERYTHING), linked=linked, asked_at=asked_at)
        else:
            snapshot, _ = fetch_guest(gateway, row.subject, asked_at=asked_at)
    except StripeMissing as error:
        row.error = str(error)
    else:
        said = asdict(snapshot)
        del said["asked_at"]
        said["missing"] = sorted(snapshot.missing)
        said["subscriptions"] = said["subscriptions"] or row.snapshot.get("subscriptions")
        said["customer"] = said["customer"] or row.snapshot.get("customer")
        row.snapshot = _wanted_of(said, batch=row.batch)
    row.is_whole = True
    row.save()


def _wanted_of(said: Json, *, batch: ImportBatch) -> Json:
    """What was fetched, without what this import leaves out."""
    if not batch.takes_subscriptions:
        said = said | {"subscriptions": None, "open_invoices": None}
    if not batch.takes_orders:
        references = [_reference_alone(session) for session in said["sessions"] or [] if session.get("subscription")]
        said = said | {"sessions": references, "paid_invoices": None}
    return said


def _save(rows: Iterable[ImportRow]) -> None:
    new: list[ImportRow] = []
    known: list[ImportRow] = []
    for row in rows:
        (new if row.pk is None else known).append(row)
    ImportRow.objects.bulk_create(new, batch_size=100)
    ImportRow.objects.bulk_update(known, ["snapshot"], batch_size=100)
