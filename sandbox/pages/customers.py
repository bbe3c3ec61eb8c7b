"""Customers and their subscriptions, with the levers that a rehearsal needs."""

from typing import Final

from django.http import HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from sandbox.account import Account
from sandbox.customers import set_default_card
from sandbox.errors import StripeRefusal
from sandbox.pages.acting import call_api, in_account
from sandbox.pages.cards import SWAPS
from sandbox.pages.levers import retry_open_invoices
from sandbox.pages.lists import contains, link_to, page_of, search_of
from sandbox.pages.notes import leave_note
from sandbox.pages.rail import show_page
from sandbox.pages.rows import LIVE, ends_at, method_rows, payment_row, product_name, subscription_row
from sandbox.pages.wording import day, words
from sandbox.types import Obj

STATUSES: Final = [*LIVE, "canceled", "incomplete_expired"]


@require_safe
@in_account
def customers(request: HttpRequest, account: Account) -> HttpResponse:
    """List or search customers by a part of name, e-mail or id."""
    query = search_of(request)

    def matches(customer: Obj) -> bool:
        return contains(query, customer["name"], customer["email"], customer["id"])

    found, pager = page_of(request, account, "customer", also=matches if query else None)
    rows = [
        {
            "id": customer["id"],
            "name": customer["name"] or customer["email"] or customer["id"],
            "email": customer["email"] if customer["name"] else "",
            "created": customer["created"],
            "statuses": [row["status"] for row in account.list("subscription", customer=customer["id"])],
        }
        for customer in found
    ]
    context = {"rows": rows, "query": query, **pager}
    return show_page(request, "dashboard-customers", "sandbox/dashboard/customers.html", context)


@require_safe
@in_account
def customer(request: HttpRequest, account: Account, customer_id: str) -> HttpResponse:
    """One customer with everything of theirs."""
    found = account.get("customer", customer_id)
    invoices = account.list("invoice", customer=customer_id)
    return show_page(
        request,
        "dashboard-customers",
        "sandbox/dashboard/customer.html",
        {
            "customer": found,
            "name": found["name"] or found["email"] or found["id"],
            "subscriptions": [
                subscription_row(account, row) for row in account.list("subscription", customer=customer_id)
            ],
            "payments": [
                payment_row(account, intent) for intent in account.list("payment_intent", customer=customer_id)
            ],
            "invoices": invoices,
            "open_count": sum(invoice["status"] == "open" for invoice in invoices),
            "methods": method_rows(account, found),
            "coupon": account.find("coupon", (found["discount"] or {}).get("source", {}).get("coupon")),
            "clock": account.find("test_helpers.test_clock", found["test_clock"]),
            "swap_cards": SWAPS,
        },
    )


@require_POST
@in_account
def change_card(request: HttpRequest, account: Account, customer_id: str) -> HttpResponse:
    """Swap the default card, so that the next charge works or fails."""
    response = redirect("dashboard-customer", customer_id)
    response.status_code = 303
    try:
        method = set_default_card(
            account, account.get("customer", customer_id), number=request.POST.get("card", ""), retry=False
        )
    except StripeRefusal as refusal:
        return leave_note(response, text=str(refusal), tone="bad")
    return leave_note(response, text=f"The default card is now •••• {method['card']['last4']}. Future payments use it.")


@require_POST
@in_account
def retry(request: HttpRequest, account: Account, customer_id: str) -> HttpResponse:
    """Try to collect every open invoice of the customer now."""
    response = redirect("dashboard-customer", customer_id)
    response.status_code = 303
    try:
        paid = retry_open_invoices(account, customer_id=customer_id)
    except StripeRefusal as refusal:
        return leave_note(response, text=f"Not paid: {refusal}", tone="bad")
    return leave_note(response, text=f"Paid {paid} invoice{'s' if paid != 1 else ''}.")


@require_safe
@in_account
def subscriptions(request: HttpRequest, account: Account) -> HttpResponse:
    """List subscriptions, all or of one status."""
    status = request.GET.get("status", "")
    if status not in STATUSES:
        status = ""
    query = search_of(request)

    def matches(row: Obj) -> bool:
        customer = account.find("customer", row["customer"]) or {}
        names = [product_name(account, item["price"]) for item in row["items"]["data"]]
        return contains(query, row["id"], row["customer"], customer.get("name"), customer.get("email"), *names)

    found, pager = page_of(request, account, "subscription", also=matches if query else None, status=status or None)
    choices = [{"url": link_to(q=query), "label": "All", "current": not status}] + [
        {"url": link_to(status=name, q=query), "label": words(name), "current": name == status}
        for name in STATUSES
        if name == status or account.table("subscription").by("status", name)
    ]
    rows = [subscription_row(account, row) for row in found]
    keep = {"status": status} if status else {}
    context = {"rows": rows, "choices": choices, "status": status, "query": query, "keep": keep, **pager}
    return show_page(request, "dashboard-subscriptions", "sandbox/dashboard/subscriptions.html", context)


@require_POST
@in_account
def change_subscription(request: HttpRequest, account: Account, subscription_id: str) -> HttpResponse:
    """Cancel now, cancel at the period's end, or take that back, as the shop's owner would."""
    subscription = account.get("subscription", subscription_id)
    response = redirect("dashboard-customer", subscription["customer"])
    response.status_code = 303
    try:
        text = do_to_subscription(account, subscription, what=request.POST.get("do", ""))
    except StripeRefusal as refusal:
        return leave_note(response, text=str(refusal), tone="bad")
    return leave_note(response, text=text)


def do_to_subscription(account: Account, subscription: Obj, *, what: str) -> str:
    """Do it through the API; returns what happened. Raises StripeRefusal."""
    path = f"/v1/subscriptions/{subscription['id']}"
    if what == "cancel_now":
        call_api(account, "DELETE", path)
        return "The subscription has ended."
    if what == "cancel_at_period_end":
        call_api(account, "POST", path, cancel_at_period_end="true")
        return f"The subscription ends on {day(ends_at(subscription))}."
    if subscription["cancel_at_period_end"]:
        call_api(account, "POST", path, cancel_at_period_end="false")
    else:
        call_api(account, "POST", path, cancel_at="")
    return "The subscription goes on."
