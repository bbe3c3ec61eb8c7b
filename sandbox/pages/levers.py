"""What the dashboard does to an account that no API request could."""

from sandbox.account import Account
from sandbox.cards import attach, new_card_method
from sandbox.disputes import open_dispute
from sandbox.invoicing import pay
from sandbox.pages.acting import call_api
from sandbox.types import Obj


def swap_card(account: Account, *, customer_id: str, number: str, name: str | None = None) -> Obj:
    """Save a test card and use it from now on, for the customer and each live subscription. Raises CardDeclined."""
    customer = account.get("customer", customer_id)
    method = new_card_method(account, number, email=customer["email"], name=name or customer["name"])
    attach(account, method, customer=customer)
    make_default(account, customer=customer, method=method)
    return method


def make_default(account: Account, *, customer: Obj, method: Obj) -> None:
    """Charge this method from now on: the customer's default and that of every live subscription."""
    settings = {"default_payment_method": method["id"]}
    call_api(account, "POST", f"/v1/customers/{customer['id']}", invoice_settings=settings)
    for subscription in account.list("subscription", customer=customer["id"]):
        if subscription["status"] not in ("canceled", "incomplete_expired") and subscription["default_payment_method"]:
            path = f"/v1/subscriptions/{subscription['id']}"
            call_api(account, "POST", path, default_payment_method=method["id"])


def open_invoices(account: Account, *, customer_id: str) -> list[Obj]:
    """What the customer owes, oldest first."""
    found = [invoice for invoice in account.list("invoice", customer=customer_id) if invoice["status"] == "open"]
    return found[::-1]


def retry_open_invoices(account: Account, *, customer_id: str) -> int:
    """Try to collect what is owed, oldest first; returns how many were paid. Raises the first StripeRefusal."""
    paid = 0
    for invoice in open_invoices(account, customer_id=customer_id):
        pay(account, invoice)
        paid += invoice["status"] == "paid"
    return paid


def dispute_payment(account: Account, intent: Obj, *, status: str) -> Obj:
    """Let the cardholder dispute a payment; ``warning_needs_response`` only asks."""
    return open_dispute(account, account.get("charge", intent["latest_charge"]), status=status)
