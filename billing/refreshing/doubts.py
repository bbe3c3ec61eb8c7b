"""What no rule can settle, found among rows that were just decided, is put before a person, once."""

from collections.abc import Iterable
from datetime import datetime

from activities.models import Activity
from activities.money import format_money
from billing.desk import attention
from billing.models import Order, StripeCustomer, Subscription
from billing.refreshing.charged import look_for_charged
from billing.refreshing.entitling import Entitlement
from billing.refreshing.former_addresses import look_for_former_addresses
from billing.refreshing.look import Decided
from billing.refreshing.twice import look_for_doubles
from billing.rules.facts import order_facts
from billing.rules.policy import refund_needs_a_person
from hub.addresses import usable_address
from hub.models import Grant, User

Verb = Activity.Verb
PAID = frozenset({Verb.PRODUCT_PURCHASED, Verb.SUBSCRIPTION_STARTED, Verb.SUBSCRIPTION_RENEWED, Verb.PAYMENT_RECOVERED})


def raise_doubts(decided: Decided, *, now: datetime) -> None:
    """Grants are up to date by now. What is no doubt any more is settled."""
    opening = [purchase for purchase in decided.purchases if any(ent.opens for ent in decided.opened_by(purchase))]
    for purchase in opening:
        if purchase.user_id is None:
            attention.raise_unmatched(purchase.ref, subject=purchase.subject, now=now)
    unknown = {row.ref: row for row in decided.subscriptions if _is_unknown(decided.opened_by(row))}
    for row in unknown.values():
        attention.raise_unknown_status(row, now=now)
    for order in decided.orders:
        if decided.opened_by(order) and refund_needs_a_person(order_facts(order)):
            attention.raise_partial_refund(order, now=now)
        if order.state == Order.State.PAID and any(not line["product"] for line in order.lines):
            attention.raise_no_product(order, now=now)
    attention.settle_unknown_status([row.ref for row in decided.subscriptions if row.ref not in unknown], now=now)
    _ask_about_missing(decided.subscriptions, now=now)
    if decided.subscriptions:
        look_for_charged(decided, now=now)
    attention.settle_unmatched([purchase.ref for purchase in decided.purchases if purchase.user_id], now=now)
    people = {purchase.user_id for purchase in decided.purchases if purchase.user_id and decided.opened_by(purchase)}
    if people:
        look_for_doubles(people, now=now)
        opened = {purchase.subject: purchase.user_id for purchase in opening}
        look_for_former_addresses(opened, customers=decided.customers, now=now)
    _raise_conflicts(decided.customers.values(), now=now)


def raise_shut_out(written: Iterable[Activity], *, now: datetime) -> None:
    """What was just told of a payment by somebody who is deactivated or erased: they pay, and nothing opens."""
    paid = [activity for activity in written if activity.verb in PAID and not activity.imported]
    payers = {activity.user_id for activity in paid if activity.user_id}
    shut = User.objects.filter(pk__in=payers, is_active=False).in_bulk() if paid else {}
    for activity in paid:
        if person := shut.get(activity.user_id or 0):
            told = activity.details
            about = {name: told[name] for name in ("order", "subscription") if told.get(name)}
            amount = told.get("amount")
            words = told.get("price_text", "") if amount is None else format_money(amount, told.get("currency", ""))
            ref = told.get("invoice") or next(iter(about.values()), activity.key)
            attention.raise_shut_out(ref, about=about, paid=words, person=person, now=now)


def _ask_about_missing(rows: list[Subscription], *, now: datetime) -> None:
    """What Stripe does not know and is open by us; what it knows again is no question."""
    attention.settle_missing([row.stripe_id for row in rows if row.missing_since is None], now=now)
    missing = {row.stripe_id: row for row in rows if row.missing_since is not None}
    bought = Grant.objects.filter(source=Grant.Source.SUBSCRIPTION, state__in=Grant.OPEN, source_ref__in=missing)
    for ref in sorted(set(bought.values_list("source_ref", flat=True))) if missing else []:
        attention.raise_missing(ref, user=missing[ref].user, now=now)


def _is_unknown(found: list[Entitlement]) -> bool:
    return any(ent.decision.reason == "unknown_status" for ent in found)


def _raise_conflicts(customers: Iterable[StripeCustomer], *, now: datetime) -> None:
    """An address at Stripe that is not its person's moves nothing; somebody may decide."""
    differing = [
        (address, found, person)
        for found in customers
        if (person := found.user) and not person.erased_at
        if (address := usable_address(found.email)) and address != person.email
    ]
    if not differing:
        return
    others = {other.email: other for other in User.objects.filter(email__in=[address for address, *_ in differing])}
    for address, customer, person in differing:
        if address in others and not attention.was_moved(customer, to=person):
            attention.raise_conflict(customer, other=others[address], now=now)
        elif address not in others and _may_be_mistyped(customer, person):
            attention.raise_mistyped(customer, bought_with=person, now=now)


def _may_be_mistyped(customer: StripeCustomer, person: User) -> bool:
    """Found by an address that was typed, and nobody ever came in with it. What staff decided is no doubt."""
    if customer.bound_by != StripeCustomer.Binding.EMAIL or person.last_seen is not None:
        return False
    return not person.activities.filter(verb=Activity.Verb.ADDRESS_CHANGED).exists()
