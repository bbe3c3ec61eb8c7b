"""`/v1/invoices` and `/v1/invoice_payments`."""

import copy

from sandbox import collecting, invoicing
from sandbox.account import Account
from sandbox.cards import find_method
from sandbox.coupons import Purchase
from sandbox.discounts import replace_discounts
from sandbox.errors import InvalidRequest
from sandbox.paging import list_rows
from sandbox.resources.shared_fields import CURRENCY, DISCOUNTS, METADATA
from sandbox.routing import PAGING, Call, endpoint, listing, retrieve
from sandbox.types import DAY, Obj, Params
from sandbox.validation import Choice, Field, Flag, Hash, Span, Text, Timestamp, Whole, merge_metadata, needed

FIVE_YEARS = 5 * 366 * DAY
COLLECTION = Choice(options=("charge_automatically", "send_invoice"))
SHARED: dict[str, Field] = {
    "auto_advance": Flag(),
    "collection_method": COLLECTION,
    "days_until_due": Whole(least=0),
    "default_payment_method": Text(),
    "description": Text(),
    "discounts": DISCOUNTS,
    "due_date": Timestamp(),
    "footer": Text(),
    "metadata": METADATA,
}


@endpoint(
    "POST",
    "/v1/invoices",
    **SHARED,
    automatically_finalizes_at=Timestamp(),
    currency=CURRENCY,
    customer=Text(),
    pending_invoice_items_behavior=Choice(options=("exclude", "include")),
    subscription=Text(),
)
def create_invoice(call: Call) -> Obj:
    """A manual draft; `pending_invoice_items_behavior=include` takes what waits. It advances only where asked to."""
    account, params = call.account, call.params
    subscription = (
        account.get("subscription", params["subscription"], param="subscription")
        if params.get("subscription")
        else None
    )
    owner = params.get("customer") or (subscription and subscription["customer"])
    if not owner:
        raise InvalidRequest("Missing required param: customer.", code="parameter_missing", param="customer")
    customer = account.get("customer", owner, param="customer")
    due_date = due_date_of(params, sent=params.get("collection_method") == "send_invoice", now=account.now())
    finalizes = params.get("automatically_finalizes_at")
    check_finalizing(finalizes, advances=params.get("auto_advance", False), now=account.now())
    include = params.get("pending_invoice_items_behavior") == "include" or subscription is not None
    waiting = (
        invoicing.pending_items(account, customer["id"], subscription=subscription["id"] if subscription else None)
        if include
        else []
    )
    invoice = invoicing.new_invoice(
        account,
        customer,
        currency=params.get("currency") or (waiting[0]["currency"] if waiting else customer["currency"] or "eur"),
        reason="manual",
        subscription=subscription,
        collection_method=params.get("collection_method", "charge_automatically"),
        description=params.get("description"),
        metadata=params.get("metadata"),
        auto_advance=params.get("auto_advance", False),
    )
    account.change(invoice, due_date=due_date, footer=params.get("footer"))
    for item in waiting:
        invoicing.take_item(account, invoice, item)
    if "discounts" in params:
        discount_invoice(account, invoice, params["discounts"])
    invoicing.total_up(account, invoice)
    if params.get("default_payment_method"):
        account.change(invoice, default_payment_method=find_method(account, params["default_payment_method"])["id"])
    invoicing.plan_finalizing(account, invoice, at=finalizes)
    account.emit("invoice.created", invoice)
    return invoice


def due_date_of(params: Params, *, sent: bool, now: int, created: int | None = None) -> int | None:
    """When a sent invoice is due. Raises Stripe's refusals of none, two, one that has passed, and of any other's."""
    at, days = params.get("due_date"), params.get("days_until_due")
    if at is not None and days is not None:
        raise InvalidRequest("You may only specify one of these parameters: due_date, days_until_due.")
    if not sent and (at is not None or days is not None):
        named = "due_date" if days is None else "days_until_due"
        raise InvalidRequest(f"You can only set `{named}` if `collection_method` is `send_invoice`.", param=named)
    if sent and at is None and days is None:
        raise InvalidRequest(
            "If invoice `collection_method` is `send_invoice`, you must specify a `due_date` or `days_until_due`.",
            param="due_date",
        )
    if at is not None and at <= now:
        raise InvalidRequest("Invalid timestamp: must be an integer Unix timestamp in the future.", param="due_date")
    return (created or now) + days * DAY if days is not None else at


def check_finalizing(at: int | None, *, advances: bool, now: int) -> None:
    """Raises Stripe's refusals of a time that has passed, is more than five years off, or for what does not advance."""
    if at is None:
        return
    if not advances:
        raise InvalidRequest(
            "You can only set `automatically_finalizes_at` if `auto_advance` is true.",
            param="automatically_finalizes_at",
        )
    if not now < at <= now + FIVE_YEARS:
        raise InvalidRequest(
            "Invalid timestamp: must be in the future, by five years at most.", param="automatically_finalizes_at"
        )


def discount_invoice(account: Account, invoice: Obj, wishes: list[Params] | None) -> None:
    """The discounts of one invoice; those of its subscription or customer are only left off it."""
    own = [row for row in invoice["discounts"] if account.get("discount", row)["invoice"]]
    inherited = [row for row in invoice["discounts"] if row not in own]
    kept = [wish["discount"] for wish in wishes or [] if wish.get("discount") in inherited]
    discounts = replace_discounts(
        account,
        own,
        [wish for wish in wishes or [] if wish.get("discount") not in kept],
        purchase=Purchase(invoice["currency"], None, invoice["customer"]),
        owner={"invoice": invoice["id"]},
    )
    account.change(invoice, discounts=kept + discounts)


@endpoint("POST", "/v1/invoices/{id}", **SHARED)
def update_invoice(call: Call) -> Obj:
    account, invoice = call.account, call.account.get("invoice", call.id)
    before, changes = copy.deepcopy(invoice), dict(call.params)
    if invoice["status"] != "draft" and set(changes) - {"metadata", "auto_advance", "default_payment_method"}:
        raise InvalidRequest("Finalized invoices can't be updated in this way", code="invoice_not_editable")
    advances, method = invoice["auto_advance"], changes.get("collection_method", invoice["collection_method"])
    if {"collection_method", "days_until_due", "due_date"} & set(changes):
        kept = invoice["due_date"] if method == "send_invoice" else None
        terms = {"due_date": kept, **changes} if "days_until_due" not in changes else changes
        sent = method == "send_invoice"
        changes["due_date"] = due_date_of(terms, sent=sent, now=account.now(), created=invoice["created"])
        changes.pop("days_until_due", None)
    if changes.get("auto_advance"):
        account.get("customer", invoice["customer"])  # nobody is asked who is gone
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(invoice["metadata"], changes["metadata"])
    if "discounts" in changes:
        discount_invoice(account, invoice, changes.pop("discounts"))
        invoicing.total_up(account, invoice)
    account.change(invoice, **changes)
    if invoice["auto_advance"] != advances:
        collecting.plan_advance(account, invoice)
    if changed := {name: old for name, old in before.items() if old != invoice[name]}:
        account.emit("invoice.updated", invoice, before=changed)
    return invoice


@endpoint("POST", "/v1/invoices/{id}/finalize", auto_advance=Flag())
def finalize_invoice(call: Call) -> Obj:
    """With automatic collection switched on the payment is attempted at once (Stripe: about an hour later)."""
    invoice = call.account.get("invoice", call.id)
    return collecting.finalize_and_collect(call.account, invoice, auto_advance=call.params.get("auto_advance"))


@endpoint(
    "POST",
    "/v1/invoices/{id}/pay",
    forgive=Flag(),
    off_session=Flag(),
    paid_out_of_band=Flag(),
    payment_method=Text(),
)
def pay_invoice(call: Call) -> Obj:
    account, invoice = call.account, call.account.get("invoice", call.id)
    if invoice["status"] == "paid":
        raise InvalidRequest("Invoice is already paid", code="invoice_already_paid")
    if call.params.get("paid_out_of_band"):
        return collecting.pay_out_of_band(account, invoice)
    named = call.params.get("payment_method")
    return collecting.pay(
        account,
        invoice,
        method=find_method(account, named) if named else None,
        off_session=call.params.get("off_session", True),
    )


@endpoint("POST", "/v1/invoices/{id}/send")
def send_invoice(call: Call) -> Obj:
    return collecting.send(call.account, call.account.get("invoice", call.id))


@endpoint("POST", "/v1/invoices/{id}/void")
def void_invoice(call: Call) -> Obj:
    invoice = call.account.get("invoice", call.id)
    collecting.refuse_under_way(call.account, invoice)
    return collecting.void(call.account, invoice)


@endpoint("POST", "/v1/invoices/{id}/mark_uncollectible")
def mark_uncollectible(call: Call) -> Obj:
    return collecting.mark_uncollectible(call.account, call.account.get("invoice", call.id))


@endpoint("DELETE", "/v1/invoices/{id}")
def delete_invoice(call: Call) -> Obj:
    account, invoice = call.account, call.account.get("invoice", call.id)
    if invoice["status"] != "draft" or invoice["parent"]:
        raise InvalidRequest("You can only delete draft invoices that belong to no subscription.")
    for item in account.list("invoiceitem", invoice=invoice["id"]):
        account.change(item, invoice=None)
    account.schedule("invoice_finalizes", invoice["id"], at=None)
    account.emit("invoice.deleted", invoice)
    account.remove(invoice)
    return {"id": invoice["id"], "object": "invoice", "deleted": True}


@endpoint("GET", "/v1/invoices/{id}/lines", **PAGING)
def list_lines(call: Call) -> Obj:
    invoice = call.account.get("invoice", call.id)
    return list_rows(invoice["lines"]["data"], params=call.params, url=f"/v1/invoices/{call.id}/lines")


retrieve("/v1/invoices/{id}", "invoice")
listing(
    "/v1/invoices",
    "invoice",
    collection_method=COLLECTION,
    customer=Text(),
    due_date=Span(),
    status=Choice(options=("draft", "open", "paid", "uncollectible", "void")),
    subscription=Text(),
)
retrieve("/v1/invoice_payments/{id}", "invoice_payment")
listing(
    "/v1/invoice_payments",
    "invoice_payment",
    invoice=Text(),
    payment=Hash(fields={"type": needed(Choice(options=("payment_intent",))), "payment_intent": Text()}),
    status=Choice(options=("canceled", "open", "paid")),
    keep={
        "payment": lambda row, wish: (
            isinstance(wish, dict) and wish.get("payment_intent") in (None, row["payment"].get("payment_intent"))
        )
    },
)
