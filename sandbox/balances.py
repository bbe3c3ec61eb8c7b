"""A customer's balance, and the transactions that it is the sum of. Below nothing it is the customer's credit."""

from sandbox.account import Account
from sandbox.currencies import least_of, nearest
from sandbox.errors import InvalidRequest
from sandbox.types import Obj


def move_balance(
    account: Account,
    customer: Obj,
    *,
    amount: int,
    kind: str,
    currency: str,
    description: str | None = None,
    metadata: Obj | None = None,
    **cause: str,
) -> Obj:
    """Add `amount` (minor units, below zero a credit) to the balance. `cause`: invoice or credit_note, by id."""
    owed = int(customer["balance"]) + amount
    transaction = account.add(
        {
            "id": account.ids.make("cbtxn"),
            "object": "customer_balance_transaction",
            "amount": amount,
            "checkout_session": None,
            "created": account.now(),
            "credit_note": None,
            "currency": currency,
            "customer": customer["id"],
            "customer_account": None,
            "description": description,
            "ending_balance": owed,
            "invoice": None,
            "livemode": False,
            "metadata": metadata or {},
            "type": kind,
            **cause,
        }
    )
    account.change(customer, event="customer.updated", balance=owed, currency=customer["currency"] or currency)
    return transaction


def set_balance(account: Account, customer: Obj, balance: int) -> None:
    """What `balance` of a customer update does."""
    if balance != customer["balance"]:
        move_balance(
            account,
            customer,
            amount=balance - customer["balance"],
            kind="adjustment",
            currency=customer["currency"] or "eur",
        )


def check_currency(customer: Obj, currency: str) -> None:
    """A balance is in the customer's currency."""
    if customer["currency"] not in (None, currency):
        raise InvalidRequest(
            f"The customer's currency is {customer['currency']}: its balance cannot be in {currency}.",
            param="currency",
        )


def due_of(owed: int, currency: str) -> int:
    """What is asked for now of all that is `owed`: nothing below the least that can be charged, else the nearest amount
    that can. The difference stays on the balance."""
    asked = nearest(owed, currency)
    return asked if asked >= least_of(currency) else 0


def apply_to_invoice(account: Account, customer: Obj, invoice: Obj) -> int:
    """What a finalised invoice takes from the balance, or leaves on it; returns the balance then."""
    before = int(customer["balance"])
    owed = before + int(invoice["total"])
    asked = due_of(owed, invoice["currency"])
    after = owed - asked
    if after != before:
        too_small = owed > 0 and not asked
        kind, currency = "invoice_too_small" if too_small else "applied_to_invoice", invoice["currency"]
        move_balance(account, customer, amount=after - before, kind=kind, currency=currency, invoice=invoice["id"])
    return after


def credit_overpaid(account: Account, invoice: Obj, *, amount: int) -> None:
    """Money that a bank sends for what nobody asks for any more belongs to the customer."""
    customer = account.find("customer", invoice["customer"])
    if customer and not customer.get("deleted"):
        kind, currency = "invoice_overpaid", invoice["currency"]
        move_balance(account, customer, amount=-amount, kind=kind, currency=currency, invoice=invoice["id"])


def give_back(account: Account, invoice: Obj) -> None:
    """A void invoice returns what it took."""
    taken = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
    customer = account.find("customer", invoice["customer"])
    if taken and customer:
        kind, currency = "unapplied_from_invoice", invoice["currency"]
        move_balance(account, customer, amount=-taken, kind=kind, currency=currency, invoice=invoice["id"])
