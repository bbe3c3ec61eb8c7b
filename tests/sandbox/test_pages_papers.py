"""Hosted invoices on paper, and receipts, as whoever paid meets them."""

import re
import urllib.request
from typing import Any

import pytest

from tests.sandbox.shelf import Shelf
from tests.sandbox.visitor import Visitor
from tests.sandboxes import Json

CARD = {"card": "4242424242424242", "expiry": "12/34", "cvc": "123"}


@pytest.fixture
def visitor(shelf: Shelf) -> Visitor:
    return Visitor(shelf.sandbox.url)


def send_invoice(shelf: Shelf, customer: str, **more: Any) -> Any:
    """An invoice of €120 that is to be paid within two weeks."""
    api = shelf.sandbox.api
    wish: Any = {"customer": customer, "collection_method": "send_invoice", "days_until_due": 14, **more}
    invoice = api.invoices.create(wish)
    item: Any = {"customer": customer, "invoice": invoice.id, "amount": 12000, "currency": "eur"}
    api.invoice_items.create({**item, "description": "Kiln (hire) €"})
    api.invoices.finalize_invoice(invoice.id)
    return api.invoices.send_invoice(invoice.id)


def read_pdf(url: str) -> list[str]:
    """The texts of a PDF, whose table must lead to each of its objects."""
    with urllib.request.urlopen(url, timeout=10) as answer:
        assert answer.headers["Content-Type"] == "application/pdf"
        body: bytes = answer.read()
    starts = [int(at) for at in re.findall(rb"(\d{10}) 00000 n", body)]
    assert all(body[at:].startswith(b"%d 0 obj" % number) for number, at in enumerate(starts, 1))
    assert body[int(body.rsplit(b"startxref\n", 1)[1].split()[0]) :].startswith(b"xref")
    texts = re.findall(rb"\(((?:\\.|[^()])*)\) Tj", body)
    return [re.sub(rb"\\(.)", rb"\1", text).decode("cp1252") for text in texts]


def test_a_sent_invoice_is_paid_on_its_page(shelf: Shelf, visitor: Visitor, ada: str) -> None:
    coupon = shelf.sandbox.api.coupons.create({"percent_off": 25, "duration": "once"}).id
    sent = send_invoice(shelf, ada, description="One evening", discounts=[{"coupon": coupon}])
    page = visitor.open(sent.hosted_invoice_url)
    for words in ("Due on", "One evening", "Kiln (hire)", "Discount −€30.00", "Pay €90.00 now"):
        assert words in page.text
    paid = visitor.follow(visitor.send(page, **CARD))
    assert "this invoice is paid" in paid.text
    assert shelf.sandbox.api.invoices.retrieve(sent.id).amount_paid == 9000
    assert "View receipt" in paid.text


def test_an_invoice_is_a_pdf(shelf: Shelf, ada: str) -> None:
    sent = send_invoice(shelf, ada)
    texts = read_pdf(sent.invoice_pdf)
    for text in ("SANDBOX: NO REAL MONEY", f"Invoice {sent.number}", "Kiln (hire) €", "€120.00", "Amount due"):
        assert text in texts


def test_a_long_invoice_has_several_pages(shelf: Shelf, ada: str) -> None:
    items = [{"price": price_of(shelf, number)} for number in range(20)]
    subscription: Any = shelf.sandbox.api.subscriptions.create({"customer": ada, "items": items})  # type: ignore[typeddict-item]
    extras: list[Any] = [{"price_data": once(shelf, number)} for number in range(20)]
    change: Any = {
        "add_invoice_items": extras,
        "items": [{"id": row["id"], "quantity": 2} for row in rows(subscription)],
    }
    shelf.sandbox.api.subscriptions.update(subscription.id, {**change, "proration_behavior": "always_invoice"})
    bill: Any = shelf.sandbox.api.invoices.list({"subscription": subscription.id}).data[0]
    assert len([text for text in read_pdf(bill.invoice_pdf) if text.startswith(("Unused", "Remaining"))]) == 40
    with urllib.request.urlopen(bill.invoice_pdf, timeout=10) as answer:
        assert b"/Count 2" in answer.read()


def rows(subscription: Any) -> list[Json]:
    found: list[Json] = subscription.to_dict()["items"]["data"]
    return found


def price_of(shelf: Shelf, number: int) -> str:
    wish: Any = {
        "product": shelf.club,
        "currency": "eur",
        "unit_amount": 100 + number,
        "recurring": {"interval": "month"},
    }
    return shelf.sandbox.api.prices.create(wish).id


def once(shelf: Shelf, number: int) -> Json:
    return {"product": shelf.course, "currency": "eur", "unit_amount": 100 + number}


def test_a_credit_note_is_a_pdf(shelf: Shelf) -> None:
    invoice = shelf.subscribe()["latest_invoice"]
    note: Any = shelf.sandbox.api.credit_notes.create({"invoice": invoice, "amount": 500, "refund_amount": 500})
    texts = read_pdf(note.pdf)
    assert f"Credit note {note.number}" in texts
    assert "€5.00" in texts


@pytest.mark.parametrize("what", ["subscription", "purchase", "direct"])
def test_a_receipt_says_what_was_paid_and_given_back(shelf: Shelf, visitor: Visitor, ada: str, what: str) -> None:
    api = shelf.sandbox.api
    if what == "direct":
        api.charges.create({"amount": 2400, "currency": "eur", "customer": ada, "description": "Clay"})
    elif what == "subscription":
        shelf.subscribe()
    else:
        shelf.buy()
    charge = api.charges.list().data[0]
    name, amount = {"direct": ("Clay", "€24.00"), "subscription": ("1 × Club", "€24.00")}.get(
        what, ("Course", "€180.00")
    )
    page = visitor.open(str(charge.receipt_url))
    for words in (name, f"Amount paid {amount}", "Visa •••• 4242"):
        assert words in page.text
    assert ("Invoice" in page.text) == (what == "subscription")
    api.refunds.create({"charge": charge.id, "amount": 400})
    assert "€4.00" in visitor.open(str(charge.receipt_url)).text.partition("Refunded on")[2]
