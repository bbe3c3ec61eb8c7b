"""Stripe listed by pages of a hundred: cheaper than fetching as soon as many customers are to be looked at."""

from collections.abc import Iterator, Set
from typing import Any

from billing.facts import expanded, sid, subscription_of_invoice
from billing.gateway import Gateway

Json = dict[str, Any]


def subscription_pages(gateway: Gateway) -> Iterator[list[Json]]:
    """Every subscription of the account, ended ones too, newest first."""
    after, more = "", True
    while more:
        page, more = gateway.subscription_page(after=after)
        if page:
            after = page[-1]["id"]
            yield page


def session_pages(gateway: Gateway) -> Iterator[list[Json]]:
    """Every complete Checkout Session of the account, newest first."""
    after, more = "", True
    while more:
        page, more = gateway.session_page(after=after)
        if page:
            after = page[-1]["id"]
            yield page


def subscriptions_by_customer(gateway: Gateway) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for page in subscription_pages(gateway):
        for customer, subs in by_customer(page).items():
            found.setdefault(customer, []).extend(subs)
    return found


def sessions_by_subject(gateway: Gateway) -> dict[str, list[Json]]:
    """Complete sessions by their subject."""
    found: dict[str, list[Json]] = {}
    for page in session_pages(gateway):
        for session in page:
            found.setdefault(subject_of_session(session), []).append(session)
    return found


def subject_of_session(session: Json) -> str:
    """Its customer; a guest's payment intent, or itself where nothing was to pay."""
    return sid(session.get("customer")) or sid(session.get("payment_intent")) or str(session["id"])


def open_invoices_by_subscription(gateway: Gateway) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for invoice in gateway.open_invoices():
        found.setdefault(subscription_of_invoice(invoice), []).append(invoice)
    return found


def refunded_or_disputed(gateway: Gateway) -> set[str]:
    """The customers one of whose charges was ever refunded, wholly, in part or in vain, or disputed."""
    charges = [expanded(found.get("charge")) or {} for found in [*gateway.refunds(), *gateway.disputes()]]
    return {customer for charge in charges if (customer := sid(charge.get("customer")))}


def billed_once(gateway: Gateway, *, linked: Set[str]) -> set[str]:
    """The customers who were billed for a linked product by an invoice item: far fewer than there are invoices."""
    return {
        sid(item.get("customer"))
        for item in gateway.billed_invoice_items()
        if sid(((item.get("pricing") or {}).get("price_details") or {}).get("product")) in linked
        and not item.get("proration")
    }


def by_customer(subscriptions: list[Json]) -> dict[str, list[Json]]:
    grouped: dict[str, list[Json]] = {}
    for sub in subscriptions:
        grouped.setdefault(sid(sub["customer"]), []).append(sub)
    return grouped
