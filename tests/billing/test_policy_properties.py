"""What holds for every subscription, order, policy and moment there can be."""

import ast
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from inspect import getsource

from hypothesis import given
from hypothesis import strategies as st

from billing.rules import policy as deciding
from billing.rules.policy import (
    Access,
    Decision,
    Disputes,
    Item,
    OrderFacts,
    Policy,
    SubscriptionFacts,
    decide_order,
    decide_subscription,
)
from hub.reasons import SENTENCES

CENTRE = datetime(2026, 11, 21, tzinfo=UTC)
STATUSES = ["incomplete", "incomplete_expired", "trialing", "active", "past_due", "unpaid", "paused", "canceled"]
DISPUTES = [
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "won",
    "lost",
    "prevented",
]
PRODUCTS = ["prod_a", "prod_b"]

moments = st.integers(-400 * 24, 400 * 24).map(lambda hours: CENTRE + timedelta(hours=hours))
perhaps = st.none() | moments
disputes = st.builds(
    Disputes, statuses=st.lists(st.sampled_from(DISPUTES), max_size=3).map(tuple), ever_lost=st.booleans()
)
items = st.builds(
    Item,
    product=st.sampled_from(PRODUCTS),
    quantity=st.integers(0, 3),
    current_period_start=perhaps,
    current_period_end=perhaps,
)
subscriptions = st.builds(
    SubscriptionFacts,
    id=st.just("sub_1"),
    status=st.sampled_from(STATUSES) | st.text(max_size=12),
    created=moments,
    items=st.lists(items, max_size=3).map(tuple),
    trial_end=perhaps,
    cancel_at=perhaps,
    cancel_at_period_end=st.booleans(),
    canceled_at=perhaps,
    ended_at=perhaps,
    cancellation_reason=st.sampled_from(["", "cancellation_requested", "payment_failed", "payment_disputed"]),
    collection_paused=st.booleans(),
    resumes_at=perhaps,
    past_due_since=perhaps,
    last_paid_at=perhaps,
    last_payment_refunded=st.booleans(),
    disputes=disputes,
)
amounts = st.integers(0, 50_000)
orders = st.builds(
    OrderFacts,
    key=st.just("pi_1"),
    state=st.sampled_from(["pending", "paid", "failed"]),
    products=st.lists(st.sampled_from(PRODUCTS), max_size=2).map(tuple),
    paid_at=perhaps,
    amount=amounts,
    amount_refunded=amounts,
    fully_refunded=st.booleans(),
    disputes=disputes,
)
policies = st.builds(
    Policy,
    version=st.integers(0, 9),
    trial_access=st.booleans(),
    past_due_policy=st.sampled_from(["until_stripe_gives_up", "grace_days", "none"]),
    past_due_grace_days=st.integers(0, 60),
    paused_collection_access=st.sampled_from(["keep", "suspend"]),
    require_first_payment=st.booleans(),
    immediate_cancel=st.sampled_from(["end_now", "end_of_paid_period"]),
    sub_full_refund=st.sampled_from(["ignore", "revoke"]),
    order_full_refund=st.sampled_from(["ignore", "revoke"]),
    order_partial_refund_percent=st.none() | st.integers(0, 100),
    dispute_policy=st.sampled_from(["ignore", "suspend_on_open", "revoke_on_lost"]),
    restore_on_won=st.booleans(),
)
GENEROUS = Policy(
    past_due_policy="until_stripe_gives_up",
    immediate_cancel="end_of_paid_period",
    order_full_refund="ignore",
    dispute_policy="ignore",
)
STRICT = Policy(
    trial_access=False,
    past_due_policy="none",
    paused_collection_access="suspend",
    require_first_payment=True,
    sub_full_refund="revoke",
    order_partial_refund_percent=0,
    dispute_policy="suspend_on_open",
    restore_on_won=False,
)


def of_subscription(facts: SubscriptionFacts, policy: Policy, now: datetime) -> Decision:
    return decide_subscription(facts, product="prod_a", policy=policy, now=now)


def of_order(facts: OrderFacts, policy: Policy, now: datetime, days: int | None = None) -> Decision:
    return decide_order(facts, product="prod_a", policy=policy, now=now, access_days=days)


def opens(decision: Decision) -> bool:
    return decision.access in {Access.OPEN, Access.GRACE}


def test_the_policy_reads_no_clock_and_reaches_for_nothing() -> None:
    tree = ast.parse(getsource(deciding))
    imported = {
        name
        for node in ast.walk(tree)
        if isinstance(node, ast.Import | ast.ImportFrom)
        for name in ([node.module] if isinstance(node, ast.ImportFrom) else [alias.name for alias in node.names])
    }
    assert imported == {"dataclasses", "datetime", "enum", "typing"}
    reached = {node.attr for node in ast.walk(tree) if isinstance(node, ast.Attribute)}
    assert not reached & {"now", "today", "utcnow"}


@given(subscriptions, policies, moments)
def test_a_subscription_is_always_decided_and_always_the_same_way(
    facts: SubscriptionFacts, policy: Policy, now: datetime
) -> None:
    decision = of_subscription(facts, policy, now)
    assert decision == of_subscription(facts, policy, now)
    assert decision.reason in SENTENCES
    assert decision.rule.startswith("subscription:")


@given(orders, policies, moments, st.none() | st.integers(1, 800))
def test_an_order_is_always_decided_and_always_the_same_way(
    facts: OrderFacts, policy: Policy, now: datetime, days: int | None
) -> None:
    decision = of_order(facts, policy, now, days)
    assert decision == of_order(facts, policy, now, days)
    assert decision.reason in SENTENCES
    assert decision.rule.startswith("order:")


@given(subscriptions, policies, moments, moments)
def test_what_stripe_does_not_know_is_decided_by_no_other_row(
    facts: SubscriptionFacts, policy: Policy, now: datetime, since: datetime
) -> None:
    decision = of_subscription(replace(facts, missing_since=since), policy, now)
    assert (decision.access, decision.rule, decision.ends_at) == (Access.KEEP, "subscription:20", None)


@given(subscriptions, policies, moments)
def test_only_a_status_nobody_knows_leaves_the_decision_open(
    facts: SubscriptionFacts, policy: Policy, now: datetime
) -> None:
    if of_subscription(facts, policy, now).access is Access.KEEP:
        assert facts.status not in STATUSES


@given(subscriptions, policies, moments)
def test_what_closes_by_itself_is_looked_at_before_it_closes(
    facts: SubscriptionFacts, policy: Policy, now: datetime
) -> None:
    """Nobody is shut out by our clock alone: Stripe is asked first, and again soon after a deadline has passed."""
    decision = of_subscription(facts, policy, now)
    if decision.ends_at is not None:
        assert opens(decision)
        assert decision.review_at is not None
        assert now < decision.ends_at
        assert decision.review_at <= decision.ends_at
    if decision.review_at is not None and decision.rule not in {"subscription:3"}:
        assert decision.review_at > now


@given(subscriptions, policies, moments, moments)
def test_the_decision_changes_at_its_review_and_not_before(
    facts: SubscriptionFacts, policy: Policy, now: datetime, later: datetime
) -> None:
    """A sweep that acts on `review_at` misses nothing: until then the same facts give the same access."""
    decision = of_subscription(facts, policy, now)
    if now <= later and (decision.review_at is None or later < decision.review_at):
        assert of_subscription(facts, policy, later).access is decision.access


@given(orders, policies, moments, moments, st.none() | st.integers(1, 800))
def test_an_order_changes_at_its_review_and_not_before(
    facts: OrderFacts, policy: Policy, now: datetime, later: datetime, days: int | None
) -> None:
    decision = of_order(facts, policy, now, days)
    if now <= later and (decision.review_at is None or later < decision.review_at):
        assert of_order(facts, policy, later, days).access is decision.access


@given(subscriptions, policies, moments, moments)
def test_waiting_never_opens_what_is_closed(
    facts: SubscriptionFacts, policy: Policy, now: datetime, later: datetime
) -> None:
    if now <= later and of_subscription(facts, policy, now).access is Access.CLOSED:
        assert of_subscription(facts, policy, later).access is Access.CLOSED


@given(subscriptions, policies, moments, st.integers(0, 60))
def test_more_days_of_grace_never_take_access(
    facts: SubscriptionFacts, policy: Policy, now: datetime, more: int
) -> None:
    longer = replace(policy, past_due_grace_days=policy.past_due_grace_days + more)
    if opens(of_subscription(facts, policy, now)):
        assert opens(of_subscription(facts, longer, now))


@given(subscriptions, orders, policies, moments)
def test_no_policy_gives_more_than_the_most_generous_or_less_than_the_strictest(
    facts: SubscriptionFacts, order: OrderFacts, policy: Policy, now: datetime
) -> None:
    if opens(of_subscription(facts, policy, now)):
        assert opens(of_subscription(facts, GENEROUS, now))
    if opens(of_subscription(facts, STRICT, now)):
        assert opens(of_subscription(facts, policy, now))
    if opens(of_order(order, policy, now)):
        assert opens(of_order(order, GENEROUS, now))


@given(orders, policies, moments, amounts)
def test_more_refunded_never_gives_access(facts: OrderFacts, policy: Policy, now: datetime, more: int) -> None:
    further = replace(facts, amount_refunded=facts.amount_refunded + more)
    if not opens(of_order(facts, policy, now)):
        assert not opens(of_order(further, policy, now))


@given(subscriptions, policies, moments, st.sampled_from(["needs_response", "under_review", "lost"]))
def test_one_more_dispute_against_us_never_gives_access(
    facts: SubscriptionFacts, policy: Policy, now: datetime, status: str
) -> None:
    against = replace(facts.disputes, statuses=(*facts.disputes.statuses, status))
    if not opens(of_subscription(facts, policy, now)):
        assert not opens(of_subscription(replace(facts, disputes=against), policy, now))


@given(subscriptions, policies, moments, st.sampled_from(["warning_needs_response", "warning_closed", "prevented"]))
def test_an_inquiry_never_changes_anything(
    facts: SubscriptionFacts, policy: Policy, now: datetime, status: str
) -> None:
    asked = replace(facts.disputes, statuses=(*facts.disputes.statuses, status))
    assert of_subscription(replace(facts, disputes=asked), policy, now) == of_subscription(facts, policy, now)


@given(subscriptions, policies, moments, st.lists(items.filter(lambda item: item.product != "prod_a"), max_size=2))
def test_other_items_never_decide_about_ours(
    facts: SubscriptionFacts, policy: Policy, now: datetime, others: list[Item]
) -> None:
    """They may move an end that is the whole subscription's; they never open or close our door today."""
    more = replace(facts, items=(*facts.items, *(replace(other, current_period_end=None) for other in others)))
    if {item.product for item in facts.items if item.quantity} >= {"prod_a"}:
        assert of_subscription(more, policy, now) == of_subscription(facts, policy, now)
