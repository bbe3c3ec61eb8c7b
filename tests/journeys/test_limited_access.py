"""Purchases that open a product for a number of days."""

from datetime import datetime, timedelta
from io import StringIO

import pytest
from django.core.management import call_command

from billing.intake.draining import drain
from billing.models import Order
from hub.models import Grant
from tests.members import Member
from tests.records import Verb, told
from tests.shops import Json, Shop

ADA = "ada@example.org"
YEAR = timedelta(days=365)


@pytest.fixture
def year(shop: Shop) -> Shop:
    """The course opens for a year from each purchase."""
    shop.course.access_days = 365
    shop.course.save()
    return shop


def test_access_counts_from_the_payment_and_not_from_its_webhook(year: Shop) -> None:
    bought = year.buy(year.once, email=ADA)
    year.sandbox.advance("20d")
    year.deliver()
    grant = Grant.objects.get()
    assert grant.until == grant.ends_at == _paid_at(bought) + YEAR


def test_access_ends_by_itself_and_is_told_once(year: Shop) -> None:
    year.buy(year.once, email=ADA)
    year.deliver()
    year.advance("364d")
    assert year.has(ADA, year.course)
    year.sandbox.advance("25h")
    assert not year.has(ADA, year.course), "the gate needs no sweep"
    year.advance("1d")
    year.advance("1d")
    assert Grant.objects.get().close_reason == "time_over"
    assert told(Verb.ACCESS_REMOVED, email=ADA) == 1


def test_a_second_purchase_counts_from_the_end_of_the_first(year: Shop) -> None:
    first = year.buy(year.once, email=ADA)
    year.deliver()
    year.advance("100d")
    year.buy(year.once, email=ADA)
    year.deliver()
    assert _last_end() == _paid_at(first) + 2 * YEAR
    year.advance("500d")
    assert year.has(ADA, year.course)
    year.advance("131d")
    assert not year.has(ADA, year.course)
    assert told(Verb.ACCESS_REMOVED, email=ADA) == 1
    _assert_verified()


def test_a_purchase_after_the_end_counts_from_its_own_payment(year: Shop) -> None:
    year.buy(year.once, email=ADA)
    year.deliver()
    year.advance("400d")
    second = year.buy(year.once, email=ADA)
    year.deliver()
    assert _last_end() == _paid_at(second) + YEAR
    assert year.has(ADA, year.course)


def test_two_purchases_whose_news_come_in_the_wrong_order_still_make_two_years(year: Shop) -> None:
    first = year.buy(year.once, email=ADA)
    news_of_first = year.sandbox.take_pending()
    year.sandbox.advance("1d")
    year.buy(year.once, email=ADA)
    year.deliver()
    for delivery in news_of_first:
        assert year.post_webhook(delivery) == 200
    drain()
    assert _last_end() == _paid_at(first) + 2 * YEAR
    _assert_verified()


def test_two_purchases_of_one_stripe_customer_told_at_once_make_two_years(year: Shop) -> None:
    customer = year.sandbox.api.customers.create({"email": ADA}).id
    first = _buy_as(year, customer)
    year.sandbox.advance("1d")
    _buy_as(year, customer)
    year.deliver()
    assert _last_end() == _paid_at(first) + 2 * YEAR
    _assert_verified()


def test_the_first_of_two_is_refunded_and_the_second_counts_for_itself(year: Shop) -> None:
    first = year.buy(year.once, email=ADA)
    year.sandbox.advance("100d")
    second = year.buy(year.once, email=ADA)
    year.deliver()
    year.sandbox.api.refunds.create({"payment_intent": first["payment_intent"]})
    year.deliver()
    assert Grant.objects.get(state=Grant.State.ACTIVE).until == _paid_at(second) + YEAR
    _assert_verified()


def test_two_people_do_not_extend_each_other(year: Shop) -> None:
    year.buy(year.once, email=ADA)
    bens = year.buy(year.once, email="ben@example.org")
    year.deliver()
    assert Grant.objects.get(user__email="ben@example.org").until == _paid_at(bens) + YEAR


def test_the_account_page_says_until_when(year: Shop) -> None:
    year.buy(year.once, email=ADA)
    year.deliver()
    page = Member(year, ADA).account_page()
    until = Grant.objects.get().until
    assert until is not None
    assert "open until" in page
    assert f'datetime="{until.date().isoformat()}' in page or f"{until.day} {until:%B}" in page


def _buy_as(shop: Shop, customer: str) -> Json:
    session = shop.sandbox.api.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer,
            "line_items": [{"price": shop.once.price_id, "quantity": 1}],
            "success_url": "https://elsewhere.example/thanks",
        }
    )
    paid: Json = shop.sandbox.pay_session(session.id)["session"]
    return paid


def _paid_at(session: Json) -> datetime:
    paid_at = Order.objects.get(session_id=session["id"]).paid_at
    assert paid_at is not None
    return paid_at


def _last_end() -> datetime | None:
    return max(grant.until for grant in Grant.objects.all() if grant.until)


def _assert_verified() -> None:
    """The command that asks the policy about everything finds no difference."""
    out = StringIO()
    call_command("verify", stdout=out)
    assert out.getvalue().endswith(", 0 differences\n"), out.getvalue()
