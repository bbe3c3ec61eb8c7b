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
    with pytest.raises(stripe.InvalidRequestError, match="greater than what can be credited"):
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
    iban = {"iban": "DE02120300000000202051"}
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


# Previews


def test_a_preview_says_what_a_note_would_come_to_and_leaves_nothing(sandbox: Sandbox, ada: str) -> None:
    api: Any = sandbox.api
    invoice = bill(api, ada)
    before = (api.invoices.retrieve(invoice.id).to_dict(), len(api.events.list({"limit": 100}).data))
    wish = {"invoice": invoice.id, "amount": 600, "refund_amount": 400, "credit_amount": 200}
    seen = api.credit_notes.preview(wish)
    lines = api.credit_notes.preview_lines.list(wish)
    assert (seen.object, seen.amount, seen.type, seen.refunds) == ("credit_note", 600, "post_payment", [])
    assert [line.amount for line in lines.data] == [line.amount for line in seen.lines.data] == [600]
    assert (api.invoices.retrieve(invoice.id).to_dict(), len(api.events.list({"limit": 100}).data)) == before
    assert api.credit_notes.list().data == api.refunds.list().data == []
    assert api.customers.retrieve(ada).balance == 0
    with pytest.raises(stripe.InvalidRequestError, match="greater than what can be credited"):
        api.credit_notes.preview({"invoice": invoice.id, "amount": 1001, "refund_amount": 1001})
    with pytest.raises(stripe.InvalidRequestError, match="No such credit"):
        api.credit_notes.retrieve(seen.id)


# Lines with discounts


def discounted(api: Any, customer: str, *, percent: float = 25, own: float = 0) -> Any:
    """A paid invoice of 24.00 for three; `percent` off the whole invoice, `own` off its line."""
    coupons = [api.coupons.create({"percent_off": off}).id if off else None for off in (percent, own)]
    product = api.products.create({"name": "Clay"}).id
    price = {"product": product, "currency": "eur", "unit_amount": 800}
    item = {"customer": customer, "price_data": price, "quantity": 3}
    api.invoice_items.create({**item, "discounts": [{"coupon": coupons[1]}]} if own else item)
    wish = {"customer": customer, "pending_invoice_items_behavior": "include", "discounts": [{"coupon": coupons[0]}]}
    return api.invoices.pay(api.invoices.finalize_invoice(api.invoices.create(wish).id).id)


def test_a_discounted_line_is_credited_in_full(sandbox: Sandbox, ada: str) -> None:
    """24.00 less 6.00 were paid: the note is for 18.00, and says what of the discount went with it."""
    api: Any = sandbox.api
    invoice = discounted(api, ada)
    line = {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id}
    note = api.credit_notes.create({"invoice": invoice.id, "lines": [{**line, "quantity": 3}], "refund_amount": 1800})
    assert (note.total, note.amount, note.discount_amount, note.subtotal) == (1800, 1800, 600, 2400)
    assert [(row.amount, row.discount) for row in note.discount_amounts] == [(600, invoice.discounts[0])]
    credited = note.lines.data[0]
    assert (credited.amount, credited.discount_amount, credited.unit_amount) == (2400, 600, 800)
    assert api.charges.list({"customer": ada}).data[0].refunded is True
    with pytest.raises(stripe.InvalidRequestError, match="greater than what is left of the invoice line item"):
        api.credit_notes.create({"invoice": invoice.id, "lines": [{**line, "quantity": 1}], "refund_amount": 600})


def test_a_line_credited_in_parts_gives_back_what_it_took_to_the_cent(sandbox: Sandbox, ada: str) -> None:
    api: Any = sandbox.api
    invoice = discounted(api, ada, percent=33.3, own=10)
    assert (invoice.subtotal, invoice.total) == (2160, 1441)  # the line's own discount is in the subtotal
    parts = []
    for amount in (1000, 1000, 400):
        line = {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id, "amount": amount}
        wish = {"invoice": invoice.id, "lines": [line]}
        with pytest.raises(stripe.InvalidRequestError, match=r"must equal the total amount of the credit note") as told:
            api.credit_notes.create(wish)
        total = int(str(told.value).rpartition("(")[2].rstrip(")."))
        parts.append(api.credit_notes.create({**wish, "credit_amount": total}))
    assert sum(note.total for note in parts) == 1441
    assert sum(note.discount_amount for note in parts) == 2400 - 1441
    assert sum(note.subtotal for note in parts) == 2160
    assert api.customers.retrieve(ada).balance == -1441


def test_a_note_that_was_taken_back_takes_no_cent_along(sandbox: Sandbox, ada: str) -> None:
    api: Any = sandbox.api
    coupon = api.coupons.create({"percent_off": 33.3, "duration": "once"}).id
    item = {"customer": ada, "amount": 1000, "currency": "eur", "discounts": [{"coupon": coupon}]}
    api.invoice_items.create(item)
    terms = {"collection_method": "send_invoice", "days_until_due": 7, "pending_invoice_items_behavior": "include"}
    invoice = api.invoices.finalize_invoice(api.invoices.create({"customer": ada, **terms}).id)

    def credit(amount: int) -> Any:
        line = {"type": "invoice_line_item", "invoice_line_item": invoice.lines.data[0].id, "amount": amount}
        return api.credit_notes.create({"invoice": invoice.id, "lines": [line]})

    first, second = credit(335), credit(335)
    assert [note.discount_amount for note in (first, second)] == [112, 111]
    api.credit_notes.void_credit_note(first.id)
    last = credit(665)
    assert second.discount_amount + last.discount_amount == 333
    assert api.invoices.retrieve(invoice.id).status == "paid"


def test_refunds_beside_notes_leave_less_to_credit(sandbox: Sandbox, ada: str) -> None:
    api: Any = sandbox.api
    invoice = bill(api, ada)
    refund = api.refunds.create({"payment_intent": api.payment_intents.list().data[0].id, "amount": 700})
    with pytest.raises(stripe.InvalidRequestError, match=r"what can be credited on the invoice \(300\)"):
        api.credit_notes.create({"invoice": invoice.id, "amount": 301, "credit_amount": 301})
    linked = {"refund": refund.id, "amount_refunded": 500}
    api.credit_notes.create({"invoice": invoice.id, "amount": 500, "refunds": [linked]})
    with pytest.raises(stripe.InvalidRequestError, match="has 200 left that no credit note names"):
        api.credit_notes.create({"invoice": invoice.id, "amount": 500, "refunds": [linked]})
    assert api.credit_notes.create({"invoice": invoice.id, "amount": 300, "credit_amount": 300}).total == 300


def test_a_note_links_refunds_of_its_own_payment_alone(sandbox: Sandbox, ada: str) -> None:
    api: Any = sandbox.api
    invoice = bill(api, ada)
    other = api.refunds.create({"charge": api.charges.create({"amount": 900, "currency": "eur", "customer": ada}).id})
    with pytest.raises(stripe.InvalidRequestError, match="does not belong to this invoice's payment"):
        api.credit_notes.create({"invoice": invoice.id, "amount": 900, "refunds": [{"refund": other.id}]})


def test_a_note_leaves_an_open_invoice_what_can_be_charged(sandbox: Sandbox, ada: str) -> None:
    api: Any = sandbox.api
    api.invoice_items.create({"customer": ada, "amount": 10_000, "currency": "kwd"})
    terms = {"collection_method": "send_invoice", "days_until_due": 7, "pending_invoice_items_behavior": "include"}
    invoice = api.invoices.finalize_invoice(api.invoices.create({"customer": ada, **terms}).id)
    with pytest.raises(stripe.InvalidRequestError, match="divisible by 10"):
        api.credit_notes.create({"invoice": invoice.id, "amount": 1005})
    assert api.credit_notes.create({"invoice": invoice.id, "amount": 1010}).total == 1010
