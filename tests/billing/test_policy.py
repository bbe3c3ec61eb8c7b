"""The decision tables row by row, under every knob that a row heeds."""

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from billing.rules.policy import (
    ASKING,
    BY_INVOICE,
    INVOICING,
    MISSING_IS_HELD,
    SETTLING,
    SILENCE,
    Access,
    Decision,
    Disputes,
    Item,
    OrderFacts,
    Policy,
    SubscriptionFacts,
    decide_order,
    decide_subscription,
    is_held,
    refund_needs_a_person,
)

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)
DAY = timedelta(days=1)
TICK = timedelta(microseconds=1)
PERIOD_END = NOW + 10 * DAY
INVOICED_FIRST = NOW - 20 * DAY - INVOICING  # as early as an invoice can be that opens the running period
ITEM = Item("prod_club", current_period_start=NOW - 20 * DAY, current_period_end=PERIOD_END)
YEARLY = Item("prod_other", current_period_start=NOW - 20 * DAY, current_period_end=NOW + 345 * DAY)
PAID = SubscriptionFacts(
    id="sub_1",
    status="active",
    created=NOW - 50 * DAY,
    items=(ITEM,),
    last_paid_at=NOW - 20 * DAY,
)
TRIAL = replace(PAID, status="trialing", trial_end=NOW + 5 * DAY, last_paid_at=None)
LATE = replace(PAID, status="past_due", past_due_since=NOW - 3 * DAY, last_paid_at=NOW - 50 * DAY)
OVER = replace(
    PAID,
    status="canceled",
    cancellation_reason="cancellation_requested",
    canceled_at=NOW - DAY,
    ended_at=NOW - DAY,
)
ORDER = OrderFacts(key="pi_1", state="paid", products=("prod_course",), paid_at=NOW - 10 * DAY, amount=18_000)


def decide(facts: SubscriptionFacts, *, product: str = "prod_club", **knobs: Any) -> Decision:
    return decide_subscription(facts, product=product, policy=Policy(**knobs), now=NOW)


def order(facts: OrderFacts, *, product: str = "prod_course", now: datetime = NOW, **more: Any) -> Decision:
    days = {name: more.pop(name) for name in ("access_days", "extends") if name in more}
    return decide_order(facts, product=product, policy=Policy(**more), now=now, **days)


def disputed(*statuses: str, ever_lost: bool = False) -> SubscriptionFacts:
    return replace(PAID, disputes=Disputes(statuses, ever_lost))


OPEN, GRACE, CLOSED, KEEP = Access.OPEN, Access.GRACE, Access.CLOSED, Access.KEEP
CANCELLED_TRIAL = replace(TRIAL, cancel_at=NOW + 5 * DAY)
PAUSED = replace(PAID, collection_paused=True, resumes_at=NOW + 4 * DAY)
REFUNDED = replace(PAID, last_payment_refunded=True)
UNPAID_YET = replace(PAID, last_paid_at=None)
OWING = replace(PAID, last_invoice_status="open")
PAID_THROUGH: dict[str, Any] = {"immediate_cancel": "end_of_paid_period"}
SUSPENDING: dict[str, Any] = {"dispute_policy": "suspend_on_open"}
PATIENT: dict[str, Any] = {"past_due_policy": "until_stripe_gives_up"}
UNMOVED: dict[str, Any] = {"restore_on_won": False}

# row, facts, knobs, access, reason, what people are told as the end
ROWS: list[tuple[int, SubscriptionFacts, dict[str, Any], Access, str, datetime | None]] = [
    (0, replace(PAID, items=(Item("prod_other"),)), {}, CLOSED, "not_on_subscription", None),
    (0, replace(PAID, items=()), {}, CLOSED, "not_on_subscription", None),
    (0, replace(PAID, items=(replace(ITEM, quantity=0),)), {}, CLOSED, "not_on_subscription", None),
    (1, disputed("lost"), {}, CLOSED, "disputed", None),
    (1, disputed("won", "lost"), {}, CLOSED, "disputed", None),
    (1, disputed("needs_response"), SUSPENDING, CLOSED, "disputed", None),
    (1, disputed("under_review"), SUSPENDING, CLOSED, "disputed", None),
    (1, disputed("lost"), SUSPENDING, CLOSED, "disputed", None),
    (1, disputed("won", ever_lost=True), UNMOVED, CLOSED, "disputed", None),
    (1, disputed("won"), {**SUSPENDING, **UNMOVED}, CLOSED, "disputed", None),
    (10, disputed("lost"), {"dispute_policy": "ignore"}, OPEN, "active", PERIOD_END),
    (10, disputed("needs_response"), {}, OPEN, "active", PERIOD_END),
    (10, disputed("won", ever_lost=True), {}, OPEN, "active", PERIOD_END),
    (10, disputed("won"), UNMOVED, OPEN, "active", PERIOD_END),
    (10, disputed("won", ever_lost=True), SUSPENDING, OPEN, "active", PERIOD_END),
    (10, disputed("warning_needs_response"), SUSPENDING, OPEN, "active", PERIOD_END),
    (10, disputed("warning_under_review"), SUSPENDING, OPEN, "active", PERIOD_END),
    (10, disputed("warning_closed"), SUSPENDING, OPEN, "active", PERIOD_END),
    (10, disputed("prevented"), SUSPENDING, OPEN, "active", PERIOD_END),
    (2, REFUNDED, {"sub_full_refund": "revoke"}, CLOSED, "refunded", None),
    (10, REFUNDED, {}, OPEN, "active", PERIOD_END),
    (3, replace(UNPAID_YET, status="incomplete"), {}, CLOSED, "first_payment_pending", None),
    (4, replace(UNPAID_YET, status="incomplete_expired"), {}, CLOSED, "first_payment_never_made", None),
    (5, TRIAL, {}, OPEN, "trial", NOW + 5 * DAY),
    (5, replace(TRIAL, cancel_at=NOW + 2 * DAY), {}, OPEN, "trial", NOW + 2 * DAY),
    (5, TRIAL, {"require_first_payment": True}, OPEN, "trial", NOW + 5 * DAY),
    (6, TRIAL, {"trial_access": False}, CLOSED, "trial_not_granted", NOW + 5 * DAY),
    (6, CANCELLED_TRIAL, {"trial_access": False}, CLOSED, "trial_cancelled", NOW + 5 * DAY),
    (6, replace(TRIAL, cancel_at=NOW + 9 * DAY), {"trial_access": False}, CLOSED, "trial_not_granted", NOW + 5 * DAY),
    (7, PAUSED, {"paused_collection_access": "suspend"}, CLOSED, "collection_paused", NOW + 4 * DAY),
    (8, UNPAID_YET, {"require_first_payment": True}, CLOSED, "awaiting_first_payment", None),
    (10, PAID, {"require_first_payment": True}, OPEN, "active", PERIOD_END),
    (10, UNPAID_YET, {}, OPEN, "active", PERIOD_END),
    (9, replace(PAID, cancel_at=NOW + 7 * DAY), {}, OPEN, "ending", NOW + 7 * DAY),
    (9, replace(PAID, cancel_at_period_end=True), {}, OPEN, "ending", PERIOD_END),
    (10, PAID, {}, OPEN, "active", PERIOD_END),
    (10, OWING, {}, OPEN, "active_debit", PERIOD_END),
    (10, replace(OWING, is_invoiced=True), {}, OPEN, "active_invoiced", PERIOD_END),
    (10, replace(OWING, last_invoice_status="void"), {}, OPEN, "active_written_off", PERIOD_END),
    (10, replace(OWING, last_invoice_status="uncollectible"), {}, OPEN, "active_written_off", PERIOD_END),
    (10, PAUSED, {}, OPEN, "active_paused", PERIOD_END),
    (9, replace(OWING, cancel_at_period_end=True), {}, OPEN, "ending", PERIOD_END),
    (11, LATE, {"past_due_policy": "none"}, CLOSED, "past_due", None),
    (12, LATE, {"past_due_policy": "until_stripe_gives_up"}, GRACE, "past_due_grace", None),
    (13, LATE, {}, GRACE, "past_due_grace", NOW + 11 * DAY),
    (13, LATE, {"past_due_grace_days": 4}, GRACE, "past_due_grace", NOW + DAY),
    (14, LATE, {"past_due_grace_days": 3}, CLOSED, "past_due_expired", NOW),
    (14, LATE, {"past_due_grace_days": 0}, CLOSED, "past_due_expired", NOW - 3 * DAY),
    (15, replace(LATE, status="unpaid"), {"past_due_policy": "until_stripe_gives_up"}, CLOSED, "unpaid", None),
    (16, replace(TRIAL, status="paused"), {}, CLOSED, "trial_ended_no_payment_method", None),
    (17, OVER, PAID_THROUGH, OPEN, "canceled_paid_through", PERIOD_END),
    (17, replace(OVER, last_invoice_status="open"), PAID_THROUGH, OPEN, "canceled_paid_through", PERIOD_END),
    (17, replace(OVER, items=(ITEM, YEARLY)), PAID_THROUGH, OPEN, "canceled_paid_through", PERIOD_END),
    (17, replace(OVER, last_paid_at=INVOICED_FIRST), PAID_THROUGH, OPEN, "canceled_paid_through", PERIOD_END),
    (18, replace(OVER, last_paid_at=INVOICED_FIRST - TICK), PAID_THROUGH, CLOSED, "canceled", NOW - DAY),
    (18, replace(OVER, last_paid_at=None), PAID_THROUGH, CLOSED, "canceled", NOW - DAY),
    (18, OVER, {}, CLOSED, "canceled", NOW - DAY),
    (18, replace(OVER, cancellation_reason="payment_failed"), PAID_THROUGH, CLOSED, "canceled_unpaid", NOW - DAY),
    (18, replace(OVER, cancellation_reason="payment_disputed"), PAID_THROUGH, CLOSED, "canceled", NOW - DAY),
    (18, replace(OVER, last_paid_at=NOW - 50 * DAY), PAID_THROUGH, CLOSED, "canceled", NOW - DAY),
    (18, replace(OVER, last_payment_refunded=True), PAID_THROUGH, CLOSED, "canceled", NOW - DAY),
    (18, replace(OVER, items=(replace(ITEM, current_period_end=NOW),)), PAID_THROUGH, CLOSED, "canceled", NOW - DAY),
    (19, replace(PAID, status="hibernating"), {}, KEEP, "unknown_status", None),
    (20, replace(PAID, missing_since=NOW - DAY), {}, KEEP, "unknown_at_stripe", None),
    (20, replace(OVER, missing_since=NOW - 31 * DAY), {}, KEEP, "unknown_at_stripe", None),
]


@pytest.mark.parametrize(
    ("row", "facts", "knobs", "access", "reason", "until"),
    ROWS,
    ids=[f"{row}-{'-'.join([facts.status, *map(str, knobs.values())])}" for row, facts, knobs, *_ in ROWS],
)
def test_a_subscription_is_decided_by_its_row(
    row: int, facts: SubscriptionFacts, knobs: dict[str, Any], access: Access, reason: str, until: datetime | None
) -> None:
    decision = decide(facts, **knobs)
    assert (decision.rule, decision.access, decision.reason) == (f"subscription:{row}", access, reason)
    assert decision.until == until


@pytest.mark.parametrize(("row", "facts", "knobs", "access", "reason", "until"), ROWS)
def test_an_invoice_that_is_sent_is_decided_about_alike_and_spoken_of_as_one(
    row: int, facts: SubscriptionFacts, knobs: dict[str, Any], access: Access, reason: str, until: datetime | None
) -> None:
    charged, invoiced = decide(facts, **knobs), decide(replace(facts, is_invoiced=True), **knobs)
    told = {"active_debit": "active_invoiced", **BY_INVOICE}.get(charged.reason, charged.reason)
    assert invoiced == replace(charged, reason=told)


def test_every_row_of_the_table_is_tried() -> None:
    assert {row for row, *_ in ROWS} == set(range(21))


@pytest.mark.parametrize("status", ["active", "trialing", "past_due", "unpaid", "canceled", "hibernating"])
def test_an_earlier_row_wins_over_every_status(status: str) -> None:
    facts = replace(PAID, status=status, disputes=Disputes(("lost",)), last_payment_refunded=True)
    assert decide(facts, sub_full_refund="revoke").rule == "subscription:1"
    assert decide(replace(facts, disputes=Disputes()), sub_full_refund="revoke").rule == "subscription:2"
    assert decide(facts, product="prod_other").rule == "subscription:0"


def test_grace_is_open_until_its_last_moment_and_closed_at_it() -> None:
    before = decide_subscription(
        LATE, product="prod_club", policy=Policy(), now=NOW + 11 * DAY - timedelta(microseconds=1)
    )
    at = decide_subscription(LATE, product="prod_club", policy=Policy(), now=NOW + 11 * DAY)
    assert (before.access, at.access) == (GRACE, CLOSED)
    assert before.ends_at == NOW + 11 * DAY + ASKING


def test_what_stripe_does_not_know_is_held_until_its_last_moment_and_no_longer_at_it() -> None:
    assert is_held(NOW - MISSING_IS_HELD + TICK, now=NOW) and not is_held(NOW - MISSING_IS_HELD, now=NOW)


def test_grace_counts_from_the_period_where_no_invoice_is_known_and_else_from_the_start() -> None:
    assert decide(replace(LATE, past_due_since=None)).until == ITEM.current_period_start + 14 * DAY  # type: ignore[operator]
    bare = replace(LATE, past_due_since=None, items=(Item("prod_club"),), created=NOW - DAY)
    assert decide(bare).until == NOW + 13 * DAY


def test_a_passed_end_is_asked_about_and_ends_nothing_by_itself() -> None:
    late = decide(replace(PAID, cancel_at=NOW - timedelta(hours=1)))
    assert late.access is OPEN
    assert late.review_at == NOW + timedelta(hours=1)
    assert late.ends_at == NOW - timedelta(hours=1) + SILENCE
    very_late = decide(replace(PAID, cancel_at=NOW - 40 * DAY))
    assert (very_late.access, very_late.ends_at) == (OPEN, NOW + 2 * DAY)
    patient = decide(replace(LATE, items=(replace(ITEM, current_period_end=NOW - 4 * DAY),)), **PATIENT)
    assert (patient.access, patient.ends_at) == (GRACE, NOW + 2 * DAY)
    assert (decide(PAID).review_at, decide(PAID).ends_at) == (PERIOD_END + SETTLING, PERIOD_END + SILENCE)


def test_who_was_asked_about_after_an_end_has_a_day_at_least_until_the_gate_closes() -> None:
    """Stripe may be silent next time: less than a day would shut people out before anybody could see to it."""
    for hours in range(1, 24 * 9):
        found = decide(replace(PAID, cancel_at=NOW - timedelta(hours=hours))).ends_at
        assert found is not None and DAY <= found - NOW <= SILENCE + DAY


def test_a_first_payment_that_is_missing_is_looked_at_again_when_stripe_has_given_it_up() -> None:
    waiting = replace(PAID, status="incomplete", created=NOW)
    assert decide(waiting).review_at == NOW + DAY


def test_of_several_items_the_product_s_own_renewal_counts_and_the_last_end() -> None:
    yearly = Item("prod_circle", current_period_start=NOW - 20 * DAY, current_period_end=NOW + 300 * DAY)
    both = replace(PAID, items=(ITEM, yearly))
    assert decide(both).until == PERIOD_END
    assert decide(both, product="prod_circle").until == NOW + 300 * DAY
    assert decide(replace(both, cancel_at_period_end=True)).until == NOW + 300 * DAY
    assert decide(replace(PAID, items=(yearly, replace(yearly, product="prod_club"), ITEM))).until == PERIOD_END


PARTLY = replace(ORDER, amount_refunded=9_000)
WHOLLY = replace(ORDER, amount_refunded=18_000, fully_refunded=True)
PAIR = replace(PARTLY, products=("prod_course", "prod_book"))
HALF: dict[str, Any] = {"order_partial_refund_percent": 50}

ORDER_ROWS: list[tuple[int, OrderFacts, dict[str, Any], Access, str]] = [
    (0, replace(ORDER, products=("prod_other",)), {}, CLOSED, "not_on_order"),
    (1, replace(ORDER, state="failed"), {}, CLOSED, "payment_failed"),
    (2, replace(ORDER, state="pending", paid_at=None), {}, CLOSED, "payment_processing"),
    (2, replace(ORDER, paid_at=None), {}, CLOSED, "payment_processing"),
    (2, replace(ORDER, state="pending"), {}, CLOSED, "payment_processing"),
    (3, replace(ORDER, disputes=Disputes(("lost",))), {}, CLOSED, "disputed"),
    (3, replace(ORDER, disputes=Disputes(("needs_response",))), SUSPENDING, CLOSED, "disputed"),
    (3, replace(ORDER, disputes=Disputes(("won",), True)), UNMOVED, CLOSED, "disputed"),
    (6, replace(ORDER, disputes=Disputes(("won",), True)), {}, OPEN, "bought"),
    (6, replace(ORDER, disputes=Disputes(("needs_response",))), {}, OPEN, "bought"),
    (6, replace(ORDER, disputes=Disputes(("warning_needs_response",))), SUSPENDING, OPEN, "bought"),
    (6, replace(ORDER, disputes=Disputes(("lost",))), {"dispute_policy": "ignore"}, OPEN, "bought"),
    (4, WHOLLY, {}, CLOSED, "refunded"),
    (6, WHOLLY, {"order_full_refund": "ignore"}, OPEN, "bought"),
    (6, WHOLLY, {"order_full_refund": "ignore", **HALF}, OPEN, "bought"),
    (5, PARTLY, HALF, CLOSED, "partially_refunded"),
    (6, PARTLY, {}, OPEN, "bought"),
    (6, PARTLY, {"order_partial_refund_percent": 51}, OPEN, "bought"),
    (6, ORDER, {"order_partial_refund_percent": 0}, OPEN, "bought"),
    (6, PAIR, HALF, OPEN, "bought"),
    (6, ORDER, {}, OPEN, "bought"),
    (6, replace(ORDER, amount=0), HALF, OPEN, "bought"),
    (6, replace(ORDER, amount=0, amount_refunded=1), HALF, OPEN, "bought"),
    (7, ORDER, {"access_days": 11}, OPEN, "bought"),
    (8, ORDER, {"access_days": 10}, CLOSED, "time_over"),
]


@pytest.mark.parametrize(
    ("row", "facts", "knobs", "access", "reason"),
    ORDER_ROWS,
    ids=[f"{row}-{'-'.join([facts.state, *map(str, knobs.values())])}" for row, facts, knobs, *_ in ORDER_ROWS],
)
def test_an_order_is_decided_by_its_row(
    row: int, facts: OrderFacts, knobs: dict[str, Any], access: Access, reason: str
) -> None:
    decision = order(facts, **knobs)
    assert (decision.rule, decision.access, decision.reason) == (f"order:{row}", access, reason)


def test_every_row_of_orders_is_tried() -> None:
    assert {row for row, *_ in ORDER_ROWS} == set(range(9))


def test_a_second_purchase_counts_from_the_end_of_the_first_or_from_its_own_day() -> None:
    day = order(ORDER, access_days=30).until
    assert day == NOW + 20 * DAY
    assert order(ORDER, access_days=30, extends=NOW + 5 * DAY).until == NOW + 35 * DAY
    assert order(ORDER, access_days=30, extends=NOW - 15 * DAY).until == day


def test_a_person_looks_at_part_refunds_of_several_products_only() -> None:
    assert refund_needs_a_person(PAIR)
    assert not refund_needs_a_person(PARTLY)
    assert not refund_needs_a_person(replace(PAIR, amount_refunded=0))
    assert not refund_needs_a_person(replace(PAIR, fully_refunded=True))
