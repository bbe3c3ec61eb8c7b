"""The page that Checkout sends people back to: true in every state, and silent about who paid."""

from typing import Any

import pytest
from django.http import HttpResponse
from django.test import Client

from billing.intake import leases
from billing.models import Connection, Order
from hub.models import User
from tests.members import signed_in
from tests.records import counts, mailed
from tests.shops import Json, Shop

ADA = "ada@example.org"
OPEN = "It is yours"
PAID = "Paid, thank you"
PROCESSING = "Your payment is on its way"
FAILED = "The payment did not go through"
EXPIRED = "This checkout has expired"
WORKING = "One moment"
CLOSED = "This purchase opens nothing now"
UNKNOWN = "We do not know this purchase"


def test_case_33_the_page_opens_access_before_the_webhook_which_then_changes_nothing(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA)
    assert PAID in _words(_come_back(bought["id"]))
    assert shop.has(ADA, shop.course)
    assert mailed("access", email=ADA) == 1
    before = counts()
    shop.deliver()
    assert counts() == before


def test_case_33_a_subscription_is_open_at_once_too(shop: Shop) -> None:
    bought = shop.buy(shop.monthly, email=ADA)
    assert PAID in _words(_come_back(bought["id"]))
    assert shop.has(ADA, shop.club)
    before = counts()
    shop.deliver()
    assert counts() == before


def test_the_signed_in_buyer_is_led_to_what_they_bought(shop: Shop, ada: User) -> None:
    page = _words(_come_back(shop.buy(shop.once, email=ADA)["id"], visitor=ada))
    assert OPEN in page and shop.course.get_absolute_url() in page


def test_case_34_a_visitor_who_is_nobody_learns_no_name_and_is_not_signed_in(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA, name="Ada Lind")
    client = Client()
    answer = client.get("/checkout/return", {"session_id": bought["id"]})
    _assert_silent(answer)
    assert "_auth_user_id" not in client.session
    assert client.get("/account/").status_code == 302


def test_case_34_another_member_learns_no_name_and_stays_who_they_are(shop: Shop, dan: User) -> None:
    bought = shop.buy(shop.once, email=ADA, name="Ada Lind")
    client = signed_in(dan)
    answer = client.get("/checkout/return", {"session_id": bought["id"]})
    _assert_silent(answer)
    assert "You are signed in with another address now" in _words(answer)
    assert client.session["_auth_user_id"] == str(dan.pk)
    assert not shop.has(dan.email, shop.course)


def test_case_35_a_test_session_on_a_live_connection_is_refused_without_asking(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA)
    Connection.objects.update(livemode=True)
    shop.sandbox.forget_calls()
    answer = _come_back(bought["id"])
    assert (answer.status_code, shop.sandbox.calls()) == (404, [])
    assert not User.objects.exists()


@pytest.mark.parametrize(
    "forged",
    [
        "",
        "cs_live_a1b2c3d4e5f6g7h8",
        "cs_test_short",
        "cs_test_../customers/cus_12345678",
        "cs_test_a1b2c3d4e5f6g7h8\n",
        "cs_test_" + "a" * 400,
        "pi_1234567890abcdef",
        "{CHECKOUT_SESSION_ID}",
        "<script>alert(1)</script>",
        "cs_test_a1b2c3d4e5f6%00",
    ],
)
def test_forged_addresses_are_unknown_without_asking_stripe(shop: Shop, forged: str) -> None:
    answer = _come_back(forged)
    assert answer.status_code == 404
    assert UNKNOWN in _words(answer)
    assert "<script>alert" not in answer.content.decode()
    assert shop.sandbox.calls() == []


def test_a_session_that_stripe_does_not_know_is_unknown(shop: Shop) -> None:
    answer = _come_back("cs_test_a1b2c3d4e5f6g7h8i9j0")
    assert (answer.status_code, UNKNOWN in _words(answer)) == (404, True)
    assert len(shop.sandbox.calls()) == 1


def test_somebody_elses_purchase_at_the_same_stripe_account_is_unknown(shop: Shop) -> None:
    mug = shop.sandbox.api.prices.create({"currency": "eur", "unit_amount": 900, "product_data": {"name": "A mug"}})
    session = _session(shop, str(mug.id))
    shop.sandbox.pay_session(session, email=ADA)
    answer = _come_back(session)
    assert (answer.status_code, UNKNOWN in _words(answer)) == (404, True)
    assert not User.objects.exists()


def test_a_bank_debit_is_said_to_be_on_its_way_until_it_arrives(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA, card="sepa_debit")
    assert PROCESSING in _words(_come_back(bought["id"]))
    assert not shop.has(ADA, shop.course)
    shop.sandbox.advance("4d")
    assert PAID in _words(_come_back(bought["id"]))


def test_a_bank_debit_that_bounced_is_said_to_have_failed(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA, card="sepa_debit", outcome="fail")
    shop.sandbox.advance("4d")
    assert FAILED in _words(_come_back(bought["id"]))


def test_a_card_that_waits_for_its_capture_is_on_its_way_and_then_open(shop: Shop) -> None:
    session = _session(shop, shop.once.price_id, payment_intent_data={"capture_method": "manual"})
    paid = shop.sandbox.pay_session(session, email=ADA)["session"]
    assert PROCESSING in _words(_come_back(session))
    shop.sandbox.api.payment_intents.capture(paid["payment_intent"])
    assert PAID in _words(_come_back(session))


def test_a_checkout_that_was_left_is_not_paid(shop: Shop) -> None:
    session = _session(shop, shop.once.price_id)
    page = _words(_come_back(session))
    assert "Not finished yet" in page and FAILED not in page and shop.course.get_absolute_url() in page
    shop.sandbox.api.checkout.sessions.expire(session)
    assert EXPIRED in _words(_come_back(session))
    assert not Order.objects.exists()


def test_what_cost_nothing_is_not_called_paid(shop: Shop, ada: User) -> None:
    """A coupon for the whole price; a trial is told the same way. Nor is a letter promised that may never come."""
    coupon = shop.sandbox.api.coupons.create({"percent_off": 100, "duration": "forever"})
    session = _session(shop, shop.monthly.price_id, mode="subscription", discounts=[{"coupon": coupon.id}])
    shop.sandbox.pay_session(session, email=ADA)
    page = _words(_come_back(session))
    assert "It is open, thank you" in page and "Nothing was charged" in page
    assert PAID not in page and "An e-mail is on its way" not in page
    assert "Nothing was charged, and Studio Membership is open" in _words(_come_back(session, visitor=ada))


def test_while_stripe_does_not_answer_the_page_looks_again_by_itself(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA)
    shop.sandbox.answer_with(500)
    answer = _come_back(bought["id"])
    assert (answer.status_code, WORKING in _words(answer)) == (200, True)
    assert 'http-equiv="refresh"' in answer.content.decode()
    shop.sandbox.behave()
    assert PAID in _words(_come_back(bought["id"]))


def test_while_the_worker_looks_at_the_same_purchase_the_page_waits(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA)
    lease = leases.take(bought["customer"])
    assert lease is not None
    assert WORKING in _words(_come_back(bought["id"]))
    leases.release(lease)
    assert PAID in _words(_come_back(bought["id"]))


def test_a_refunded_purchase_is_not_said_to_be_on_its_way(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA)
    shop.sandbox.api.refunds.create({"payment_intent": bought["payment_intent"]})
    page = _words(_come_back(bought["id"]))
    assert CLOSED in page and PROCESSING not in page


def test_the_page_of_an_old_subscription_says_that_it_is_over(shop: Shop) -> None:
    bought = shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    shop.sandbox.api.subscriptions.cancel(bought["subscription"])
    assert CLOSED in _words(_come_back(bought["id"]))


def test_a_site_without_stripe_knows_no_purchase(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA)
    Connection.objects.update(state=Connection.State.OFF)
    assert _come_back(bought["id"]).status_code == 404


def _come_back(session_id: str, *, visitor: User | None = None) -> Any:
    client = Client()
    if visitor:
        client.force_login(visitor)
    return client.get("/checkout/return", {"session_id": session_id})


def _words(answer: HttpResponse) -> str:
    return " ".join(answer.content.decode().split())


def _assert_silent(answer: HttpResponse) -> None:
    page = _words(answer)
    assert answer.status_code == 200 and PAID in page
    for secret in (ADA, "Ada", "Lind", "cus_", "pi_", "4242"):
        assert secret not in page


def _session(shop: Shop, price: str, **more: Any) -> str:
    made: Json = shop.sandbox.api.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": price, "quantity": 1}],
            "success_url": "https://elsewhere.example/thanks",
            **more,
        }
    )
    return str(made["id"])
