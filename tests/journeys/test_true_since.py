"""The ledger's "true since" is Stripe's own moment, however late, and by whichever event, it was heard of."""

import json
from datetime import UTC, datetime, timedelta

import pytest

from billing.intake.draining import drain
from billing.models import AccessPolicy
from billing.rules.policy_change import Change, preview, save
from hub.models import Ledger
from tests import cast
from tests.journeys.test_past_due import fall_behind, go_to, start_of_grace
from tests.members import Member
from tests.shops import Json, Shop

A_WHILE = timedelta(minutes=2)  # what the sandbox's clock and ours go on by while a test asks


def last(member: Member, shop: Shop) -> Ledger:
    return member.ledger(shop.club)[-1]


def since(member: Member, shop: Shop) -> tuple[str, datetime]:
    line = last(member, shop)
    return line.reason, line.true_at


def at(seconds: int | None) -> datetime:
    assert seconds is not None
    return datetime.fromtimestamp(seconds, tz=UTC)


def turn(shop: Shop, **knobs: object) -> None:
    """The owner saves these rules, and a worker looks again."""
    change = Change(None, knobs)
    shown = preview(change, connection=shop.connection, now=shop.now())
    save(change, fingerprint=shown.fingerprint, connection=shop.connection, actor=None, now=shop.now())
    drain()


def now_is(moment: datetime, shop: Shop) -> bool:
    return abs(moment - shop.now()) < A_WHILE


def only(shop: Shop, name: str) -> None:
    """Of what is held these events alone arrive, and are worked off; the others are late."""
    for delivery in shop.sandbox.pending():
        if json.loads(delivery["body"])["type"] == name:
            assert shop.post_webhook(delivery) == 200
    drain()


def test_a_trial_that_went_over_did_so_at_its_end_though_only_its_warning_was_heard(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id, trial_period_days=14)
    shop.deliver()
    assert since(member, shop) == ("trial", at(subscription["trial_start"]))
    shop.sandbox.advance("16d")
    only(shop, "customer.subscription.trial_will_end")
    assert since(member, shop) == ("active", at(subscription["trial_end"]))
    assert last(member, shop).learned_at - last(member, shop).true_at > timedelta(days=1)
    shop.deliver()
    assert [reason for *_, reason in member.steps(shop.club)] == ["trial", "active"]


@pytest.mark.parametrize("choice", ["pause", "cancel"])
def test_a_trial_without_a_card_ended_at_its_end(shop: Shop, member: Member, choice: str) -> None:
    terms = {"trial_settings": {"end_behavior": {"missing_payment_method": choice}}}
    subscription = member.subscribe(shop.monthly.price_id, card="", trial_period_days=14, **terms)
    shop.deliver()
    shop.sandbox.advance("16d")
    only(shop, "customer.subscription.trial_will_end")
    assert last(member, shop).to_state == "ended"
    assert last(member, shop).true_at == at(subscription["trial_end"])


def test_a_renewal_is_true_since_the_period_began(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    began = at(subscription["items"]["data"][0]["current_period_end"])
    shop.sandbox.advance("33d")
    shop.deliver()
    assert since(member, shop) == ("active", began)


def test_a_payment_that_came_after_all_is_true_since_it_was_paid(shop: Shop, member: Member) -> None:
    subscription = fall_behind(member, shop, then="past_due")
    assert since(member, shop)[0] == "past_due_grace"
    assert since(member, shop)[1].timestamp() == start_of_grace(member, subscription)
    member.change_card("4242424242424242")
    paid_at = shop.now()
    shop.sandbox.advance("5d")
    shop.deliver()
    reason, true_at = since(member, shop)
    assert reason == "active"
    assert abs(true_at - paid_at) < A_WHILE


def test_a_resumed_subscription_is_true_since_the_event_that_tells_of_it(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    asked = member.change(subscription, cancel_at_period_end=True)
    assert since(member, shop) == ("ending", at(asked["canceled_at"]))
    shop.sandbox.advance("3d")
    shop.sandbox.api.subscriptions.update(subscription["id"], {"cancel_at_period_end": False})
    resumed_at = shop.now()
    shop.sandbox.advance("2d")
    shop.deliver()
    reason, true_at = since(member, shop)
    assert reason == "active"
    assert abs(true_at - resumed_at) < A_WHILE


def test_what_a_rule_opens_or_shuts_is_true_since_the_rule(shop: Shop, member: Member) -> None:
    subscription = fall_behind(member, shop, then="past_due")
    go_to(shop, start_of_grace(member, subscription) + 5 * 86_400)
    turn(shop, past_due_policy="grace_days", past_due_grace_days=2)
    assert since(member, shop)[0] == "past_due_expired"
    assert now_is(since(member, shop)[1], shop)
    shop.sandbox.advance("1d")
    turn(shop, past_due_policy="until_stripe_gives_up")
    assert since(member, shop)[0] == "past_due_grace"
    assert now_is(since(member, shop)[1], shop)


def test_a_trial_that_a_rule_shuts_and_opens_is_true_since_the_rule(shop: Shop, member: Member) -> None:
    member.subscribe(shop.monthly.price_id, trial_period_days=14)
    shop.deliver()
    for allowed, reason in ((False, "trial_not_granted"), (True, "trial")):
        shop.sandbox.advance("2d")
        turn(shop, trial_access=allowed)
        assert since(member, shop)[0] == reason
        assert now_is(since(member, shop)[1], shop)


def test_the_days_of_grace_were_over_at_their_deadline(shop: Shop, member: Member) -> None:
    subscription = fall_behind(member, shop, then="past_due")
    told_until = member.grants()[0].until
    go_to(shop, start_of_grace(member, subscription) + 20 * 86_400)
    assert since(member, shop) == ("past_due_expired", told_until)


def test_paid_time_that_ran_out_did_so_at_its_end_and_not_with_the_cancellation(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(knobs={"immediate_cancel": "end_of_paid_period"})
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    shop.sandbox.advance("3d")
    canceled = shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.deliver()
    assert since(member, shop) == ("canceled_paid_through", at(canceled.ended_at))
    until = member.grants()[0].until
    shop.advance("40d")
    assert since(member, shop) == ("canceled", until)


def test_a_dispute_is_true_since_its_verdict_and_a_late_win_since_that(shop: Shop, member: Member) -> None:
    member.subscribe(shop.monthly.price_id)
    shop.deliver()
    (charge,) = shop.sandbox.api.charges.list({}).data
    dispute = shop.sandbox.post(f"/sandbox/charges/{charge.id}/dispute", {})
    for verdict, reason in (("lost", "disputed"), ("won", "active")):
        shop.sandbox.advance("2d")
        shop.sandbox.set_fields(dispute["id"], status=verdict)
        closed_at = shop.now()
        shop.sandbox.advance("1d")
        shop.deliver()
        assert since(member, shop)[0] == reason
        assert abs(since(member, shop)[1] - closed_at) < A_WHILE


def test_a_refund_that_failed_gives_a_purchase_back_when_it_failed(shop: Shop, member: Member) -> None:
    bought: Json = shop.buy(shop.once, email=member.email)
    shop.deliver()
    (line,) = member.ledger(shop.course)
    assert line.true_at - at(bought["created"]) < A_WHILE
    shop.sandbox.advance("2d")
    refund = shop.sandbox.api.refunds.create({"payment_intent": bought["payment_intent"]})
    refunded_at = shop.now()
    shop.deliver()
    assert abs(member.ledger(shop.course)[-1].true_at - refunded_at) < A_WHILE
    shop.sandbox.advance("2d")
    shop.sandbox.set_fields(refund.id, status="failed")
    failed_at = shop.now()
    shop.sandbox.advance("1d")
    shop.deliver()
    line = member.ledger(shop.course)[-1]
    assert (line.to_state, line.reason) == ("active", "bought")
    assert abs(line.true_at - failed_at) < A_WHILE


def test_a_product_that_a_plan_switch_brought_is_true_since_the_switch(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    clay = cast.ProductFactory(name="Clay", slug="clay")
    (clay_monthly,) = shop.sell(clay, {"unit_amount": 900, "recurring": {"interval": "month"}})
    shop.sandbox.advance("3d")
    item = {"id": member.item(subscription), "price": clay_monthly.price_id}
    shop.sandbox.api.subscriptions.update(subscription["id"], {"items": [item]})
    switched_at = shop.now()
    shop.sandbox.advance("1d")
    shop.deliver()
    for product in (shop.club, clay):
        assert abs(member.ledger(product)[-1].true_at - switched_at) < A_WHILE
