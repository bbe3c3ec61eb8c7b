from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import Shelf
from tests.sandboxes import Sandbox


def bill(api: Any, customer: str, *, amount: int = 1000, sent: bool = False) -> Any:
    """A finalised invoice: open where it is sent, else paid at once."""
    api.invoice_items.create({"customer": customer, "amount": amount, "currency": "eur", "description": "Clay"})
    terms = {"collection_method": "send_invoice", "days_until_due": 7} if sent else {}
    made = api.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include", **terms})
    invoice = api.invoices.finalize_invoice(made.id)
    return invoice if sent else api.invoices.pay(invoice.id)


def test_a_note_on_an_open_invoice_leaves_less_to_pay(sandbox: Sandbox, ada: str) -> None:
    api: Any = sandbox.api
    invoice = bill(api, ada, sent=True)
    note = api.credit_notes.create({"invoice": invoice.id, "amount": 300})
    owed = api.invoices.retrieve(invoice.id)
    assert (note.type, note.status, note.pre_payment_amount) == ("pre_payment", "issued", 300)
    assert (owed.amount_due, owed.amount_remaining, owed.total) == (700, 700, 1000)
    api.credit_notes.void_credit_note(note.id)
    assert api.invoices.retrieve(invoice.id).amount_remaining == 1000
    with pytest.raises(stripe.InvalidRequestError, match="already been voided"):
        api.credit_notes.void_credit_note(note.id)


def test_an_open_invoice_credited_in_full_is_paid(sandbox: Sandbox, ada: str) -> None:
    api: Any = sandbox.api
    invoice = bill(api, ada, sent=True)
    line = {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id, "quantity": 1}
    note = api.credit_notes.create({"invoice": invoice.id, "lines": [line]})
    settled = api.invoices.retrieve(invoice.id)
    assert (settled.status, settled.amount_remaining, settled.amount_paid) == ("paid", 0, 0)
    assert [row.description for row in note.lines.data] == ["Clay"]


def test_a_note_on_a_paid_invoice_refunds_and_credits(sandbox: Sandbox, ada: str) -> None:
    api: Any = sandbox.api
    invoice = bill(api, ada)
    note = api.credit_notes.create(
        {"invoice": invoice.id, "amount": 600, "refund_amount": 400, "credit_amount": 150, "out_of_band_amount": 50}
    )
    refund = api.refunds.retrieve(note.refunds[0].refund)
    assert (note.type, refund.amount, note.refunds[0].amount_refunded) == ("post_payment", 400, 400)
    assert api.customers.retrieve(ada).balance == -150
    assert api.invoices.retrieve(invoice.id).post_payment_credit_notes_amount == 600
    with pytest.raises(stripe.InvalidRequestError, match="greater than what can be credited"):
        api.credit_notes.create({"invoice": invoice.id, "amount": 401, "refund_amount": 401})
    with pytest.raises(stripe.InvalidRequestError, match="must equal the total"):
        api.credit_notes.create({"invoice": invoice.id, "amount": 100})


def test_a_refused_note_changes_nothing(sandbox: Sandbox, shelf: Shelf, ada: str) -> None:
    api: Any = sandbox.api
    invoice = bill(api, ada)
    before = len(shelf.events())
    for wish in ({"amount": 5, "refund_amount": 4}, {}, {"amount": 5, "lines": [{"type": "custom_line_item"}]}):
        with pytest.raises(stripe.InvalidRequestError):
            api.credit_notes.create({"invoice": invoice.id, **wish})
    assert len(shelf.events()) == before
    assert api.credit_notes.list({"invoice": invoice.id}).data == []


def test_notes_are_told_and_numbered(sandbox: Sandbox, shelf: Shelf, ada: str) -> None:
    api: Any = sandbox.api
    invoice = bill(api, ada, sent=True)
    notes = [api.credit_notes.create({"invoice": invoice.id, "amount": 100}) for _ in range(2)]
    assert [note.number for note in notes] == [f"{invoice.number}-CN-01", f"{invoice.number}-CN-02"]
    api.credit_notes.update(notes[0].id, {"memo": "Sorry"})
    told = [event for event in shelf.events() if event.startswith("credit_note.")]
    assert told == ["credit_note.created", "credit_note.created", "credit_note.updated"]


def test_a_note_that_cannot_refund_leaves_nothing_behind(sandbox: Sandbox, shelf: Shelf, ada: str) -> None:
    api = sandbox.api
    invoice = bill(api, ada)
    api.refunds.create({"payment_intent": api.payment_intents.list().data[0].id})
    before = len(shelf.events())
    with pytest.raises(stripe.InvalidRequestError, match="already been refunded"):
        api.credit_notes.create({"invoice": invoice.id, "amount": 5, "refund_amount": 5})
    assert len(shelf.events()) == before
    assert api.credit_notes.list().data == []
    assert api.invoices.retrieve(invoice.id).post_payment_credit_notes_amount == 0


def test_who_is_gone_is_given_no_credit(sandbox: Sandbox, ada: str) -> None:
    """A balance needs a customer; other money back does not."""
    api: Any = sandbox.api
    invoice = bill(api, ada)
    api.customers.delete(ada)
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        api.credit_notes.create({"invoice": invoice.id, "amount": 500, "credit_amount": 500})
    assert api.credit_notes.list({"invoice": invoice.id}).data == []
    assert api.invoices.retrieve(invoice.id).post_payment_credit_notes_amount == 0
    assert api.credit_notes.create({"invoice": invoice.id, "amount": 500, "refund_amount": 500}).status == "issued"


def test_what_a_bank_was_told_to_take_is_not_changed(sandbox: Sandbox, ada: str) -> None:
    """Neither by a note nor by taking one back, while a debit is on its way."""
    api: Any = sandbox.api
    invoice = bill(api, ada, sent=True)
    note = api.credit_notes.create({"invoice": invoice.id, "amount": 300})
    details = {"name": "Ada", "email": "ada@example.org"}
    iban = {"iban": "DE89370400440532013000"}
    debit = api.payment_methods.create({"type": "sepa_debit", "sepa_debit": iban, "billing_details": details})
    api.payment_methods.attach(debit.id, {"customer": ada})
    api.invoices.pay(invoice.id, {"payment_method": debit.id})
    with pytest.raises(stripe.InvalidRequestError, match="still processing"):
        api.credit_notes.create({"invoice": invoice.id, "amount": 100})
    with pytest.raises(stripe.InvalidRequestError, match="still processing"):
        api.credit_notes.void_credit_note(note.id)
    sandbox.advance("4d")
    paid = api.invoices.retrieve(invoice.id)
    assert (paid.status, paid.amount_paid, paid.amount_due) == ("paid", 700, 700)
