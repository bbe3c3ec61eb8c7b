"""The invoice of a one-off purchase: `invoice_creation` makes it after the payment, already paid."""

from sandbox import invoicing
from sandbox.account import Account
from sandbox.invoice_items import new_invoice_item
from sandbox.types import Obj


def bill_one_off(account: Account, session: Obj, customer: Obj) -> Obj:
    """A paid invoice for the session's lines whose payment is the session's PaymentIntent."""
    data = session["invoice_creation"]["invoice_data"]
    invoice = invoicing.new_invoice(
        account,
        customer,
        currency=session["currency"],
        reason="manual",
        description=data["description"],
        metadata=dict(data["metadata"] or {}),
        auto_advance=False,
    )
    for line in account.notes(session["id"])["line_items"]:
        item = new_invoice_item(
            account,
            customer,
            amount=line["amount_total"],
            currency=line["currency"],
            price=line["price"],
            quantity=line["quantity"] or 1,
        )
        invoicing.take_item(account, invoice, item)
    invoicing.total_up(account, invoice)
    account.emit("invoice.created", invoice)
    intent = account.find("payment_intent", session["payment_intent"])
    payment = invoicing.link_payment(account, invoice, intent) if intent else None
    invoicing.finalize(account, invoice)
    if intent and payment and intent["status"] == "succeeded":
        account.change(
            payment,
            amount_paid=intent["amount"],
            status="paid",
            status_transitions={"canceled_at": None, "paid_at": account.now()},
        )
        account.emit("invoice_payment.paid", payment)
        if invoice["status"] == "open":
            invoicing.mark_paid(account, invoice)
    return invoice
