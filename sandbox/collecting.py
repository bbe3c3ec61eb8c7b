"""Getting invoices paid: attempts, the retry schedule, due dates, and giving up on one."""

from sandbox import invoicing, payments
from sandbox.account import Account
from sandbox.balances import credit_overpaid, give_back
from sandbox.cards import default_method
from sandbox.clock import due
from sandbox.errors import CardDeclined, InvalidRequest
from sandbox.tables import subscription_of
from sandbox.types import DAY, HOUR, Obj

NO_METHOD = (
    "There is no `default_payment_method` set on this Customer or Invoice. Please set either a default payment method "
    "on the customer or the invoice before paying."
)
NEEDS_ACTION = (
    "This payment requires additional user action before it can be completed successfully. Payment can be completed "
    "using the PaymentIntent associated with the invoice."
)


def pay(
    account: Account,
    invoice: Obj,
    *,
    method: Obj | None = None,
    off_session: bool = True,
    authenticated: bool | None = None,
    retrying: bool = False,
) -> Obj:
    """One attempt to collect an open invoice; it may stay open (3-D Secure, debit). Raises CardDeclined, recorded."""
    if invoice["status"] == "draft":
        invoicing.finalize(account, invoice)
    if invoice["status"] == "paid":
        return invoice
    refuse_closed(invoice)
    customer = account.get("customer", invoice["customer"])
    chosen = method or account.find("payment_method", invoice["default_payment_method"])
    chosen = chosen or default_method(account, customer=customer, subscription=_subscription(account, invoice))
    if chosen is None:
        raise InvalidRequest(NO_METHOD)
    intent = invoicing.intent_of(account, invoice)
    payments.check_confirmable(intent)
    before = {"attempt_count": invoice["attempt_count"], "attempted": invoice["attempted"]}
    count_attempt(account, invoice, retrying=retrying)
    payments.confirm(account, intent, chosen, off_session=off_session, authenticated=authenticated)
    if intent["status"] == "processing":  # nothing else tells of the attempt before the bank has answered
        account.emit(
            "invoice.updated", invoice, before={name: old for name, old in before.items() if old != invoice[name]}
        )
    if intent["status"] == "requires_action":
        account.emit("invoice.payment_action_required", invoice)
        if off_session:  # nobody is there to approve: an attempt that failed
            failed(account, invoice)
            raise CardDeclined(NEEDS_ACTION, code="invoice_payment_intent_requires_action")
    return invoice


def refuse_closed(invoice: Obj) -> None:
    """Nobody pays what is void."""
    if invoice["status"] == "void":
        raise InvalidRequest("Invoice is void: it cannot be paid.", code="invoice_not_editable")


def count_attempt(account: Account, invoice: Obj, *, retrying: bool) -> None:
    """Any first attempt counts, after it only those of the retry schedule."""
    counts = retrying or not invoice["attempt_count"]
    account.change(invoice, attempt_count=invoice["attempt_count"] + counts, attempted=True)


def pay_out_of_band(account: Account, invoice: Obj) -> Obj:
    """Paid by other means: no PaymentIntent, `amount_paid_off_stripe` says how much."""
    refuse_closed(invoice)
    refuse_under_way(account, invoice)
    if invoice["status"] == "draft":
        invoicing.finalize(account, invoice)
    for payment in account.list("invoice_payment", invoice=invoice["id"]):
        if payment["status"] == "open":
            cancel_payment(account, payment, reason="void_invoice")
    invoicing.mark_paid(account, invoice, off_stripe=invoice["amount_due"])
    return invoice


def cancel_payment(account: Account, payment: Obj, *, reason: str) -> None:
    intent = account.get("payment_intent", payment["payment"]["payment_intent"])
    if intent["status"] not in ("succeeded", "canceled", "processing"):
        payments.cancel_intent(account, intent, reason=reason)
    account.change(payment, status="canceled", status_transitions={"canceled_at": account.now(), "paid_at": None})


def collect(
    account: Account,
    invoice: Obj,
    *,
    method: Obj | None = None,
    off_session: bool = True,
    authenticated: bool | None = None,
    retrying: bool = False,
) -> bool:
    """An automatic attempt: whether it is settled or under way. A failure is recorded and retried later."""
    try:
        pay(account, invoice, method=method, off_session=off_session, authenticated=authenticated, retrying=retrying)
    except CardDeclined:
        return False
    except InvalidRequest:
        count_attempt(account, invoice, retrying=retrying)
        failed(account, invoice)
        return False
    return True


def is_under_way(account: Account, invoice: Obj) -> bool:
    """Whether a bank was told to pay and has not answered yet."""
    return any(
        account.get("payment_intent", payment["payment"]["payment_intent"])["status"] == "processing"
        for payment in account.list("invoice_payment", invoice=invoice["id"], status="open")
    )


def refuse_under_way(account: Account, invoice: Obj) -> None:
    """The bank was already told how much to take, and for what."""
    if is_under_way(account, invoice):
        raise InvalidRequest(
            "This invoice has a payment that is still processing: what it asks for cannot be changed.",
            param="invoice",
        )


def collect_first_try(account: Account, invoice: Obj) -> None:
    """Finalise an invoice and try it once."""
    invoicing.finalize(account, invoice)
    if invoice["status"] == "open":
        collect(account, invoice)


def finalize_and_collect(account: Account, invoice: Obj, *, auto_advance: bool | None = None) -> Obj:
    """Finalise; where it advances and is charged automatically, the payment is tried at once."""
    invoicing.finalize(account, invoice, auto_advance=auto_advance)
    if invoice["status"] != "open":
        return invoice
    if invoice["auto_advance"] and invoice["collection_method"] == "charge_automatically":
        collect(account, invoice)
    else:
        invoicing.intent_of(account, invoice)
    return invoice


@due("invoice_finalizes")
def finalize_when_due(account: Account, invoice_id: str) -> None:
    """A draft that advances by itself, unless its customer is gone."""
    invoice = account.get("invoice", invoice_id)
    customer = account.find("customer", invoice["customer"])
    if customer is None or customer.get("deleted"):
        account.change(invoice, event="invoice.updated", auto_advance=False, automatically_finalizes_at=None)
    elif invoice["status"] == "draft":
        finalize_and_collect(account, invoice)


def plan_advance(account: Account, invoice: Obj) -> None:
    """`auto_advance` was switched: a draft is finalised in an hour, an open invoice tried then, or neither."""
    if invoice["status"] == "draft":
        invoicing.plan_finalizing(account, invoice)
    elif invoice["status"] == "open" and invoice["collection_method"] == "charge_automatically":
        at = account.now() + HOUR if invoice["auto_advance"] and not is_under_way(account, invoice) else None
        account.change(invoice, next_payment_attempt=at)
        account.schedule("invoice_retry", invoice["id"], at=at)


def leave_alone(account: Account, invoice: Obj) -> None:
    """Nothing happens by itself any more to a draft or an open invoice whose subscription or customer is gone."""
    if invoice["status"] in ("open", "draft"):
        stopped = {"auto_advance": False, "automatically_finalizes_at": None, "next_payment_attempt": None}
        account.change(invoice, event="invoice.updated", **stopped)
        for appointment in ("invoice_finalizes", "invoice_retry"):
            account.schedule(appointment, invoice["id"], at=None)


def failed(account: Account, invoice: Obj) -> None:
    """An attempt failed: plan the next one, tell the world and, unless the debt was written off, the subscription."""
    subscription = _subscription(account, invoice)
    plan_retry(account, invoice, subscription)
    account.emit("invoice.payment_failed", invoice)
    if invoice["status"] == "open":
        for listener in invoicing.ON_FAILED:
            listener(account, invoice)


def plan_retry(account: Account, invoice: Obj, subscription: Obj | None) -> None:
    """Set `next_payment_attempt`: `retry_days` after the first failure, then none. First invoices are not retried."""
    days = account.settings["retry_days"]
    first = account.notes(invoice["id"]).get("first_failure")
    if first is None:
        first = account.now()
        account.note(invoice["id"], first_failure=first, retries=0)
    done = account.notes(invoice["id"])["retries"]
    retried = (
        invoice["collection_method"] == "charge_automatically"
        and invoice["auto_advance"]
        and not (subscription and subscription["status"] == "incomplete")
        and done < len(days)
    )
    at = first + days[done] * DAY if retried else None
    at = max(at, account.now() + 1) if at is not None else None
    account.change(invoice, next_payment_attempt=at)
    account.schedule("invoice_retry", invoice["id"], at=at)


@due("invoice_retry")
def retry(account: Account, invoice_id: str) -> None:
    invoice = account.get("invoice", invoice_id)
    if invoice["status"] == "open":
        again = bool(invoice["attempt_count"])  # the first attempt is no retry
        account.note(invoice_id, retries=account.notes(invoice_id).get("retries", 0) + again)
        collect(account, invoice, retrying=True)


@due("invoice_due_soon")
def announce_due_date(account: Account, invoice_id: str) -> None:
    invoice = account.get("invoice", invoice_id)
    if invoice["status"] == "open":
        account.emit("invoice.will_be_due", invoice)


@due("invoice_due")
def pass_due_date(account: Account, invoice_id: str) -> None:
    invoice = account.get("invoice", invoice_id)
    if invoice["status"] == "open":
        account.emit("invoice.overdue", invoice)
        days = account.settings["overdue_days"]
        account.schedule("invoice_deadline", invoice_id, at=account.now() + days * DAY if days is not None else None)
        for listener in invoicing.ON_OVERDUE:
            listener(account, invoice)


def send(account: Account, invoice: Obj) -> Obj:
    """E-mail a sent invoice by hand, also once it is paid; a draft is finalised by it. Only the event leaves."""
    if invoice["collection_method"] != "send_invoice":
        raise InvalidRequest("You can only manually send an invoice if its collection method is 'send_invoice'.")
    if not invoice["customer_email"]:
        raise InvalidRequest("Missing email. In order to send the invoice, the customer must have a valid email.")
    if invoice["status"] == "draft":
        invoicing.finalize(account, invoice)
        if invoicing.is_sent_by_itself(invoice):
            return invoice
    if invoice["status"] not in ("open", "paid"):
        raise InvalidRequest(f"You can only send open or paid invoices. This invoice is {invoice['status']}.")
    account.emit("invoice.sent", invoice)
    return invoice


def void(account: Account, invoice: Obj) -> Obj:
    if invoice["status"] not in ("open", "uncollectible"):
        raise InvalidRequest(
            f"You can only pass in open invoices. This invoice isn't open: its status is {invoice['status']}.",
            code="invoice_not_editable",
        )
    return _close(account, invoice, status="void", stamp="voided_at", event="invoice.voided")


def mark_uncollectible(account: Account, invoice: Obj) -> Obj:
    if invoice["status"] not in ("open", "draft"):
        raise InvalidRequest(
            f"You can only mark open invoices as uncollectible. This invoice's status is {invoice['status']}.",
            code="invoice_not_editable",
        )
    return _close(
        account, invoice, status="uncollectible", stamp="marked_uncollectible_at", event="invoice.marked_uncollectible"
    )


def _close(account: Account, invoice: Obj, *, status: str, stamp: str, event: str) -> Obj:
    for appointment in ("invoice_finalizes", "invoice_retry"):
        account.schedule(appointment, invoice["id"], at=None)
    invoicing.forget_due_date(account, invoice)
    if status == "void":
        for payment in account.list("invoice_payment", invoice=invoice["id"]):
            if payment["status"] == "open":
                cancel_payment(account, payment, reason="void_invoice")
        give_back(account, invoice)
    account.change(
        invoice,
        auto_advance=False,
        automatically_finalizes_at=None,
        next_payment_attempt=None,
        status=status,
        status_transitions={**invoice["status_transitions"], stamp: account.now()},
    )
    account.emit(event, invoice)
    for listener in invoicing.ON_CLOSED:
        listener(account, invoice)
    return invoice


def _subscription(account: Account, invoice: Obj) -> Obj | None:
    return account.find("subscription", subscription_of(invoice))


def _payment_succeeded(account: Account, intent: Obj) -> None:
    for payment in account.list("invoice_payment", payment_intent=intent["id"]):
        invoice = account.get("invoice", payment["invoice"])
        if payment["status"] == "canceled":
            credit_overpaid(account, invoice, amount=intent["amount_received"])
        if payment["status"] != "open":
            continue
        account.change(
            payment,
            amount_paid=intent["amount_received"],
            status="paid",
            status_transitions={"canceled_at": None, "paid_at": account.now()},
        )
        account.emit("invoice_payment.paid", payment)
        if invoice["status"] in ("open", "uncollectible"):
            invoicing.mark_paid(account, invoice)


def _payment_failed(account: Account, intent: Obj) -> None:
    for payment in account.list("invoice_payment", payment_intent=intent["id"]):
        invoice = account.get("invoice", payment["invoice"])
        if payment["status"] == "open" and invoice["status"] in ("open", "uncollectible"):
            failed(account, invoice)


payments.ON_SUCCESS.append(_payment_succeeded)
payments.ON_FAILURE.append(_payment_failed)
