"""Snapshots written down as our own rows: subscriptions, orders and customers as Stripe has them now.

Set-based, so that one customer and a page of a hundred cost the same statements. A row is written only where
nothing that was asked later has been written before.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from types import MappingProxyType
from typing import Any

from billing.insight.recurring import write_lines
from billing.models import Connection, StripeCustomer, Subscription
from billing.refreshing.snapshots import Payment, Snapshot
from billing.stripe_objects import (
    due_since,
    expanded,
    has_card,
    is_paid,
    moment,
    period_end_of,
    required_moment,
    sid,
    subscription_of_invoice,
    trimmed_subscription,
)
from hub.addresses import usable_address

Json = dict[str, Any]

SUBSCRIPTION_FIELDS = [
    "customer_id",
    "status",
    "data",
    "past_due_since",
    "late_invoice",
    "last_paid_invoice",
    "last_paid_at",
    "refunded_invoices",
    "disputes",
    "dispute_lost_at",
    "period_end",
    "cancel_at",
    "canceled_at",
    "ended_at",
    "missing_since",
    "fetched_at",
]


def address_of(customer: Json) -> str:
    """As we compare addresses; as it stands at Stripe where it is none that an account can have."""
    return usable_address(customer.get("email")) or (customer.get("email") or "")[:512]


def write_customers(customers: Iterable[Json], *, connection: Connection, now: datetime) -> None:
    """Upserts who they are at Stripe; whom they stand for is not touched. A deleted one keeps its last address."""
    living = [found for found in customers if not found.get("deleted")]
    StripeCustomer.objects.bulk_create(
        [
            StripeCustomer(
                stripe_id=found["id"],
                connection=connection,
                email=address_of(found),
                name=(found.get("name") or "")[:255],
                has_card=has_card(found),
            )
            for found in living
        ],
        update_conflicts=True,
        unique_fields=["stripe_id"],
        update_fields=["email", "name", "has_card"],
    )
    gone = [found["id"] for found in customers if found.get("deleted")]
    StripeCustomer.objects.filter(stripe_id__in=gone, deleted_at__isnull=True).update(deleted_at=now)


def write_subscriptions(
    subscriptions: list[Json],
    *,
    open_invoices: list[Json] | None,
    connection: Connection,
    asked_at: datetime,
    now: datetime,
    paid_before: Mapping[str, Json] = MappingProxyType({}),
) -> dict[str, Subscription]:
    """Upserts subscriptions. Returns what they were before, by Stripe's id.

    `paid_before`: a paid invoice of those whose newest one is not paid, where it was asked for.
    """
    before, rows = subscription_rows(
        subscriptions,
        open_invoices=open_invoices,
        connection=connection,
        asked_at=asked_at,
        now=now,
        paid_before=paid_before,
    )
    Subscription.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["stripe_id"], update_fields=SUBSCRIPTION_FIELDS, batch_size=200
    )
    write_lines(rows, now=now)
    return before


def subscription_rows(
    subscriptions: list[Json],
    *,
    open_invoices: list[Json] | None,
    connection: Connection,
    asked_at: datetime,
    now: datetime,
    paid_before: Mapping[str, Json] = MappingProxyType({}),
) -> tuple[dict[str, Subscription], list[Subscription]]:
    """What is known of them, by Stripe's id, and the rows to write: none where something newer was written."""
    ids = [sub["id"] for sub in subscriptions]
    before = {row.stripe_id: row for row in Subscription.objects.filter(stripe_id__in=ids)}
    open_by_subscription: dict[str, list[Json]] = {}
    for invoice in open_invoices or []:
        open_by_subscription.setdefault(subscription_of_invoice(invoice), []).append(invoice)
    rows = [
        _subscription_row(
            sub,
            before=before.get(sub["id"]),
            open_invoices=open_by_subscription.get(sub["id"], []),
            connection=connection,
            asked_at=asked_at,
            now=now,
            paid_before=paid_before.get(sub["id"]),
        )
        for sub in subscriptions
        if sub["id"] not in before or before[sub["id"]].fetched_at <= asked_at
    ]
    return before, rows


def mark_missing(subscriptions: Iterable[str], *, asked_at: datetime, now: datetime) -> None:
    """Stripe does not know these. Whatever it knows of later is written without the mark."""
    rows = Subscription.objects.filter(stripe_id__in=list(subscriptions), fetched_at__lte=asked_at)
    rows.filter(missing_since__isnull=True).update(missing_since=now)


def write_payments(snapshot: Snapshot, *, customer: str, now: datetime) -> bool:
    """Refunds and disputes of a customer's subscriptions, as their payments have them: a failed refund is undone.

    What was not looked at stays; after a look at all payments nothing else is left. Where payments were asked for
    later than these, only disputes that are unknown yet are added: returns whether that is so, and another look due.
    """
    if snapshot.payments is None:
        return False
    rows = list(Subscription.objects.filter(customer_id=customer))
    newer = [row for row in rows if row.payments_fetched_at and row.payments_fetched_at > snapshot.asked_at]
    for row in rows:
        if row in newer:
            row.disputes = _disputes_of(row, snapshot.payments) | row.disputes
        else:
            _write_payments(row, snapshot)
        if "lost" in row.disputes.values():
            row.dispute_lost_at = row.dispute_lost_at or now
    written = ["refunded_invoices", "disputes", "dispute_lost_at", "payments_fetched_at"]
    Subscription.objects.bulk_update(rows, written, batch_size=200)
    return bool(newer)


def _write_payments(row: Subscription, snapshot: Snapshot) -> None:
    refunded = set() if snapshot.has_all_payments else set(row.refunded_invoices)
    for payment in snapshot.payments or []:
        invoices = _invoices_of(row, payment)
        given_back = {found["id"] for found in payment.invoices if _is_given_back(found, payment.charge)}
        refunded = (refunded - invoices) | (invoices & given_back)
    before = {} if snapshot.has_all_payments else row.disputes
    row.disputes = before | _disputes_of(row, snapshot.payments or [])
    row.refunded_invoices, row.payments_fetched_at = sorted(refunded), snapshot.asked_at


def _disputes_of(row: Subscription, payments: Iterable[Payment]) -> dict[str, str]:
    """Dispute to status, of the payments that were this subscription's."""
    mine = (payment for payment in payments if _invoices_of(row, payment))
    return {found["id"]: found["status"] for payment in mine for found in payment.disputes}


def _invoices_of(row: Subscription, payment: Payment) -> set[str]:
    return {found["id"] for found in payment.invoices if subscription_of_invoice(found) == row.stripe_id}


def _is_given_back(invoice: Json, charge: Json) -> bool:
    """By a refund, or by credit notes for all that was paid."""
    credited = invoice.get("post_payment_credit_notes_amount") or 0
    return bool(charge.get("refunded")) or credited >= (invoice.get("amount_paid") or 0) > 0


def _subscription_row(
    sub: Json,
    *,
    before: Subscription | None,
    open_invoices: list[Json],
    connection: Connection,
    asked_at: datetime,
    now: datetime,
    paid_before: Json | None,
) -> Subscription:
    last_paid_invoice, last_paid_at = _last_paid(sub, before=before, paid_before=paid_before)
    late = _late_invoice(sub, before=before, open_invoices=open_invoices, last_paid_at=last_paid_at)
    return Subscription(
        stripe_id=sub["id"],
        connection=connection,
        customer_id=sid(sub["customer"]),
        status=sub["status"],
        data=trimmed_subscription(sub),
        past_due_since=_past_due_since(sub, late, before=before, now=now),
        late_invoice={name: late[name] for name in ("id", "created", "amount_due", "currency")} if late else {},
        last_paid_invoice=last_paid_invoice,
        last_paid_at=last_paid_at,
        refunded_invoices=before.refunded_invoices if before else [],
        disputes=before.disputes if before else {},
        dispute_lost_at=before.dispute_lost_at if before else None,
        period_end=period_end_of(sub),
        cancel_at=moment(sub.get("cancel_at")),
        canceled_at=moment(sub.get("canceled_at")),
        ended_at=moment(sub.get("ended_at")),
        created=required_moment(sub["created"]),
        fetched_at=asked_at,
    )


def _last_paid(sub: Json, *, before: Subscription | None, paid_before: Json | None) -> tuple[str, datetime | None]:
    """The newest paid invoice and when it was made: the latest one, else the one that we knew or asked for."""
    invoice = expanded(sub.get("latest_invoice"))
    paid = invoice if invoice and is_paid(invoice, sub=sub) else None
    if paid is None and before is not None and before.last_paid_invoice:
        return before.last_paid_invoice, before.last_paid_at
    paid = paid or paid_before
    return (paid["id"], required_moment(paid["created"])) if paid else ("", None)


def _late_invoice(
    sub: Json, *, before: Subscription | None, open_invoices: list[Json], last_paid_at: datetime | None
) -> Json | None:
    """The oldest open invoice since the last paid one, else the latest one if it is open; of what was given up for it,
    the one that was late then.

    One that was never paid, before others that were, took nobody's access: it begins no days of grace.
    """
    if sub["status"] in {"unpaid", "canceled"}:
        return before.late_invoice if before and before.late_invoice else None
    if sub["status"] != "past_due":
        return None
    since = [row for row in open_invoices if last_paid_at is None or required_moment(row["created"]) > last_paid_at]
    invoice = expanded(sub.get("latest_invoice"))
    latest = [invoice] if invoice and invoice.get("status") == "open" else []
    return min(since or latest, key=due_since, default=None)


def _past_due_since(sub: Json, late: Json | None, *, before: Subscription | None, now: datetime) -> datetime | None:
    """Since the late invoice became due; else since we first saw it so."""
    if sub["status"] != "past_due":
        return None
    return due_since(late) if late else (before.past_due_since if before else None) or now
