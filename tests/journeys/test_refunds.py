"""Money given back: what it closes, what it leaves open, and who is asked."""

from typing import Any

import pytest
from django.test import Client

from activities.models import Activity
from billing.intake.draining import drain
from billing.intake.inbox import look_again
from billing.models import AccessPolicy, Attention, Order, StripeCustomer, Subject
from billing.sweeping.reconcile import differences, full_pass
from hub import grants
from hub.models import Grant, User
from tests import cast
from tests.members import Member
from tests.records import Verb, mailed, told
from tests.shops import Json, Shop

ADA = "ada@example.org"
REFUND_FAILS_LATER = "4000000000005126"


def test_case_38_a_partial_refund_keeps_access_and_the_rest_takes_it(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA)
    shop.deliver()
    _refund(shop, bought, amount=8000)
    shop.deliver()
    assert shop.has(ADA, shop.course)

    _refund(shop, bought, amount=10000)
    shop.deliver()
    assert not shop.has(ADA, shop.course)
    assert told(Verb.REFUNDED, email=ADA) == 2
    assert told(Verb.ACCESS_REMOVED, email=ADA) == 1


def test_case_38_a_refund_that_fails_gives_access_back_without_a_new_purchase(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA, card=REFUND_FAILS_LATER)
    shop.deliver()
    _refund(shop, bought)
    shop.deliver()
    assert not shop.has(ADA, shop.course)

    shop.sandbox.advance("2d")
    assert "refund.failed" in shop.deliver()
    assert shop.has(ADA, shop.course)
    assert Grant.objects.get().state == Grant.State.ACTIVE
    assert told(Verb.PRODUCT_PURCHASED, email=ADA) == mailed("access", email=ADA) == 1


def test_a_site_that_ignores_full_refunds_leaves_access(shop: Shop) -> None:
    AccessPolicy.objects.create(knobs={"order_full_refund": "ignore"})
    bought = shop.buy(shop.once, email=ADA)
    _refund(shop, bought)
    shop.deliver()
    assert shop.has(ADA, shop.course)


def test_a_site_may_close_at_a_share_of_the_price(shop: Shop) -> None:
    AccessPolicy.objects.create(knobs={"order_partial_refund_percent": 50})
    bought = shop.buy(shop.once, email=ADA)
    _refund(shop, bought, amount=8999)
    shop.deliver()
    assert shop.has(ADA, shop.course)
    _refund(shop, bought, amount=1)
    shop.deliver()
    assert not shop.has(ADA, shop.course)


def test_case_39_of_two_purchases_one_is_refunded_and_access_stays(shop: Shop) -> None:
    first = shop.buy(shop.once, email=ADA)
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    _refund(shop, first)
    shop.deliver()
    assert shop.has(ADA, shop.course)
    assert sorted(Grant.objects.values_list("state", flat=True)) == ["active", "ended"]
    assert told(Verb.ACCESS_REMOVED, email=ADA) == 0
    assert told(Verb.PRODUCT_PURCHASED, email=ADA) == 2
    assert mailed("access", email=ADA) == 1


def test_case_40_a_part_of_a_cart_is_refunded_and_a_person_is_asked(shop: Shop) -> None:
    glazing = cast.ProductFactory(name="Glazing")
    other = shop.sell(glazing, {"unit_amount": 6000})[0]
    bought = _buy_both(shop, shop.once.price_id, other.price_id)
    shop.deliver()
    _refund(shop, bought, amount=6000)
    shop.deliver()
    assert shop.has(ADA, shop.course) and shop.has(ADA, glazing)
    question = Attention.objects.get()
    assert question.kind == Attention.Kind.PARTIAL_REFUND
    assert question.details == {"amount": 6000, "currency": "eur", "order": Order.objects.get().key}
    ada = Member(shop)
    assert ada.verbs("refunded", "access_removed") == ["refunded"]
    assert ada.mails() == ["access", "access"]

    _refund(shop, bought, amount=18000)
    shop.deliver()
    assert not shop.has(ADA, shop.course) and not shop.has(ADA, glazing)
    for product in (shop.course, glazing):
        assert ada.steps(product) == [("", "active", "bought"), ("active", "ended", "refunded")]
    assert ada.verbs("refunded", "access_removed") == ["refunded", "refunded", "access_removed", "access_removed"]
    assert ada.mails() == ["access", "access", "access_ended", "access_ended"]
    assert "Your payment was given back to you." in ada.letter("access_ended")


def test_case_24_what_was_given_by_hand_survives_a_refund(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA)
    shop.deliver()
    order = Order.objects.get()
    assert order.user is not None
    grants.give(order.user, shop.course, actor=None, reason="a present", now=shop.now())
    _refund(shop, bought)
    shop.deliver()
    assert shop.has(ADA, shop.course)


def test_a_guests_refund_finds_the_guests_order(shop: Shop) -> None:
    link = shop.sandbox.api.payment_links.create({"line_items": [{"price": shop.once.price_id, "quantity": 1}]})
    bought = shop.sandbox.pay_link(link.id, email="guest@example.org")["session"]
    assert bought["customer"] is None
    shop.deliver()
    assert shop.has("guest@example.org", shop.course)
    _refund(shop, bought)
    shop.deliver()
    assert not shop.has("guest@example.org", shop.course)


def test_a_refund_of_a_manual_invoice_closes_what_it_sold(shop: Shop) -> None:
    api = shop.sandbox.api
    card = "pm_card_visa"
    customer = api.customers.create(
        {"email": ADA, "payment_method": card, "invoice_settings": {"default_payment_method": card}}
    )
    invoice = api.invoices.create({"customer": customer.id})
    api.invoice_items.create({"customer": customer.id, "invoice": invoice.id, "pricing": {"price": shop.once.price_id}})
    api.invoices.finalize_invoice(str(invoice.id))
    api.invoices.pay(str(invoice.id))
    shop.deliver()
    assert shop.has(ADA, shop.course)
    shop.sandbox.api.refunds.create({"payment_intent": Order.objects.get().payment_intent})
    shop.deliver()
    assert not shop.has(ADA, shop.course)


@pytest.mark.parametrize("how", ["out_of_band_amount", "credit_amount"])
def test_a_credit_note_over_all_of_a_paid_invoice_closes_what_it_sold_though_no_refund_tells(
    shop: Shop, how: str
) -> None:
    """The money went back by hand, or as balance."""
    member, api = Member(shop), shop.sandbox.api
    member.subscribe(shop.yearly.price_id)
    shop.deliver()
    customer = StripeCustomer.objects.get().stripe_id
    invoice = api.invoices.create({"customer": customer, "collection_method": "charge_automatically"}).id
    assert invoice
    api.invoice_items.create({"customer": customer, "invoice": invoice, "pricing": {"price": shop.once.price_id}})
    api.invoices.pay(invoice)
    shop.deliver()
    assert shop.has(member.email, shop.course)
    some: Any = {"invoice": invoice, "amount": 5000, how: 5000}
    api.credit_notes.create(some)
    assert "credit_note.created" in shop.deliver()
    assert shop.has(member.email, shop.course) and Order.objects.get().amount_refunded == 5000
    rest: Any = {"invoice": invoice, "amount": 13000, how: 13000}
    api.credit_notes.create(rest)
    shop.deliver()
    assert not shop.has(member.email, shop.course) and Order.objects.get().fully_refunded
    assert member.steps(shop.course)[-1] == ("active", "ended", "refunded")
    assert shop.has(member.email, shop.club)


def test_money_that_a_credit_note_gave_back_stays_given_back_whatever_tells_of_the_purchase(shop: Shop) -> None:
    """Bought in Checkout, which made an invoice: later looks see the session and its charge, and no credit note."""
    session = _buy_with_invoice(shop)
    _credit(shop, 18000)
    assert not shop.has(ADA, shop.course)
    order = Order.objects.get()
    assert (order.session_id, order.amount_credited, order.fully_refunded) == (session["id"], 18000, True)
    look_again(order.subject)
    drain()
    assert full_pass() is not None
    drain()
    assert list(differences()) == []
    assert not shop.has(ADA, shop.course)
    assert "Your payment was refunded" in Member(shop).browser().get("/products/the-wheel/").content.decode()


def test_a_refund_and_a_credit_note_of_one_purchase_are_not_each_others_end(shop: Shop) -> None:
    _refund(shop, _buy_with_invoice(shop, card=REFUND_FAILS_LATER), amount=7000)
    shop.deliver()
    _credit(shop, 5000)
    assert Order.objects.get().amount_refunded == 7000
    shop.sandbox.advance("2d")
    assert "refund.failed" in shop.deliver()
    assert Order.objects.get().amount_refunded == 5000
    assert full_pass() is not None
    drain()
    assert Order.objects.get().amount_refunded == 5000 and shop.has(ADA, shop.course)


def test_what_was_refunded_while_it_was_taken_back_stays_closed(shop: Shop, owner: User, client: Client) -> None:
    bought = shop.buy(shop.once, email=ADA)
    shop.deliver()
    grant = grants.revoke(Grant.objects.get(), actor=owner, reason="shared the login", now=shop.now())
    _refund(shop, bought)
    shop.deliver()
    client.force_login(owner)
    page = client.post(f"/console/grants/{grant.pk}/restore/", {"reason": "a mistake"}, follow=True)
    assert "stays closed. The payment was refunded." in page.content.decode()
    assert not shop.has(ADA, shop.course)
    assert Grant.objects.get().close_reason == "refunded"
    assert Activity.objects.filter(verb=Verb.ACCESS_GRANTED, user__email=ADA).count() == 1


def test_a_refund_that_nobody_told_of_is_found_when_it_is_given_back(
    shop: Shop, owner: User, django_capture_on_commit_callbacks: Any
) -> None:
    bought = shop.buy(shop.once, email=ADA)
    shop.deliver()
    grant = grants.revoke(Grant.objects.get(), actor=owner, reason="shared the login", now=shop.now())
    _refund(shop, bought)
    shop.sandbox.take_pending()
    with django_capture_on_commit_callbacks(execute=True):
        grants.restore(grant, actor=owner, reason="a mistake", now=shop.now())
    assert Subject.objects.get(key=bought["customer"]).requests
    drain()
    assert not shop.has(ADA, shop.course)
    assert Grant.objects.get().close_reason == "refunded"


def test_what_a_person_took_back_no_renewal_and_no_look_gives_again(shop: Shop, owner: User) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    grants.revoke(Grant.objects.get(), actor=owner, reason="shared the login", now=shop.now())
    shop.advance("32d")
    assert not shop.has(ADA, shop.club)
    assert Grant.objects.get().state == Grant.State.REVOKED
    assert told(Verb.ACCESS_GRANTED, email=ADA) == 1


def test_a_purchase_that_was_refunded_before_we_heard_of_it_makes_nobody_a_member(shop: Shop) -> None:
    bought = shop.buy(shop.once, email=ADA)
    _refund(shop, bought)
    shop.deliver()
    assert Order.objects.get().fully_refunded
    assert not User.objects.exists()


def test_what_is_still_paid_is_open_when_it_is_given_back(shop: Shop, owner: User) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    grant = grants.revoke(Grant.objects.get(), actor=owner, reason="a mix-up", now=shop.now())
    shop.advance("32d")
    given = grants.restore(grant, actor=owner, reason="a mistake", now=shop.now())
    assert (given.state, given.reason) == (Grant.State.ACTIVE, "active")
    assert given.until is not None and given.until > shop.now()
    assert shop.has(ADA, shop.club)


def _buy_with_invoice(shop: Shop, **more: str) -> Json:
    session = shop.sandbox.api.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": shop.once.price_id, "quantity": 1}],
            "invoice_creation": {"enabled": True},
            "customer_creation": "always",
            "success_url": "https://elsewhere.example/thanks",
        }
    )
    paid: Json = shop.sandbox.pay_session(session.id, email=ADA, **more)["session"]
    shop.deliver()
    assert shop.has(ADA, shop.course)
    return paid


def _credit(shop: Shop, amount: int) -> None:
    """A credit note for money that went back by hand."""
    invoice = shop.sandbox.api.invoices.list({"limit": 1}).data[0].id
    shop.sandbox.api.credit_notes.create({"invoice": invoice, "amount": amount, "out_of_band_amount": amount})
    shop.deliver()


def _refund(shop: Shop, session: Json, *, amount: int | None = None) -> None:
    shop.sandbox.api.refunds.create(
        {"payment_intent": session["payment_intent"], **({"amount": amount} if amount else {})}
    )


def _buy_both(shop: Shop, *prices: str) -> Json:
    session = shop.sandbox.api.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": price, "quantity": 1} for price in prices],
            "customer_creation": "always",
            "success_url": "https://elsewhere.example/thanks",
        }
    )
    paid: Json = shop.sandbox.pay_session(session.id, email=ADA)["session"]
    return paid
