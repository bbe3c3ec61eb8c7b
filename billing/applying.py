"""A snapshot applied, inside the caller's transaction: rows, people, decisions, grants, activities, attention."""

from collections.abc import Iterable, Mapping, Sequence
from datetime import datetime, timedelta
from types import MappingProxyType
from typing import Any

from django.conf import settings
from django.db.models import Q

from activities import notices
from activities.models import Activity
from activities.record import Happening, record
from billing import attention, happenings, identity, mirror, policies, projection
from billing.connection import REFERENCE_KEY, SITE_KEY
from billing.entitling import Entitlement, entitle_orders, entitle_subscriptions, links_of, with_other_purchases
from billing.facts import expanded, order_facts, sid, subscription_of_invoice
from billing.happenings import Teller
from billing.models import Connection, Order, StripeCustomer, Subscription
from billing.policy import Access, refund_needs_a_person
from billing.snapshots import Payment, Snapshot
from billing.twice import look_for_doubles
from hub import grants
from hub.grants import Wanted
from hub.models import Grant, User

Json = dict[str, Any]
SESSION_SOON = timedelta(seconds=10)
SESSION_LATE = timedelta(minutes=2)


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
    is queued. Returns when to look at each subject again.
    """
    _write_customers(snapshots, connection=connection, now=now)
    found = list(snapshots.values())
    before, _ = projection.write_subscriptions(
        [sub for snapshot in found for sub in snapshot.subscriptions or []],
        open_invoices=[invoice for snapshot in found for invoice in snapshot.open_invoices or []],
        connection=connection,
        asked_at=min(snapshot.asked_at for snapshot in found),
        now=now,
    )
    for subject, snapshot in snapshots.items():
        projection.write_payments(snapshot, customer=subject, now=now)
        if snapshot.sessions or snapshot.paid_invoices:
            projection.write_orders(snapshot, subject=subject, connection=connection, now=now)
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
) -> dict[str, datetime]:
    """Decides about rows of one or many customers, and writes what follows. Returns each subject's next deadline."""
    links, knobs = links_of(connection), policies.load()
    how: dict[str, Any] = {"links": links, "policies": knobs, "now": now, "happened_at": happened_at}
    by_subscription = entitle_subscriptions(rows, **how)
    by_order = entitle_orders(orders, **how)
    customers = _customers_of(rows, orders)
    waiting = _bind_people(
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
    if any(link.product.access_days for link in links.values()):
        Order.objects.bulk_update(orders, ["user"], batch_size=200)
        orders = with_other_purchases(orders)
        by_order = entitle_orders(orders, **how)

    wanted: list[Wanted] = []
    told: list[Happening] = []
    for row in rows:
        found = by_subscription[row.stripe_id]
        row.reasons = _reasons(found)
        if row.user_id is None:
            continue
        wanted += _wanted(found, row.user_id)
        teller = Teller(row.user_id, cause, happened_at, imported=bool(batch))
        products = [
            entitlement.link.product for entitlement in found if entitlement.decision.reason != "not_on_subscription"
        ]
        if products:
            told += happenings.of_subscription(row, before.get(row.stripe_id), products=products, teller=teller)
    for order in orders:
        found = by_order[order.key]
        order.reasons = _reasons(found)
        if order.user_id is None:
            continue
        wanted += _wanted(found, order.user_id)
        products = [entitlement.link.product for entitlement in found]
        teller = Teller(order.user_id, cause, happened_at, imported=bool(batch))
        told += happenings.of_order(order, products=products, teller=teller)
    told += _payments_told(payments, rows, by_subscription, cause=cause, happened_at=happened_at, imported=bool(batch))
    Subscription.objects.bulk_update(rows, ["user", "reasons"], batch_size=200)
    Order.objects.bulk_update(orders, ["user", "reasons"], batch_size=200)
    written = record(told, now=now)
    grants.apply(wanted, cause=cause, now=now, batch=batch, notify=not batch)
    _hold_unknown(by_subscription, cause=cause, now=now)
    if not batch:
        notices.queue(_payment_mails(written, by_subscription), now=now)
    _raise_attention(rows, orders, by_subscription, by_order, customers=customers, now=now)
    decided = [(row.customer_id, by_subscription[row.stripe_id]) for row in rows]
    return _deadlines([*decided, *((order.subject, by_order[order.key]) for order in orders)]) | waiting


def _deadlines(decided: list[tuple[str, list[Entitlement]]]) -> dict[str, datetime]:
    """Subject to the first moment at which the clock alone may change one of its decisions."""
    first: dict[str, datetime] = {}
    for subject, found in decided:
        for entitlement in found:
            if review_at := entitlement.decision.review_at:
                first[subject] = min(review_at, first.get(subject, review_at))
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


def _bind_people(
    rows: list[Subscription],
    orders: list[Order],
    by_subscription: dict[str, list[Entitlement]],
    by_order: dict[str, list[Entitlement]],
    *,
    customers: dict[str, StripeCustomer],
    references: Mapping[str, str],
    cause: str,
    now: datetime,
    imported: bool,
) -> dict[str, datetime]:
    """Finds whose each row is. Nobody is made for products that are not ours, nor before there is access to give.

    Returns the customers whose session has to be seen first, and when to look again.
    """
    waiting: dict[str, datetime] = {}
    for order in orders:
        found = by_order[order.key]
        if order.user_id is None and found:
            customer = customers.get(order.customer_id)
            payer = identity.find_payer(customer=customer, reference=order.reference, email=order.email)
            if payer is None and (order.state == Order.State.PENDING or any(ent.opens for ent in found)):
                at = order.paid_at or order.created
                payer = identity.make_payer(
                    email=order.email, name=order.name, at=at, cause=cause, now=now, imported=imported
                )
            if payer is not None:
                order.user = payer.user
                _bind(customer, payer, address=order.email)
    for row in rows:
        customer = customers.get(row.customer_id)
        found = by_subscription[row.stripe_id]
        if row.user_id is not None or not found or customer is None:
            continue
        if customer.user_id is None and _session_is_coming(row, references, now=now):
            waiting[row.customer_id] = now + SESSION_SOON
            continue
        email = customer.email or (expanded(row.data.get("latest_invoice")) or {}).get("customer_email") or ""
        ours = (row.data.get("metadata") or {}).get(REFERENCE_KEY, "")  # only our key writes there
        reference = ours or references.get(row.stripe_id, "")
        payer = identity.find_payer(customer=customer, reference=reference, email=email)
        if payer is None and any(ent.opens for ent in found):
            payer = identity.make_payer(
                email=email, name=customer.name, at=row.created, cause=cause, now=now, imported=imported
            )
        if payer is not None:
            row.user = payer.user
            _bind(customer, payer, address=email, is_our_session=bool(ours))
    return waiting


def _session_is_coming(row: Subscription, references: Mapping[str, str], *, now: datetime) -> bool:
    """Bought on a payment link of ours a moment ago: its session may name a signed-in buyer, and is not seen yet."""
    ours = (row.data.get("metadata") or {}).get(SITE_KEY) == settings.SITE_URL
    return ours and row.stripe_id not in references and now - row.created < SESSION_LATE


def _references(snapshot: Snapshot) -> dict[str, str]:
    """Subscription id to the `client_reference_id` (perhaps empty) of the session that it was bought in."""
    return {
        sid(session["subscription"]): session.get("client_reference_id") or ""
        for session in snapshot.sessions or []
        if session.get("subscription")
    }


def _bind(
    customer: StripeCustomer | None, payer: identity.Payer, *, address: str, is_our_session: bool = False
) -> None:
    """The first binding of a Stripe customer stays, whatever its address becomes."""
    if customer is not None and customer.user_id is None:
        customer.user = payer.user
        customer.bound_by = identity.binding_of(payer, address=customer.email or address, is_our_session=is_our_session)
        customer.save(update_fields=["user", "bound_by"])


def _wanted(found: list[Entitlement], user_id: int) -> list[Wanted]:
    return [wanted for entitlement in found if (wanted := entitlement.wanted(user_id))]


def _hold_unknown(by_subscription: dict[str, list[Entitlement]], *, cause: str, now: datetime) -> None:
    """What no rule can decide stays as it is, past the end that an earlier decision gave it."""
    unknown = {
        entitlement.source_ref
        for found in by_subscription.values()
        for entitlement in found
        if entitlement.decision.access is Access.KEEP
    }
    if unknown:
        kept = Grant.objects.filter(source=Grant.Source.SUBSCRIPTION, source_ref__in=unknown, state__in=Grant.OPEN)
        grants.hold(kept, now=now, cause=cause, reason="unknown_status")


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
    by_subscription: dict[str, list[Entitlement]],
    *,
    cause: str,
    happened_at: datetime,
    imported: bool,
) -> list[Happening]:
    told: list[Happening] = []
    by_id = {row.stripe_id: row for row in rows}
    for payment in payments:
        subscriptions = {subscription_of_invoice(invoice) for invoice in payment.invoices}
        row = next((by_id[key] for key in sorted(subscriptions) if key in by_id and by_id[key].user_id), None)
        if row is None or row.user_id is None or not (found := by_subscription[row.stripe_id]):
            continue
        teller = Teller(row.user_id, cause, happened_at, imported=imported)
        told += happenings.of_payment(payment, product=found[0].link.product, teller=teller)
    return told


def _payment_mails(written: list[Activity], by_subscription: dict[str, list[Entitlement]]) -> list[notices.Notice]:
    """One e-mail for each invoice that failed, while access goes on: what happened, until when, what to do."""
    mails = []
    for activity in written:
        subscription = activity.details.get("subscription")
        found = by_subscription.get(subscription or "", [])
        kept = next((ent.decision for ent in found if ent.decision.reason == "past_due_grace"), None)
        if (
            activity.verb != Activity.Verb.PAYMENT_FAILED
            or kept is None
            or not activity.user_id
            or not activity.product_id
        ):
            continue
        mails.append(
            notices.payment_failed(
                key=f"payment_failed:{activity.details['invoice']}",
                user_id=activity.user_id,
                product_id=activity.product_id,
                keep_until=kept.until,
                amount=activity.details.get("amount"),
                currency=activity.details.get("currency", ""),
                activity=activity,
            )
        )
    return mails


def _raise_attention(
    rows: list[Subscription],
    orders: list[Order],
    by_subscription: dict[str, list[Entitlement]],
    by_order: dict[str, list[Entitlement]],
    *,
    customers: dict[str, StripeCustomer],
    now: datetime,
) -> None:
    """What no rule can settle waits for a person, once."""
    for row in rows:
        found = by_subscription[row.stripe_id]
        if found and row.user_id is None and any(ent.opens for ent in found):
            attention.raise_unmatched(row.stripe_id, subject=row.customer_id, now=now)
        if any(ent.decision.reason == "unknown_status" for ent in found):
            attention.raise_unknown_status(row, now=now)
    for order in orders:
        found = by_order[order.key]
        if found and order.user_id is None and any(ent.opens for ent in found):
            attention.raise_unmatched(order.key, subject=order.subject, now=now)
        if found and refund_needs_a_person(order_facts(order)):
            attention.raise_partial_refund(order, now=now)
        if order.state == Order.State.PAID and any(not line["product"] for line in order.lines):
            attention.raise_no_product(order, now=now)
    attention.settle_unmatched(
        [*(row.stripe_id for row in rows if row.user_id), *(o.key for o in orders if o.user_id)], now=now
    )
    people = {row.user_id for row in rows if row.user_id and by_subscription[row.stripe_id]}
    people |= {order.user_id for order in orders if order.user_id and by_order[order.key]}
    if people:
        look_for_doubles(people, now=now)
    _raise_conflicts(customers.values(), now=now)


def _raise_conflicts(customers: Iterable[StripeCustomer], *, now: datetime) -> None:
    """An address at Stripe that belongs to another member moves nothing; a person may decide."""
    bound = {identity.usable_address(found.email): found for found in customers if found.user_id and found.email}
    others = User.objects.filter(Q(email__in=bound)) if bound else []
    for other in others:
        customer = bound[other.email]
        if customer.user_id != other.pk:
            attention.raise_conflict(customer, other=other, now=now)
