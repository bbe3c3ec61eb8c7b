"""Snapshots written down as our own rows: subscriptions, orders and customers as Stripe has them now.

Set-based, so that one customer and a page of a hundred cost the same statements. A row is written only where
nothing that was asked later has been written before.
"""

from collections.abc import Iterable
from datetime import datetime
from typing import Any

from billing.facts import (
    email_of_session,
    expanded,
    moment,
    oldest_open_since,
    one_off_lines_of,
    payment_intents_of,
    period_end_of,
    required_moment,
    sid,
    subscription_of_invoice,
    trimmed_subscription,
)
from billing.models import Connection, Order, StripeCustomer, Subscription
from billing.snapshots import Snapshot, charge_of_session, product_of_line

Json = dict[str, Any]

SUBSCRIPTION_FIELDS = [
    "customer_id",
    "status",
    "data",
    "past_due_since",
    "last_paid_invoice",
    "refunded_invoices",
    "disputes",
    "dispute_lost_at",
    "period_end",
    "cancel_at",
    "canceled_at",
    "ended_at",
    "fetched_at",
]
ORDER_FIELDS = [
    "customer_id",
    "session_id",
    "payment_intent",
    "invoice_id",
    "charge_id",
    "email",
    "name",
    "reference",
    "state",
    "lines",
    "amount",
    "currency",
    "amount_refunded",
    "fully_refunded",
    "disputes",
    "dispute_lost_at",
    "paid_at",
    "fetched_at",
]


def write_customers(customers: Iterable[Json], *, connection: Connection, now: datetime) -> None:
    """Upserts who they are at Stripe; whom they stand for is not touched. A deleted one keeps its last address."""
    living = [found for found in customers if not found.get("deleted")]
    StripeCustomer.objects.bulk_create(
        [
            StripeCustomer(
                stripe_id=found["id"],
                connection=connection,
                email=found.get("email") or "",
                name=(found.get("name") or "")[:255],
            )
            for found in living
        ],
        update_conflicts=True,
        unique_fields=["stripe_id"],
        update_fields=["email", "name"],
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
) -> dict[str, Subscription]:
    """Upserts subscriptions. Returns what they were before, by Stripe's id."""
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
        )
        for sub in subscriptions
        if sub["id"] not in before or before[sub["id"]].fetched_at <= asked_at
    ]
    Subscription.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["stripe_id"], update_fields=SUBSCRIPTION_FIELDS, batch_size=200
    )
    return before


def write_payments(snapshot: Snapshot, *, customer: str, now: datetime) -> None:
    """Refunds and disputes of a customer's subscriptions, as their payments have them: a failed refund is undone.

    What was not looked at stays; after a look at all payments nothing else is left.
    """
    if snapshot.payments is None:
        return
    rows = list(Subscription.objects.filter(customer_id=customer))
    for row in rows:
        refunded = set() if snapshot.has_all_payments else set(row.refunded_invoices)
        disputes = {} if snapshot.has_all_payments else dict(row.disputes)
        for payment in snapshot.payments:
            invoices = {found["id"] for found in payment.invoices if subscription_of_invoice(found) == row.stripe_id}
            refunded = refunded | invoices if payment.charge.get("refunded") else refunded - invoices
            if invoices:
                disputes |= {found["id"]: found["status"] for found in payment.disputes}
        row.refunded_invoices, row.disputes = sorted(refunded), disputes
        if "lost" in disputes.values():
            row.dispute_lost_at = row.dispute_lost_at or now
    Subscription.objects.bulk_update(rows, ["refunded_invoices", "disputes", "dispute_lost_at"], batch_size=200)


def write_orders(snapshot: Snapshot, *, subject: str, connection: Connection, now: datetime) -> None:
    """Upserts orders from sessions and invoices. One purchase is one order, whichever object tells of it first."""
    found: dict[str, Order] = {}
    for invoice in snapshot.paid_invoices or []:
        order = _order_of_invoice(invoice, snapshot, connection=connection)
        found[order.key] = order
    for session in snapshot.sessions or []:
        if (from_session := _order_of_session(session, snapshot, connection=connection)) is not None:
            if from_session.key in found:
                from_session.invoice_id = from_session.invoice_id or found[from_session.key].invoice_id
            found[from_session.key] = from_session
    found = _under_known_keys(found)
    before = {row.key: row for row in Order.objects.filter(key__in=found)}
    rows = []
    for key, order in found.items():
        known = before.get(key)
        if known is not None and known.fetched_at > snapshot.asked_at:
            continue
        _carry_over(order, known, snapshot, now=now)
        order.subject, order.fetched_at = known.subject if known else subject, snapshot.asked_at
        rows.append(order)
    Order.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["key"], update_fields=ORDER_FIELDS, batch_size=200
    )


def _under_known_keys(found: dict[str, Order]) -> dict[str, Order]:
    """A subscription's session names its invoice and not the payment: one purchase keeps the key it came with."""
    invoices = {order.invoice_id for order in found.values() if order.invoice_id}
    known = dict(Order.objects.filter(invoice_id__in=invoices).values_list("invoice_id", "key"))
    settled: dict[str, Order] = {}
    for order in sorted(found.values(), key=lambda order: not order.payment_intent):
        order.key = known.setdefault(order.invoice_id, order.key) if order.invoice_id else order.key
        settled.setdefault(order.key, order)
    return settled


def _subscription_row(
    sub: Json,
    *,
    before: Subscription | None,
    open_invoices: list[Json],
    connection: Connection,
    asked_at: datetime,
    now: datetime,
) -> Subscription:
    invoice = expanded(sub.get("latest_invoice")) or {}
    paid = invoice.get("id", "") if invoice.get("status") == "paid" else ""
    return Subscription(
        stripe_id=sub["id"],
        connection=connection,
        customer_id=sid(sub["customer"]),
        status=sub["status"],
        data=trimmed_subscription(sub),
        past_due_since=_past_due_since(sub, before=before, open_invoices=open_invoices, now=now),
        last_paid_invoice=paid or (before.last_paid_invoice if before else ""),
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


def _past_due_since(
    sub: Json, *, before: Subscription | None, open_invoices: list[Json], now: datetime
) -> datetime | None:
    """The oldest open invoice; else the latest one; else when we first saw it so."""
    if sub["status"] != "past_due":
        return None
    invoice = expanded(sub.get("latest_invoice"))
    latest = [invoice] if invoice and invoice.get("status") == "open" else []
    return oldest_open_since(open_invoices or latest) or (before.past_due_since if before else None) or now


def _order_of_session(session: Json, snapshot: Snapshot, *, connection: Connection) -> Order | None:
    """The order in a complete session: all of a payment, and the one-time lines of a subscription."""
    lines = (session.get("line_items") or {}).get("data") or []
    if session.get("status") != "complete":
        return None
    if session.get("mode") != "payment":
        lines = [line for line in lines if (line.get("price") or {}).get("type") == "one_time"]
        if not lines:
            return None
    intent = expanded(session.get("payment_intent")) or {}
    charge = charge_of_session(session) or {}
    details = session.get("customer_details") or {}
    state = _state_of_session(session, intent)
    order = Order(
        key=sid(session.get("payment_intent")) or sid(session.get("invoice")) or session["id"],
        connection=connection,
        customer_id=sid(session.get("customer")),
        session_id=session["id"],
        payment_intent=sid(session.get("payment_intent")),
        invoice_id=sid(session.get("invoice")),
        charge_id=charge.get("id", ""),
        email=email_of_session(session),
        name=(details.get("name") or "")[:255],
        reference=(session.get("client_reference_id") or "")[:255],
        state=state,
        lines=[
            {
                "product": sid((line.get("price") or {}).get("product")),
                "price": sid(line.get("price")),
                "name": line.get("description") or "",
                "quantity": line.get("quantity") or 1,
                "amount": line.get("amount_total") or 0,
            }
            for line in lines
        ],
        amount=session.get("amount_total") or 0,
        currency=session.get("currency") or "",
        paid_at=moment(charge.get("created") or session["created"]) if state == Order.State.PAID else None,
        created=required_moment(session["created"]),
    )
    _add_charge(order, charge, snapshot)
    return order


def _state_of_session(session: Json, intent: Json) -> str:
    """Stripe's rule: fulfil unless unpaid. A session stays unpaid for ever when its payment failed."""
    if session["payment_status"] != "unpaid":
        return Order.State.PAID
    if intent.get("status") == "succeeded":  # captured by hand, later
        return Order.State.PAID
    if intent.get("status") in {"requires_payment_method", "canceled"}:
        return Order.State.FAILED
    return Order.State.PENDING


def _order_of_invoice(invoice: Json, snapshot: Snapshot, *, connection: Connection) -> Order:
    intents = payment_intents_of(invoice)
    intent = snapshot.intents.get(intents[0], {}) if intents else {}
    charge = expanded(intent.get("latest_charge")) or {}
    paid_at = (invoice.get("status_transitions") or {}).get("paid_at") or invoice["created"]
    order = Order(
        key=intents[0] if intents else invoice["id"],
        connection=connection,
        customer_id=sid(invoice.get("customer")),
        payment_intent=intents[0] if intents else "",
        invoice_id=invoice["id"],
        charge_id=charge.get("id", ""),
        email=invoice.get("customer_email") or "",
        name=(invoice.get("customer_name") or "")[:255],
        state=Order.State.PAID,
        lines=[
            {
                "product": product_of_line(line),
                "price": sid(((line.get("pricing") or {}).get("price_details") or {}).get("price")),
                "name": line.get("description") or "",
                "quantity": line.get("quantity") or 1,
                "amount": line.get("amount") or 0,
            }
            for line in one_off_lines_of(invoice)
        ],
        amount=invoice.get("amount_paid") or invoice.get("total") or 0,
        currency=invoice["currency"],
        paid_at=moment(paid_at),
        created=required_moment(invoice["created"]),
    )
    _add_charge(order, charge, snapshot)
    credited = invoice.get("post_payment_credit_notes_amount") or 0
    if credited:
        order.amount_refunded = max(order.amount_refunded, credited)
        order.fully_refunded = order.fully_refunded or credited >= order.amount
    return order


def _add_charge(order: Order, charge: Json, snapshot: Snapshot) -> None:
    order.amount_refunded = charge.get("amount_refunded") or 0
    order.fully_refunded = bool(charge.get("refunded"))
    order.disputes = {found["id"]: found["status"] for found in snapshot.disputes.get(order.charge_id, [])}


def _carry_over(order: Order, known: Order | None, snapshot: Snapshot, *, now: datetime) -> None:
    """What an order learned from another object, or once was, is not forgotten."""
    if known is not None:
        if not order.charge_id:  # neither a subscription's session nor its invoice names the charge
            order.amount_refunded = max(order.amount_refunded, known.amount_refunded)
            order.fully_refunded = order.fully_refunded or known.fully_refunded
        if order.charge_id not in snapshot.disputes:
            order.disputes = known.disputes
        if not order.lines or (known.session_id and not order.session_id):
            order.lines = known.lines
        for name in (
            "session_id",
            "invoice_id",
            "payment_intent",
            "charge_id",
            "email",
            "name",
            "reference",
            "customer_id",
        ):
            setattr(order, name, getattr(order, name) or getattr(known, name))
        order.dispute_lost_at = known.dispute_lost_at
    if "lost" in order.disputes.values():
        order.dispute_lost_at = order.dispute_lost_at or now
