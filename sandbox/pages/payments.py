"""Payments, refunds and disputes."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from sandbox.account import Account
from sandbox.disputes import move_dispute
from sandbox.errors import StripeRefusal
from sandbox.pages.acting import call_api, in_account
from sandbox.pages.amounts import read_amount, write_amount
from sandbox.pages.levers import dispute_payment
from sandbox.pages.lists import contains, page_of, search_of
from sandbox.pages.notes import leave_note
from sandbox.pages.rail import show_page
from sandbox.pages.rows import invoices_of, payment_row
from sandbox.pages.wording import money, words
from sandbox.types import Obj

DISPUTE_MOVES: Final = [
    "warning_needs_response",
    "warning_under_review",
    "warning_closed",
    "needs_response",
    "under_review",
    "won",
    "lost",
    "prevented",
]


@require_safe
@in_account
def payments(request: HttpRequest, account: Account) -> HttpResponse:
    """List payments, newest first, all or those that the query is about."""
    query = search_of(request)

    def matches(intent: Obj) -> bool:
        row = payment_row(account, intent)
        amount = write_amount(intent["amount"], currency=intent["currency"])
        return amount == query or contains(query, row["id"], row["email"], row["about"], row["customer"], row["state"])

    found, pager = page_of(request, account, "payment_intent", also=matches if query else None)
    context = {"payments": [payment_row(account, intent) for intent in found], "query": query, **pager}
    return show_page(request, "dashboard-payments", "sandbox/dashboard/payments.html", context)


@require_safe
@in_account
def payment(request: HttpRequest, account: Account, intent_id: str) -> HttpResponse:
    """One payment with its refunds and disputes."""
    return show_payment(request, account, intent_id)


def show_payment(
    request: HttpRequest, account: Account, intent_id: str, *, error: str = "", status: int = 200
) -> HttpResponse:
    """Render a payment; ``error`` is about the refund's amount."""
    intent = account.get("payment_intent", intent_id)
    charge = account.find("charge", intent["latest_charge"]) or {}
    captured = charge.get("amount_captured", 0) if charge.get("status") == "succeeded" else 0
    refundable = captured - charge.get("amount_refunded", 0)
    return show_page(
        request,
        "dashboard-payments",
        "sandbox/dashboard/payment.html",
        {
            "row": payment_row(account, intent),
            "refunds": account.list("refund", charge=charge["id"]) if charge else [],
            "refundable": refundable,
            "refundable_text": request.POST.get("amount") or write_amount(refundable, currency=intent["currency"]),
            "errors": {"amount": error},
            "disputes": account.list("dispute", charge=charge["id"]) if charge else [],
            "disputable": captured > 0,
            "dispute_moves": DISPUTE_MOVES,
            "invoices": invoices_of(account, intent_id),
            "receipt": charge if charge.get("receipt_url") else None,
        },
        status=status,
    )


@require_http_methods(["GET", "HEAD", "POST"])
@in_account
def refund(request: HttpRequest, account: Account, intent_id: str) -> HttpResponse:
    """Refund all or a part, as the shop's owner would."""
    intent = account.get("payment_intent", intent_id)
    response = redirect("dashboard-payment", intent_id)
    response.status_code = 303
    if request.method != "POST":
        return response
    try:
        amount = read_amount(request.POST.get("amount", ""), currency=intent["currency"])
        call_api(account, "POST", "/v1/refunds", payment_intent=intent_id, amount=str(amount))
    except ValueError as wrong:
        return show_payment(request, account, intent_id, error=str(wrong), status=422)
    except StripeRefusal as refusal:
        return show_payment(request, account, intent_id, error=str(refusal), status=422)
    return leave_note(response, text=f"Refunded {money(amount, intent['currency'])}.")


@require_POST
@in_account
def dispute(request: HttpRequest, account: Account, intent_id: str) -> HttpResponse:
    """Let the cardholder dispute the payment, or begin with an inquiry."""
    response = redirect("dashboard-payment", intent_id)
    response.status_code = 303
    intent = account.get("payment_intent", intent_id)
    status = request.POST.get("status", "needs_response")
    if status not in DISPUTE_MOVES:
        return leave_note(response, text="That is not a state of a dispute.", tone="bad")
    dispute_payment(account, intent, status=status)
    return leave_note(response, text="The cardholder disputed the payment.")


@require_POST
@in_account
def change_dispute(request: HttpRequest, account: Account, dispute_id: str) -> HttpResponse:
    """Move a dispute to another state, as the bank would."""
    found = account.get("dispute", dispute_id)
    response = redirect("dashboard-payment", found["payment_intent"])
    response.status_code = 303
    status = request.POST.get("status", "")
    if status not in DISPUTE_MOVES:
        return leave_note(response, text="That is not a state of a dispute.", tone="bad")
    move_dispute(account, found, status=status)
    return leave_note(response, text=f"The dispute is now: {words(status).lower()}.")
