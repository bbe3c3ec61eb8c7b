"""A customer's balance: what moves it, and what it pays."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import Shelf
from tests.sandboxes import Sandbox


def transactions(sandbox: Sandbox, customer: str) -> list[tuple[str, int, int]]:
    """Oldest first: (type, amount, balance then)."""
    rows = sandbox.api.customers.balance_transactions.list(customer).data
    return [(row.type, row.amount, row.ending_balance) for row in reversed(rows)]


def balance(sandbox: Sandbox, customer: str) -> int:
    found: Any = sandbox.api.customers.retrieve(customer)
    return int(found.balance)


def bill(sandbox: Sandbox, customer: str, amount: int) -> Any:
    sandbox.api.invoice_items.create({"customer": customer, "amount": amount, "currency": "eur"})
    made = sandbox.api.invoices.create({"customer": customer, "pending_invoice_items_behavior": "include"})
    return sandbox.api.invoices.finalize_invoice(made.id)


def test_credit_pays_invoices_until_it_is_used_up(sandbox: Sandbox, ada: str) -> None:
    made = sandbox.api.customers.balance_transactions.create(
        ada, {"amount": -1000, "currency": "eur", "description": "Sorry"}
    )
    assert (made.type, made.ending_balance, balance(sandbox, ada)) == ("adjustment", -1000, -1000)
    first = bill(sandbox, ada, 700)
    assert (first.status, first.amount_due, first.starting_balance, first.ending_balance) == ("paid", 0, -1000, -300)
    second = bill(sandbox, ada, 700)
    assert (second.status, second.amount_due, second.ending_balance) == ("open", 400, 0)
    assert transactions(sandbox, ada) == [
        ("adjustment", -1000, -1000),
        ("applied_to_invoice", 700, -300),
        ("applied_to_invoice", 300, 0),
    ]


def test_a_void_invoice_gives_back_what_it_took(sandbox: Sandbox, ada: str) -> None:
    sandbox.api.customers.update(ada, {"balance": -200})
    invoice = bill(sandbox, ada, 700)
    assert balance(sandbox, ada) == 0
    sandbox.api.invoices.void_invoice(invoice.id)
    assert balance(sandbox, ada) == -200
    assert [kind for kind, _, _ in transactions(sandbox, ada)] == [
        "adjustment",
        "applied_to_invoice",
        "unapplied_from_invoice",
    ]


def test_a_smaller_plan_leaves_credit_for_the_next_bill(shelf: Shelf) -> None:
    subscription = shelf.subscribe()
    wish: Any = {"product": shelf.club, "currency": "eur", "unit_amount": 400, "recurring": {"interval": "month"}}
    smaller = shelf.sandbox.api.prices.create(wish).id
    item: Any = {"id": subscription["items"]["data"][0]["id"], "price": smaller}
    shelf.sandbox.api.subscriptions.update(
        subscription["id"], {"items": [item], "proration_behavior": "always_invoice"}
    )
    assert balance(shelf.sandbox, subscription["customer"]) == -2000
    shelf.sandbox.advance("32d")
    renewal = shelf.sandbox.api.invoices.list({"subscription": subscription["id"]}).data[0]
    assert (renewal.total, renewal.amount_due, renewal.ending_balance) == (400, 0, -1600)
    changed: Any = shelf.sandbox.api.events.list({"type": "customer.updated"}).data[0].data.to_dict()
    assert (changed["object"]["balance"], changed["previous_attributes"]["balance"]) == (-1600, -2000)


def test_a_credit_note_names_its_transaction(sandbox: Sandbox, ada: str) -> None:
    invoice = sandbox.api.invoices.pay(bill(sandbox, ada, 700).id)
    note = sandbox.api.credit_notes.create({"invoice": invoice.id, "amount": 300, "credit_amount": 300})
    found = sandbox.api.customers.balance_transactions.retrieve(ada, str(note.customer_balance_transaction))
    assert (found.type, found.amount, found.credit_note) == ("credit_note", -300, note.id)


def test_a_balance_has_one_currency_and_one_owner(sandbox: Sandbox, ada: str) -> None:
    create = sandbox.api.customers.balance_transactions.create
    made = create(ada, {"amount": -5, "currency": "eur"})
    with pytest.raises(stripe.InvalidRequestError, match="currency is eur"):
        create(ada, {"amount": -5, "currency": "usd"})
    with pytest.raises(stripe.InvalidRequestError, match="cannot be zero"):
        create(ada, {"amount": 0, "currency": "eur"})
    stranger = sandbox.api.customers.create({"email": "dan@example.org"}).id
    with pytest.raises(stripe.InvalidRequestError, match="No such customer balance transaction"):
        sandbox.api.customers.balance_transactions.retrieve(stranger, made.id)
