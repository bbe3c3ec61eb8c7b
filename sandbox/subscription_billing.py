"""The invoices of subscriptions: their lines, and what happens to each when a period begins."""

from fractions import Fraction

from sandbox import collecting, invoicing
from sandbox.account import Account
from sandbox.catalogue import ItemWish
from sandbox.currencies import written
from sandbox.discounts import drop_ended
from sandbox.invoice_items import new_invoice_item
from sandbox.periods import part_of_period
from sandbox.pricing import amount_of, part_of, terms_in
from sandbox.types import Obj


def bill(
    account: Account,
    subscription: Obj,
    items: list[Obj],
    *,
    reason: str,
    one_time: list[ItemWish] | None = None,
    free: bool = False,
    stub: str | None = None,
    period: tuple[int, int] | None = None,
    pending: bool = True,
) -> Obj:
    """A draft invoice for `items`' current periods plus what is pending; nothing is announced.

    `free`: a trial; `stub`: the proration behaviour of a first period that is no whole one.
    """
    customer = account.get("customer", subscription["customer"])
    now = account.now()
    invoice = invoicing.new_invoice(
        account,
        customer,
        currency=subscription["currency"],
        reason=reason,
        subscription=subscription,
        period=period,
        collection_method=subscription["collection_method"],
        days_until_due=subscription["days_until_due"] if subscription["collection_method"] == "send_invoice" else None,
    )
    waiting = invoicing.pending_items(account, customer["id"], subscription=subscription["id"]) if pending else []
    for waiting_item in waiting:
        invoicing.take_item(account, invoice, waiting_item)
    for wish in one_time or []:
        extra = new_invoice_item(
            account,
            customer,
            price=wish.price,
            currency=subscription["currency"],
            quantity=wish.quantity,
            period=(now, now),
            subscription=subscription["id"],
            found=wish.found,
        )
        invoicing.take_item(account, invoice, extra)
    for item in items:
        add_item_line(account, invoice, subscription, item, free=free, part=part_billed(item, free=free, stub=stub))
    invoicing.total_up(account, invoice)
    return invoice


def part_billed(item: Obj, *, free: bool, stub: str | None) -> Fraction:
    """How much of a period an item's line is for."""
    if free or stub == "none":
        return Fraction(0)
    if stub is None:
        return Fraction(1)
    return part_of_period(item["current_period_start"], item["current_period_end"], item["price"]["recurring"])


def add_item_line(account: Account, invoice: Obj, subscription: Obj, item: Obj, *, free: bool, part: Fraction) -> None:
    price = item["price"]
    metered = price["recurring"]["usage_type"] == "metered"
    currency = subscription["currency"]
    whole = 0 if metered else amount_of(account, price, item.get("quantity", 1), currency=currency)
    amount = part_of(whole, part)
    name = account.get("product", price["product"])["name"]
    quantity = 0 if metered else item["quantity"]
    words = (
        "Trial period for " + name
        if free
        else f"{quantity} × {name} ({rate_of(account, price, currency=currency)} / {price['recurring']['interval']})"
    )
    details = {
        "invoice_item": None,
        "proration": False,
        "proration_details": {"credited_items": None},
        "subscription": subscription["id"],
        "subscription_item": item["id"],
    }
    invoicing.add_line(
        account,
        invoice,
        amount=amount,
        description=words,
        parent={
            "type": "subscription_item_details",
            "invoice_item_details": None,
            "subscription_item_details": details,
        },
        price=price,
        quantity=quantity,
        period=(item["current_period_start"], item["current_period_end"]),
        subscription=subscription["id"],
        discounts=item["discounts"],
        metadata=dict(item["metadata"]),
    )


def rate_of(account: Account, price: Obj, *, currency: str) -> str:
    """One unit's price as a line tells it."""
    unit = terms_in(account, price, currency)["unit_amount"]
    return "by tiers" if price["billing_scheme"] == "tiered" else f"at {written(unit or 0, currency)}"


def bill_period(account: Account, subscription: Obj, invoice: Obj, *, wait: bool = False) -> None:
    """Finalise and collect, unless collection is paused or the subscription is unpaid. `wait`: leave the payment to
    whoever confirms the PaymentIntent."""
    if account.rehearsed:
        return
    pause = subscription["pause_collection"]
    if subscription["status"] == "unpaid" or (pause and pause["behavior"] == "keep_as_draft"):
        account.change(invoice, event="invoice.updated", auto_advance=False)
        return
    invoicing.finalize(account, invoice)
    if invoice["status"] != "open":
        return
    if pause:
        close = collecting.void if pause["behavior"] == "void" else collecting.mark_uncollectible
        close(account, invoice)
        return
    if subscription["collection_method"] == "charge_automatically" and wait:
        invoicing.intent_of(account, invoice)
        account.change(subscription, event="customer.subscription.updated", status="past_due")
    elif subscription["collection_method"] == "charge_automatically":
        collecting.collect(account, invoice)


def drop_ended_discounts(account: Account, subscription: Obj) -> None:
    """A `once` coupon served an invoice; a `repeating` one ends by date."""
    subscription["discounts"] = drop_ended(account, subscription["discounts"])
    for item in subscription["items"]["data"]:
        item["discounts"] = drop_ended(account, item["discounts"])
    customer = account.get("customer", subscription["customer"])
    if customer["discount"] and not drop_ended(account, [customer["discount"]["id"]]):
        account.change(customer, event="customer.updated", discount=None)
