"""Who gets in: pure, total, and nothing else.

`decide_subscription` and `decide_order` turn what Stripe says now (facts), the owner's knobs (`Policy`) and the
clock into one `Decision` for one Stripe product. No database, no network, no clock of its own. The rows are
numbered as in the decision table of docs/access.md, and the number is kept in the ledger as the rule.
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Literal

# How long a subscription may stay open past its paid period when nobody could tell us what became of it.
SILENCE = timedelta(days=3)
# How long the gate waits behind a deadline of ours, so that Stripe is asked before anybody is shut out.
ASKING = timedelta(hours=1)
# How long a subscription stays open that Stripe does not know: somebody may have pasted another account's key.
MISSING_IS_HELD = timedelta(days=30)
# Stripe needs a moment to act on its own deadlines; then it is asked, and again each hour until it has.
SETTLING = timedelta(minutes=5)
# How far a renewal's invoice may stand before the period that it opens.
INVOICING = timedelta(hours=1)
# A dispute that is neither won nor lost.
UNDECIDED = frozenset({"needs_response", "under_review"})
# The same to the gate, and other words, where invoices are sent and nothing is collected.
BY_INVOICE = {
    "awaiting_first_payment": "awaiting_first_invoice",
    "past_due": "invoice_late",
    "past_due_grace": "invoice_late_grace",
    "past_due_expired": "invoice_late_expired",
    "unpaid": "invoices_unpaid",
    "canceled_unpaid": "canceled_invoice_unpaid",
}


class Access(StrEnum):
    OPEN = "open"
    GRACE = "grace"
    CLOSED = "closed"
    KEEP = "keep"  # nothing is known for sure: leave the last decision as it is


@dataclass(frozen=True, slots=True)
class Policy:
    """The owner's knobs. The defaults are the product's."""

    version: int = 0
    trial_access: bool = True
    past_due_policy: Literal["until_stripe_gives_up", "grace_days", "none"] = "grace_days"
    past_due_grace_days: int = 14
    paused_collection_access: Literal["keep", "suspend"] = "keep"
    require_first_payment: bool = False
    immediate_cancel: Literal["end_now", "end_of_paid_period"] = "end_now"
    sub_full_refund: Literal["ignore", "revoke"] = "ignore"
    order_full_refund: Literal["ignore", "revoke"] = "revoke"
    order_partial_refund_percent: int | None = None  # revoke at this share or more; None ignores
    dispute_policy: Literal["ignore", "suspend_on_open", "revoke_on_lost"] = "revoke_on_lost"
    restore_on_won: bool = True


@dataclass(frozen=True, slots=True)
class Disputes:
    """The disputes of a payment: Stripe's statuses, and whether one was ever seen lost."""

    statuses: tuple[str, ...] = ()
    ever_lost: bool = False


@dataclass(frozen=True, slots=True)
class Item:
    product: str
    quantity: int = 1
    current_period_start: datetime | None = None
    current_period_end: datetime | None = None


@dataclass(frozen=True, slots=True)
class SubscriptionFacts:
    """One Stripe subscription as it is now. Times are aware."""

    id: str
    status: str
    created: datetime
    items: tuple[Item, ...] = ()
    trial_end: datetime | None = None
    cancel_at: datetime | None = None
    cancel_at_period_end: bool = False
    canceled_at: datetime | None = None
    ended_at: datetime | None = None
    cancellation_reason: str = ""
    collection_paused: bool = False
    resumes_at: datetime | None = None
    past_due_since: datetime | None = None
    last_paid_at: datetime | None = None  # when the newest of its paid invoices was made
    last_invoice_status: str = ""
    is_invoiced: bool = False  # the customer is sent invoices to pay, and nothing is collected
    last_payment_refunded: bool = False
    is_over_without_card: bool = False  # ended with its trial, for want of a way to pay
    disputes: Disputes = Disputes()
    missing_since: datetime | None = None  # Stripe does not know it any more

    @property
    def is_ending(self) -> bool:
        """Asked to end, in either billing mode: flexible sets `cancel_at`, classic `cancel_at_period_end`."""
        return self.cancel_at is not None or self.cancel_at_period_end


@dataclass(frozen=True, slots=True)
class OrderFacts:
    """One purchase, whatever Stripe objects it left. Amounts in minor units of one currency."""

    key: str
    state: Literal["pending", "paid", "failed"]
    products: tuple[str, ...]
    paid_at: datetime | None = None
    amount: int = 0
    amount_refunded: int = 0
    fully_refunded: bool = False
    disputes: Disputes = Disputes()


@dataclass(frozen=True, slots=True)
class Decision:
    """`until` is what people are told; at `ends_at` the gate closes by itself; at `review_at` look again."""

    access: Access
    reason: str
    rule: str
    until: datetime | None = None
    ends_at: datetime | None = None
    review_at: datetime | None = None


def decide_subscription(facts: SubscriptionFacts, *, product: str, policy: Policy, now: datetime) -> Decision:
    """The decision for one subscription and one Stripe product; the first row that fits wins."""
    if facts.missing_since is not None:
        return _decide_missing(facts.missing_since, now=now)
    items = [item for item in facts.items if item.product == product and item.quantity > 0]
    if not items:
        return _closed("subscription:0", "not_on_subscription")
    if _disputed(facts.disputes, policy=policy):
        return _closed("subscription:1", "disputed")
    if policy.sub_full_refund == "revoke" and facts.last_payment_refunded:
        return _closed("subscription:2", "refunded")
    match facts.status:
        case "incomplete":
            return _closed("subscription:3", "first_payment_pending", review_at=facts.created + timedelta(hours=24))
        case "incomplete_expired":
            return _closed("subscription:4", "first_payment_never_made")
        case "trialing":
            return _decide_trialing(facts, items, policy=policy, now=now)
        case "active":
            return _decide_active(facts, items, policy=policy, now=now)
        case "past_due":
            return _decide_past_due(facts, items, policy=policy, now=now)
        case "unpaid":
            return _closed("subscription:15", _late(facts, "unpaid"))
        case "paused":
            return _closed("subscription:16", "trial_ended_no_payment_method")
        case "canceled":
            return _decide_canceled(facts, items, policy=policy, now=now)
    return Decision(Access.KEEP, "unknown_status", "subscription:19", review_at=now + timedelta(hours=1))


def decide_order(
    facts: OrderFacts,
    *,
    product: str,
    policy: Policy,
    now: datetime,
    access_days: int | None = None,
    extends: datetime | None = None,
) -> Decision:
    """The decision for one order and one Stripe product.

    `access_days` limits what one purchase opens; `extends` is where earlier purchases of the same product end:
    a second one counts from the later of the two.
    """
    if product not in facts.products:
        return _closed("order:0", "not_on_order")
    if facts.state == "failed":
        return _closed("order:1", "payment_failed")
    if facts.state == "pending" or facts.paid_at is None:
        return _closed("order:2", "payment_processing", review_at=now + timedelta(days=1))
    if _disputed(facts.disputes, policy=policy):
        return _closed("order:3", "disputed")
    if facts.fully_refunded and policy.order_full_refund == "revoke":
        return _closed("order:4", "refunded")
    if _refunded_enough(facts, policy=policy):
        return _closed("order:5", "partially_refunded")
    if access_days is None:
        return Decision(Access.OPEN, "bought", "order:6")
    until = max(facts.paid_at, extends or facts.paid_at) + timedelta(days=access_days)
    if now < until:
        return Decision(Access.OPEN, "bought", "order:7", until=until, ends_at=until, review_at=until)
    return _closed("order:8", "time_over", until=until)


def is_held(missing_since: datetime | None, *, now: datetime) -> bool:
    """Whether what no rule decides is kept past its end: always, but for what Stripe has not known for too long."""
    return missing_since is None or now < missing_since + MISSING_IS_HELD


def refund_needs_a_person(facts: OrderFacts) -> bool:
    """A part of an order of several products was refunded: nobody can tell which one was meant."""
    return len(set(facts.products)) > 1 and facts.amount_refunded > 0 and not facts.fully_refunded


def _decide_missing(since: datetime, *, now: datetime) -> Decision:
    """What was known of it proves nothing any more. When it is held no longer, it ends by time."""
    asked_again = now + timedelta(hours=6) if is_held(since, now=now) else None
    return Decision(Access.KEEP, "unknown_at_stripe", "subscription:20", review_at=asked_again)


def _decide_trialing(facts: SubscriptionFacts, items: list[Item], *, policy: Policy, now: datetime) -> Decision:
    until = _earliest(facts.trial_end, facts.cancel_at)
    if not policy.trial_access:
        reason = "trial_cancelled" if _ends_with_its_trial(facts) else "trial_not_granted"
        return _closed("subscription:6", reason, until=until, review_at=_after(until, now=now))
    return _open("subscription:5", "trial", until=until or _renewal(items), now=now)


def _ends_with_its_trial(facts: SubscriptionFacts) -> bool:
    ends_at = facts.cancel_at or facts.trial_end
    return facts.is_ending and (ends_at is None or facts.trial_end is None or ends_at <= facts.trial_end)


def _decide_active(facts: SubscriptionFacts, items: list[Item], *, policy: Policy, now: datetime) -> Decision:
    if facts.collection_paused and policy.paused_collection_access == "suspend":
        return _closed(
            "subscription:7",
            "collection_paused",
            until=facts.resumes_at,
            review_at=_after(facts.resumes_at, now=now),
        )
    if policy.require_first_payment and facts.last_paid_at is None:
        return _closed("subscription:8", _late(facts, "awaiting_first_payment"), review_at=now + timedelta(days=1))
    if facts.is_ending:
        return _open("subscription:9", "ending", until=facts.cancel_at or _period_end(facts), now=now)
    return _open("subscription:10", _how_paid(facts), until=_renewal(items), now=now)


def _how_paid(facts: SubscriptionFacts) -> str:
    """Stripe calls a subscription active also while a bank debit is on its way, nothing is collected, or an invoice is
    not due yet or was written off.
    """
    if facts.collection_paused:
        return "active_paused"
    match facts.last_invoice_status:
        case "open":
            return "active_invoiced" if facts.is_invoiced else "active_debit"
        case "void" | "uncollectible":
            return "active_written_off"
    return "active"


def _decide_past_due(facts: SubscriptionFacts, items: list[Item], *, policy: Policy, now: datetime) -> Decision:
    if policy.past_due_policy == "none":
        return _closed("subscription:11", _late(facts, "past_due"))
    if policy.past_due_policy == "until_stripe_gives_up":
        end = _period_end(facts)
        return Decision(
            Access.GRACE,
            _late(facts, "past_due_grace"),
            "subscription:12",
            ends_at=end and _silent_end(end, now=now),
            review_at=_after(end, now=now),
        )
    anchor = facts.past_due_since or _earliest(*(item.current_period_start for item in items)) or facts.created
    until = anchor + timedelta(days=policy.past_due_grace_days)
    if now < until:
        reason = _late(facts, "past_due_grace")
        return Decision(Access.GRACE, reason, "subscription:13", until=until, ends_at=until + ASKING, review_at=until)
    return _closed("subscription:14", _late(facts, "past_due_expired"), until=until)


def _decide_canceled(facts: SubscriptionFacts, items: list[Item], *, policy: Policy, now: datetime) -> Decision:
    until = max((end for item in items if (end := _paid_through(item, facts))), default=None)
    paid_through = (
        policy.immediate_cancel == "end_of_paid_period"
        and facts.cancellation_reason == "cancellation_requested"
        and not facts.last_payment_refunded
    )
    if paid_through and until and now < until:
        return Decision(
            Access.OPEN, "canceled_paid_through", "subscription:17", until=until, ends_at=until, review_at=until
        )
    return _closed("subscription:18", _why_canceled(facts), until=facts.ended_at)


def _why_canceled(facts: SubscriptionFacts) -> str:
    if facts.is_over_without_card:
        return "trial_canceled_no_payment_method"
    return _late(facts, "canceled_unpaid") if facts.cancellation_reason == "payment_failed" else "canceled"


def _late(facts: SubscriptionFacts, reason: str) -> str:
    """Where invoices are sent nothing was tried, and so nothing failed."""
    return BY_INVOICE[reason] if facts.is_invoiced else reason


def _paid_through(item: Item, facts: SubscriptionFacts) -> datetime | None:
    """The end of its period if that was paid: by an invoice made in it, however a later one (of an upgrade) fared."""
    start = item.current_period_start or facts.created
    is_paid = facts.last_paid_at is not None and facts.last_paid_at >= start - INVOICING
    return item.current_period_end if is_paid else None


def _disputed(disputes: Disputes, *, policy: Policy) -> bool:
    """Inquiries (`warning_*`) and `prevented` never act; a win restores unless the owner says otherwise."""
    statuses = set(disputes.statuses)
    if policy.dispute_policy == "ignore" or not statuses:
        return False
    if "lost" in statuses:
        return True
    if "won" in statuses and not policy.restore_on_won:
        return disputes.ever_lost or policy.dispute_policy == "suspend_on_open"
    return policy.dispute_policy == "suspend_on_open" and bool(statuses & UNDECIDED)


def _refunded_enough(facts: OrderFacts, *, policy: Policy) -> bool:
    percent = policy.order_partial_refund_percent
    if percent is None or facts.fully_refunded or facts.amount <= 0 or len(set(facts.products)) > 1:
        return False
    return facts.amount_refunded > 0 and facts.amount_refunded * 100 >= facts.amount * percent


def _open(rule: str, reason: str, *, until: datetime | None, now: datetime) -> Decision:
    """Open on Stripe's word. A deadline that has passed is no end: Stripe is asked, and only its status ends it."""
    return Decision(
        Access.OPEN,
        reason,
        rule,
        until=until,
        ends_at=until and _silent_end(until, now=now),
        review_at=_after(until, now=now),
    )


def _closed(rule: str, reason: str, *, until: datetime | None = None, review_at: datetime | None = None) -> Decision:
    return Decision(Access.CLOSED, reason, rule, until=until, review_at=review_at)


def _silent_end(deadline: datetime, *, now: datetime) -> datetime:
    """When the gate closes if nobody can tell us more. Each time Stripe is asked after the deadline and stands by
    its word, a few more days: in whole steps, so that asking each hour does not move it each hour.
    """
    steps = max(1, -((deadline - now - SILENCE / 3) // SILENCE))
    return deadline + steps * SILENCE


def _after(deadline: datetime | None, *, now: datetime) -> datetime | None:
    if deadline is None:
        return None
    return deadline + SETTLING if deadline + SETTLING > now else now + timedelta(hours=1)


def _renewal(items: list[Item]) -> datetime | None:
    return _earliest(*(item.current_period_end for item in items))


def _period_end(facts: SubscriptionFacts) -> datetime | None:
    return max((end for item in facts.items if (end := item.current_period_end)), default=None)


def _earliest(*times: datetime | None) -> datetime | None:
    return min((time for time in times if time is not None), default=None)
