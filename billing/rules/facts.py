"""What the policy decides from, read from our rows."""

from datetime import datetime
from typing import Any

from billing.models import Order, Subscription
from billing.rules.policy import Disputes, Item, OrderFacts, SubscriptionFacts
from billing.stripe_objects import expanded, items_of, moment, sid

Json = dict[str, Any]


def subscription_facts(row: Subscription) -> SubscriptionFacts:
    sub = row.data
    pause = sub.get("pause_collection")
    return SubscriptionFacts(
        id=row.stripe_id,
        status=row.status,
        created=row.created,
        items=tuple(
            Item(
                product=sid(item["price"].get("product")),
                quantity=item.get("quantity", 1),
                current_period_start=moment(item.get("current_period_start") or sub.get("current_period_start")),
                current_period_end=moment(item.get("current_period_end") or sub.get("current_period_end")),
            )
            for item in items_of(sub)
        ),
        trial_end=moment(sub.get("trial_end")),
        cancel_at=row.cancel_at,
        cancel_at_period_end=bool(sub.get("cancel_at_period_end")),
        canceled_at=row.canceled_at,
        ended_at=row.ended_at,
        cancellation_reason=(sub.get("cancellation_details") or {}).get("reason") or "",
        collection_paused=pause is not None,
        resumes_at=moment((pause or {}).get("resumes_at")),
        past_due_since=row.past_due_since,
        last_paid_at=row.last_paid_at,
        last_invoice_status=_latest_status(sub),
        is_invoiced=sub.get("collection_method") == "send_invoice",
        last_payment_refunded=row.last_paid_invoice in row.refunded_invoices,
        disputes=_disputes(row.disputes, row.dispute_lost_at),
        is_over_without_card=_is_over_without_card(sub),
        missing_since=row.missing_since,
    )


def order_facts(row: Order) -> OrderFacts:
    return OrderFacts(
        key=row.key,
        state=row.state,  # type: ignore[arg-type]  # a checked choice
        products=row.products,
        paid_at=row.paid_at,
        amount=row.amount,
        amount_refunded=row.amount_refunded,
        fully_refunded=row.fully_refunded,
        disputes=_disputes(row.disputes, row.dispute_lost_at),
    )


def _latest_status(sub: Json) -> str:
    """Of the invoice for what the subscription is; an upgrade that waits for its payment is not part of it yet."""
    latest = expanded(sub.get("latest_invoice")) or {}
    return "" if sub.get("pending_update") else latest.get("status") or ""


def _is_over_without_card(sub: Json) -> bool:
    """Whether Stripe ended it with its trial because there was nothing to charge, as the trial's settings say.

    Stripe names no reason for it; an end that somebody asked for was asked for earlier, or has its own moment.
    """
    behaviour = (sub.get("trial_settings") or {}).get("end_behavior") or {}
    trial_end, ended_at, invoice = sub.get("trial_end"), sub.get("ended_at"), expanded(sub.get("latest_invoice")) or {}
    if behaviour.get("missing_payment_method") != "cancel" or not trial_end or not ended_at or ended_at < trial_end:
        return False
    is_asked_for = (
        sub.get("cancel_at") or sub.get("cancel_at_period_end") or (sub.get("canceled_at") or ended_at) < trial_end
    )
    was_billed = (invoice.get("created") or 0) >= trial_end
    return not (is_asked_for or was_billed or sub.get("default_payment_method") or sub.get("default_source"))


def _disputes(statuses: dict[str, str], lost_at: datetime | None) -> Disputes:
    return Disputes(statuses=tuple(statuses.values()), ever_lost=lost_at is not None)
