"""Money that comes later than the purchase: bank debits, and cards that are captured by hand."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest

from activities.models import Activity
from billing.intake.draining import drain
from billing.intake.inbox import look_again
from billing.models import Order, Subject
from billing.sweeping.reconcile import catch_up, full_pass
from hub.access import explain
from hub.models import Grant, Ledger, User
from tests.members import Member, signed_in
from tests.records import Verb, counts, mailed, told
from tests.shops import Json, Shop

ADA = "ada@example.org"


def test_case_30_a_bank_debit_opens_nothing_until_the_money_is_there(shop: Shop) -> None:
    shop.buy(shop.once, email=ADA, card="sepa_debit")
    assert "checkout.session.completed" in shop.deliver()
    assert Order.objects.get().state == Order.State.PENDING
    shop.advance("2d")
    assert not shop.has(ADA, shop.course)
    assert told(Verb.PRODUCT_PURCHASED, email=ADA) == mailed("access", email=ADA) == 0

    shop.advance("25h")
    assert shop.has(ADA, shop.course)
    assert told(Verb.PRODUCT_PURCHASED, email=ADA) == mailed("access", email=ADA) == 1


def test_case_30_the_news_of_a_debit_told_twice_grants_once(shop: Shop) -> None:
    shop.buy(shop.once, email=ADA, card="sepa_debit")
    shop.deliver()
    shop.sandbox.advance("4d")
    news = shop.sandbox.pending()
    shop.deliver()
    before = counts()
    for delivery in news:
        assert shop.post_webhook(delivery) == 200
    shop.deliver()
    assert counts() == before
    assert shop.has(ADA, shop.course)


def test_case_30_a_debit_that_bounces_opens_nothing_and_is_told(shop: Shop) -> None:
    shop.buy(shop.once, email=ADA, card="sepa_debit", outcome="fail")
    shop.deliver()
    shop.sandbox.advance("4d")
    assert "checkout.session.async_payment_failed" in shop.deliver()
    assert Order.objects.get().state == Order.State.FAILED
    assert not shop.has(ADA, shop.course)
    assert told(Verb.PAYMENT_FAILED, email=ADA) == 1
    assert told(Verb.PRODUCT_PURCHASED, email=ADA) == mailed("access", email=ADA) == 0


def test_a_debits_buyer_is_known_while_the_money_is_on_its_way(shop: Shop) -> None:
    shop.buy(shop.once, email=ADA, card="sepa_debit")
    shop.deliver()
    assert Order.objects.get().user == User.objects.get(email=ADA)


def test_case_44_an_authorised_card_opens_nothing_until_it_is_captured(shop: Shop) -> None:
    session = _bought_for_later_capture(shop)
    shop.deliver()
    assert not shop.has(ADA, shop.course)
    assert Order.objects.get().state == Order.State.PENDING
    ada = Member(shop)
    assert ada.verbs() == ["member_added"]
    assert ada.mails() == ["payment_pending"]

    shop.sandbox.api.payment_intents.capture(session["payment_intent"])
    shop.deliver()
    assert shop.has(ADA, shop.course)
    assert ada.steps(shop.course) == [("", "active", "bought")]
    assert ada.verbs() == ["member_added", "product_purchased", "access_granted"]
    assert ada.mails() == ["payment_pending", "access"]


def test_case_44_the_capture_counts_though_the_session_never_says_paid(shop: Shop) -> None:
    session = _bought_for_later_capture(shop)
    shop.sandbox.api.payment_intents.capture(session["payment_intent"])
    shop.sandbox.set_fields(session["id"], payment_status="unpaid")
    shop.deliver()
    assert shop.has(ADA, shop.course)


def test_an_authorisation_that_is_never_captured_fails_by_itself(shop: Shop) -> None:
    _bought_for_later_capture(shop)
    shop.deliver()
    shop.advance("8d")
    assert Order.objects.get().state == Order.State.FAILED
    assert not shop.has(ADA, shop.course)


def test_a_debit_counts_from_the_day_the_money_came_and_not_from_the_order(shop: Shop) -> None:
    shop.course.access_days = 30
    shop.course.save()
    shop.buy(shop.once, email=ADA, card="sepa_debit")
    shop.deliver()
    shop.sandbox.advance("3d")
    news = shop.sandbox.take_pending()
    shop.sandbox.advance("2d")  # and Stripe's delivery is late
    for delivery in news:
        assert shop.post_webhook(delivery) == 200
    drain()
    came = _money_came(news)
    assert Grant.objects.get().until == came + timedelta(days=30)
    assert Ledger.objects.get().true_at == came
    assert Activity.objects.get(verb=Verb.PRODUCT_PURCHASED).at == came
    assert shop.now() - came > timedelta(days=1)


def test_a_debit_whose_order_and_money_are_told_together_counts_from_the_money(shop: Shop) -> None:
    shop.buy(shop.once, email=ADA, card="sepa_debit")
    shop.sandbox.advance("4d")
    news = shop.sandbox.pending()
    shop.deliver()
    assert Order.objects.get().paid_at == _money_came(news)


@pytest.mark.parametrize("by", ["catch_up", "full_pass"])
def test_a_debit_whose_news_was_lost_counts_from_the_money_as_far_as_is_known(shop: Shop, by: str) -> None:
    """Stripe's event list still tells the day; a comparison alone can only say when it was seen."""
    shop.buy(shop.once, email=ADA, card="sepa_debit")
    shop.deliver()
    shop.sandbox.advance("4d")
    came = _money_came(shop.sandbox.take_pending())
    if by == "catch_up":
        catch_up()
    else:
        full_pass()
    drain()
    paid_at = Order.objects.get().paid_at
    assert paid_at is not None
    assert paid_at == came if by == "catch_up" else abs(shop.now() - paid_at) < timedelta(minutes=1)


def test_the_day_the_money_came_stays_whatever_is_looked_at_later(shop: Shop) -> None:
    shop.buy(shop.once, email=ADA, card="sepa_debit")
    shop.deliver()
    shop.advance("4d")
    before = Order.objects.get().paid_at, Ledger.objects.count()
    shop.sandbox.advance("9d")
    for subject in Subject.objects.all():
        look_again(subject.key)
    drain()
    assert (Order.objects.get().paid_at, Ledger.objects.count()) == before
    full_pass()
    assert not Subject.objects.filter(requests__gt=0).exists(), "and a comparison finds no news in it"


def test_an_invoiced_debit_counts_from_the_day_on_the_invoice(shop: Shop) -> None:
    made = shop.sandbox.api.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": shop.once.price_id, "quantity": 1}],
            "invoice_creation": {"enabled": True},
            "success_url": "https://elsewhere.example/thanks",
        }
    )
    shop.sandbox.pay_session(made.id, email=ADA, card="sepa_debit")
    shop.deliver()
    shop.advance("4d")
    order = Order.objects.get()
    transitions = shop.sandbox.api.invoices.retrieve(order.invoice_id).status_transitions
    assert order.paid_at is not None and int(order.paid_at.timestamp()) == transitions.paid_at


def test_a_capture_by_hand_counts_from_the_capture(shop: Shop) -> None:
    session = _bought_for_later_capture(shop)
    shop.deliver()
    shop.sandbox.advance("2d")
    shop.sandbox.api.payment_intents.capture(session["payment_intent"])
    shop.deliver()
    paid_at = Order.objects.get().paid_at
    assert paid_at is not None and shop.now() - paid_at < timedelta(minutes=1)


def test_a_subscription_whose_debit_is_on_its_way_says_so(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA, card="sepa_debit")
    shop.deliver()
    ada = User.objects.get(email=ADA)
    assert shop.has(ADA, shop.club)
    assert "its payment is on its way from the bank" in explain(ada, shop.club, at=shop.now(), now=shop.now()).sentence
    shop.advance("4d")
    assert "The subscription is paid and renews on" in explain(ada, shop.club, at=shop.now(), now=shop.now()).sentence
    assert told(Verb.ACCESS_GRANTED, email=ADA) == mailed("access", email=ADA) == 1


def _money_came(news: list[Json]) -> datetime:
    """When Stripe made the event that says so."""
    (event,) = [held["event"] for held in news if held["event"]["type"] == "checkout.session.async_payment_succeeded"]
    return datetime.fromtimestamp(event["created"], UTC)


def _bought_for_later_capture(shop: Shop) -> dict[str, str]:
    session = shop.sandbox.api.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": shop.once.price_id, "quantity": 1}],
            "payment_intent_data": {"capture_method": "manual"},
            "success_url": "https://elsewhere.example/thanks",
        }
    )
    paid: dict[str, str] = shop.sandbox.pay_session(session.id, email=ADA)["session"]
    return paid


def _cart_by_a_debit_that_bounces(shop: Shop) -> dict[str, str]:
    """A club and a course in one session, which stays unpaid."""
    lines = [{"price": price, "quantity": 1} for price in (shop.monthly.price_id, shop.once.price_id)]
    session = shop.sandbox.api.checkout.sessions.create(
        {
            "mode": "subscription",
            "customer_email": ADA,
            "line_items": lines,
            "success_url": "http://127.0.0.1/thanks",
        }
    )
    cart: dict[str, str] = shop.sandbox.pay_session(session.id, email=ADA, card="sepa_debit", outcome="fail")["session"]
    shop.deliver()
    assert Order.objects.get().state == Order.State.PENDING
    assert shop.sandbox.api.checkout.sessions.retrieve(session.id).payment_status == "unpaid"
    return cart


def test_a_cart_that_was_paid_another_way_stays_paid_whatever_its_session_says(shop: Shop) -> None:
    """Its session is looked at again, without its invoice, when the same customer buys something else."""
    api: Any = shop.sandbox.api
    cart = _cart_by_a_debit_that_bounces(shop)
    shop.advance("5d")
    api.invoices.pay(cart["invoice"], {"paid_out_of_band": True})
    shop.deliver()
    assert shop.has(ADA, shop.course)
    line = {"price_data": {"currency": "eur", "unit_amount": 900, "product_data": {"name": "Clay"}}, "quantity": 1}
    more = {"mode": "payment", "customer": cart["customer"], "success_url": "http://127.0.0.1/thanks"}
    shop.sandbox.pay_session(api.checkout.sessions.create({"line_items": [line], **more}).id)
    shop.deliver()
    assert api.checkout.sessions.retrieve(cart["id"]).payment_status == "unpaid"
    assert Order.objects.get(session_id=cart["id"]).state == Order.State.PAID
    assert shop.has(ADA, shop.course)


def test_a_carts_debit_that_never_comes_ends_with_its_subscription(shop: Shop) -> None:
    """A subscription's session names no payment: while its invoice is tried again it waits, and then it has failed."""
    _cart_by_a_debit_that_bounces(shop)
    shop.advance("45d")
    full_pass()
    drain()
    assert Order.objects.get().state == Order.State.FAILED
    assert not shop.has(ADA, shop.course)
    page = signed_in(User.objects.get(email=ADA)).get(f"/products/{shop.course.slug}/").content.decode()
    assert "on its way" not in page
    assert "You can buy it again" in page
