"""Stripe listed by pages of a hundred: cheaper than fetching as soon as many customers are to be looked at."""

from collections.abc import Iterator
from typing import Any

from billing.facts import sid, subscription_of_invoice
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


def open_invoices_by_subscription(gateway: Gateway) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for invoice in gateway.open_invoices():
        found.setdefault(subscription_of_invoice(invoice), []).append(invoice)
    return found


def disputes_by_charge(gateway: Gateway) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for dispute in gateway.disputes():
        found.setdefault(sid(dispute["charge"]), []).append(dispute)
    return found


def by_customer(subscriptions: list[Json]) -> dict[str, list[Json]]:
    grouped: dict[str, list[Json]] = {}
    for sub in subscriptions:
        grouped.setdefault(sid(sub["customer"]), []).append(sub)
    return grouped
