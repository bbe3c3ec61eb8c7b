"""Stripe listed by pages of a hundred: cheaper than fetching as soon as many customers are to be looked at."""

from collections.abc import Iterable, Iterator, Mapping, Set
from typing import Any

from billing.gateway import Gateway
from billing.stripe_objects import expanded, sid, subscription_of_invoice

Json = dict[str, Any]
DATED = (
    "id",
    "status",
    "parent",
    "subscription",
    "due_date",
    "status_transitions",
    "created",
    "amount_due",
    "currency",
)


def subscription_pages(gateway: Gateway, *, created: Mapping[str, int] | None = None) -> Iterator[list[Json]]:
    """Subscriptions of the account, ended ones too, newest first; of a time alone: `created`, "gte" and "lte"."""
    after, more = "", True
    while more:
        page, more = gateway.subscription_page(after=after, created=created)
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


def subject_of_session(session: Json) -> str:
    """Its customer; a guest's payment intent, or itself where nothing was to pay."""
    return sid(session.get("customer")) or sid(session.get("payment_intent")) or str(session["id"])


def open_invoices_by_subscription(gateway: Gateway) -> dict[str, list[Json]]:
    """The account's open invoices, cut to what dates the days of grace."""
    return gather_open_invoices(gateway.open_invoice_pages())


def gather_open_invoices(pages: Iterable[list[Json]]) -> dict[str, list[Json]]:
    found: dict[str, list[Json]] = {}
    for page in pages:
        for invoice in page:
            cut = {name: invoice[name] for name in DATED if name in invoice}
            found.setdefault(subscription_of_invoice(invoice), []).append(cut)
    return found


def refunded_or_disputed(gateway: Gateway) -> set[str]:
    """The customers one of whose charges was ever refunded, wholly, in part or in vain, or disputed."""
    return {
        customer
        for pages in (gateway.refund_pages(), gateway.dispute_pages())
        for page in pages
        for found in page
        if (customer := sid((expanded(found.get("charge")) or {}).get("customer")))
    }


def billed_once(gateway: Gateway, *, linked: Set[str]) -> set[str]:
    """The customers who were billed for a linked product by an invoice item: far fewer than there are invoices."""
    return {
        sid(item.get("customer"))
        for page in gateway.billed_invoice_item_pages()
        for item in page
        if sid(((item.get("pricing") or {}).get("price_details") or {}).get("product")) in linked
        and not item.get("proration")
    }


def by_customer(subscriptions: list[Json]) -> dict[str, list[Json]]:
    grouped: dict[str, list[Json]] = {}
    for sub in subscriptions:
        grouped.setdefault(sid(sub["customer"]), []).append(sub)
    return grouped
