"""One-off purchases, wherever and however they were made."""

from typing import Any

import pytest

from billing.intake.draining import drain
from billing.models import Attention, Order
from hub.models import Grant, User
from tests import cast
from tests.members import Member
from tests.records import Verb, counts, mailed, told
from tests.shops import Shop

ADA = "ada@example.org"
THANKS = "https://elsewhere.example/thanks"


def test_case_31_a_purchase_that_costs_nothing_after_its_discount_opens_the_product(shop: Shop) -> None:
    api = shop.sandbox.api
    coupon = api.coupons.create({"percent_off": 100, "duration": "once"})
    session = _session(shop, [shop.once.price_id], discounts=[{"coupon": coupon.id}])
    paid = shop.sandbox.pay_session(session, email=ADA)["session"]
    assert (paid["payment_status"], paid["payment_intent"]) == ("no_payment_required", None)
    shop.deliver()
    assert shop.has(ADA, shop.course)
    assert Order.objects.get().key == session


def test_case_32_a_guest_without_a_stripe_customer_is_known_by_the_address_they_gave(shop: Shop) -> None:
    paid = shop.sandbox.pay_session(_session(shop, [shop.once.price_id]), email="guest@example.org", name="Gus T.")
    assert paid["session"]["customer"] is None
    shop.deliver()
    assert shop.has("guest@example.org", shop.course)
    guest = User.objects.get(email="guest@example.org")
    assert (guest.name, guest.has_usable_password()) == ("Gus T.", False)
    assert told(Verb.MEMBER_ADDED, email=guest.email) == 1


def test_case_32_a_guest_who_is_a_member_already_stays_one_person(shop: Shop, ada: User) -> None:
    shop.sandbox.pay_session(_session(shop, [shop.once.price_id]), email=ADA)
    shop.deliver()
    assert Order.objects.get().user == ada
    assert User.objects.count() == 1


def test_case_36_a_product_on_the_second_page_of_a_long_cart_is_found(shop: Shop) -> None:
    """A session shows the first lines alone; the longest cart has a hundred, and what is added at the till is last."""
    foreign = shop.sandbox.api.prices.retrieve(_foreign_price(shop, name="Glaze")).product
    glazes = [{"price_data": {"product": foreign, "currency": "eur", "unit_amount": 100 + n}} for n in range(99)]
    session = shop.sandbox.api.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{**glaze, "quantity": 1} for glaze in glazes],  # type: ignore[typeddict-item]
            "optional_items": [{"price": shop.once.price_id, "quantity": 1}],
            "success_url": THANKS,
        }
    )
    shop.sandbox.pay_session(session.id, email=ADA, answers={"optional_items": [shop.once.price_id]})
    shop.deliver()
    assert shop.has(ADA, shop.course)
    assert len(Order.objects.get().lines) == 100
    ada = Member(shop)
    assert ada.steps(shop.course) == [("", "active", "bought")]
    assert ada.verbs() == ["member_added", "product_purchased", "access_granted"]
    assert ada.mails() == ["access"]


@pytest.mark.parametrize("first", ["checkout.session.completed", "invoice.paid"])
def test_case_37_a_session_and_its_invoice_are_one_order_whichever_comes_first(shop: Shop, first: str) -> None:
    shop.sandbox.pay_session(_session(shop, [shop.once.price_id], invoice_creation={"enabled": True}), email=ADA)
    news = shop.sandbox.take_pending()
    for delivery in sorted(news, key=lambda held: held["event"]["type"] != first):
        assert shop.post_webhook(delivery) == 200
        drain()
    order = Order.objects.get()
    assert order.payment_intent and order.invoice_id and order.session_id
    assert Grant.objects.count() == 1
    assert told(Verb.PRODUCT_PURCHASED, email=ADA) == mailed("access", email=ADA) == 1


def test_case_37_a_free_purchase_with_an_invoice_is_one_order_too(shop: Shop) -> None:
    coupon = shop.sandbox.api.coupons.create({"percent_off": 100, "duration": "once"})
    session = _session(
        shop, [shop.once.price_id], invoice_creation={"enabled": True}, discounts=[{"coupon": coupon.id}]
    )
    shop.sandbox.pay_session(session, email=ADA)
    for delivery in shop.sandbox.take_pending():
        assert shop.post_webhook(delivery) == 200
        drain()
    assert Order.objects.count() == Grant.objects.count() == 1
    assert shop.has(ADA, shop.course)


@pytest.mark.parametrize("first", ["checkout.session.completed", "invoice.paid"])
def test_a_course_bought_with_a_subscription_is_one_order_and_outlives_it(shop: Shop, first: str) -> None:
    mixed = _session(shop, [shop.monthly.price_id, shop.once.price_id], mode="subscription")
    bought = shop.sandbox.pay_session(mixed, email=ADA)["session"]
    for delivery in sorted(shop.sandbox.take_pending(), key=lambda held: held["event"]["type"] != first):
        assert shop.post_webhook(delivery) == 200
        drain()
    assert shop.has(ADA, shop.course) and shop.has(ADA, shop.club)
    assert Order.objects.count() == 1
    assert Grant.objects.filter(product=shop.course).count() == 1

    shop.sandbox.api.subscriptions.cancel(bought["subscription"])
    shop.deliver()
    assert shop.has(ADA, shop.course) and not shop.has(ADA, shop.club)


def test_case_43_an_invoice_marked_paid_elsewhere_opens_what_it_sold(shop: Shop) -> None:
    invoice = _invoice(shop, [{"pricing": {"price": shop.once.price_id}}])
    shop.deliver()
    assert not shop.has(ADA, shop.course)
    shop.sandbox.api.invoices.pay(invoice, {"paid_out_of_band": True})
    shop.deliver()
    assert shop.has(ADA, shop.course)
    order = Order.objects.get()
    assert (order.key, order.state, order.amount) == (invoice, Order.State.PAID, 18000)
    ada = Member(shop)
    assert ada.steps(shop.course) == [("", "active", "bought")]
    assert ada.verbs() == ["member_added", "product_purchased", "access_granted"]
    assert ada.mails() == ["access"]


def test_case_45_a_line_without_a_price_is_kept_and_shown_to_a_person(shop: Shop) -> None:
    lines = [{"amount": 500, "currency": "eur", "description": "Kiln hire"}, {"pricing": {"price": shop.once.price_id}}]
    shop.sandbox.api.invoices.pay(_invoice(shop, lines), {"paid_out_of_band": True})
    shop.deliver()
    assert shop.has(ADA, shop.course)
    assert sorted(line["product"] != "" for line in Order.objects.get().lines) == [False, True]
    assert Attention.objects.get().kind == Attention.Kind.NO_PRODUCT


def test_case_46_another_currency_and_another_amount_open_the_same_product(shop: Shop) -> None:
    dollars = shop.sandbox.api.prices.create(
        {"product": shop.once.link.stripe_product, "currency": "usd", "unit_amount": 9900}
    )
    link = shop.sandbox.api.payment_links.create({"line_items": [{"price": dollars.id, "quantity": 1}]})
    shop.sandbox.pay_link(link.id, email=ADA)
    shop.deliver()
    assert shop.has(ADA, shop.course)
    assert (Order.objects.get().amount, Order.objects.get().currency) == (9900, "usd")


def test_case_46_a_price_of_several_currencies_opens_its_product_in_each(shop: Shop) -> None:
    worldwide = shop.sandbox.api.prices.create(
        {
            "product": shop.once.link.stripe_product,
            "currency": "eur",
            "unit_amount": 9000,
            "currency_options": {"jpy": {"unit_amount": 15_000}},
        }
    )
    lines: Any = [{"price": worldwide.id, "quantity": 1}]
    link = shop.sandbox.api.payment_links.create({"line_items": lines, "currency": "jpy"})
    shop.sandbox.pay_link(link.id, email=ADA)
    shop.deliver()
    assert shop.has(ADA, shop.course)
    assert (Order.objects.get().amount, Order.objects.get().currency) == (15_000, "jpy")


def test_case_47_a_payment_without_any_address_waits_for_a_person(shop: Shop, dan: User) -> None:
    paid = shop.sandbox.pay_session(_session(shop, [shop.once.price_id]), email="x@example.org")["session"]
    intent = shop.sandbox.api.payment_intents.retrieve(paid["payment_intent"])
    shop.sandbox.set_fields(paid["id"], customer_details={"email": None, "name": "A. Payer"})
    shop.sandbox.set_fields(str(intent.latest_charge), billing_details={"email": None}, receipt_email=None)
    shop.deliver()
    assert Order.objects.get().user is None
    assert not Grant.objects.exists()
    assert list(User.objects.all()) == [dan]
    assert Attention.objects.get().kind == Attention.Kind.UNMATCHED


def test_purchases_of_products_that_are_not_ours_leave_nobody_behind(shop: Shop) -> None:
    before = counts()
    shop.sandbox.pay_session(_session(shop, [_foreign_price(shop, name="A mug")]), email="stranger@example.org")
    shop.deliver()
    assert not User.objects.exists()
    assert counts() == before


def test_the_webhooks_of_a_purchase_delivered_five_times_tell_it_once(shop: Shop) -> None:
    cast.ada()
    shop.buy(shop.once, email=ADA)
    news = shop.sandbox.take_pending()
    for delivery in news * 5:
        assert shop.post_webhook(delivery) == 200
    drain()
    assert told(Verb.PRODUCT_PURCHASED, email=ADA) == told(Verb.ACCESS_GRANTED, email=ADA) == 1
    assert mailed("access", email=ADA) == 1


def _session(shop: Shop, prices: list[str], **more: Any) -> str:
    """A Checkout Session made by somebody else's program: no marks of ours, no customer unless needed."""
    lines = [{"price": price, "quantity": 1} for price in prices]
    made = shop.sandbox.api.checkout.sessions.create(
        {"mode": "payment", "line_items": lines, "success_url": THANKS, **more}
    )
    return str(made.id)


def _foreign_price(shop: Shop, *, name: str) -> str:
    product = shop.sandbox.api.products.create({"name": name})
    return str(shop.sandbox.api.prices.create({"product": product.id, "currency": "eur", "unit_amount": 700}).id)


def _invoice(shop: Shop, lines: list[dict[str, Any]]) -> str:
    """A finalised invoice that is sent to Ada."""
    api = shop.sandbox.api
    customer = api.customers.create({"email": ADA})
    invoice = api.invoices.create({"customer": customer.id, "collection_method": "send_invoice", "days_until_due": 30})
    for line in lines:
        api.invoice_items.create({"customer": customer.id, "invoice": invoice.id, **line})
    return str(api.invoices.finalize_invoice(str(invoice.id)).id)
