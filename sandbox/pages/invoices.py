"""The hosted invoice: what it is for, how it stands, and a way to pay it."""

from urllib.parse import urlencode

from django.core import signing
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.shortcuts import render
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods

from sandbox.account import Account
from sandbox.cards import attach, new_card_method
from sandbox.collecting import pay
from sandbox.errors import CardDeclined, StripeRefusal
from sandbox.pages.acting import in_account
from sandbox.pages.attempts import forget_attempt, keep_attempt, last_attempt
from sandbox.pages.cards import HINTS, find_card_errors
from sandbox.pages.notes import forget_note, leave_note, read_note
from sandbox.pages.rows import merchant_name
from sandbox.pages.wording import day, money
from sandbox.types import Obj

SALT = "sandbox.invoice.pending"


@require_http_methods(["GET", "HEAD", "POST"])
@never_cache
@in_account
def invoice(request: HttpRequest, account: Account, invoice_id: str) -> HttpResponse:
    """Show an invoice; a POST pays it with the card typed, or answers the bank's question."""
    found = account.get("invoice", invoice_id)
    if request.method != "POST" or not payable(found):
        number = asked_about(request.GET.get("pending", "")) if payable(found) else None
        return (
            show_question(request, account, found, number=number) if number else show_invoice(request, account, found)
        )
    if "pending" in request.POST:
        number = asked_about(request.POST["pending"])
        if number is None:
            return go_back(request)
        return pay_with(request, account, found, number=number, authenticated=request.POST.get("answer") == "approve")
    errors = find_card_errors(request.POST, now=account.now())
    if errors:
        keep_attempt(account, found["id"], typed={}, errors=errors)
        return go_back(request)
    return pay_with(request, account, found, number=request.POST["card"])


def asked_about(signed: str) -> str | None:
    """The number of the card that the bank asks about; None where we did not sign it within the hour."""
    try:
        return str(signing.loads(signed, salt=SALT, max_age=3600))
    except signing.BadSignature:
        return None


def pay_with(
    request: HttpRequest, account: Account, found: Obj, *, number: str, authenticated: bool | None = None
) -> HttpResponse:
    """One attempt with a new card of the customer's."""
    customer = account.get("customer", found["customer"])
    try:
        method = new_card_method(account, number, email=customer["email"], name=customer["name"])
        attach(account, method, customer=customer)
        pay(account, found, method=method, off_session=False, authenticated=authenticated)
    except CardDeclined as declined:
        errors = {"card": f"{declined.message.rstrip('.')}. Try another card."}
        keep_attempt(account, found["id"], typed={}, errors=errors)
        return go_back(request)
    except StripeRefusal as refusal:
        keep_attempt(account, found["id"], typed={}, errors={"form": str(refusal)})
        return go_back(request)
    forget_attempt(account, found["id"])
    if found["status"] == "open":
        return go_back(request, query=urlencode({"pending": signing.dumps(number, salt=SALT)}))
    return leave_note(go_back(request), text="Thank you: this invoice is paid.")


def go_back(request: HttpRequest, *, query: str = "") -> HttpResponse:
    """The invoice's page again: what became of a POST is for a GET to show."""
    response = HttpResponseRedirect(f"{request.path}?{query}" if query else request.path)
    response.status_code = 303
    return response


def payable(found: Obj) -> bool:
    """Whether money is still wanted."""
    return found["status"] in ("open", "uncollectible") and found["amount_remaining"] > 0


def show_question(request: HttpRequest, account: Account, found: Obj, *, number: str) -> HttpResponse:
    """The bank's page: approve or fail."""
    context = {
        "merchant": merchant_name(account),
        "summary": {"total": money(found["amount_remaining"], found["currency"])},
        "last4": number.strip()[-4:],
        "pending": signing.dumps(number, salt=SALT),
        "verify_url": request.path,
    }
    return render(request, "sandbox/checkout/verify.html", context)


def show_invoice(request: HttpRequest, account: Account, found: Obj) -> HttpResponse:
    """Render the invoice, with what became of the last attempt to pay it."""
    note = read_note(request)
    typed, errors = last_attempt(account, found["id"])
    off = sum(part["amount"] for part in found["total_discount_amounts"] or [])
    context = {
        "invoice": found,
        "lines": found["lines"]["data"],
        "subtotal": found["total"] + off,
        "discount": -off,
        "applied": found["amount_due"] - found["total"],
        "receipts": [charge for charge in charges_of(account, found) if charge["receipt_url"]],
        "merchant": merchant_name(account),
        "state_text": state_text(found),
        "payable": payable(found),
        "errors": errors,
        "typed": typed,
        "card_hints": HINTS,
        "note": note,
    }
    response = render(request, "sandbox/portal/invoice.html", context)
    return forget_note(response) if note else response


def charges_of(account: Account, found: Obj) -> list[Obj]:
    """The charges that paid an invoice, or tried to."""
    payments = [row["payment"]["payment_intent"] for row in account.list("invoice_payment", invoice=found["id"])]
    return [charge for intent in payments if intent for charge in account.list("charge", payment_intent=intent)]


def state_text(found: Obj) -> str:
    """How the invoice stands, in a sentence."""
    paid_at = found["status_transitions"]["paid_at"]
    retry = found["next_payment_attempt"]
    texts = {
        "draft": "This invoice is still being prepared.",
        "paid": f"Paid on {day(paid_at)}." if paid_at else "Paid.",
        "void": "This invoice was voided. Nothing is owed.",
        "uncollectible": "This invoice was written off, and can still be paid.",
        "open": "This invoice is waiting to be paid.",
    }
    if found["status"] == "open" and found["attempted"] and retry:
        return f"The payment failed. It is tried again on {day(retry)}."
    if found["status"] == "open" and found["due_date"]:
        return f"Due on {day(found['due_date'])}."
    return texts[found["status"]]
