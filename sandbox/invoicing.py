"""Invoices: drafted, given lines, totalled, finalised, paid."""

from sandbox import payments
from sandbox.account import Account
from sandbox.balances import apply_to_invoice, due_of
from sandbox.discounts import discount_lines, settle_once
from sandbox.errors import InvalidRequest
from sandbox.pricing import unit_decimal
from sandbox.tax_ids import shown_on_invoices
from sandbox.types import DAY, HOUR, Obj

# Subscriptions listen here; each is called with (account, invoice).
ON_PAID: list[payments.Listener] = []
ON_FAILED: list[payments.Listener] = []
ON_OVERDUE: list[payments.Listener] = []
ON_CLOSED: list[payments.Listener] = []


def new_invoice(
    account: Account,
    customer: Obj,
    *,
    currency: str,
    reason: str,
    subscription: Obj | None = None,
    period: tuple[int, int] | None = None,
    collection_method: str = "charge_automatically",
    days_until_due: int | None = None,
    description: str | None = None,
    metadata: Obj | None = None,
    auto_advance: bool = True,
) -> Obj:
    """A draft without lines, kept but not announced: the caller emits `invoice.created` when its lines are there."""
    now = account.now()
    start, end = period or (now, now)
    parent = None
    if subscription:
        details = {"metadata": dict(subscription["metadata"]), "subscription": subscription["id"]}
        parent = {"type": "subscription_details", "quote_details": None, "subscription_details": details}
    return account.add(
        {
            "id": account.ids.make("in"),
            "object": "invoice",
            "account_country": "DE",
            "account_name": "Foyer sandbox",
            "account_tax_ids": None,
            "amount_due": 0,
            "amount_overpaid": 0,
            "amount_paid": 0,
            "amount_paid_off_stripe": 0,
            "amount_remaining": 0,
            "amount_shipping": 0,
            "application": None,
            "attempt_count": 0,
            "attempted": False,
            "auto_advance": auto_advance,
            "automatic_tax": {
                "disabled_reason": None,
                "enabled": False,
                "liability": None,
                "provider": None,
                "status": None,
            },
            "automatically_finalizes_at": None,
            "billing_reason": reason,
            "collection_method": collection_method,
            "created": now,
            "currency": currency,
            "custom_fields": None,
            "customer": customer["id"],
            "customer_account": None,
            "customer_address": customer["address"],
            "customer_email": customer["email"],
            "customer_name": customer["name"],
            "customer_phone": customer["phone"],
            "customer_shipping": customer["shipping"],
            "customer_tax_exempt": customer["tax_exempt"],
            "customer_tax_ids": shown_on_invoices(account, customer),
            "default_payment_method": None,
            "default_source": None,
            "default_tax_rates": [],
            "description": description,
            "discounts": invoice_discounts(customer, subscription),
            "due_date": now + days_until_due * DAY if days_until_due is not None else None,
            "effective_at": None,
            "ending_balance": None,
            "footer": None,
            "from_invoice": None,
            "hosted_invoice_url": None,
            "invoice_pdf": None,
            "issuer": {"type": "self"},
            "last_finalization_error": None,
            "latest_revision": None,
            "lines": {"object": "list", "data": [], "has_more": False, "url": ""},
            "livemode": False,
            "metadata": metadata or {},
            "next_payment_attempt": None,
            "number": None,
            "on_behalf_of": None,
            "parent": parent,
            "payment_settings": {"default_mandate": None, "payment_method_options": None, "payment_method_types": None},
            "period_end": end,
            "period_start": start,
            "post_payment_credit_notes_amount": 0,
            "pre_payment_credit_notes_amount": 0,
            "receipt_number": None,
            "rendering": None,
            "shipping_cost": None,
            "shipping_details": None,
            "starting_balance": 0,
            "statement_descriptor": None,
            "status": "draft",
            "status_transitions": {
                "finalized_at": None,
                "marked_uncollectible_at": None,
                "paid_at": None,
                "voided_at": None,
            },
            "subtotal": 0,
            "subtotal_excluding_tax": 0,
            "test_clock": customer.get("test_clock"),
            "total": 0,
            "total_discount_amounts": [],
            "total_excluding_tax": 0,
            "total_pretax_credit_amounts": [],
            "total_taxes": [],
            "webhooks_delivered_at": None,
        }
    )


def invoice_discounts(customer: Obj, subscription: Obj | None) -> list[str]:
    """The subscription's discounts; without any, the customer's."""
    if subscription and subscription["discounts"]:
        return list(subscription["discounts"])
    return [customer["discount"]["id"]] if customer["discount"] else []


def add_line(
    account: Account,
    invoice: Obj,
    *,
    amount: int,
    description: str,
    parent: Obj,
    price: Obj | None,
    quantity: int | None,
    period: tuple[int, int],
    subscription: str | None = None,
    discountable: bool = True,
    discounts: list[str] | None = None,
    metadata: Obj | None = None,
) -> Obj:
    """Append one line; totals are brought up to date by `total_up`."""
    pricing = None
    if price:
        pricing = {
            "type": "price_details",
            "price_details": {"price": price["id"], "product": price["product"]},
            "unit_amount_decimal": unit_decimal(account, price, currency=invoice["currency"]),
        }
    line = {
        "id": account.ids.make("il"),
        "object": "line_item",
        "amount": amount,
        "currency": invoice["currency"],
        "description": description,
        "discount_amounts": [],
        "discountable": discountable,
        "discounts": list(discounts or []),
        "invoice": invoice["id"],
        "livemode": account.live,
        "metadata": metadata or {},
        "parent": parent,
        "period": {"start": period[0], "end": period[1]},
        "pretax_credit_amounts": [],
        "pricing": pricing,
        "quantity": quantity,
        "quantity_decimal": None if quantity is None else str(quantity),
        "subscription": subscription,
        "subtotal": amount,
        "taxes": [],
    }
    invoice["lines"]["data"].append(line)
    return line


def take_item(account: Account, invoice: Obj, item: Obj) -> None:
    """Put a pending invoice item onto the invoice."""
    details = {
        "invoice_item": item["id"],
        "proration": item["proration"],
        "proration_details": {"credited_items": None},
        "subscription": (item["parent"] or {}).get("subscription_details", {}).get("subscription"),
    }
    price_id = item["pricing"]["price_details"]["price"] if item["pricing"] else None
    add_line(
        account,
        invoice,
        amount=item["amount"],
        description=item["description"] or "",
        parent={"type": "invoice_item_details", "invoice_item_details": details, "subscription_item_details": None},
        price=account.find("price", price_id),
        quantity=item["quantity"],
        period=(item["period"]["start"], item["period"]["end"]),
        subscription=details["subscription"],
        discountable=item["discountable"],
        discounts=item["discounts"],
        metadata=item["metadata"],
    )
    account.change(item, invoice=invoice["id"])


def pending_items(account: Account, customer: str, *, subscription: str | None) -> list[Obj]:
    """Invoice items waiting for the next invoice, oldest first: the customer's own and the subscription's."""
    rows = account.list("invoiceitem", customer=customer, invoice=None)
    waiting = []
    for row in reversed(rows):
        owner = row["parent"]["subscription_details"]["subscription"] if row["parent"] else None
        if owner is None or owner == subscription:
            waiting.append(row)
    return waiting


def total_up(account: Account, invoice: Obj) -> None:
    """Sums, discounts and the customer's credit balance."""
    lines = invoice["lines"]["data"]
    invoice["lines"]["url"] = f"/v1/invoices/{invoice['id']}/lines"
    totals = discount_lines(account, invoice)
    total = sum(line["amount"] for line in lines) - sum(part["amount"] for part in totals)
    subtotal = total + sum(part["amount"] for line in lines for part in shared_discounts(line))
    customer = account.get("customer", invoice["customer"])
    balance = customer["balance"]
    due_now = due_of(total + balance, invoice["currency"])
    account.change(
        invoice,
        amount_due=due_now,
        amount_remaining=max(0, due_now - invoice["amount_paid"]),
        starting_balance=balance,
        subtotal=subtotal,
        subtotal_excluding_tax=subtotal,
        total=total,
        total_discount_amounts=totals,
        total_excluding_tax=total,
    )


def shared_discounts(line: Obj) -> list[Obj]:
    """What the discounts of the whole invoice take off a line, its own left out."""
    return [part for part in line["discount_amounts"] if part["discount"] not in line["discounts"]]


def finalize(account: Account, invoice: Obj, *, auto_advance: bool | None = None) -> Obj:
    """Draft → open, numbered, with its PaymentIntent; an invoice of nothing is paid at once."""
    if invoice["status"] != "draft":
        raise InvalidRequest(
            "This invoice is already finalized, you can't re-finalize a non-draft invoice.",
            code="invoice_not_editable",
        )
    total_up(account, invoice)
    settle_once(account, invoice)
    now = account.now()
    customer = account.get("customer", invoice["customer"])
    number = customer["next_invoice_sequence"]
    account.change(customer, next_invoice_sequence=number + 1)
    after = apply_to_invoice(account, customer, invoice)
    account.schedule("invoice_finalizes", invoice["id"], at=None)
    account.change(
        invoice,
        automatically_finalizes_at=None,
        auto_advance=invoice["auto_advance"] if auto_advance is None else auto_advance,
        effective_at=now,
        ending_balance=after,
        hosted_invoice_url=f"{account.base_url}/i/{invoice['id']}",
        invoice_pdf=f"{account.base_url}/i/{invoice['id']}/pdf",
        number=f"{customer['invoice_prefix']}-{number:04d}",
        status="open",
        status_transitions={**invoice["status_transitions"], "finalized_at": now},
    )
    account.emit("invoice.finalized", invoice)
    if invoice["amount_due"] == 0:
        mark_paid(account, invoice)
    else:
        if invoice["due_date"]:
            await_due_date(account, invoice)
        if is_sent_by_itself(invoice):
            account.emit("invoice.sent", invoice)
    return invoice


def is_sent_by_itself(invoice: Obj) -> bool:
    """Whether it is mailed as soon as it is finalised: one that does not advance waits to be sent by hand."""
    return bool(
        invoice["collection_method"] == "send_invoice" and invoice["auto_advance"] and invoice["status"] == "open"
    )


def await_due_date(account: Account, invoice: Obj) -> None:
    days = account.settings["due_soon_days"]
    account.schedule("invoice_due", invoice["id"], at=invoice["due_date"])
    if days is not None:
        account.schedule("invoice_due_soon", invoice["id"], at=max(account.now(), invoice["due_date"] - days * DAY))


def plan_finalizing(account: Account, invoice: Obj, *, at: int | None = None) -> None:
    """A draft that advances by itself is finalised `at` that time, else in an hour; any other is left alone."""
    when = (at or account.now() + HOUR) if invoice["auto_advance"] and invoice["status"] == "draft" else None
    account.schedule("invoice_finalizes", invoice["id"], at=when)
    account.change(invoice, automatically_finalizes_at=when)


def forget_due_date(account: Account, invoice: Obj) -> None:
    for appointment in ("invoice_due", "invoice_due_soon", "invoice_deadline"):
        account.schedule(appointment, invoice["id"], at=None)


def intent_of(account: Account, invoice: Obj) -> Obj:
    """The open PaymentIntent of an invoice, made on first need together with its invoice payment."""
    for payment in account.list("invoice_payment", invoice=invoice["id"]):
        if payment["status"] == "open":
            return account.get("payment_intent", payment["payment"]["payment_intent"])
    intent = payments.create_intent(
        account,
        amount=invoice["amount_remaining"],
        currency=invoice["currency"],
        customer=invoice["customer"],
        description="Subscription creation"
        if invoice["billing_reason"] == "subscription_create"
        else "Subscription update",
        setup_future_usage="off_session" if invoice["parent"] else None,
        automatic=False,
    )
    account.change(intent, payment_method_types=["card"])
    link_payment(account, invoice, intent)
    return intent


def link_payment(account: Account, invoice: Obj, intent: Obj) -> Obj:
    """The invoice payment that ties a PaymentIntent to an invoice."""
    return account.add(
        {
            "id": account.ids.make("inpay"),
            "object": "invoice_payment",
            "amount_paid": None,
            "amount_requested": intent["amount"],
            "created": account.now(),
            "currency": intent["currency"],
            "invoice": invoice["id"],
            "is_default": True,
            "livemode": False,
            "payment": {"type": "payment_intent", "payment_intent": intent["id"]},
            "status": "open",
            "status_transitions": {"canceled_at": None, "paid_at": None},
        }
    )


def mark_paid(account: Account, invoice: Obj, *, amount: int | None = None, off_stripe: int = 0) -> None:
    """Open → paid, with the events, and the subscription told."""
    paid = invoice["amount_due"] if amount is None else amount
    account.schedule("invoice_retry", invoice["id"], at=None)
    forget_due_date(account, invoice)
    account.change(
        invoice,
        amount_paid=paid,
        amount_paid_off_stripe=off_stripe,
        amount_remaining=0,
        attempted=True,
        auto_advance=False,
        next_payment_attempt=None,
        status="paid",
        status_transitions={**invoice["status_transitions"], "paid_at": account.now()},
    )
    account.emit("invoice.paid", invoice)
    if not off_stripe:
        account.emit("invoice.payment_succeeded", invoice)
    for listener in ON_PAID:
        listener(account, invoice)
