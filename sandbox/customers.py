"""Customers: made, deleted, given another default card."""

from sandbox import collecting, renewing, schedules
from sandbox.account import Account
from sandbox.cards import attach, new_card_method
from sandbox.coupons import Purchase, find_coupon
from sandbox.discounts import end_discount, new_discount
from sandbox.errors import CardDeclined, InvalidRequest
from sandbox.types import Obj


def new_customer(
    account: Account,
    *,
    email: str | None = None,
    name: str | None = None,
    metadata: Obj | None = None,
    test_clock: str | None = None,
    **fields: object,
) -> Obj:
    """Make a customer; `fields` override Stripe's defaults."""
    return account.add(
        {
            "id": account.ids.make("cus"),
            "object": "customer",
            "address": None,
            "balance": 0,
            "created": account.now(),
            "currency": None,
            "customer_account": None,
            "default_source": None,
            "delinquent": False,
            "description": None,
            "discount": None,
            "email": email,
            "invoice_prefix": account.ids.letters(8).upper(),
            "invoice_settings": {
                "custom_fields": None,
                "default_payment_method": None,
                "footer": None,
                "rendering_options": None,
            },
            "livemode": False,
            "metadata": metadata or {},
            "name": name,
            "next_invoice_sequence": 1,
            "phone": None,
            "preferred_locales": [],
            "shipping": None,
            "tax_exempt": "none",
            "test_clock": test_clock,
            **fields,
        },
        event="customer.created",
    )


def give_discount(account: Account, customer: Obj, *, coupon: str) -> Obj:
    """What the owner does in the Dashboard: a discount on every bill of a customer without one of its own."""
    found, _ = find_coupon(account, {"coupon": coupon}, param="coupon", purchase=Purchase())
    if customer["discount"]:
        end_discount(account, account.get("discount", customer["discount"]["id"]))
    discount = new_discount(account, found, customer=customer["id"])
    return account.change(customer, event="customer.updated", discount=discount)


def delete_customer(account: Account, customer: Obj) -> Obj:
    """Gone for good; every live subscription is canceled at once, as Stripe does."""
    for subscription in account.list("subscription", customer=customer["id"]):
        if subscription["status"] not in renewing.TERMINAL:
            renewing.end_subscription(account, subscription)
    for schedule in account.list("subscription_schedule", customer=customer["id"]):
        if schedule["status"] == "not_started":
            schedules.cancel(account, schedule)
    for invoice in account.list("invoice", customer=customer["id"]):
        collecting.leave_alone(account, invoice)
    for method in account.list("payment_method", customer=customer["id"]):
        account.change(method, customer=None)
    account.emit("customer.deleted", customer)
    account.remove(customer)
    stub = {"id": customer["id"], "object": "customer", "deleted": True}
    account.save(stub)
    return stub


def set_default_card(account: Account, customer: Obj, *, number: str, retry: bool = True) -> Obj:
    """Put another test card in place of the customer's default, on its live subscriptions too.

    With `retry`, open invoices of past due subscriptions are tried at once. Raises CardDeclined for a card that
    cannot be attached.
    """
    method = new_card_method(account, number, email=customer["email"], name=customer["name"])
    return use_method(account, customer, attach(account, method, customer=customer), retry=retry)


def use_method(account: Account, customer: Obj, method: Obj, *, retry: bool) -> Obj:
    """Make `method` what pays from now on."""
    settings = {**customer["invoice_settings"], "default_payment_method": method["id"]}
    account.change(customer, event="customer.updated", invoice_settings=settings)
    for subscription in account.list("subscription", customer=customer["id"]):
        if subscription["status"] in renewing.LIVE and subscription["default_payment_method"]:
            account.change(subscription, event="customer.subscription.updated", default_payment_method=method["id"])
    if retry:
        pay_open_invoices(account, customer)
    return method


def pay_open_invoices(account: Account, customer: Obj) -> list[Obj]:
    """Try every open invoice of the customer now, oldest first; returns those that are paid afterwards."""
    paid = []
    for invoice in reversed(account.list("invoice", customer=customer["id"])):
        if invoice["status"] != "open" or invoice["collection_method"] != "charge_automatically":
            continue
        try:
            collecting.pay(account, invoice)
        except (CardDeclined, InvalidRequest):  # declined, or paid by a debit that is on its way
            continue
        if invoice["status"] == "paid":
            paid.append(invoice)
    return paid
