"""Stripe's JSON read in one place: small accessors over today's shapes, and the old ones that events still carry."""

from datetime import UTC, datetime
from typing import Any

Json = dict[str, Any]
# Subscriptions by their status: going on in some way; behind with a payment; and ended for good.
LIVE = ("trialing", "active", "past_due", "unpaid", "paused", "incomplete")
LATE = ("past_due", "unpaid")
OVER = ("canceled", "incomplete_expired")
# The metadata by which is known at Stripe what this site made, and for whom.
SITE_KEY = "foyer_site"
REFERENCE_KEY = "foyer_reference"


def sid(value: Any) -> str:
    """The id of an expandable field, expanded or not; empty where there is none."""
    if isinstance(value, dict):
        value = value.get("id")
    return value if isinstance(value, str) else ""


def expanded(value: Any) -> Json | None:
    return value if isinstance(value, dict) else None


def moment(seconds: int | None) -> datetime | None:
    return None if seconds is None else datetime.fromtimestamp(seconds, UTC)


def required_moment(seconds: int) -> datetime:
    return datetime.fromtimestamp(seconds, UTC)


def items_of(sub: Json) -> list[Json]:
    return list((sub.get("items") or {}).get("data") or [])


def products_of(sub: Json) -> list[str]:
    return [sid(item["price"].get("product")) for item in items_of(sub) if item.get("price")]


def period_end_of(sub: Json) -> datetime | None:
    ends = [item["current_period_end"] for item in items_of(sub) if item.get("current_period_end")]
    return moment(min(ends, default=None) or sub.get("current_period_end"))


def subscription_of_invoice(invoice: Json) -> str:
    parent = invoice.get("parent") or {}
    details = parent.get("subscription_details") or {}
    return sid(details.get("subscription") or invoice.get("subscription"))


def is_paid(invoice: Json, *, sub: Json) -> bool:
    """Whether a subscription was paid by it. The invoice of nothing that opens a trial is no payment, nor is what a
    change to something cheaper leaves to the customer's credit.
    """
    trial_end = sub.get("trial_end")
    is_of_trial = not invoice.get("amount_due") and trial_end is not None and invoice["created"] < trial_end
    is_credit = (invoice.get("total") or 0) < 0
    return invoice.get("status") == "paid" and not is_of_trial and not is_credit


def one_off_lines_of(invoice: Json) -> list[Json]:
    """The lines that sell something once: invoice items, neither prorations nor a subscription's own."""
    found = []
    for line in (invoice.get("lines") or {}).get("data") or []:
        parent = line.get("parent") or {}
        details = parent.get("invoice_item_details") or {}
        if parent.get("type") == "invoice_item_details" and not details.get("proration"):
            found.append(line)
    return found


def payment_intents_of(invoice: Json) -> list[str]:
    """The intents that paid the invoice; one that was given up when it was paid elsewhere is none of them."""
    payments = [row for row in (invoice.get("payments") or {}).get("data") or [] if row["status"] == "paid"]
    return [found for payment in payments if (found := sid(payment["payment"].get("payment_intent")))]


def has_card(customer: Json) -> bool:
    """Whether a customer has a way to pay that is taken where a subscription names none."""
    settings = customer.get("invoice_settings") or {}
    return bool(settings.get("default_payment_method") or customer.get("default_source"))


def email_of_session(session: Json) -> str:
    """The buyer's address, best source first; empty where Stripe has none."""
    charge = expanded((expanded(session.get("payment_intent")) or {}).get("latest_charge")) or {}
    candidates = (
        (session.get("customer_details") or {}).get("email"),
        session.get("customer_email"),
        (charge.get("billing_details") or {}).get("email"),
        charge.get("receipt_email"),
    )
    return next((email for email in candidates if email), "")


def due_since(invoice: Json) -> datetime:
    """When an open invoice became due: with the oldest one the days of grace begin."""
    finalized_at = (invoice.get("status_transitions") or {}).get("finalized_at")
    return required_moment(invoice.get("due_date") or finalized_at or invoice["created"])


def trimmed_subscription(sub: Json) -> Json:
    """The subscription with its expanded customer and invoice cut to what is read later."""
    invoice = expanded(sub.get("latest_invoice"))
    kept = ("id", "status", "amount_due", "amount_paid", "currency", "number", "attempt_count", "hosted_invoice_url")
    times = ("next_payment_attempt", "created", "customer_email", "billing_reason", "status_transitions", "due_date")
    return {
        **sub,
        "customer": sid(sub.get("customer")),
        "latest_invoice": {key: invoice.get(key) for key in kept + times} if invoice else sub.get("latest_invoice"),
    }
