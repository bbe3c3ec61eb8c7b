"""What an import would bring: its rows applied by the function that applies everything, read, and taken back.

Dates are no part of an outcome, so that a plan made in the morning is the same plan in the evening.
"""

import json
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime
from hashlib import sha256
from typing import Any, TypedDict

import structlog
from django.db import transaction

from activities.marks import Mark, rehearsed
from activities.models import Activity, Delivery
from billing.importing.reading import snapshot_of
from billing.importing.totals import totals_of
from billing.importing.turns import Note, unnoted
from billing.importing.welcoming import key_prefix, welcome
from billing.models import Attention, ImportBatch, ImportRow, Order, StripeCustomer, Subscription
from billing.refreshing import identity
from billing.refreshing.applying import apply_snapshots
from billing.refreshing.look import Look
from billing.stripe_objects import email_of_session, expanded
from hub.addresses import usable_address
from hub.models import Ledger, User

log = structlog.get_logger(__name__)
CHUNK = 100
State, Verdict = ImportRow.State, ImportRow.Verdict
SETTLED = {Verdict.SKIP.value: State.SKIPPED, Verdict.ERROR.value: State.FAILED}


class Outcome(TypedDict):
    """What one row brings. `people`, `new`, `letters`: addresses; `grants`: [address, product, ref, from, to, reason].

    Whoever gets a letter gets one for all that the import opens: it stands on the first of their rows.
    """

    people: list[str]
    new: list[str]
    grants: list[list[str]]
    doubts: list[str]
    reasons: list[str]
    letters: list[str]


def plan(batch: ImportBatch, *, now: datetime, note: Note = unnoted) -> None:
    """Rehearses every row and keeps what came of it. Writes nothing else."""
    _name_people(batch)
    keep(batch, rehearse(batch, now=now, note=note))


def rehearse(batch: ImportBatch, *, now: datetime, note: Note = unnoted) -> list[ImportRow]:
    """The rows with what would come of them now; not saved, and without what Stripe said."""
    rows: list[ImportRow] = []
    total = batch.rows.count()
    note(done=0, total=total)
    for chunk in chunks(batch):
        for row, outcome in _rehearse(batch, chunk, now=now):
            row.planned, row.verdict = outcome or {}, _verdict(row, outcome)
            row.state = SETTLED.get(row.verdict, State.WAITING)
            row.snapshot = {}
            rows.append(row)
        note(done=len(rows), total=total)
    return rows


@transaction.atomic
def keep(batch: ImportBatch, rows: list[ImportRow], *, changed: Sequence[str] = ()) -> None:
    """Makes this the plan, unless somebody has begun to carry out the last one. `changed`: what differs from that."""
    unbegun = [ImportBatch.State.READING, ImportBatch.State.PLANNED, ImportBatch.State.CHECKING]
    if not ImportBatch.objects.select_for_update().filter(pk=batch.pk, state__in=unbegun).exists():
        return
    ImportRow.objects.bulk_update(rows, ["planned", "verdict", "state", "error"], batch_size=CHUNK)
    batch.fingerprint, batch.state = fingerprint_of(batch, rows), ImportBatch.State.PLANNED
    batch.totals, batch.changed, batch.stopped_at = totals_of(rows), list(changed), None
    batch.save(update_fields=["fingerprint", "state", "totals", "changed", "stopped_at"])


def fingerprint_of(batch: ImportBatch, rows: list[ImportRow]) -> str:
    said = sorted((row.subject, row.verdict, json.dumps(row.planned, sort_keys=True)) for row in rows)
    return sha256(f"{batch.pk} {json.dumps(said)}".encode()).hexdigest()


def chunks(batch: ImportBatch, **where: str) -> Iterator[list[ImportRow]]:
    """Some hundred rows at a time, never one person's in two."""
    keys = list(batch.rows.filter(**where).order_by("who", "pk").values_list("pk", "who"))
    start = 0
    while start < len(keys):
        end = start + CHUNK
        while end < len(keys) and keys[end][1] == keys[end - 1][1]:
            end += 1
        yield list(batch.rows.filter(pk__in=[pk for pk, _ in keys[start:end]], **where).order_by("who", "pk"))
        start = end


def by_person(rows: list[ImportRow]) -> list[list[ImportRow]]:
    grouped: dict[str, list[ImportRow]] = {}
    for row in rows:
        grouped.setdefault(row.who, []).append(row)
    return list(grouped.values())


def bring(
    batch: ImportBatch, rows: list[ImportRow], *, now: datetime
) -> tuple[dict[str, Outcome], dict[str, datetime]]:
    """Applies the rows inside the caller's transaction. Returns by subject what came of each and its next deadline."""
    mark = Mark(Activity, Attention, Delivery, Ledger)
    deadlines = apply_snapshots(
        {row.subject: snapshot_of(row, asked_at=batch.asked_at) for row in rows},
        connection=batch.connection,
        look=Look(batch.name, now=now, batch=batch.name),
    )
    told = mark.newer(Activity).filter(cause=batch.name, verb=Activity.Verb.ACCESS_GRANTED, product__isnull=False)
    brought = mark.newer(Ledger).filter(batch=batch.name)
    welcome(batch, told.select_related("user", "product").order_by("product__position", "pk"), brought=brought, now=now)
    return _outcomes(batch, [row.subject for row in rows], mark=mark), deadlines


def _rehearse(batch: ImportBatch, rows: list[ImportRow], *, now: datetime) -> list[tuple[ImportRow, Outcome | None]]:
    """Each row with its outcome; None, and the row's error, where it cannot be applied. One such spoils no other."""
    try:
        with rehearsed():
            found, _ = bring(batch, rows, now=now)
    except Exception as error:
        people = by_person(rows)
        if len(people) > 1:
            return [pair for mine in people for pair in _rehearse(batch, mine, now=now)]
        log.exception("import_row_cannot_be_applied", subject=rows[0].subject)
        for row in rows:
            row.error = f"{type(error).__name__}: {error}"[:500]
        return [(row, None) for row in rows]
    return [(row, found[row.subject]) for row in rows]


def _outcomes(batch: ImportBatch, subjects: list[str], *, mark: Mark) -> dict[str, Outcome]:
    found = {subject: Outcome(people=[], new=[], grants=[], doubts=[], reasons=[], letters=[]) for subject in subjects}
    bought: list[tuple[str, str, User | None, Any]] = [
        (row.stripe_id, row.customer_id, row.user, row.reasons)
        for row in Subscription.objects.filter(customer_id__in=subjects).select_related("user").order_by("pk")
    ]
    bought += [
        (row.key, row.subject, row.user, row.reasons)
        for row in Order.objects.filter(subject__in=subjects).select_related("user").order_by("pk")
    ]
    added = mark.newer(Activity).filter(cause=batch.name, verb=Activity.Verb.MEMBER_ADDED)
    new = set(added.values_list("user", flat=True))
    subject_of = {subject: subject for subject in subjects}
    for ref, subject, user, reasons in bought:
        subject_of[ref] = subject
        found[subject]["reasons"] += [reason["reason"] for reason in reasons.values()]
        if user is not None:
            found[subject]["people"].append(user.email)
            found[subject]["new"] += [user.email] if user.pk in new else []
    changed = mark.newer(Ledger).filter(batch=batch.name).select_related("grant__user", "grant__product")
    for line in changed:
        grant = line.grant
        if mine := subject_of.get(grant.source_ref):
            words = [grant.user.email, grant.product.slug, grant.source_ref]
            found[mine]["grants"].append([*words, line.from_state, line.to_state, line.reason])
    written = mark.newer(Delivery).filter(key__startswith=key_prefix(batch))
    for address in written.values_list("user__email", flat=True):
        theirs = [subject for subject, said in found.items() if any(grant[0] == address for grant in said["grants"])]
        found[min(theirs or found)]["letters"].append(address)
    for doubt in mark.newer(Attention).filter(subject__in=subject_of):
        found[subject_of[doubt.subject]]["doubts"].append(doubt.kind)
    return {subject: _sorted(outcome) for subject, outcome in found.items()}


def _sorted(outcome: Outcome) -> Outcome:
    return Outcome(
        people=sorted(set(outcome["people"])),
        new=sorted(set(outcome["new"])),
        grants=sorted(outcome["grants"]),
        doubts=sorted(outcome["doubts"]),
        reasons=sorted(set(outcome["reasons"])),
        letters=sorted(outcome["letters"]),
    )


def _verdict(row: ImportRow, outcome: Outcome | None) -> str:
    if outcome is None or row.error:
        return Verdict.ERROR
    if outcome["doubts"]:
        return Verdict.DOUBT
    if outcome["new"]:
        return Verdict.CREATE
    return Verdict.MATCH if outcome["grants"] else Verdict.SKIP


def _name_people(batch: ImportBatch) -> None:
    """Says on each row whose it seems to be, so that what one person bought twice is decided at once.

    Only an order of work: whose a row really is says `billing.refreshing.applying`, and it is compared again when
    it is applied.
    """
    rows = list(batch.rows.filter(state=State.READ))
    bound = dict(
        StripeCustomer.objects.filter(stripe_id__in=[row.subject for row in rows], user__isnull=False).values_list(
            "stripe_id", "user__email"
        )
    )
    named = identity.users_of_references({reference for row in rows for reference in _references(row)})
    for row in rows:
        row.who = bound.get(row.subject) or _address(row, named=named) or row.subject
    ImportRow.objects.bulk_update(rows, ["who"], batch_size=500)


def _references(row: ImportRow) -> list[str]:
    sessions = row.snapshot.get("sessions") or []
    return [reference for session in sessions if (reference := session.get("client_reference_id"))]


def _address(row: ImportRow, *, named: Mapping[str, User]) -> str:
    """The first usable address, of the person that a reference names before any other."""
    if user := next((named[reference] for reference in _references(row) if reference in named), None):
        return user.email
    sessions = row.snapshot.get("sessions") or []
    given = [(row.snapshot.get("customer") or {}).get("email") or ""]
    given += [
        (expanded(sub.get("latest_invoice")) or {}).get("customer_email") or ""
        for sub in row.snapshot.get("subscriptions") or []
    ]
    given += [email_of_session(session) for session in sessions]
    given += [invoice.get("customer_email") or "" for invoice in row.snapshot.get("paid_invoices") or []]
    return next((address for email in given if (address := usable_address(email))), "")
