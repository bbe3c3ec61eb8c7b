"""Since when a decision is true: by Stripe's own moments where it keeps them, else by the event that tells of it.

Events come late, and in any order: what is read because of one may have become so long after it was made. So an event
dates only what its kind tells of, nothing is dated before the moments that Stripe keeps, and what the owner's rules or
our clock changed is dated by when they did.
"""

from collections.abc import Mapping
from dataclasses import dataclass
from datetime import datetime
from types import MappingProxyType
from typing import Any

from django.utils.dateparse import parse_datetime

from billing.models import Subscription
from billing.rules.policy import BY_INVOICE, Decision, OrderFacts, SubscriptionFacts
from billing.stripe_objects import expanded, moment
from hub.reasons import RENEWING

Json = dict[str, Any]
News = Mapping[str, datetime]  # the types of the events that led to a look, and when the newest of each was made
NO_NEWS: News = MappingProxyType({})

# It comes days before what it tells of.
ANNOUNCES = "customer.subscription.trial_will_end"
OF_SUBSCRIPTIONS = ("checkout.", "customer.", "invoice.")
OF_PAYMENTS = ("charge.", "refund.", "credit_note.")
OF_VERDICTS = ("charge.dispute.closed",)

TRIALS = frozenset({"trial", "trial_not_granted"})
EXPIRED = frozenset({"past_due_expired", "invoice_late_expired"})
LATE = EXPIRED | {"past_due", "past_due_grace", "invoice_late", "invoice_late_grace"}
AWAITING = frozenset({"awaiting_first_payment", "awaiting_first_invoice"})
UNPAID = LATE | AWAITING | {"first_payment_pending", "unpaid", "invoices_unpaid", "trial_ended_no_payment_method"}
PAUSED = frozenset({"active_paused", "collection_paused"})
CANCELED = frozenset({"canceled", "canceled_paid_through", "trial_canceled_no_payment_method"}) | {
    known for pair in BY_INVOICE.items() for known in pair if known.startswith("canceled")
}
# Over whatever else the subscription or the order is.
MONEY_BACK = frozenset({"disputed", "refunded", "partially_refunded"})
# What is decided otherwise though Stripe says the same: the owner's rules do that, or the clock.
BY_RULE = (TRIALS, frozenset({"trial", "trial_cancelled"}), LATE, PAUSED, CANCELED)


@dataclass(frozen=True, slots=True)
class Before:
    """The last decision's words of a purchase about a product: all empty where there was none."""

    reason: str = ""
    until: datetime | None = None

    @classmethod
    def read(cls, words: Json | None) -> "Before":
        return cls(words["reason"], parse_datetime(words["until"] or "")) if words else cls()

    def says(self, decision: Decision) -> bool:
        return (self.reason, self.until) == (decision.reason, decision.until)


def newest(news: News, *kinds: str, now: datetime) -> datetime:
    """When the newest of these events was made; now where none of them is here."""
    told = (at for name, at in news.items() if name.startswith(kinds) and name != ANNOUNCES)
    return max(told, default=now)


def subscription_since(
    row: Subscription,
    facts: SubscriptionFacts,
    decision: Decision,
    *,
    product: str,
    before: Before,
    is_past: bool,
    news: News,
    now: datetime,
) -> datetime:
    """Of a subscription and one Stripe product. `is_past`: an import brings it, and is what it is dated by."""
    if before.says(decision):
        return now
    was, becomes = before.reason, decision.reason
    if becomes in MONEY_BACK:
        return _money_went(becomes, facts.disputes.statuses, news=news, now=now)
    own = _own_moment(row, facts, decision, product=product, before=before, is_past=is_past, now=now)
    if was in MONEY_BACK:
        own = max(own or facts.created, newest(news, *OF_PAYMENTS, now=now))
    return min(max(own or newest(news, *OF_SUBSCRIPTIONS, now=now), _earliest(facts, becomes, now=now)), now)


def order_since(facts: OrderFacts, decision: Decision, *, before: Before, news: News, now: datetime) -> datetime:
    """Of an order and one product."""
    was, becomes = before.reason, decision.reason
    if before.says(decision):
        return now
    if becomes in MONEY_BACK:
        return _money_went(becomes, facts.disputes.statuses, news=news, now=now)
    if was in MONEY_BACK:
        return newest(news, *OF_PAYMENTS, now=now)
    if becomes == "bought" and was not in {"bought", "time_over"}:
        return facts.paid_at or now
    if becomes == "time_over" and decision.until and (was != "bought" or before.until == decision.until):
        return decision.until
    return newest(news, "", now=now)


def _money_went(reason: str, disputes: tuple[str, ...], *, news: News, now: datetime) -> datetime:
    """Back to who paid. Stripe keeps when a dispute began, and not when it was lost."""
    is_verdict = reason == "disputed" and "lost" in disputes
    return newest(news, *(OF_VERDICTS if is_verdict else OF_PAYMENTS), now=now)


def _earliest(facts: SubscriptionFacts, reason: str, *, now: datetime) -> datetime:
    """Before which the state cannot have been: what is no trial any more was one until its end."""
    is_paying = reason in RENEWING or reason == "ending"
    over = facts.trial_end if is_paying and facts.trial_end and facts.trial_end <= now else None
    return max(facts.created, over or facts.created)


def _own_moment(
    row: Subscription,
    facts: SubscriptionFacts,
    decision: Decision,
    *,
    product: str,
    before: Before,
    is_past: bool,
    now: datetime,
) -> datetime | None:
    """Stripe's, or that of a deadline or a rule of ours; None where only the event that tells of it has one."""
    was, becomes = before.reason, decision.reason
    if (was != becomes or becomes in LATE) and any({was, becomes} <= family for family in BY_RULE):
        return _changed_by_rule(decision, before=before, now=now)
    if becomes in RENEWING:
        return _paying_since(row, facts, decision, product=product, before=before, is_past=is_past, now=now)
    if becomes in TRIALS:
        is_first = not was and not is_past and not row.reasons
        return (moment(row.data.get("trial_start")) or facts.created) if is_first else None
    if becomes in {"ending", "trial_cancelled"}:
        return facts.canceled_at
    if becomes in EXPIRED:
        return decision.until
    if becomes in LATE:
        return facts.past_due_since
    if becomes in AWAITING:
        return now if was in RENEWING else None
    if becomes == "trial_ended_no_payment_method":
        return facts.trial_end
    return facts.ended_at if becomes in CANCELED else None


def _changed_by_rule(decision: Decision, *, before: Before, now: datetime) -> datetime:
    """By the clock where the deadline that was told has come; else by the owner."""
    is_deadline = before.reason == "canceled_paid_through" or (
        decision.reason in EXPIRED and decision.until == before.until
    )
    return before.until if is_deadline and before.until and before.until <= now else now


def _paying_since(
    row: Subscription,
    facts: SubscriptionFacts,
    decision: Decision,
    *,
    product: str,
    before: Before,
    is_past: bool,
    now: datetime,
) -> datetime | None:
    was = before.reason
    if was in TRIALS:
        return facts.trial_end
    if was in RENEWING and before.until != decision.until:
        starts = [item.current_period_start for item in facts.items if item.product == product]
        return max((start for start in starts if start is not None and start <= now), default=None)
    if was in AWAITING and facts.last_paid_at is None:
        return now
    if was in UNPAID | RENEWING:
        return _settled_at(row, decision.reason)
    return facts.created if not was and not is_past and not row.reasons else None


def _settled_at(row: Subscription, reason: str) -> datetime | None:
    """When the newest invoice became what the reason says of it."""
    invoice = expanded(row.data.get("latest_invoice")) or {}
    times = invoice.get("status_transitions") or {}
    if reason == "active":
        return moment(times.get("paid_at"))
    if reason == "active_written_off":
        return moment(times.get("voided_at") or times.get("marked_uncollectible_at"))
    return None if reason == "active_paused" else moment(times.get("finalized_at"))
