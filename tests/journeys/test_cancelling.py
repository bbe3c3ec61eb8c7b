"""Asking for the end of a subscription, taking it back, and the end itself."""

from collections.abc import Callable

import pytest

from billing.intake.draining import sweep
from billing.models import ProductLink
from billing.shop import linking
from hub import grants
from tests.members import Member
from tests.shops import Json, Shop

CANCELLED, RESUMED, ENDED = "subscription_cancelled", "subscription_resumed", "subscription_ended"


def flexible(member: Member, shop: Shop) -> Json:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    return subscription


def classic(member: Member, shop: Shop) -> Json:
    subscription = member.subscribe(shop.monthly.price_id, billing_mode={"type": "classic"})
    shop.deliver()
    return subscription


def test_case_01_a_cancellation_in_flexible_mode_keeps_access_until_the_end(shop: Shop, member: Member) -> None:
    subscription = flexible(member, shop)
    member.cancel(subscription)
    row = member.row(subscription)
    assert row.cancel_at is not None
    assert row.data["cancel_at_period_end"] is False
    assert member.has(shop.club)
    assert "ends on" in member.account_page()
    assert member.verbs(CANCELLED) == [CANCELLED]

    shop.advance("20d")
    assert member.has(shop.club)
    shop.advance("12d")
    assert not member.has(shop.club)
    assert member.verbs(CANCELLED, ENDED, "access_removed") == [CANCELLED, ENDED, "access_removed"]
    assert [reason for *_, reason in member.steps(shop.club)] == ["active", "ending", "canceled"]
    assert member.mails() == ["access"]  # who cancels knows that access ends


@pytest.mark.parametrize("dated", [True, False])
def test_case_02_a_classic_cancellation_has_the_same_visible_result(shop: Shop, member: Member, dated: bool) -> None:
    subscription = classic(member, shop)
    member.cancel(subscription)
    if not dated:  # the flag alone says it
        shop.sandbox.set_fields(subscription["id"], emit="customer.subscription.updated", cancel_at=None)
        shop.deliver()
    row = member.row(subscription)
    assert row.data["cancel_at_period_end"] is True
    assert (row.cancel_at is not None) is dated
    assert member.has(shop.club)
    assert "ends on" in member.account_page()
    assert member.verbs(CANCELLED, RESUMED) == [CANCELLED]

    shop.advance("20d")
    assert member.has(shop.club)
    shop.advance("12d")
    assert not member.has(shop.club)
    assert [reason for *_, reason in member.steps(shop.club)] == ["active", "ending", "canceled"]
    assert member.verbs(CANCELLED, ENDED, "access_removed") == [CANCELLED, ENDED, "access_removed"]


@pytest.mark.parametrize("subscribed", [flexible, classic])
def test_case_03_taking_a_cancellation_back_resumes_and_cancelling_again_is_told_again(
    shop: Shop, member: Member, subscribed: Callable[[Member, Shop], Json]
) -> None:
    subscription = subscribed(member, shop)
    member.cancel(subscription)
    shop.advance("2d")
    member.resume(subscription)
    assert member.has(shop.club)
    assert "ends on" not in member.account_page()
    assert "renews on" in member.account_page()
    assert member.verbs(CANCELLED, RESUMED) == [CANCELLED, RESUMED]

    shop.advance("2d")
    member.cancel(subscription)
    assert member.verbs(CANCELLED, RESUMED) == [CANCELLED, RESUMED, CANCELLED]
    assert member.mails() == ["access"]


def test_a_renewal_after_taking_it_back_keeps_access(shop: Shop, member: Member) -> None:
    subscription = flexible(member, shop)
    member.cancel(subscription)
    member.resume(subscription)
    shop.advance("32d")
    assert member.has(shop.club)
    assert member.verbs("subscription_renewed", ENDED) == ["subscription_renewed"]


def test_case_16_of_two_live_subscriptions_one_is_canceled_and_access_stays(shop: Shop, member: Member) -> None:
    first, second = flexible(member, shop), flexible(member, shop)
    shop.sandbox.api.subscriptions.cancel(first["id"])
    shop.deliver()
    assert member.has(shop.club)
    assert member.states(shop.club) == ["ended", "active"]
    assert member.verbs("access_granted", "access_removed") == ["access_granted"]
    assert member.mails() == ["access"]

    shop.sandbox.api.subscriptions.cancel(second["id"])
    shop.deliver()
    assert not member.has(shop.club)
    assert member.verbs("access_granted", "access_removed") == ["access_granted", "access_removed"]


def test_case_24_a_grant_by_hand_survives_cancellation_refund_and_unlinking(shop: Shop, member: Member) -> None:
    subscription = flexible(member, shop)
    shop.buy(shop.once, email=member.email)
    shop.deliver()
    for product in (shop.club, shop.course):
        grants.give(member.user, product, actor=None, reason="A friend of the house", now=shop.now())

    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    charge = shop.sandbox.api.charges.list({"limit": 1}).data[0]
    shop.sandbox.api.refunds.create({"charge": charge.id})
    shop.deliver()
    assert member.states(shop.club) == ["ended", "active"]
    assert member.states(shop.course) == ["ended", "active"]

    for found in ProductLink.objects.all():
        linking.unlink(found, actor=None)
    shop.advance("40d")
    assert member.has(shop.club)
    assert member.has(shop.course)
    assert member.verbs("access_removed") == []


def test_case_28_a_passed_end_asks_stripe_once_and_takes_nothing_away(shop: Shop, member: Member) -> None:
    """Stripe is late and still calls it active, as a clock of its own has it: only another status ends access."""
    api = shop.sandbox.api
    late = api.test_helpers.test_clocks.create({"frozen_time": int(shop.now().timestamp())})
    customer = api.customers.create({"email": member.email, "test_clock": late.id})
    card = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    subscription = api.subscriptions.create(
        {"customer": customer.id, "items": [{"price": shop.monthly.price_id}], "default_payment_method": card.id}
    ).to_dict()
    ends_at = late.frozen_time + 86_400
    member.change(subscription, cancel_at=ends_at)
    shop.sandbox.forget_calls()
    for by, asked in (("25h", ["/v1/subscriptions"]), ("1m", []), ("61m", ["/v1/subscriptions"]), ("3d", None)):
        shop.sandbox.advance(by)
        shop.sandbox.forget_calls()
        sweep()
        row = member.row(subscription)
        assert row.status == "active" and row.cancel_at is not None and row.cancel_at < shop.now(), "as Stripe has it"
        assert asked is None or [call["route"] for call in shop.sandbox.calls()] == asked
        assert member.has(shop.club) and member.states(shop.club) == ["active"]
    assert member.verbs(ENDED, "access_removed") == [] and member.mails() == ["access"]
    assert "Studio Membership" in member.account_page()
    assert member.browser().get("/products/studio/").status_code == 200

    api.test_helpers.test_clocks.advance(late.id, {"frozen_time": ends_at + 3600})  # now Stripe acts
    shop.sandbox.take_pending()  # and nobody hears of it
    shop.advance("61m", deliver=False)
    assert not member.has(shop.club)
    assert member.verbs(ENDED, "access_removed") == [ENDED, "access_removed"]
    assert member.steps(shop.club)[-1][2] == "canceled"


def test_who_took_the_end_back_unheard_is_found_to_go_on_when_it_has_passed(shop: Shop, member: Member) -> None:
    subscription = flexible(member, shop)
    asked_for = int(shop.now().timestamp()) + 86_400
    shop.sandbox.set_fields(
        subscription["id"], emit="customer.subscription.updated", cancel_at=asked_for, canceled_at=asked_for - 86_400
    )
    shop.deliver()
    # Stripe has not acted on it: the subscription is still active when the moment has passed.
    shop.sandbox.set_fields(subscription["id"], cancel_at=asked_for + 40 * 86_400)
    shop.sandbox.forget_calls()
    shop.advance("25h", deliver=False)
    assert member.has(shop.club)
    assert [call["route"] for call in shop.sandbox.calls()] == ["/v1/subscriptions"]
    assert member.verbs(ENDED, "access_removed") == []
    assert [reason for *_, reason in member.steps(shop.club)] == ["active", "ending", "ending"]

    shop.advance("2h", deliver=False)
    assert len(shop.sandbox.calls()) == 1
