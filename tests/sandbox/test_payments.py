from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import Shelf


def test_refunds_add_up_and_no_more_than_all_is_given_back(shelf: Shelf) -> None:
    api, charge = shelf.sandbox.api, shelf.charge_of(shelf.buy())
    api.refunds.create({"charge": charge, "amount": 8000})
    part = api.charges.retrieve(charge)
    assert (part.amount_refunded, part.refunded) == (8000, False)
    with pytest.raises(stripe.InvalidRequestError, match="greater than unrefunded amount"):
        api.refunds.create({"charge": charge, "amount": 10_001})
    api.refunds.create({"charge": charge})
    whole = api.charges.retrieve(charge, {"expand": ["refunds"]})
    assert (whole.amount_refunded, whole.refunded) == (18_000, True)
    assert [refund.amount for refund in whole.refunds.data] == [10_000, 8000]  # type: ignore[union-attr]
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.refunds.create({"charge": charge})
    assert refused.value.code == "charge_already_refunded"


def test_a_refund_that_fails_later_is_taken_off_the_charge_again(shelf: Shelf) -> None:
    api, charge = shelf.sandbox.api, shelf.charge_of(shelf.buy(card="4000000000005126"))
    refund = api.refunds.create({"charge": charge})
    assert (refund.status, api.charges.retrieve(charge).refunded) == ("succeeded", True)
    shelf.sandbox.advance("2d")
    assert api.refunds.retrieve(refund.id).status == "failed"
    assert api.charges.retrieve(charge).refunded is False
    assert "refund.failed" in shelf.events()


def test_a_disputing_card_disputes_at_once_and_the_dispute_can_be_moved(shelf: Shelf) -> None:
    api, charge = shelf.sandbox.api, shelf.charge_of(shelf.buy(card="4000000000000259"))
    dispute = api.disputes.list({"charge": charge}).data[0]
    assert (dispute.status, dispute.reason) == ("needs_response", "fraudulent")
    assert api.charges.retrieve(charge).disputed is True
    shelf.sandbox.set_fields(dispute.id, status="lost")
    assert shelf.events()[-1] == "charge.dispute.closed"
    shelf.sandbox.set_fields(dispute.id, status="won")
    assert api.disputes.retrieve(dispute.id).status == "won"
    assert shelf.events()[-2:] == ["charge.dispute.closed", "charge.dispute.funds_reinstated"]


def test_an_inquiry_takes_no_money_until_it_escalates(shelf: Shelf) -> None:
    api, charge = shelf.sandbox.api, shelf.charge_of(shelf.buy(card="4000000000001976"))
    dispute = api.disputes.list({"charge": charge}).data[0]
    assert dispute.status == "warning_needs_response"
    assert api.charges.retrieve(charge).disputed is False
    shelf.sandbox.set_fields(dispute.id, status="needs_response")
    assert api.charges.retrieve(charge).disputed is True


def test_a_disputed_charge_is_found_by_its_payment(shelf: Shelf) -> None:
    session = shelf.buy()
    charge = shelf.charge_of(session)
    made = shelf.sandbox.post(f"/sandbox/charges/{charge}/dispute", {"reason": "duplicate", "amount": 500})
    found = shelf.sandbox.api.disputes.list({"payment_intent": session["payment_intent"]}).data
    assert [(row.id, row.amount, row.reason) for row in found] == [(made["id"], 500, "duplicate")]


def test_intents_are_confirmed_declined_and_canceled(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    paid = api.payment_intents.create(
        {"amount": 1000, "currency": "eur", "payment_method": "pm_card_visa", "confirm": True, "metadata": {"k": "v"}}
    )
    assert (paid.status, paid.amount_received, paid.metadata["k"]) == ("succeeded", 1000, "v")
    intent = api.payment_intents.create({"amount": 1000, "currency": "eur"})
    with pytest.raises(stripe.CardError) as declined:
        api.payment_intents.confirm(intent.id, {"payment_method": "pm_card_chargeDeclined"})
    assert (declined.value.code, declined.value.error.decline_code) == ("card_declined", "generic_decline")  # type: ignore[union-attr]
    after = api.payment_intents.retrieve(intent.id)
    assert (after.status, after.last_payment_error.code) == ("requires_payment_method", "card_declined")  # type: ignore[union-attr]
    assert api.payment_intents.cancel(intent.id).status == "canceled"


def test_an_uncaptured_authorisation_lapses_after_a_week(shelf: Shelf) -> None:
    session = shelf.buy(payment_intent_data={"capture_method": "manual"})
    shelf.sandbox.advance("8d")
    assert shelf.sandbox.api.payment_intents.retrieve(session["payment_intent"]).status == "canceled"


def test_a_manual_invoice_is_finalised_and_paid(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    customer = api.customers.create({"email": "ada@example.org", "payment_method": "pm_card_visa"})
    method = api.customers.payment_methods.list(customer.id).data[0]
    api.invoice_items.create({"customer": customer.id, "pricing": {"price": shelf.once}})
    invoice = api.invoices.create({"customer": customer.id, "pending_invoice_items_behavior": "include"})
    assert (invoice.status, invoice.total, invoice.billing_reason) == ("draft", 18_000, "manual")
    assert api.invoices.finalize_invoice(invoice.id).status == "open"
    paid = api.invoices.pay(invoice.id, {"payment_method": method.id, "expand": ["payments"]})
    assert paid.status == "paid"
    line = paid.lines.data[0]
    assert line.parent.type == "invoice_item_details"  # type: ignore[union-attr]
    assert line.pricing.price_details.product == shelf.course  # type: ignore[union-attr]
    assert paid.payments.data[0].payment.payment_intent  # type: ignore[union-attr]


def test_an_invoice_that_is_declined_says_so_and_stays_open(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    customer = api.customers.create({"email": "ada@example.org"})
    api.invoice_items.create({"customer": customer.id, "amount": 700, "currency": "eur"})
    invoice = api.invoices.create({"customer": customer.id, "pending_invoice_items_behavior": "include"})
    method = api.payment_methods.attach("pm_card_chargeCustomerFail", {"customer": customer.id})
    with pytest.raises(stripe.CardError):
        api.invoices.pay(invoice.id, {"payment_method": method.id})
    assert api.invoices.retrieve(invoice.id).status == "open"
    assert api.invoices.void_invoice(invoice.id).status == "void"


@pytest.mark.parametrize(
    ("advances", "steps", "times"),
    [
        (False, ["finalize_invoice"], 0),
        (False, ["send_invoice"], 1),
        (False, ["finalize_invoice", "send_invoice"], 1),
        (True, ["finalize_invoice"], 1),
        (True, ["send_invoice"], 1),
        (True, ["finalize_invoice", "send_invoice"], 2),
        (False, ["finalize_invoice", "pay", "send_invoice"], 1),
    ],
)
def test_an_invoice_is_sent_by_itself_where_it_advances_and_by_each_request(
    shelf: Shelf, advances: bool, steps: list[str], times: int
) -> None:
    api = shelf.sandbox.api
    customer = api.customers.create({"email": "ada@example.org", "payment_method": "pm_card_visa"})
    method = api.customers.payment_methods.list(customer.id).data[0].id
    api.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method}})
    wish: Any = {"customer": customer.id, "collection_method": "send_invoice", "days_until_due": 14}
    invoice = api.invoices.create({**wish, "auto_advance": advances})
    api.invoice_items.create({"customer": customer.id, "invoice": invoice.id, "amount": 700, "currency": "eur"})
    for step in steps:
        getattr(api.invoices, step)(invoice.id)
    assert shelf.events().count("invoice.sent") == times


def test_a_void_invoice_is_not_sent(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    customer = api.customers.create({"email": "ada@example.org"})
    api.invoice_items.create({"customer": customer.id, "amount": 700, "currency": "eur"})
    wish: Any = {"customer": customer.id, "collection_method": "send_invoice", "days_until_due": 14}
    invoice = api.invoices.create({**wish, "pending_invoice_items_behavior": "include"})
    api.invoices.finalize_invoice(invoice.id)
    api.invoices.void_invoice(invoice.id)
    with pytest.raises(stripe.InvalidRequestError, match="open or paid"):
        api.invoices.send_invoice(invoice.id)
