"""A snapshot applied, inside the caller's transaction: rows, people, decisions, grants, activities, attention."""

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from datetime import datetime
from types import MappingProxyType
from typing import Any

from activities import notices
from activities.record import Happening, record
from billing.desk import attention
from billing.desk.forgetting import forget
from billing.intake import references
from billing.intake.inbox import look_again
from billing.models import Connection, Order, StripeCustomer, Subscription
from billing.refreshing import happenings, letters, mirror, projection
from billing.refreshing.doubts import raise_doubts, raise_shut_out
from billing.refreshing.entitling import (
    Entitlement,
    Rules,
    count_from_each_other,
    entitle_orders,
    entitle_subscriptions,
    is_past,
    lock_buyers,
    with_other_purchases,
)
from billing.refreshing.happenings import Teller
from billing.refreshing.look import Decided, Look
from billing.refreshing.orders import write_orders
from billing.refreshing.payers import bind
from billing.refreshing.snapshots import Payment, Snapshot
from billing.rules.policy import Access, is_held
from billing.stripe_objects import expanded, sid, subscription_of_invoice
from hub import grants
from hub.models import Grant, User

Json = dict[str, Any]


def apply_snapshot(snapshot: Snapshot, *, subject: str, connection: Connection, look: Look) -> datetime | None:
    """Makes everything ours agree with the snapshot. Returns when to look at this subject again of ourselves."""
    return apply_snapshots({subject: snapshot}, connection=connection, look=look).get(subject)


def apply_snapshots(snapshots: Mapping[str, Snapshot], *, connection: Connection, look: Look) -> dict[str, datetime]:
    """The same for many subjects, each by its key, in little more statements than one takes.

    What was bought before its product was linked comes in as by an import, whoever brings it.
    Returns when to look at each subject again.
    """
    now = look.now
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
            write_orders(snapshot, subject=subject, connection=connection, happened_at=look.happened_at, now=now)
    attention.settle_missing_among({name for snapshot in found for name in snapshot.names}, now=now)
    references.keep({subject: snapshot.named for subject, snapshot in snapshots.items()})
    mirror.write([seen for snapshot in found for seen in _seen(snapshot)], connection=connection)

    customers = [subject for subject in snapshots if _is_customer(subject)]
    return settle(
        list(Subscription.objects.filter(customer_id__in=customers).order_by("pk")) if customers else [],
        list(Order.objects.filter(subject__in=list(snapshots)).order_by("pk")),
        connection=connection,
        look=look,
        before=before,
        payments=[payment for snapshot in found for payment in snapshot.payments or []],
        references={key: value for snapshot in found for key, value in _references(snapshot).items()},
    )


def settle(
    subscriptions: list[Subscription],
    orders: list[Order],
    *,
    connection: Connection,
    look: Look,
    before: Mapping[str, Subscription],
    payments: Sequence[Payment] = (),
    references: Mapping[str, str] = MappingProxyType({}),
) -> dict[str, datetime]:
    """Decides about what one or many customers bought, and writes what follows. Returns each subject's next deadline.

    `before`: the subscriptions as they were known; `payments`: those that were asked for; `references`: subscription
    id to the `client_reference_id` of the session it was bought in.
    """
    decided, waiting = _bind(subscriptions, orders, connection=connection, look=look, references=references)
    told = list(_what_to_tell(decided, before=before, payments=payments, look=look))
    _write_reasons(decided)
    written = record(told, now=look.now)
    _grant(decided, look=look)
    notices.queue(letters.after_look(decided, written=written, look=look), now=look.now)
    raise_shut_out(written, now=look.now)
    raise_doubts(decided, now=look.now)
    _stay_erased(decided)
    return _next_looks(decided, now=look.now) | waiting


def _bind(
    subscriptions: list[Subscription],
    orders: list[Order],
    *,
    connection: Connection,
    look: Look,
    references: Mapping[str, str],
) -> tuple[Decided, dict[str, datetime]]:
    """What each purchase opens, and whose it is; and the customers whose session has to be seen first."""
    rules = Rules.of(connection, now=look.now)
    found = {
        **entitle_subscriptions(subscriptions, rules=rules, news=look.news),
        **entitle_orders(orders, rules=rules, news=look.news),
    }
    decided = Decided(subscriptions, orders, found, _customers_of([*subscriptions, *orders]))
    waiting = bind(decided, look=look, references=references)
    if count_from_each_other(found):
        # Whose they are decides from when they count, which is read from the rows.
        Order.objects.bulk_update(orders, ["user"], batch_size=200)
        lock_buyers(orders)
        orders = with_other_purchases(orders)
        found = found | entitle_orders(orders, rules=rules, news=look.news)
        decided = replace(decided, orders=orders, found=found)
    return decided, waiting


def _what_to_tell(
    decided: Decided, *, before: Mapping[str, Subscription], payments: Sequence[Payment], look: Look
) -> Iterator[Happening]:
    for row in decided.subscriptions:
        found = decided.opened_by(row)
        products = [ent.link.product for ent in found if ent.decision.reason != "not_on_subscription"]
        if row.user_id and products:
            teller = _teller(row.user_id, found, look=look)
            yield from happenings.of_subscription(row, before.get(row.stripe_id), products=products, teller=teller)
    for order in decided.orders:
        if order.user_id:
            found = decided.opened_by(order)
            teller = _teller(order.user_id, found, look=look)
            yield from happenings.of_order(order, products=[ent.link.product for ent in found], teller=teller)
    owned = {row.stripe_id: row for row in decided.subscriptions if row.user_id}
    for payment in payments:
        paid = sorted(owned.keys() & {subscription_of_invoice(invoice) for invoice in payment.invoices})
        payer = owned[paid[0]] if paid else None
        if payer and payer.user_id and (found := decided.opened_by(payer)):
            teller = _teller(payer.user_id, found, look=look)
            yield from happenings.of_payment(payment, product=found[0].link.product, teller=teller)


def _teller(user_id: int, found: list[Entitlement], *, look: Look) -> Teller:
    return Teller(user_id, look.cause, look.happened_at, imported=look.is_import or is_past(found))


def _write_reasons(decided: Decided) -> None:
    """Whose each purchase is, and the last decision's words: for "why", also where there is no grant. The days for
    which an order opens a product are kept, so that it goes on as it was bought.
    """
    for purchase in decided.purchases:
        purchase.reasons = _reasons(decided.opened_by(purchase))
    for order in decided.orders:
        order.access_days |= {str(ent.link.product_id): ent.days for ent in decided.opened_by(order)}
    Subscription.objects.bulk_update(decided.subscriptions, ["user", "reasons"], batch_size=200)
    Order.objects.bulk_update(decided.orders, ["user", "reasons", "access_days"], batch_size=200)


def _reasons(found: list[Entitlement]) -> Json:
    return {
        str(entitlement.link.product_id): {
            "reason": entitlement.decision.reason,
            "rule": entitlement.decision.rule,
            "until": entitlement.decision.until and entitlement.decision.until.isoformat(),
        }
        for entitlement in found
    }


def _grant(decided: Decided, *, look: Look) -> None:
    wanted = [
        want
        for purchase in decided.purchases
        if purchase.user_id
        for ent in decided.opened_by(purchase)
        if (want := ent.wanted(purchase.user_id, batch=look.batch))
    ]
    grants.apply(wanted, cause=look.cause, now=look.now, actor=look.actor)
    _hold_unsure(decided, look=look)


def _hold_unsure(decided: Decided, *, look: Look) -> None:
    """What no rule can decide stays as it is, past the end that an earlier decision gave it."""
    unsure: dict[str, set[str]] = {}
    for row in decided.subscriptions:
        for entitlement in decided.opened_by(row):
            if entitlement.decision.access is Access.KEEP and is_held(row.missing_since, now=look.now):
                unsure.setdefault(entitlement.decision.reason, set()).add(row.stripe_id)
    for reason, refs in unsure.items():
        kept = Grant.objects.filter(source=Grant.Source.SUBSCRIPTION, source_ref__in=refs, state__in=Grant.OPEN)
        grants.hold(kept, now=look.now, cause=look.cause, reason=reason)


def _stay_erased(decided: Decided) -> None:
    """Stripe goes on telling who they were: of whoever was erased here it is forgotten at once."""
    owners = {purchase.user_id for purchase in decided.purchases if purchase.user_id}
    erased = User.objects.filter(pk__in=owners, erased_at__isnull=False)
    if found := set(erased.values_list("pk", flat=True)):
        forget(found)


def _next_looks(decided: Decided, *, now: datetime) -> dict[str, datetime]:
    """Subject to the first moment at which the clock alone may change something about it."""
    first: dict[str, datetime] = {}
    reviews = (
        (purchase.subject, ent.decision.review_at)
        for purchase in decided.purchases
        for ent in decided.opened_by(purchase)
    )
    for subject, moment in [*reviews, *letters.trials_to_write_about(decided.subscriptions, now=now)]:
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


def _customers_of(purchases: Iterable[Subscription | Order]) -> dict[str, StripeCustomer]:
    ids = {purchase.customer_id for purchase in purchases if purchase.customer_id}
    return {found.stripe_id: found for found in StripeCustomer.objects.filter(stripe_id__in=ids).select_related("user")}


def _references(snapshot: Snapshot) -> dict[str, str]:
    """Subscription id to the `client_reference_id` (perhaps empty) of the session that it was bought in."""
    return {
        sid(session["subscription"]): session.get("client_reference_id") or ""
        for session in snapshot.sessions or []
        if session.get("subscription")
    }
