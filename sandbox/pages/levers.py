"""What the dashboard does to an account that no API request could."""

from sandbox.account import Account
from sandbox.collecting import pay
from sandbox.disputes import open_dispute
from sandbox.types import Obj


def open_invoices(account: Account, *, customer_id: str) -> list[Obj]:
    """What the customer owes, oldest first."""
    found = [invoice for invoice in account.list("invoice", customer=customer_id) if invoice["status"] == "open"]
    return found[::-1]


def retry_open_invoices(account: Account, *, customer_id: str) -> int:
    """Try to collect what is owed, oldest first; returns how many got paid. Raises StripeRefusal."""
    paid = 0
    for invoice in open_invoices(account, customer_id=customer_id):
        pay(account, invoice)
        paid += invoice["status"] == "paid"
    return paid


def dispute_payment(account: Account, intent: Obj, *, status: str) -> Obj:
    """Let the cardholder dispute a payment; ``warning_needs_response`` only asks."""
    return open_dispute(account, account.get("charge", intent["latest_charge"]), status=status)
