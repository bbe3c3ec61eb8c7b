"""A course that was bought together with a membership, and given back: neither its session nor its invoice names the
charge, and each is looked at without the other."""

from typing import Any

import pytest

from billing.models import Order
from tests.shops import Json, Shop

ADA = "ada@example.org"


@pytest.fixture
def cart(shop: Shop) -> Json:
    """The session."""
    lines = [{"price": price, "quantity": 1} for price in (shop.monthly.price_id, shop.once.price_id)]
    wish: Any = {"mode": "subscription", "customer_email": ADA, "line_items": lines}
    session = shop.sandbox.api.checkout.sessions.create({**wish, "success_url": "http://127.0.0.1/thanks"})
    paid: Json = shop.sandbox.pay_session(session.id, email=ADA)["session"]
    shop.deliver()
    assert shop.has(ADA, shop.course)
    return paid


def buy_something_else(shop: Shop, cart: Json) -> None:
    """By the same customer, so that all of their sessions are looked at again."""
    line = {"price_data": {"currency": "eur", "unit_amount": 900, "product_data": {"name": "Clay"}}, "quantity": 1}
    wish: Any = {"mode": "payment", "customer": cart["customer"], "line_items": [line]}
    session = shop.sandbox.api.checkout.sessions.create({**wish, "success_url": "http://127.0.0.1/thanks"})
    shop.sandbox.pay_session(session.id)
    shop.deliver()


def give_back(shop: Shop, cart: Json, *, how: str) -> None:
    api: Any = shop.sandbox.api
    charge = api.charges.list({"customer": cart["customer"]}).data[0]
    if how == "refund":
        api.refunds.create({"charge": charge.id})
    elif how == "credit_note":
        note = {"invoice": cart["invoice"], "amount": charge.amount, "out_of_band_amount": charge.amount}
        api.credit_notes.create(note)
    else:
        dispute = shop.sandbox.post(f"/sandbox/charges/{charge.id}/dispute", {})
        shop.sandbox.set_fields(dispute["id"], status="lost")
    shop.deliver()


@pytest.mark.parametrize("how", ["refund", "credit_note", "dispute"])
def test_what_was_given_back_stays_closed_whatever_is_bought_next(shop: Shop, cart: Json, how: str) -> None:
    give_back(shop, cart, how=how)
    assert not shop.has(ADA, shop.course)
    known = Order.objects.values("amount_refunded", "amount_credited", "fully_refunded", "disputes", "dispute_lost_at")
    before = known.get(session_id=cart["id"])
    buy_something_else(shop, cart)
    assert known.get(session_id=cart["id"]) == before
    assert not shop.has(ADA, shop.course)
