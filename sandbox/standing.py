"""A subscription's standing follows its invoices: paid, failed, overdue, closed."""

from sandbox import invoicing
from sandbox.account import Account
from sandbox.cards import attach
from sandbox.clock import due
from sandbox.pending import drop_pending, waits_with
from sandbox.renewing import TERMINAL, end_subscription, plan
from sandbox.resuming import finish_resuming
from sandbox.tables import subscription_of
from sandbox.types import Obj
from sandbox.updating import apply_pending


def _paid(account: Account, invoice: Obj) -> None:
    if waiting := waits_with(account, invoice):
        apply_pending(account, waiting)
        return
    subscription = account.find("subscription", subscription_of(invoice))
    if subscription is None or subscription["status"] in TERMINAL:
        return
    if subscription["status"] == "paused":
        finish_resuming(account, subscription, invoice)
        return
    if subscription["status"] == "incomplete":
        account.schedule("first_payment_window", subscription["id"], at=None)
        keep_method(account, subscription, invoice)
        _set_status(account, subscription, "active")
    elif subscription["status"] in ("past_due", "unpaid") and not owes(account, subscription):
        _set_status(account, subscription, "active")


def keep_method(account: Account, subscription: Obj, invoice: Obj) -> None:
    """`save_default_payment_method=on_subscription`: the method that paid first pays on."""
    if subscription["payment_settings"]["save_default_payment_method"] != "on_subscription":
        return
    for payment in account.list("invoice_payment", invoice=invoice["id"]):
        intent = account.find("payment_intent", payment["payment"].get("payment_intent"))
        method = account.find("payment_method", intent["payment_method"]) if intent else None
        if method:
            attach(account, method, customer=account.get("customer", subscription["customer"]), checked=True)
            account.change(subscription, default_payment_method=method["id"])


def owes(account: Account, subscription: Obj) -> bool:
    """Stripe looks at the newest invoice: paid, void or uncollectible clears the debt."""
    latest = account.find("invoice", subscription["latest_invoice"])
    return latest is not None and latest["status"] in ("open", "draft")


def _failed(account: Account, invoice: Obj) -> None:
    subscription = account.find("subscription", subscription_of(invoice))
    if subscription is None or subscription["status"] not in ("active", "trialing", "past_due", "unpaid"):
        return
    if waits_with(account, invoice):
        return
    if subscription["status"] in ("active", "trialing"):
        _set_status(account, subscription, "past_due")
    retries = account.notes(invoice["id"]).get("retries", 0)
    if invoice["next_payment_attempt"] is None and retries >= len(account.settings["retry_days"]):
        give_up(account, subscription)


def give_up(account: Account, subscription: Obj) -> None:
    """All retries failed: what the account's settings say."""
    choice = account.settings["after_retries"]
    if choice == "cancel":
        end_subscription(account, subscription, reason="payment_failed")
    else:
        _set_status(account, subscription, choice)


def _overdue(account: Account, invoice: Obj) -> None:
    subscription = account.find("subscription", subscription_of(invoice))
    if subscription and subscription["status"] == "active":
        _set_status(account, subscription, "past_due")


@due("invoice_deadline")
def pass_deadline(account: Account, invoice_id: str) -> None:
    """The days that a sent invoice may be overdue are over."""
    invoice = account.get("invoice", invoice_id)
    subscription = account.find("subscription", subscription_of(invoice))
    if invoice["status"] == "open" and subscription and subscription["status"] == "past_due":
        give_up(account, subscription)


def _closed(account: Account, invoice: Obj) -> None:
    if waiting := waits_with(account, invoice):
        drop_pending(account, waiting)
        return
    subscription = account.find("subscription", subscription_of(invoice))
    if subscription is None:
        return
    if subscription["status"] == "incomplete" and invoice["status"] == "void":
        end_subscription(account, subscription)
    elif subscription["status"] == "paused" and invoice["status"] == "uncollectible":
        finish_resuming(account, subscription, invoice)
    elif subscription["status"] in ("past_due", "unpaid") and not owes(account, subscription):
        _set_status(account, subscription, "active")


def _set_status(account: Account, subscription: Obj, status: str) -> None:
    account.change(subscription, event="customer.subscription.updated", status=status)
    plan(account, subscription)


invoicing.ON_PAID.append(_paid)
invoicing.ON_FAILED.append(_failed)
invoicing.ON_OVERDUE.append(_overdue)
invoicing.ON_CLOSED.append(_closed)
