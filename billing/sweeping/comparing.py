"""What Stripe's lists say beside what we know: which objects are news, and which grants are not as they should be.

Everything here reads a page at a time, writes nothing and takes no lock: what it finds is looked at again before
anything is done about it. An object is no news where the policy would decide the same from what we know already.
"""

from collections.abc import Callable, Iterable, Iterator, Mapping
from datetime import datetime
from functools import partial
from typing import Any

import structlog

from billing.models import Connection, Order, Subscription
from billing.refreshing import orders, projection
from billing.refreshing.entitling import Entitlement, Found, Rules, entitle_orders, entitle_subscriptions
from billing.refreshing.snapshots import Snapshot
from billing.rules.facts import order_facts, subscription_facts
from billing.rules.policy import Access
from billing.stripe_objects import expanded, items_of, sid
from hub import grants
from hub.grants import Wanted

log = structlog.get_logger(__name__)
Json = dict[str, Any]
CHUNK = 500


def new_subscriptions(
    page: list[Json], *, open_invoices: Mapping[str, list[Json]], rules: Rules, asked_at: datetime
) -> list[Json]:
    """Those that we know otherwise, and unknown ones that open something."""
    try:
        return _new_subscriptions(page, open_invoices=open_invoices, rules=rules, asked_at=asked_at)
    except Exception:  # each is looked at alone then, so that an odd one holds nobody else up
        log.exception("subscriptions_not_compared")
        return page


def _new_subscriptions(
    page: list[Json], *, open_invoices: Mapping[str, list[Json]], rules: Rules, asked_at: datetime
) -> list[Json]:
    invoices = [invoice for sub in page for invoice in open_invoices.get(sub["id"], [])]
    before, rows = projection.subscription_rows(
        page, open_invoices=invoices, connection=rules.connection, asked_at=asked_at, now=rules.now
    )
    found = entitle_subscriptions(rows, rules=rules)
    news = {
        row.stripe_id
        for row in rows
        if found[row.stripe_id]
        and (_said(row) != _said(before[row.stripe_id]) if row.stripe_id in before else _opens(found[row.stripe_id]))
    }
    return [sub for sub in page if sub["id"] in news]


def new_sessions(page: list[Json], *, rules: Rules, asked_at: datetime) -> list[Json]:
    """Those whose order we know otherwise, and unknown ones that open something."""
    try:
        return _new_sessions(page, rules=rules, asked_at=asked_at)
    except Exception:
        log.exception("sessions_not_compared")
        return page


def _new_sessions(page: list[Json], *, rules: Rules, asked_at: datetime) -> list[Json]:
    before, rows = orders.order_rows(Snapshot(asked_at, sessions=page), connection=rules.connection, now=rules.now)
    for row in rows:
        row.paid_at = row.paid_at or (row.created if row.state == Order.State.PAID else None)
    found = entitle_orders(rows, rules=rules)
    news = {
        row.session_id
        for row in rows
        if found[row.key]
        and (order_facts(row) != order_facts(before[row.key]) if row.key in before else _may_open(found[row.key]))
    }
    return [session for session in page if session["id"] in news]


def newly_refunded(page: list[Json], *, rules: Rules) -> set[str]:
    """Who was refunded otherwise than we know: the subjects to be asked about whole. `page`: with their charges."""
    charges = {charge["id"]: charge for found in page if (charge := expanded(found.get("charge")))}
    paid_with = {order.charge_id: order for order in Order.objects.filter(charge_id__in=charges)}
    found = set()
    others = []
    for key, charge in charges.items():
        if (order := paid_with.get(key)) is None:
            others.append(sid(charge.get("customer")))
        elif (order.amount_refunded, order.fully_refunded) != orders.given_back(
            order, by_charge=charge["amount_refunded"], is_whole=charge["refunded"]
        ):
            found.add(order.subject)
    # Another charge paid a subscription, or an order that never learned which charge paid it.
    unsure = Order.objects.filter(customer_id__in=others, charge_id="").values_list("customer_id", flat=True)
    return found | (set(others) if rules.policies.revoke_after_refund else set(unsure))


def newly_disputed(page: list[Json]) -> set[str]:
    """Whose dispute we know otherwise, or not at all. `page`: with their charges."""
    charges = {dispute["id"]: expanded(dispute.get("charge")) or {} for dispute in page}
    customers = {customer for charge in charges.values() if (customer := sid(charge.get("customer")))}
    ours = list(Order.objects.filter(charge_id__in=[charge["id"] for charge in charges.values() if charge]))
    known: dict[str, str] = {}
    for disputes in Subscription.objects.filter(customer_id__in=customers).values_list("disputes", flat=True):
        known |= disputes
    for order in ours:
        known |= order.disputes
    subjects = {order.charge_id: order.subject for order in ours}
    found = {
        sid(charge.get("customer")) or subjects.get(charge.get("id", "")) or sid(charge.get("payment_intent"))
        for dispute in page
        if known.get(dispute["id"]) != dispute["status"] and (charge := charges[dispute["id"]])
    }
    return found - {""}


def subjects_unlike_their_grants(rules: Rules) -> Iterator[str]:
    """Whose grants are not what follows from what we know: a clock ran out, a row was changed, nobody was found."""
    for subscriptions in _chunks(Subscription, rules.connection):
        subjects = {row.stripe_id: (row.customer_id, row.user_id) for row in subscriptions}
        yield from _unlike(subjects, partial(entitle_subscriptions, subscriptions, rules=rules))
    for bought in _chunks(Order, rules.connection):
        subjects = {row.key: (row.subject, row.user_id) for row in bought}
        yield from _unlike(subjects, partial(entitle_orders, bought, rules=rules))


def _unlike(subjects: Mapping[str, tuple[str, int | None]], entitle: Callable[[], Found]) -> set[str]:
    """`subjects`: subject and person of each subscription or order."""
    try:
        found = entitle()
    except Exception:
        log.exception("grants_not_compared")
        return {subject for subject, _ in subjects.values()}
    unsure: set[str] = set()
    wanted: list[Wanted] = []
    for ref, (subject, user_id) in subjects.items():
        if any(ent.decision.access is Access.KEEP for ent in found[ref]) or (user_id is None and _opens(found[ref])):
            unsure.add(subject)
        elif user_id is not None:
            wanted += [want for ent in found[ref] if (want := ent.wanted(user_id))]
    return unsure | {subjects[want.source_ref][0] for want in grants.unlike(wanted)}


def _said(row: Subscription) -> tuple[Any, ...]:
    """What access, lists and sums are made of."""
    prices = [(sid(item.get("price")), item.get("quantity")) for item in items_of(row.data)]
    discounts = sorted(sid(discount) for discount in row.data.get("discounts") or [])
    return subscription_facts(row), row.customer_id, prices, discounts


def _opens(found: Iterable[Entitlement]) -> bool:
    return any(ent.opens for ent in found)


def _may_open(found: Iterable[Entitlement]) -> bool:
    """An unknown purchase for a number of days may count from the end of another one."""
    return any(ent.opens or ent.days for ent in found)


def _chunks(model: Any, connection: Connection) -> Iterator[list[Any]]:
    """Every row, some hundred at a time; no cursor stays open, so that none is held for as long as the pass takes."""
    after = 0
    while rows := list(model.objects.filter(connection=connection, pk__gt=after).order_by("pk")[:CHUNK]):
        yield rows
        after = rows[-1].pk
