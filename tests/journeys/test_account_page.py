"""The account page says of each subscription and purchase how it stands."""

import re
from typing import Any
from urllib.parse import urlsplit

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import Settings

from billing.models import Order, StripeCustomer
from hub import grants
from hub.models import User
from tests.hub.test_signing_in import code_sent
from tests.members import Member
from tests.shops import Json, Shop

ADA = "ada@example.org"
CARD_THAT_FAILS_LATER = "4000000000000341"


@pytest.fixture
def member(shop: Shop, ada: User) -> Member:
    return Member(shop, ada.email)


def test_who_has_bought_nothing_is_told_so(member: Member) -> None:
    page = member.account_page()
    assert "You have no subscription" in page
    assert "Purchases" not in page and "Given to you" not in page


def test_a_subscription_shows_its_price_and_when_it_renews(shop: Shop, member: Member) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    page = member.account_page()
    assert shop.club.name in page and "€24.00 a month" in page and "renews on" in page


def test_a_cancelled_subscription_shows_when_it_ends_and_offers_to_keep_it(shop: Shop, member: Member) -> None:
    bought = shop.buy(shop.monthly, email=ADA)
    shop.sandbox.api.subscriptions.update(bought["subscription"], {"cancel_at_period_end": True})
    shop.deliver()
    page = member.account_page()
    assert "ends on" in page and "Keep it" in page and "renews on" not in page
    shop.advance("32d")
    assert "ended on" in member.account_page()


def test_a_failed_payment_says_since_when_until_when_and_what_to_do(shop: Shop, member: Member) -> None:
    shop.buy(shop.monthly, email=ADA, card=CARD_THAT_FAILS_LATER)
    shop.deliver()
    shop.advance("32d")
    page = member.account_page()
    assert "failed on" in page and "You keep access until" in page and "Your card is tried again on" in page
    assert "Update card" in page


def test_a_purchase_shows_its_amount_and_how_it_stands(shop: Shop, member: Member) -> None:
    bought = shop.buy(shop.once, email=ADA)
    shop.deliver()
    assert "€180.00" in member.account_page()
    for amount, words in ((8000, "partly refunded"), (10000, "refunded")):
        shop.sandbox.api.refunds.create({"payment_intent": bought["payment_intent"], "amount": amount})
        shop.deliver()
        assert words in member.account_page().lower()


def test_a_disputed_purchase_is_shown_as_disputed(shop: Shop, member: Member) -> None:
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    shop.sandbox.post(f"/sandbox/charges/{Order.objects.get().charge_id}/dispute")
    shop.deliver()
    assert "disputed" in member.account_page().lower()


def test_the_price_counts_what_a_coupon_takes_off(shop: Shop, member: Member) -> None:
    api = shop.sandbox.api
    half = api.coupons.create({"percent_off": 50, "duration": "forever"})
    five = api.coupons.create({"amount_off": 500, "currency": "eur", "duration": "repeating", "duration_in_months": 3})
    subscription = member.subscribe(shop.monthly.price_id, discounts=[{"coupon": half.id}])
    shop.deliver()
    assert "€24.00 a month, less 50\N{NO-BREAK SPACE}%" in member.browser().get("/account/").content.decode()
    member.change(subscription, discounts=[{"coupon": five.id}])
    assert "€24.00 a month, less €5.00 until" in member.account_page()


def test_several_failed_payments_are_told_apart_and_each_leads_to_its_own_portal(shop: Shop, member: Member) -> None:
    first = member.subscribe(shop.monthly.price_id)
    second = member.subscribe_to({"price": shop.monthly.price_id, "quantity": 2})
    shop.deliver()
    for subscription in (first, second):
        card = {"card": CARD_THAT_FAILS_LATER, "retry": True}
        shop.sandbox.post(f"/sandbox/customers/{subscription['customer']}/card", card)
    shop.advance("32d")
    shop.advance("2h")
    page = member.account_page()
    for amount in ("€24.00", "€48.00"):
        assert f"Your payment of {amount} for Studio Membership failed" in page
    for subscription in (first, second):
        assert f'name="customer" value="{subscription["customer"]}"' in page


def test_after_grace_the_page_says_that_access_has_ended(shop: Shop, member: Member) -> None:
    shop.sandbox.post("/sandbox/settings", {"after_retries": "past_due"})
    shop.buy(shop.monthly, email=ADA, card=CARD_THAT_FAILS_LATER)
    shop.deliver()
    shop.advance("32d")
    shop.advance("16d")
    page = member.account_page()
    assert "Your access has ended. It opens again as soon as this is paid." in page
    assert "You keep access" not in page


def test_who_pays_twice_is_told_until_one_is_given_up(shop: Shop, member: Member) -> None:
    member.subscribe(shop.monthly.price_id)
    second = member.subscribe(shop.yearly.price_id)
    shop.deliver()
    page = member.account_page()
    assert "You are paying for Studio Membership twice." in page and page.count("· since") == 2
    member.cancel(second)
    assert "twice" not in member.account_page()


def test_a_purchase_has_its_receipt_and_says_how_much_was_given_back(shop: Shop, member: Member) -> None:
    bought = shop.buy(shop.once, email=ADA)
    shop.deliver()
    receipt = Order.objects.get().receipt_url
    assert receipt and f'href="{receipt}"' in member.account_page()
    shop.sandbox.api.refunds.create({"payment_intent": bought["payment_intent"], "amount": 8000})
    shop.deliver()
    assert "€80.00 given back" in member.account_page()


def test_a_guest_comes_in_by_the_letter_and_finds_the_receipt_and_no_button_to_a_portal(
    shop: Shop, settings: Settings
) -> None:
    """Paid on a page of the owner's own, where Stripe made no customer: there is no portal to lead to."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    price: Any = {"line_items": [{"price": shop.once.price_id, "quantity": 1}]}
    link = shop.sandbox.api.payment_links.create({**price, "customer_creation": "if_required"})
    assert shop.sandbox.pay_link(link.id, email="gus@example.org")["session"]["customer"] is None
    shop.deliver()
    guest = Member(shop, "gus@example.org")
    letter = guest.letter("access")
    way_in = re.search(r"https?://\S+/accounts/login/\S*", letter)
    assert way_in and "gus%40example.org" in way_in[0].replace("gus@", "gus%40"), letter
    coming = Client()
    shown = coming.get(urlsplit(way_in[0])._replace(scheme="", netloc="").geturl())
    assert shown.status_code == 200 and "gus@example.org" in shown.content.decode()
    coming.post("/accounts/login/", {"login": guest.email})
    coming.post("/accounts/login/code/confirm/", {"code": code_sent()})
    assert coming.get("/products/the-wheel/").status_code == 200 and guest.has(shop.course)
    page = " ".join(coming.get("/account/").content.decode().split())
    receipt = Order.objects.get().receipt_url
    assert receipt and f'href="{receipt}"' in page and "€180.00" in page
    assert "What you bought stands below, with its receipt." in page
    assert 'action="/portal/"' not in page and "Cards and invoices" not in page
    assert "Nothing is billed to you" in coming.post("/portal/").content.decode()


def test_invoices_that_go_to_another_address_are_said_to(shop: Shop, member: Member) -> None:
    member.subscribe(shop.monthly.price_id)
    shop.deliver()
    assert "Invoices go to" not in member.account_page()
    User.objects.update(email="ada@new.example")
    assert "Invoices go to ada@example.org" in Member(shop, "ada@new.example").account_page()
    StripeCustomer.objects.update(email="")
    assert "Invoices go to" not in Member(shop, "ada@new.example").account_page(), "Stripe has no address"


@pytest.mark.parametrize(("outcome", "words"), [("succeed", "pending"), ("fail", "failed")])
def test_a_bank_debit_is_shown_as_it_stands(shop: Shop, member: Member, outcome: str, words: str) -> None:
    shop.buy(shop.once, email=ADA, card="sepa_debit", outcome=outcome)
    shop.deliver()
    if outcome == "fail":
        shop.advance("4d")
    assert words in member.account_page().lower()


def test_what_was_given_by_hand_is_shown_apart(shop: Shop, member: Member) -> None:
    grants.give(member.user, shop.course, actor=None, reason="a present", now=shop.now())
    page = member.account_page()
    assert "Given to you" in page and "No end" in page


def test_purchases_of_other_products_at_the_same_stripe_account_are_not_shown(shop: Shop, member: Member) -> None:
    _buy_a_mug(shop)
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    assert "A mug" not in member.account_page()


def test_nobody_sees_somebody_elses_purchases(shop: Shop, member: Member, dan: User) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    page = Member(shop, dan.email).account_page()
    assert "You have no subscription" in page and "€" not in page


@pytest.mark.parametrize("purchases", [1, 20])
def test_the_page_costs_at_most_ten_queries_however_much_was_bought(shop: Shop, member: Member, purchases: int) -> None:
    """With a failed payment's banner on it."""
    shop.buy(shop.monthly, email=ADA, card=CARD_THAT_FAILS_LATER)
    for _ in range(purchases):
        shop.buy(shop.once, email=ADA)
    shop.deliver()
    shop.advance("32d")
    client = member.browser()
    client.get("/account/")  # the first page of a session writes when the member was last here
    with CaptureQueriesContext(connection) as captured:
        page = client.get("/account/").content.decode()
    assert page.count("€180.00") == purchases and "Update card" in page
    assert len(captured) <= 10, "\n".join(query["sql"] for query in captured.captured_queries)


def _buy_a_mug(shop: Shop) -> Json:
    api = shop.sandbox.api
    mug = api.prices.create({"currency": "eur", "unit_amount": 900, "product_data": {"name": "A mug"}})
    link = api.payment_links.create({"line_items": [{"price": mug.id, "quantity": 1}]})
    paid: Json = shop.sandbox.pay_link(link.id, email=ADA)["session"]
    return paid
