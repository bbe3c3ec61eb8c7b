"""A subscription's first days: the first payment, and the trial."""

from datetime import UTC, datetime

import pytest
from django.test import Client

from hub.reasons import say_day
from tests.members import Member
from tests.shops import Shop

DOOR = "/products/studio/"

FIRST = ("product_purchased", "subscription_started", "access_granted")


def read(browser: Client, path: str) -> str:
    return " ".join(browser.get(path).content.decode().split())


def test_case_10_an_incomplete_subscription_that_is_paid_grants_once(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id, card="pm_card_chargeCustomerFail")
    shop.deliver()
    assert shop.sandbox.api.subscriptions.retrieve(subscription["id"]).status == "incomplete"
    assert member.nobody

    card = shop.sandbox.api.payment_methods.attach("pm_card_visa", {"customer": subscription["customer"]})
    shop.sandbox.api.invoices.pay(subscription["latest_invoice"], {"payment_method": card.id})
    shop.deliver()
    assert member.has(shop.club)
    assert member.verbs(*FIRST) == [*FIRST]
    assert member.steps(shop.club) == [("", "active", "active")]
    assert member.mails() == ["access"]


def test_case_10_an_incomplete_subscription_that_expires_never_grants(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id, card="pm_card_chargeCustomerFail")
    shop.deliver()
    shop.advance("24h")
    assert member.row(subscription).status == "incomplete_expired"
    assert member.nobody

    shop.sandbox.api.subscriptions.update(subscription["id"], {"metadata": {"note": "seen"}})
    shop.deliver()
    assert member.nobody


def test_a_known_member_whose_first_payment_fails_is_told_why(shop: Shop, member: Member) -> None:
    shop.buy(shop.once, email=member.email)
    shop.deliver()
    member.subscribe(shop.monthly.price_id, card="pm_card_chargeCustomerFail")
    shop.deliver()
    assert not member.has(shop.club)
    assert member.verbs("subscription_started") == []
    assert member.why(shop.club) == "first_payment_pending"
    shop.advance("24h")
    assert member.why(shop.club) == "first_payment_never_made"
    assert member.verbs("subscription_started", "subscription_ended") == []


def test_a_trial_opens_and_goes_over_into_paying_without_a_gap(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id, trial_period_days=14)
    shop.deliver()
    assert member.row(subscription).status == "trialing"
    assert member.has(shop.club)
    assert "free until" in member.account_page()
    assert member.verbs(*FIRST) == [*FIRST]

    shop.advance("15d")
    assert member.row(subscription).status == "active"
    assert member.has(shop.club)
    assert member.verbs(*FIRST, "access_removed") == [*FIRST]
    assert [reason for *_, reason in member.steps(shop.club)] == ["trial", "active"]
    assert member.mails() == ["access"]


def test_case_11_a_trial_without_a_card_pauses_and_a_card_resumes_it(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(
        shop.monthly.price_id,
        card="",
        trial_period_days=14,
        trial_settings={"end_behavior": {"missing_payment_method": "pause"}},
    )
    shop.deliver()
    assert member.has(shop.club)

    shop.advance("15d")
    assert member.row(subscription).status == "paused"
    assert not member.has(shop.club)
    assert member.why(shop.club) == "trial_ended_no_payment_method"
    assert member.mails() == ["access", "access_ended"]

    member.change_card("4242424242424242")
    shop.sandbox.api.subscriptions.resume(subscription["id"])
    shop.deliver()
    assert member.row(subscription).status == "active"
    assert member.has(shop.club)
    assert member.verbs(*FIRST) == [*FIRST, "access_granted"]
    assert member.mails() == ["access", "access_ended"]
    assert "renews on" in member.account_page()


def test_a_trial_that_ends_for_want_of_a_card_says_so_to_everybody(shop: Shop, member: Member, desk: Client) -> None:
    at_end = {"end_behavior": {"missing_payment_method": "cancel"}}
    subscription = member.subscribe(shop.monthly.price_id, card="", trial_period_days=14, trial_settings=at_end)
    shop.deliver()
    shop.advance("15d")
    row = member.row(subscription)
    assert (row.status, member.why(shop.club)) == ("canceled", "trial_canceled_no_payment_method")
    ended = say_day(datetime.fromtimestamp(row.data["trial_end"], tz=UTC))
    said = f"The trial ended on {ended}, there was no card to continue with, and so the subscription ended with it."
    page = read(desk, f"/console/people/{member.user.pk}/")
    assert said in page
    assert "as asked for" not in page
    assert f"Your free trial ended on {ended}, there was no card to go on with" in read(member.browser(), DOOR)
    assert member.mails() == ["access", "access_ended"]
    assert "Your free trial is over, and there was no card to go on with." in member.letter("access_ended")


@pytest.mark.parametrize("at_once", [True, False])
def test_a_trial_that_somebody_cancelled_ended_for_no_want_of_a_card(shop: Shop, member: Member, at_once: bool) -> None:
    at_end = {"end_behavior": {"missing_payment_method": "cancel"}}
    subscription = member.subscribe(shop.monthly.price_id, card="", trial_period_days=14, trial_settings=at_end)
    shop.deliver()
    if at_once:
        shop.sandbox.api.subscriptions.cancel(subscription["id"])
        shop.deliver()
    else:
        member.change(subscription, cancel_at_period_end=True)
    shop.advance("15d")
    assert member.why(shop.club) == "canceled"


def test_a_trial_that_is_cancelled_runs_to_its_end_and_costs_nothing(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id, trial_period_days=14)
    shop.deliver()
    member.cancel(subscription)
    assert member.has(shop.club)
    assert "ends on" in member.account_page()
    assert member.verbs("subscription_cancelled") == ["subscription_cancelled"]

    shop.advance("13d")
    assert member.has(shop.club)
    shop.advance("2d")
    assert not member.has(shop.club)
    assert member.row(subscription).status == "canceled"
    assert shop.sandbox.api.charges.list({}).data == []
    assert member.mails() == ["access"]
