"""The hosted receipt of a payment, and an invoice as a PDF."""

from typing import Any

from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from sandbox.account import Account
from sandbox.pages.acting import in_account
from sandbox.pages.paper import Line, write_pdf
from sandbox.pages.rows import charge_method, invoices_of, merchant_name
from sandbox.pages.wording import day, money
from sandbox.types import Obj


@require_safe
@never_cache
@in_account
def receipt(request: HttpRequest, account: Account, charge_id: str) -> HttpResponse:
    """What was paid, when, by what, and what was given back since."""
    charge = account.get("charge", charge_id)
    currency, invoice = charge["currency"], invoice_of(account, charge)
    context: dict[str, Any] = {
        "charge": charge,
        "merchant": merchant_name(account),
        "paid": money(charge["amount_captured"], currency),
        "method": charge_method(charge),
        "lines": bought(account, charge, invoice),
        "refunds": account.list("refund", charge=charge_id),
        "invoice": invoice,
    }
    return render(request, "sandbox/portal/receipt.html", context)


def invoice_of(account: Account, charge: Obj) -> Obj | None:
    """The invoice that a charge paid."""
    return next(iter(invoices_of(account, charge["payment_intent"])), None) if charge["payment_intent"] else None


def bought(account: Account, charge: Obj, invoice: Obj | None) -> list[Obj]:
    """{name, amount} of what a charge paid, as far as any object says."""
    currency = charge["currency"]
    if invoice:
        found = [(line["description"], line["amount"]) for line in invoice["lines"]["data"]]
    else:
        sessions = account.list("checkout.session", payment_intent=charge["payment_intent"])
        lines = account.notes(sessions[0]["id"]).get("line_items", []) if charge["payment_intent"] and sessions else []
        found = [(line["description"], line["amount_total"]) for line in lines]
    found = found or [(charge["description"], charge["amount"])]
    return [{"name": name or "Payment", "amount": money(amount, currency)} for name, amount in found]


@require_safe
@never_cache
@in_account
def invoice_pdf(request: HttpRequest, account: Account, invoice_id: str) -> HttpResponse:
    """An invoice on paper; with ``?credit_note=`` that note."""
    invoice = account.get("invoice", invoice_id)
    note_id = request.GET.get("credit_note")
    note = account.get("credit_note", note_id) if note_id else None
    lines = note_lines(note, invoice) if note else invoice_lines(invoice)
    head = [Line("SANDBOX: NO REAL MONEY", size=8), Line(merchant_name(account), size=16, bold=True)]
    number = note["number"] if note else invoice["number"] or "draft"
    response = HttpResponse(write_pdf([*head, *lines]), content_type="application/pdf")
    response.headers["Content-Disposition"] = f'inline; filename="{"Credit-note" if note else "Invoice"}-{number}.pdf"'
    return response


def invoice_lines(invoice: Obj) -> list[Line]:
    """What the invoice says, from top to bottom."""
    currency, off = invoice["currency"], sum(part["amount"] for part in invoice["total_discount_amounts"] or [])
    applied = invoice["amount_due"] - invoice["total"]
    rows = [Line(line["description"] or "Item", money(line["amount"], currency)) for line in invoice["lines"]["data"]]
    sums = [
        ("Subtotal", invoice["total"] + off, True),
        ("Discount", -off, bool(off)),
        ("Applied balance", applied, bool(applied)),
        ("Paid", -invoice["amount_paid"], bool(invoice["amount_paid"])),
    ]
    return [
        Line(f"Invoice {invoice['number'] or '(draft)'}", size=13, bold=True, gap=True),
        Line(f"Issued {day(invoice['created'])}"),
        *([Line(f"Due {day(invoice['due_date'])}")] if invoice["due_date"] else []),
        Line(f"To {invoice['customer_name'] or invoice['customer_email'] or invoice['customer']}"),
        *([Line(invoice["description"])] if invoice["description"] else []),
        Line("", gap=True),
        *rows,
        *(Line(label, money(amount, currency), gap=label == "Subtotal") for label, amount, shown in sums if shown),
        Line("Amount due", money(invoice["amount_remaining"], currency), bold=True),
        *([Line(invoice["footer"], gap=True)] if invoice["footer"] else []),
    ]


def note_lines(note: Obj, invoice: Obj) -> list[Line]:
    """What a credit note says."""
    currency = note["currency"]
    rows = [Line(line["description"] or "Item", money(line["amount"], currency)) for line in note["lines"]["data"]]
    return [
        Line(f"Credit note {note['number']}", size=13, bold=True, gap=True),
        Line(f"Issued {day(note['created'])}, for invoice {invoice['number']}"),
        Line("", gap=True),
        *rows,
        Line("Credited", money(note["total"], currency), bold=True, gap=True),
    ]
