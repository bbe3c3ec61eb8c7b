"""Whoever loses what they paid for, or waits for it, gets one letter that says why, and what to do."""

from datetime import timedelta

import pytest

from activities.days import end_of
from activities.models import Delivery
from billing.models import Order
from hub import grants, invitations
from hub.access import ends_known
from hub.models import Product, User
from tests.members import Member
from tests.shops import Json, Shop

ADA = "ada@example.org"
WITHOUT_A_CARD: Json = {"card": "", "trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}}


def test_a_refund_that_takes_access_is_told_once(shop: Shop, member: Member) -> None:
    bought = shop.buy(shop.once, email=ADA)
    shop.deliver()
    shop.sandbox.api.refunds.create({"payment_intent": bought["payment_intent"]})
    shop.deliver()
    shop.advance("1d")
    assert member.mails() == ["access", "access_ended"]
    letter = member.letter("access_ended")
    assert "Your payment was given back to you." in letter and "next=%2Fproducts%2Fthe-wheel%2F" in letter


def test_a_dispute_that_was_lost_is_told_and_leads_to_no_checkout(shop: Shop, member: Member) -> None:
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    dispute = shop.sandbox.post(f"/sandbox/charges/{Order.objects.get().charge_id}/dispute")
    shop.sandbox.set_fields(dispute["id"], status="lost")
    shop.deliver()
    assert member.mails() == ["access", "access_ended"]
    letter = member.letter("access_ended")
    assert "Your payment was disputed at your bank." in letter and "next=" not in letter


def test_a_subscription_that_is_ended_at_once_is_told(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    shop.advance("3d")
    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.deliver()
    assert member.mails() == ["access", "access_ended"]
    assert "Your subscription was ended on" in member.letter("access_ended")


def test_who_cancels_gets_no_letter_when_the_day_comes(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    member.cancel(subscription)
    shop.advance("33d")
    assert not member.has(shop.club)
    assert member.mails() == ["access"]


@pytest.mark.parametrize(("outcome", "then"), [("succeed", "access"), ("fail", "payment_bounced")])
def test_a_bank_debit_is_told_when_it_begins_and_when_it_ends(
    shop: Shop, member: Member, outcome: str, then: str
) -> None:
    shop.buy(shop.once, email=ADA, card="sepa_debit", outcome=outcome)
    shop.deliver()
    assert member.mails() == ["payment_pending"]
    assert "€180.00" in member.letter("payment_pending") and "usually up to a week" in member.letter("payment_pending")
    shop.advance("2d")
    shop.advance("2d")
    assert member.mails() == ["payment_pending", then]


def test_a_debit_that_bounced_says_that_nothing_is_owed_and_how_to_buy_again(shop: Shop, member: Member) -> None:
    shop.buy(shop.once, email=ADA, card="sepa_debit", outcome="fail")
    shop.deliver()
    shop.advance("4d")
    letter = member.letter("payment_bounced")
    assert "did not pay the €180.00 for The Wheel" in letter and "You owe nothing" in letter
    assert "next=%2Fproducts%2Fthe-wheel%2F" in letter


def test_whoever_buys_a_draft_is_not_led_to_where_nothing_is(shop: Shop, member: Member) -> None:
    bought = shop.sandbox.api.payment_links.create({"line_items": [{"price": shop.once.price_id, "quantity": 1}]})
    Product.objects.update(is_live=False)
    shop.sandbox.pay_link(bought.id, email=ADA)
    shop.deliver()
    assert member.user.grants.filter(state="active").exists()
    assert member.mails() == []


def test_a_product_whose_owner_writes_himself_sends_no_letter_on_waiting_or_losing(shop: Shop, member: Member) -> None:
    Product.objects.update(send_access_email=False)
    shop.buy(shop.once, email=ADA, card="sepa_debit")
    shop.deliver()
    shop.advance("4d")
    shop.sandbox.api.refunds.create({"payment_intent": Order.objects.get().payment_intent})
    shop.deliver()
    assert not member.has(shop.course)
    assert member.mails() == []


def test_a_letter_of_access_that_ends_by_itself_says_its_last_day(shop: Shop, member: Member) -> None:
    shop.course.access_days = 365
    shop.course.save()
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    until = member.grants()[0].until
    assert until is not None
    assert f"It is open until {until:%-d %B %Y}." in member.letter("access")

    now = shop.now()
    grants.give(member.user, shop.club, actor=None, reason="A gift", ends_at=end_of(now.date()), now=now)
    assert f"It is open until {now:%-d %B %Y}." in member.letter("access"), "the last day, and not the one after it"
    shop.advance("2d")
    assert not member.has(shop.club)
    assert member.mails() == ["access", "access"], "who knew the day is not written to again"


def test_a_gift_with_an_end_ends_nothing_that_is_had_without_one(shop: Shop, member: Member) -> None:
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    assert "until" not in member.letter("access")
    person, now = member.user, shop.now()
    for ends_at in (now + timedelta(days=9), None):
        grants.give(person, shop.club, actor=None, reason="A gift", ends_at=ends_at, now=now)
    assert ends_known([person.pk], products=[shop.club.pk, shop.course.pk]) == {}
    invitations.send_invitation(person, actor=person, now=now)
    assert "until" not in member.letter("invitation")


def test_an_invitation_names_the_last_day_of_what_ends_by_itself(shop: Shop, member: Member) -> None:
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    person, now = member.user, shop.now()
    grants.give(person, shop.club, actor=None, reason="A gift", ends_at=now + timedelta(days=9), now=now)
    day = f"{now + timedelta(days=9):%-d %B %Y}"
    invitations.send_invitation(person, actor=person, now=now)
    letter = member.letter("invitation")
    assert f"{shop.club.name} is open until {day}." in letter and letter.count("is open until") == 1
    assert invitations.send_access_again(person, shop.club, actor=person, now=now)
    assert f"It is open until {day}." in member.letter("access")


@pytest.mark.parametrize("heard", [True, False])
def test_a_trial_without_a_card_is_reminded_of_three_days_before_by_our_own_clock(
    shop: Shop, member: Member, heard: bool
) -> None:
    member.subscribe(shop.monthly.price_id, trial_period_days=14, **WITHOUT_A_CARD)
    shop.deliver()
    assert "It is a free trial until" in member.letter("access")
    shop.advance("10d", deliver=heard)
    assert member.mails() == ["access"]
    shop.advance("26h", deliver=heard)
    assert member.mails() == ["access", "trial_ending"]
    letter = member.letter("trial_ending")
    assert "There is no card to go on with" in letter and "€24.00 a month" in letter and "next=%2Faccount%2F" in letter
    shop.advance("1d")
    assert member.mails() == ["access", "trial_ending"]


def test_a_trial_with_a_card_says_what_it_will_cost(shop: Shop, member: Member) -> None:
    member.subscribe(shop.monthly.price_id, trial_period_days=14)
    shop.deliver()
    shop.advance("12d")
    letter = member.letter("trial_ending")
    assert "Then it goes on for €24.00 a month" in letter and "no card" not in letter


@pytest.mark.parametrize("days", [2, 30])
def test_a_trial_that_is_short_or_cancelled_needs_no_reminder(shop: Shop, member: Member, days: int) -> None:
    subscription = member.subscribe(shop.monthly.price_id, trial_period_days=days)
    shop.deliver()
    if days == 30:
        member.cancel(subscription)
    shop.advance(f"{days - 1}d")
    assert member.mails() == ["access"]


def test_a_letter_to_somebody_without_a_name_makes_none_up(shop: Shop, member: Member) -> None:
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    User.objects.update(name="")
    assert member.letter("access").startswith("Hello,\n")
    assert Delivery.objects.count() == 1
