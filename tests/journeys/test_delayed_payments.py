"""Money that comes later than the purchase: bank debits, and cards that are captured by hand."""

from billing.models import Order
from hub.models import User
from tests.records import Verb, counts, mailed, told
from tests.shops import Shop

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

    shop.sandbox.api.payment_intents.capture(session["payment_intent"])
    shop.deliver()
    assert shop.has(ADA, shop.course)
    assert told(Verb.PRODUCT_PURCHASED, email=ADA) == 1


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
