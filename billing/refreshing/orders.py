"""Purchases made once, written down as our own rows: one order, whatever Stripe objects tell of it.

A row is written only where nothing that was asked later has been written before.
"""

from datetime import datetime
from typing import Any

from billing.models import Connection, InboxEvent, Order, Subscription
from billing.refreshing.snapshots import Snapshot, charge_of_session, product_of_line
from billing.stripe_objects import (
    OVER,
    email_of_session,
    expanded,
    moment,
    one_off_lines_of,
    payment_intents_of,
    required_moment,
    sid,
)

Json = dict[str, Any]

# The money of what is not paid at once comes with one of these, and Stripe's objects do not keep when that was.
MONEY_CAME = ("checkout.session.async_payment_succeeded", "payment_intent.succeeded")
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
    "amount_credited",
    "fully_refunded",
    "disputes",
    "dispute_lost_at",
    "receipt_url",
    "paid_at",
    "fetched_at",
]
# What each of Stripe's objects may leave out, and another one of the same purchase has.
NAMES = [
    "session_id",
    "invoice_id",
    "payment_intent",
    "charge_id",
    "receipt_url",
    "email",
    "name",
    "reference",
    "customer_id",
]


def write_orders(
    snapshot: Snapshot, *, subject: str, connection: Connection, happened_at: datetime, now: datetime
) -> None:
    """Upserts orders from sessions and invoices. One purchase is one order, whichever object tells of it first.

    `happened_at`: when the news was made that led to this look.
    """
    before, rows = order_rows(snapshot, connection=connection, now=now)
    for row in rows:
        known = before.get(row.key)
        if row.state == Order.State.PAID and row.paid_at is None:
            row.paid_at = _when_the_money_came(row, known, subject=subject, happened_at=happened_at)
        row.subject = known.subject if known else subject
    Order.objects.bulk_create(
        rows, update_conflicts=True, unique_fields=["key"], update_fields=ORDER_FIELDS, batch_size=200
    )


def order_rows(snapshot: Snapshot, *, connection: Connection, now: datetime) -> tuple[dict[str, Order], list[Order]]:
    """What is known of the orders in a snapshot, by key, and the rows to write: none where something newer was written.

    They lack their subject, and where Stripe does not say when the money came, `paid_at`.
    """
    found: dict[str, Order] = {}
    for invoice in snapshot.paid_invoices or []:
        order = _order_of_invoice(invoice, snapshot, connection=connection)
        found[order.key] = order
    over = _that_are_over(snapshot)
    for session in snapshot.sessions or []:
        if (from_session := _order_of_session(session, snapshot, connection=connection)) is not None:
            if from_session.state == Order.State.PENDING and sid(session.get("subscription")) in over:
                from_session.state = Order.State.FAILED
            if from_session.key in found:
                _learn(from_session, found[from_session.key])
            found[from_session.key] = from_session
    found = _under_known_keys(found)
    before = {row.key: row for row in Order.objects.filter(key__in=found)}
    rows = []
    for key, order in found.items():
        known = before.get(key)
        if known is not None and known.fetched_at > snapshot.asked_at:
            continue
        _carry_over(order, known, snapshot, now=now)
        order.fetched_at = snapshot.asked_at
        rows.append(order)
    return before, rows


def _that_are_over(snapshot: Snapshot) -> set[str]:
    """The subscriptions of unpaid sessions that nothing is collected for any more, by the newest that we know."""
    unpaid = [session for session in snapshot.sessions or [] if session.get("payment_status") == "unpaid"]
    asked = {subscription for session in unpaid if (subscription := sid(session.get("subscription")))}
    if not asked:
        return set()
    status = dict(Subscription.objects.filter(stripe_id__in=asked).values_list("stripe_id", "status"))
    status |= {sub["id"]: sub["status"] for sub in snapshot.subscriptions or []}
    return {subscription for subscription in asked if status.get(subscription) in OVER}


def _under_known_keys(found: dict[str, Order]) -> dict[str, Order]:
    """A subscription's session names its invoice and not the payment: one purchase keeps the key it came with."""
    invoices = {order.invoice_id for order in found.values() if order.invoice_id}
    known = dict(Order.objects.filter(invoice_id__in=invoices).values_list("invoice_id", "key"))
    settled: dict[str, Order] = {}
    for order in sorted(found.values(), key=lambda order: not order.payment_intent):
        order.key = known.setdefault(order.invoice_id, order.key) if order.invoice_id else order.key
        if order.key in settled:
            _learn(settled[order.key], order)
        settled.setdefault(order.key, order)
    return settled


def _learn(order: Order, other: Order) -> None:
    """From another object of the same purchase, told at the same time."""
    _take_names(order, other)
    if other.state == Order.State.PAID:  # an invoice that was paid in the end, of a session that never was
        order.state = other.state
    order.paid_at = order.paid_at or other.paid_at
    order.amount_credited = max(order.amount_credited, other.amount_credited)


def _take_names(order: Order, other: Order) -> None:
    for name in NAMES:
        setattr(order, name, getattr(order, name) or getattr(other, name))


def given_back(order: Order, *, by_charge: int, is_whole: bool) -> tuple[int, bool]:
    """How much of an order, and whether all of it. `by_charge`, `is_whole`: as the charge says.

    Credit notes may stand for the same money as the charge's refunds, or for money that went another way.
    """
    credited = order.amount_credited
    return max(by_charge, credited), is_whole or bool(credited and credited >= order.amount)


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
        paid_at=_paid_at(session, intent, charge) if state == Order.State.PAID else None,
        created=required_moment(session["created"]),
    )
    _add_charge(order, charge, snapshot)
    return order


def _paid_at(session: Json, intent: Json, charge: Json) -> datetime | None:
    """When it was paid; None where Stripe does not keep it: a debit, a capture by hand, a subscription's cart."""
    if session["payment_status"] == "no_payment_required":
        return moment(session["created"])
    by_card = (charge.get("payment_method_details") or {}).get("type") == "card"
    return moment(charge["created"]) if by_card and intent.get("capture_method") != "manual" else None


def _when_the_money_came(order: Order, known: Order | None, *, subject: str, happened_at: datetime) -> datetime:
    """As Stripe's event says, or the news by which it is paid now and was not; else with the purchase."""
    named = [name for name in (order.session_id, order.payment_intent) if name]
    news = InboxEvent.objects.filter(
        subject=subject, state=InboxEvent.State.PENDING, type__in=MONEY_CAME, payload__data__object__id__in=named
    )
    came = news.order_by("created").values_list("created", flat=True).first()
    was_waiting = known is not None and known.state == Order.State.PENDING
    return came or (happened_at if was_waiting else order.created)


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
        receipt_url=invoice.get("hosted_invoice_url") or "",
        created=required_moment(invoice["created"]),
        amount_credited=invoice.get("post_payment_credit_notes_amount") or 0,
    )
    _add_charge(order, charge, snapshot)
    return order


def _add_charge(order: Order, charge: Json, snapshot: Snapshot) -> None:
    order.receipt_url = charge.get("receipt_url") or order.receipt_url
    order.amount_refunded = charge.get("amount_refunded") or 0
    order.fully_refunded = bool(charge.get("refunded"))
    order.disputes = {found["id"]: found["status"] for found in snapshot.disputes.get(order.charge_id, [])}


def _carry_over(order: Order, known: Order | None, snapshot: Snapshot, *, now: datetime) -> None:
    """What an order learned from another object, or once was, is not forgotten."""
    if known is not None:
        if not order.charge_id:
            # neither a subscription's session nor its invoice names the charge
            order.amount_refunded, order.fully_refunded = known.amount_refunded, known.fully_refunded
        if (order.invoice_id or known.invoice_id) not in {found["id"] for found in snapshot.paid_invoices or []}:
            order.amount_credited = known.amount_credited
        if order.charge_id not in snapshot.disputes:
            order.disputes = known.disputes
        if not order.lines or (known.session_id and not order.session_id):
            order.lines = known.lines
        _take_names(order, known)
        order.dispute_lost_at = known.dispute_lost_at
        if known.state == Order.State.PAID:  # money goes back by refunds and disputes alone
            order.state = known.state
        if order.state == Order.State.PAID:
            order.paid_at = order.paid_at or known.paid_at
    order.amount_refunded, order.fully_refunded = given_back(
        order, by_charge=order.amount_refunded, is_whole=order.fully_refunded
    )
    if "lost" in order.disputes.values():
        order.dispute_lost_at = order.dispute_lost_at or now
