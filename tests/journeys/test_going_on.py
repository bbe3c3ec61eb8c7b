"""What a member takes back of themselves: a cancellation, and a pause after a trial that had no card."""

import pytest
from django.test import Client

from hub.models import User
from tests.members import Member, signed_in
from tests.shops import Json, Shop

PORTAL = "/p/session/"


@pytest.fixture
def paused(shop: Shop, member: Member) -> Json:
    """A subscription whose trial ended without a card."""
    without: Json = {"trial_settings": {"end_behavior": {"missing_payment_method": "pause"}}}
    subscription = member.subscribe(shop.monthly.price_id, card="", trial_period_days=14, **without)
    shop.deliver()
    shop.advance("15d")
    assert member.row(subscription).status == "paused"
    return subscription


def test_a_trial_without_a_card_asks_for_one_and_promises_no_try(shop: Shop, member: Member) -> None:
    member.subscribe(shop.monthly.price_id, card="", trial_period_days=14)
    shop.deliver()
    page = member.account_page()
    assert "Add a card" in page and "no card to go on with" in page
    member.change_card("4242424242424242")
    shop.deliver()
    assert "Add a card" not in member.account_page()


def test_a_paused_trial_leads_by_one_step_after_another_to_a_card_and_to_resuming(
    shop: Shop, member: Member, paused: Json
) -> None:
    door = member.browser().get(shop.club.get_absolute_url()).content.decode()
    assert "there was no card to go on with" in door and 'href="/account/">To your account' in door
    assert 'name="offer"' not in door
    page = member.account_page()
    assert "Add a card" in page and "/account/resume/" not in page

    member.change_card("4242424242424242")
    shop.deliver()
    assert "/account/resume/" in member.account_page()
    browser = member.browser()
    answer = browser.post("/account/resume/", {"subscription": paused["id"]}, follow=True)
    assert "Your subscription goes on" in answer.content.decode()
    assert member.has(shop.club), "before any webhook came"
    shop.deliver()
    assert member.row(paused).status == "active" and member.mails().count("access") == 1


def test_resuming_with_a_card_that_is_refused_says_so_and_opens_nothing(
    shop: Shop, member: Member, paused: Json
) -> None:
    member.change_card("4000000000000341")
    answer = member.browser().post("/account/resume/", {"subscription": paused["id"]}, follow=True)
    assert "The payment has not gone through yet" in answer.content.decode()
    assert not member.has(shop.club)


def test_who_would_buy_what_is_paused_is_led_to_where_it_is_resumed(shop: Shop, member: Member, paused: Json) -> None:
    answer = member.browser().post("/checkout/studio/", {"offer": shop.monthly.pk}, follow=True)
    assert answer.redirect_chain == [("/account/", 303)]
    assert "is paused. Here you can resume it" in answer.content.decode()


def test_a_cancellation_is_taken_back_by_one_button(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    member.cancel(subscription)
    browser = member.browser()
    answer = browser.post("/account/keep/", {"subscription": subscription["id"]}, follow=True)
    page = answer.content.decode()
    assert "Studio Membership: it goes on, and nothing ends." in page and "renews on" in page
    shop.advance("33d")
    assert member.has(shop.club)


def test_where_our_key_may_not_keep_it_stripes_portal_does(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    member.cancel(subscription)
    shop.sandbox.answer_with(403, path=f"/v1/subscriptions/{subscription['id']}")
    answer = member.browser().post("/account/keep/", {"subscription": subscription["id"]})
    assert answer.status_code == 303 and PORTAL in answer["Location"]


def test_what_is_not_paused_is_not_told_as_an_outage(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    answer = member.browser().post("/account/resume/", {"subscription": subscription["id"]}, follow=True)
    page = answer.content.decode()
    assert answer.status_code == 200 and "Stripe resumed nothing, and nothing was charged." in page
    assert "renews on" in page


@pytest.mark.parametrize("act", ["keep", "resume"])
def test_nobody_acts_on_somebody_elses_subscription(
    shop: Shop, member: Member, paused: Json, dan: User, act: str
) -> None:
    shop.sandbox.forget_calls()
    stranger, visitor = signed_in(dan), Client()
    assert stranger.post(f"/account/{act}/", {"subscription": paused["id"]}).status_code == 403
    assert visitor.post(f"/account/{act}/", {"subscription": paused["id"]})["Location"].startswith("/accounts/login/")
    assert stranger.get(f"/account/{act}/")["Location"] == "/account/"
    assert shop.sandbox.calls() == []
