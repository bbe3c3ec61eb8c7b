"""Credit notes: less to pay on an open invoice; on a paid one money back, as a refund, as balance or by other means."""

from collections import Counter

from sandbox import invoicing
from sandbox.account import Account
from sandbox.balances import move_balance
from sandbox.collecting import cancel_payment, refuse_under_way
from sandbox.credit_lines import issued_notes, new_lines, shared_off
from sandbox.currencies import check_amount
from sandbox.errors import InvalidRequest
from sandbox.refunds import check_refundable, counts, refund_charge
from sandbox.types import Obj, Params


def issue_credit_note(account: Account, invoice: Obj, wish: Params) -> Obj:
    """`wish`: the validated parameters of `POST /v1/credit_notes`. Raises Stripe's refusals before any change."""
    if invoice["status"] not in ("open", "paid"):
        raise InvalidRequest(
            f"You can only create credit notes for open or paid invoices. This invoice is {invoice['status']}.",
            param="invoice",
        )
    refuse_under_way(account, invoice)
    lines = new_lines(account, invoice, wish)
    total = sum(line["amount"] - line["discount_amount"] for line in lines)
    check_total(account, invoice, wish, total=total)
    paid = invoice["status"] == "paid"
    refund_amount = check_split(account, invoice, wish, total=total) if paid else 0
    note = account.add(new_note(account, invoice, wish, lines=lines, total=total))
    if paid:
        give_back(account, invoice, note, wish, refund_amount=refund_amount)
    account.emit("credit_note.created", note)
    recount(account, invoice)
    return note


def check_total(account: Account, invoice: Obj, wish: Params, *, total: int) -> None:
    """A note is for something, for no more than the invoice has left, and leaves what can be charged."""
    left = left_to_credit(account, invoice, wish)
    if total <= 0:
        raise InvalidRequest("The total amount of a credit note must be greater than 0.", param="amount")
    if total > left:
        raise InvalidRequest(
            f"The total amount of the credit note ({total}) is greater than what can be credited on the invoice "
            f"({left}).",
            param="amount",
        )
    if invoice["status"] == "open":
        check_amount(total, invoice["currency"])


def left_to_credit(account: Account, invoice: Obj, wish: Params) -> int:
    """What is still owed of an open invoice; of a paid one what neither notes nor refunds beside them gave back."""
    if invoice["status"] == "open":
        return int(invoice["amount_remaining"])
    charge, linked = charge_of(account, invoice), linked_refunds(account, invoice)
    named = [row["refund"] for row in refunds_of(wish)]
    refunds = [row for row in account.list("refund", charge=charge["id"]) if counts(row)] if charge else []
    beside = sum(row["amount"] - linked[row["id"]] for row in refunds if row["id"] not in named)
    return int(invoice["amount_paid"] - invoice["post_payment_credit_notes_amount"] - beside)


def linked_refunds(account: Account, invoice: Obj) -> Counter[str]:
    """How much of each refund the invoice's notes name."""
    linked = Counter[str]()
    for note in issued_notes(account, invoice):
        for row in note["refunds"]:
            linked[row["refund"]] += row["amount_refunded"]
    return linked


def check_split(account: Account, invoice: Obj, wish: Params, *, total: int) -> int:
    """What is to be refunded now. Refund, balance and other means have to add up to the total."""
    amounts = [wish.get(name, 0) for name in ("refund_amount", "credit_amount", "out_of_band_amount")]
    amounts += [row["amount_refunded"] for row in linking(account, invoice, wish)]
    if sum(amounts) != total:
        raise InvalidRequest(
            "The sum of `credit_amount`, `refund_amount`, `refunds` and `out_of_band_amount` must equal the total "
            f"amount of the credit note ({total}).",
            param="refund_amount",
        )
    if wish.get("credit_amount"):
        account.get("customer", invoice["customer"])  # who is gone has no balance
    if amounts[0]:
        charge = charge_of(account, invoice)
        if charge is None:
            raise InvalidRequest(
                "This invoice was not paid with a charge: it cannot be refunded.", param="refund_amount"
            )
        check_refundable(charge, wanted=int(amounts[0]))
    return int(amounts[0])


def linking(account: Account, invoice: Obj, wish: Params) -> list[Obj]:
    """The refunds that the note names, each with its amount, by default all of it. Raises Stripe's refusals of others'
    and of more than there is."""
    charge, linked = charge_of(account, invoice), linked_refunds(account, invoice)
    rows = []
    for at, row in enumerate(refunds_of(wish)):
        refund = account.get("refund", row["refund"], param=f"refunds[{at}][refund]")
        left = refund["amount"] - linked[refund["id"]] if counts(refund) else 0
        amount = row.get("amount_refunded", left)
        if charge is None or refund["charge"] != charge["id"]:
            raise InvalidRequest(
                f"The refund {refund['id']} does not belong to this invoice's payment.", param=f"refunds[{at}][refund]"
            )
        if amount > left:
            raise InvalidRequest(
                f"The refund {refund['id']} has {left} left that no credit note names.",
                param=f"refunds[{at}][amount_refunded]",
            )
        linked[refund["id"]] += amount
        rows.append({"amount_refunded": amount, "refund": refund["id"]})
    return rows


def refunds_of(wish: Params) -> list[Params]:
    return list(wish.get("refunds") or [])


def charge_of(account: Account, invoice: Obj) -> Obj | None:
    """The charge that paid the invoice."""
    for payment in account.list("invoice_payment", invoice=invoice["id"]):
        intent = account.find("payment_intent", payment["payment"].get("payment_intent"))
        if payment["status"] == "paid" and intent:
            return account.find("charge", intent["latest_charge"])
    return None


def new_note(account: Account, invoice: Obj, wish: Params, *, lines: list[Obj], total: int) -> Obj:
    note_id = account.ids.make("cn")
    paid = invoice["status"] == "paid"
    count = len(account.list("credit_note", invoice=invoice["id"])) + 1
    totals = Counter[str]()
    for line in lines:
        for part in line["discount_amounts"]:
            totals[part["discount"]] += part["amount"]
    subtotal = total + shared_off(invoice, lines)
    return {
        "id": note_id,
        "object": "credit_note",
        "amount": total,
        "amount_shipping": 0,
        "created": account.now(),
        "currency": invoice["currency"],
        "customer": invoice["customer"],
        "customer_account": None,
        "customer_balance_transaction": None,
        "discount_amount": sum(totals.values()),
        "discount_amounts": [{"amount": amount, "discount": discount} for discount, amount in totals.items()],
        "effective_at": wish.get("effective_at", account.now()),
        "invoice": invoice["id"],
        "lines": {"object": "list", "data": lines, "has_more": False, "url": f"/v1/credit_notes/{note_id}/lines"},
        "livemode": False,
        "memo": wish.get("memo"),
        "metadata": wish.get("metadata") or {},
        "number": f"{invoice['number']}-CN-{count:02d}",
        "out_of_band_amount": wish.get("out_of_band_amount"),
        "pdf": f"{invoice['invoice_pdf']}?credit_note={note_id}",
        "post_payment_amount": total if paid else 0,
        "pre_payment_amount": 0 if paid else total,
        "pretax_credit_amounts": [],
        "reason": wish.get("reason"),
        "refunds": [],
        "shipping_cost": None,
        "status": "issued",
        "subtotal": subtotal,
        "subtotal_excluding_tax": subtotal,
        "total": total,
        "total_excluding_tax": total,
        "total_taxes": [],
        "type": "post_payment" if paid else "pre_payment",
        "voided_at": None,
    }


def give_back(account: Account, invoice: Obj, note: Obj, wish: Params, *, refund_amount: int) -> None:
    """Make the refund and the credit that the note promises."""
    linked = linking(account, invoice, wish)
    charge = charge_of(account, invoice)
    if refund_amount and charge:
        refund = refund_charge(account, charge, amount=refund_amount)
        linked.append({"amount_refunded": refund_amount, "refund": refund["id"]})
    account.change(note, refunds=[{"payment_record_refund": None, "type": "refund", **row} for row in linked])
    if wish.get("credit_amount"):
        customer = account.get("customer", invoice["customer"])
        transaction = move_balance(
            account,
            customer,
            amount=-wish["credit_amount"],
            kind="credit_note",
            currency=invoice["currency"],
            credit_note=note["id"],
            invoice=invoice["id"],
        )
        account.change(note, customer_balance_transaction=transaction["id"])


def recount(account: Account, invoice: Obj) -> None:
    """An invoice's credited amounts follow from its notes; one with nothing left to pay is paid."""
    notes = issued_notes(account, invoice)
    before = sum(note["pre_payment_amount"] for note in notes)
    remaining = invoice["amount_remaining"] + invoice["pre_payment_credit_notes_amount"] - before
    account.change(
        invoice,
        event="invoice.updated",
        amount_due=invoice["amount_due"] + invoice["pre_payment_credit_notes_amount"] - before,
        amount_remaining=remaining,
        post_payment_credit_notes_amount=sum(note["post_payment_amount"] for note in notes),
        pre_payment_credit_notes_amount=before,
    )
    if invoice["status"] != "open":
        return
    for payment in account.list("invoice_payment", invoice=invoice["id"]):
        if payment["status"] != "open":
            continue
        if not remaining:
            cancel_payment(account, payment, reason="void_invoice")
            continue
        account.change(account.get("payment_intent", payment["payment"]["payment_intent"]), amount=remaining)
        account.change(payment, amount_requested=remaining)
    if not remaining:
        invoicing.mark_paid(account, invoice)


def void_credit_note(account: Account, note: Obj) -> Obj:
    """Take a note back: its open invoice is owed in full again."""
    invoice = account.get("invoice", note["invoice"])
    if note["status"] == "void":
        raise InvalidRequest("This credit note has already been voided.")
    if note["type"] != "pre_payment" or invoice["status"] != "open":
        raise InvalidRequest("You can only void a credit note if it was issued for an invoice that is still open.")
    refuse_under_way(account, invoice)
    account.change(note, status="void", voided_at=account.now())
    account.emit("credit_note.voided", note)
    recount(account, invoice)
    return note
