"""The end of a link takes nothing from anybody who bought while it stood, and leaves nobody paying for nothing."""

import sys

import pytest
from django.test import Client

from activities.models import Delivery
from billing.models import Order, ProductLink
from billing.shop import checkout, linking
from billing.sweeping.reconcile import differences, full_pass
from hub.models import Grant, User
from tests.races.steps import at_step
from tests.shops import Shop

DEBBIE = "debbie@example.org"


def _unlink(shop: Shop) -> None:
    linking.unlink(ProductLink.objects.get(product=shop.course, unlinked_at__isnull=True), actor=None)


def _order_debit(shop: Shop) -> None:
    shop.buy(shop.once, email=DEBBIE, card="sepa_debit")
    shop.deliver()
    assert not shop.has(DEBBIE, shop.course)


def test_a_debit_ordered_before_the_end_opens_the_product_when_the_money_comes(shop: Shop) -> None:
    _order_debit(shop)
    shop.advance("1h")
    _unlink(shop)
    shop.advance("8d")
    assert Order.objects.get().state == Order.State.PAID
    assert shop.has(DEBBIE, shop.course)
    assert Delivery.objects.filter(notice="access", user__email=DEBBIE).count() == 1
    assert list(differences()) == []


def test_it_does_so_by_a_full_pass_alone(shop: Shop) -> None:
    _order_debit(shop)
    shop.advance("1h")
    _unlink(shop)
    shop.advance("8d", deliver=False)
    shop.sandbox.take_pending()
    assert full_pass() is not None
    shop.deliver()
    assert shop.has(DEBBIE, shop.course)


def test_the_owner_reads_what_is_on_the_way_before_ending_a_link(shop: Shop, owner: User) -> None:
    browser = Client()
    browser.force_login(owner)
    page = f"/console/products/{shop.course.pk}/stripe/unlink/"
    assert "on the way" not in browser.get(page).content.decode()
    _order_debit(shop)
    assert (
        "1 payment is still on the way: it opens The Wheel when the money comes" in browser.get(page).content.decode()
    )


def test_who_bought_after_the_end_is_given_nothing(shop: Shop) -> None:
    _unlink(shop)
    link = shop.sandbox.api.payment_links.create({"line_items": [{"price": shop.once.price_id, "quantity": 1}]})
    shop.advance("1h")
    shop.sandbox.pay_link(link.id, email=DEBBIE)
    shop.deliver()
    assert not Grant.objects.exists()


def test_a_refund_after_the_end_closes_what_was_bought_before(shop: Shop) -> None:
    session = shop.buy(shop.once)
    shop.deliver()
    shop.advance("1h")
    _unlink(shop)
    assert shop.has("ada@example.org", shop.course)
    shop.sandbox.api.refunds.create({"payment_intent": session["payment_intent"]})
    shop.deliver()
    assert not shop.has("ada@example.org", shop.course)


def test_checkouts_that_are_open_are_closed_and_no_others(shop: Shop, ada: User) -> None:
    api = shop.sandbox.api.checkout.sessions
    checkout.start(ada, shop.once)
    checkout.start(ada, shop.monthly)
    foreign = api.create(
        {
            "mode": "payment",
            "line_items": [{"price": shop.once.price_id, "quantity": 1}],
            "success_url": "http://127.0.0.1/else",
        }
    )
    _unlink(shop)
    found = {session.id: session for session in api.list().data}
    assert found.pop(foreign.id).status == "open"
    by_product = {session.metadata["foyer_product"]: session.status for session in found.values()}
    assert by_product == {str(shop.course.pk): "expired", str(shop.club.pk): "open"}


def test_who_subscribes_in_the_moment_of_the_end_keeps_the_link_and_its_sale_going(shop: Shop, ada: User) -> None:
    made = ProductLink.objects.get(product=shop.club)
    session = checkout.start(ada, shop.monthly).rpartition("/")[2]
    paying = at_step("billing.shop.linking:_close_checkouts:call", lambda: shop.sandbox.pay_session(session))
    sys.setprofile(paying)
    try:
        with pytest.raises(linking.StillLive, match="1 subscription is still live"):
            linking.unlink(made, actor=None)
    finally:
        sys.setprofile(None)
    made.refresh_from_db()
    assert made.unlinked_at is None
    for offer in made.offers.all():
        assert offer.is_live and shop.sandbox.api.payment_links.retrieve(offer.payment_link_id).active
    shop.deliver()
    assert shop.has(ada.email, shop.club)


def test_a_return_after_the_end_is_told_how_it_stands(shop: Shop) -> None:
    session = shop.buy(shop.once, email=DEBBIE, card="sepa_debit")
    shop.deliver()
    shop.advance("1h")
    _unlink(shop)
    assert checkout.look_at_return(session["id"], visitor=None).state == "processing"
    shop.advance("8d")
    assert checkout.look_at_return(session["id"], visitor=None).state == "open"


def test_linked_again_the_same_purchase_is_counted_once(shop: Shop) -> None:
    shop.buy(shop.once)
    shop.deliver()
    shop.advance("1h")
    made = ProductLink.objects.get(product=shop.course)
    _unlink(shop)
    linking.link(shop.course, stripe_product=made.stripe_product, prices=[], actor=None)
    assert full_pass() is not None
    shop.deliver()
    assert Grant.objects.count() == 1
    assert shop.has("ada@example.org", shop.course)
