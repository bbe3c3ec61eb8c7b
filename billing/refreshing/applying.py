"""A snapshot applied, inside the caller's transaction: rows, people, decisions, grants, activities, attention."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from datetime import datetime
from types import MappingProxyType
from typing import Any

from activities import notices
from activities.record import Happening, record
from billing.desk import attention
from billing.desk.forgetting import forget
from billing.intake.inbox import look_again
from billing.models import Connection, Order, StripeCustomer, Subscription
from billing.refreshing import happenings, letters, mirror, projection
from billing.refreshing.doubts import raise_doubts, raise_shut_out
from billing.refreshing.entitling import (
    Entitlement,
    Found,
    Rules,
    entitle_orders,
    entitle_subscriptions,
    is_past,
    with_other_purchases,
)
from billing.refreshing.happenings import Teller
from billing.refreshing.orders import write_orders
from billing.refreshing.payers import bind
from billing.refreshing.snapshots import Payment, Snapshot
from billing.rules.policy import Access, is_held
from billing.stripe_objects import expanded, sid, subscription_of_invoice
from hub import grants
from hub.grants import Wanted
from hub.models import Grant, User

Json = dict[str, Any]


def apply_snapshot(
    snapshot: Snapshot,
    *,
    subject: str,
    connection: Connection,
    cause: str,
    happened_at: datetime,
    now: datetime,
) -> datetime | None:
    """Makes everything ours agree with the snapshot. Returns when to look at this subject again of ourselves."""
    deadlines = apply_snapshots(
        {subject: snapshot}, connection=connection, cause=cause, happened_at=happened_at, now=now
    )
    return deadlines.get(subject)


def apply_snapshots(
    snapshots: Mapping[str, Snapshot],
    *,
    connection: Connection,
    cause: str,
    happened_at: datetime,
    now: datetime,
    batch: str = "",
) -> dict[str, datetime]:
    """The same for many subjects, each by its key, in little more statements than one takes.

    `batch` names the import that brings them: its grants carry it, what it tells is marked imported, and no e-mail
    is queued. So it is with what was bought before its product was linked, whoever brings it.
    Returns when to look at each subject again.
    """
    _write_customers(snapshots, connection=connection, now=now)
    found = list(snapshots.values())
    before = projection.write_subscriptions(
        [sub for snapshot in found for sub in snapshot.subscriptions or []],
        open_invoices=[invoice for snapshot in found for invoice in snapshot.open_invoices or []],
        connection=connection,
        asked_at=min(snapshot.asked_at for snapshot in found),
        now=now,
        paid_before={key: invoice for snapshot in found for key, invoice in snapshot.paid_before.items()},
    )
    for subject, snapshot in snapshots.items():
        projection.mark_missing(snapshot.missing, asked_at=snapshot.asked_at, now=now)
        if projection.write_payments(snapshot, customer=subject, now=now):
            look_again(subject)
        if snapshot.sessions or snapshot.paid_invoices:
            write_orders(snapshot, subject=subject, connection=connection, happened_at=happened_at, now=now)
    attention.settle_missing_among({name for snapshot in found for name in snapshot.names}, now=now)
    mirror.write([seen for snapshot in found for seen in _seen(snapshot)], connection=connection)

    customers = [subject for subject in snapshots if _is_customer(subject)]
    return settle(
        list(Subscription.objects.filter(customer_id__in=customers)) if customers else [],
        list(Order.objects.filter(subject__in=list(snapshots))),
        connection=connection,
        before=before,
        payments=[payment for snapshot in found for payment in snapshot.payments or []],
        references={key: value for snapshot in found for key, value in _references(snapshot).items()},
        cause=cause,
        happened_at=happened_at,
        now=now,
        batch=batch,
    )


def settle(
    rows: list[Subscription],
    orders: list[Order],
    *,
    connection: Connection,
    cause: str,
    happened_at: datetime,
    now: datetime,
    before: dict[str, Subscription],
    payments: Sequence[Payment] = (),
    references: Mapping[str, str] = MappingProxyType({}),
    batch: str = "",
    actor: User | None = None,
) -> dict[str, datetime]:
    """Decides about rows of one or many customers, and writes what follows. Returns each subject's next deadline.

    `actor`: the person whose decision leads to it, for the ledger.
    """
    rules = Rules.of(connection, now=now)
    by_subscription = entitle_subscriptions(rows, rules=rules, happened_at=happened_at)
    by_order = entitle_orders(orders, rules=rules, happened_at=happened_at)
    customers = _customers_of(rows, orders)
    waiting = bind(
        rows,
        orders,
        by_subscription,
        by_order,
        customers=customers,
        references=references,
        cause=cause,
        now=now,
        imported=bool(batch),
    )
    if any(entitlement.days for found in by_order.values() for entitlement in found):
        Order.objects.bulk_update(orders, ["user"], batch_size=200)
        orders = with_other_purchases(orders)
        by_order = entitle_orders(orders, rules=rules, happened_at=happened_at)

    telling: Json = {"cause": cause, "happened_at": happened_at, "imported": bool(batch)}
    told = [
        *_subscriptions_told(rows, by_subscription, before=before, **telling),
        *_orders_told(orders, by_order, **telling),
        *_payments_told(payments, rows, by_subscription, **telling),
    ]
    _write_reasons(rows, orders, by_subscription, by_order)
    written = record(told, now=now)
    grants.apply(_wanted(rows, orders, by_subscription, by_order, batch=batch), cause=cause, now=now, actor=actor)
    _hold_unsure(rows, by_subscription, cause=cause, now=now)
    notices.queue(
        [
            *letters.on_payments(written, by_subscription),
            *letters.on_waiting(orders, by_order, imported=bool(batch)),
            *letters.on_trials(rows, by_subscription, customers=customers, imported=bool(batch), now=now),
        ],
        now=now,
    )
    raise_shut_out(written, now=now)
    raise_doubts(rows, orders, by_subscription, by_order, customers=customers, now=now)
    _stay_erased(rows, orders)
    decided = [(row.customer_id, by_subscription[row.stripe_id]) for row in rows]
    decided += [(order.subject, by_order[order.key]) for order in orders]
    reviews = ((subject, ent.decision.review_at) for subject, found in decided for ent in found)
    return _earliest([*reviews, *letters.trials_to_write_about(rows, now=now)]) | waiting


def _stay_erased(rows: list[Subscription], orders: list[Order]) -> None:
    """Stripe goes on telling who they were: of whoever was erased here it is forgotten at once."""
    owners = {row.user_id for row in rows if row.user_id} | {order.user_id for order in orders if order.user_id}
    erased = User.objects.filter(pk__in=owners, erased_at__isnull=False)
    if found := set(erased.values_list("pk", flat=True)):
        forget(found)


def _earliest(deadlines: Iterable[tuple[str, datetime | None]]) -> dict[str, datetime]:
    """Subject to the first moment at which the clock alone may change something about it."""
    first: dict[str, datetime] = {}
    for subject, moment in deadlines:
        if moment is not None:
            first[subject] = min(moment, first.get(subject, moment))
    return first


def _is_customer(subject: str) -> bool:
    return subject.startswith("cus_")


def _write_customers(snapshots: Mapping[str, Snapshot], *, connection: Connection, now: datetime) -> None:
    """Those that were fetched as they are; the others by their id, until they are."""
    fetched = [snapshot.customer for snapshot in snapshots.values() if snapshot.customer is not None]
    if fetched:
        projection.write_customers(fetched, connection=connection, now=now)
    others = [key for key, snapshot in snapshots.items() if _is_customer(key) and snapshot.customer is None]
    StripeCustomer.objects.bulk_create(
        [StripeCustomer(stripe_id=key, connection=connection) for key in others], ignore_conflicts=True
    )


def _seen(snapshot: Snapshot) -> list[Json]:
    """What goes into the mirror that staff browse."""
    seen: list[Json] = [snapshot.customer] if snapshot.customer else []
    for sub in snapshot.subscriptions or []:
        seen += [sub, *([found] if (found := expanded(sub.get("latest_invoice"))) else [])]
    return seen + (snapshot.paid_invoices or []) + (snapshot.open_invoices or [])


def _customers_of(rows: Iterable[Subscription], orders: Iterable[Order]) -> dict[str, StripeCustomer]:
    ids = {row.customer_id for row in rows} | {order.customer_id for order in orders if order.customer_id}
    return {found.stripe_id: found for found in StripeCustomer.objects.filter(stripe_id__in=ids).select_related("user")}


def _references(snapshot: Snapshot) -> dict[str, str]:
    """Subscription id to the `client_reference_id` (perhaps empty) of the session that it was bought in."""
    return {
        sid(session["subscription"]): session.get("client_reference_id") or ""
        for session in snapshot.sessions or []
        if session.get("subscription")
    }


def _write_reasons(rows: list[Subscription], orders: list[Order], by_subscription: Found, by_order: Found) -> None:
    """Whose each row is, and the last decision's words: for "why", also where there is no grant. The days for which
    an order opens a product are kept, so that it goes on as it was bought.
    """
    for row in rows:
        row.reasons = _reasons(by_subscription[row.stripe_id])
    for order in orders:
        order.reasons = _reasons(by_order[order.key])
        order.access_days |= {str(ent.link.product_id): ent.days for ent in by_order[order.key]}
    Subscription.objects.bulk_update(rows, ["user", "reasons"], batch_size=200)
    Order.objects.bulk_update(orders, ["user", "reasons", "access_days"], batch_size=200)


def _wanted(
    rows: list[Subscription], orders: list[Order], by_subscription: Found, by_order: Found, *, batch: str
) -> list[Wanted]:
    owned = [
        *((row.user_id, by_subscription[row.stripe_id]) for row in rows),
        *((order.user_id, by_order[order.key]) for order in orders),
    ]
    return [
        wanted for user_id, found in owned if user_id for ent in found if (wanted := ent.wanted(user_id, batch=batch))
    ]


def _subscriptions_told(
    rows: list[Subscription],
    by_subscription: Found,
    *,
    before: Mapping[str, Subscription],
    cause: str,
    happened_at: datetime,
    imported: bool,
) -> Iterator[Happening]:
    for row in rows:
        found = by_subscription[row.stripe_id]
        products = [ent.link.product for ent in found if ent.decision.reason != "not_on_subscription"]
        if row.user_id and products:
            teller = Teller(row.user_id, cause, happened_at, imported=imported or is_past(found))
            yield from happenings.of_subscription(row, before.get(row.stripe_id), products=products, teller=teller)


def _orders_told(
    orders: list[Order], by_order: Found, *, cause: str, happened_at: datetime, imported: bool
) -> Iterator[Happening]:
    for order in orders:
        if order.user_id:
            found = by_order[order.key]
            teller = Teller(order.user_id, cause, happened_at, imported=imported or is_past(found))
            yield from happenings.of_order(order, products=[ent.link.product for ent in found], teller=teller)


def _hold_unsure(rows: list[Subscription], by_subscription: Found, *, cause: str, now: datetime) -> None:
    """What no rule can decide stays as it is, past the end that an earlier decision gave it."""
    unsure: dict[str, set[str]] = {}
    for row in rows:
        for entitlement in by_subscription[row.stripe_id]:
            if entitlement.decision.access is Access.KEEP and is_held(row.missing_since, now=now):
                unsure.setdefault(entitlement.decision.reason, set()).add(row.stripe_id)
    for reason, refs in unsure.items():
        kept = Grant.objects.filter(source=Grant.Source.SUBSCRIPTION, source_ref__in=refs, state__in=Grant.OPEN)
        grants.hold(kept, now=now, cause=cause, reason=reason)


def _reasons(found: list[Entitlement]) -> Json:
    return {
        str(entitlement.link.product_id): {
            "reason": entitlement.decision.reason,
            "rule": entitlement.decision.rule,
            "until": entitlement.decision.until and entitlement.decision.until.isoformat(),
        }
        for entitlement in found
    }


def _payments_told(
    payments: Sequence[Payment],
    rows: list[Subscription],
    by_subscription: Found,
    *,
    cause: str,
    happened_at: datetime,
    imported: bool,
) -> Iterator[Happening]:
    by_id = {row.stripe_id: row for row in rows}
    for payment in payments:
        subscriptions = {subscription_of_invoice(invoice) for invoice in payment.invoices}
        row = next((by_id[key] for key in sorted(subscriptions) if key in by_id and by_id[key].user_id), None)
        if row and row.user_id and (found := by_subscription[row.stripe_id]):
            teller = Teller(row.user_id, cause, happened_at, imported=imported or is_past(found))
            yield from happenings.of_payment(payment, product=found[0].link.product, teller=teller)
