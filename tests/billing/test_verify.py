"""`verify` and the full pass look at everything: what no webhook told, and what Stripe never knew."""

import io
from typing import Any

import pytest
from django.core.management import CommandError, call_command

from billing.intake.draining import drain
from billing.models import AccessPolicy, Attention, Connection, Order, Subscription
from billing.sweeping.reconcile import full_pass
from hub.models import Grant
from tests.shops import Shop

ADA = "ada@example.org"


def verify() -> tuple[int, str]:
    out = io.StringIO()
    try:
        call_command("verify", stdout=out)
    except SystemExit as ended:
        return int(ended.code or 0), out.getvalue()
    return 0, out.getvalue()


def lose_deliveries(shop: Shop) -> None:
    shop.sandbox.take_pending()


def lose_a_dispute(shop: Shop) -> None:
    """Of the newest payment, without a word to us."""
    charge = shop.sandbox.api.charges.list().data[0].id
    shop.sandbox.post(f"/sandbox/charges/{charge}/dispute", {"status": "needs_response"})
    shop.sandbox.set_fields(shop.sandbox.api.disputes.list().data[0].id, status="lost")
    lose_deliveries(shop)


def refund(shop: Shop) -> None:
    """The newest payment in full, without a word to us."""
    shop.sandbox.api.refunds.create({"charge": shop.sandbox.api.charges.list().data[0].id})
    lose_deliveries(shop)


def bill(shop: Shop) -> None:
    """The course, sold by an invoice that is paid at once."""
    api = shop.sandbox.api
    customer = api.customers.create({"email": ADA})
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    api.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    invoice = api.invoices.create({"customer": customer.id})
    price: Any = {"price": shop.once.price_id}
    api.invoice_items.create({"customer": customer.id, "invoice": invoice.id, "pricing": price})
    api.invoices.finalize_invoice(invoice.id)
    api.invoices.pay(invoice.id)


def mend(shop: Shop) -> None:
    assert full_pass(confirmed=True) is not None
    drain()
    assert verify()[0] == 0


def test_a_lost_dispute_of_a_subscription_is_found_and_mended(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    lose_a_dispute(shop)
    status, words = verify()
    assert status == 1
    assert "(disputed)" in words
    mend(shop)
    assert not shop.has(ADA, shop.club)


def test_a_refund_of_a_subscription_is_found_where_the_owner_acts_on_it(shop: Shop) -> None:
    AccessPolicy.objects.create(knobs={"sub_full_refund": "revoke"})
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    refund(shop)
    assert "(refunded)" in verify()[1]
    mend(shop)
    assert not shop.has(ADA, shop.club)


def test_a_refund_of_what_was_sold_by_invoice_is_found_and_mended(shop: Shop) -> None:
    bill(shop)
    shop.deliver()
    assert shop.has(ADA, shop.course)
    refund(shop)
    assert "(refunded)" in verify()[1]
    mend(shop)
    assert not shop.has(ADA, shop.course)


def test_what_was_sold_by_invoice_and_never_told_is_found_and_mended(shop: Shop) -> None:
    bill(shop)
    lose_deliveries(shop)
    assert full_pass() is not None
    drain()
    assert shop.has(ADA, shop.course)


def test_a_refund_to_a_guest_is_found(shop: Shop) -> None:
    line = {"price": shop.once.price_id, "quantity": 1}
    session = shop.sandbox.api.checkout.sessions.create(
        {"mode": "payment", "line_items": [line], "success_url": "https://example.org/"}
    )
    shop.sandbox.pay_session(session.id, email=ADA)
    shop.deliver()
    refund(shop)
    assert verify()[0] == 1
    mend(shop)
    assert not shop.has(ADA, shop.course)


def test_a_subscription_that_stripe_never_knew_is_named_and_never_closed_by_a_machine(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    Subscription.objects.update(stripe_id="sub_gone", customer_id="cus_gone")
    Grant.objects.update(source_ref="sub_gone")
    status, words = verify()
    assert status == 1
    assert "sub_gone" in words
    full_pass()
    drain()
    assert shop.has(ADA, shop.club)
    assert Attention.objects.filter(kind=Attention.Kind.MISSING, subject="sub_gone").exists()


def test_a_purchase_that_stripe_never_knew_is_named(shop: Shop) -> None:
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    gone = {"payment_intent": "pi_gone", "session_id": "cs_gone", "subject": "cus_gone", "customer_id": "cus_gone"}
    Order.objects.update(key="pi_gone", **gone)
    Grant.objects.update(source_ref="pi_gone")
    status, words = verify()
    assert status == 1
    assert "pi_gone" in words


def test_an_emptied_account_is_not_agreed_with(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.buy(shop.once, email="ben@example.org")
    shop.deliver()
    shop.sandbox.reset()
    status, words = verify()
    assert status == 1
    assert words.endswith("2 open grants, 2 differences\n")


def test_who_cannot_ask_does_not_say_that_all_is_well(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    shop.sandbox.answer_with(500)
    with pytest.raises(CommandError, match="could not be asked"):
        call_command("verify")
    shop.sandbox.behave()
    Connection.objects.update(state=Connection.State.OFF)
    with pytest.raises(CommandError, match="connected"):
        call_command("verify")
