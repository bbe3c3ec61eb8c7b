"""Stripe's side of a history, as anybody may read it over HTTP: plain JSON, everything there is."""

from dataclasses import dataclass
from typing import Any

from tests.shops import Json


@dataclass(frozen=True)
class Account:
    """`charges` by payment intent, `disputes` by charge (statuses), `payments` by invoice (paid intents)."""

    emails: dict[str, str]
    subscriptions: list[Json]
    invoices: dict[str, Json]
    sessions: list[Json]
    charges: dict[str, Json]
    disputes: dict[str, list[str]]
    payments: dict[str, list[str]]

    def charges_of(self, invoice: str) -> list[Json]:
        """The charges that paid it."""
        return [self.charges[intent] for intent in self.payments.get(invoice, []) if intent in self.charges]

    def invoices_of(self, subscription: str) -> list[Json]:
        """Newest first."""
        found = [row for row in self.invoices.values() if subscription_of(row) == subscription]
        return sorted(found, key=lambda row: row["created"], reverse=True)


def read_account(api: Any) -> Account:
    payments: dict[str, list[str]] = {}
    for row in _all(api.invoice_payments):
        if row["status"] == "paid" and row["payment"].get("payment_intent"):
            payments.setdefault(row["invoice"], []).append(row["payment"]["payment_intent"])
    disputes: dict[str, list[str]] = {}
    for row in _all(api.disputes):
        disputes.setdefault(row["charge"], []).append(row["status"])
    return Account(
        emails={row["id"]: row["email"].lower() for row in _all(api.customers)},
        subscriptions=_all(api.subscriptions, status="all", expand=["data.latest_invoice"]),
        invoices={row["id"]: row for row in _all(api.invoices)},
        sessions=_all(api.checkout.sessions, expand=["data.line_items", "data.payment_intent"]),
        charges={row["payment_intent"]: row for row in _all(api.charges) if row["paid"]},
        disputes=disputes,
        payments=payments,
    )


def subscription_of(invoice: Json) -> str:
    details = (invoice["parent"] or {}).get("subscription_details") or {}
    return str(details.get("subscription") or "")


def _all(resource: Any, **params: Any) -> list[Json]:
    """Every object, a hundred a page."""
    rows: list[Json] = []
    more = True
    while more:
        after = {"starting_after": rows[-1]["id"]} if rows else {}
        page = resource.list({"limit": 100, **params, **after}).to_dict(for_json=True)
        rows, more = rows + page["data"], page["has_more"]
    return rows
