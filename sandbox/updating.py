"""Changes that have to be paid for at once, by `payment_behavior`: made anyway, only with the money, or pending."""

from dataclasses import dataclass
from typing import Any

from sandbox import collecting, payments
from sandbox.account import Account
from sandbox.cards import default_method
from sandbox.changing import Change, apply_change
from sandbox.errors import CardDeclined, InvalidRequest, StripeRefusal
from sandbox.pending import drop_pending
from sandbox.rehearsing import rehearsing
from sandbox.renewing import TERMINAL, earliest_end, plan
from sandbox.types import HOUR, Obj

PENDING_FOR = 23 * HOUR
# What a pending update may set; everything else takes effect at once or is refused.
CHANGED = ("billing_cycle_anchor", "items", "status", "trial_end", "trial_start")


@dataclass
class Foreseen:
    """What a change would come to: the bill, and the fields of the subscription."""

    invoice: Obj
    invoice_items: list[Obj]
    fields: dict[str, Any]


def check_changeable(subscription: Obj, names: set[str]) -> None:
    """Raises where a subscription is over, or waits for its first payment, and more than its words would change."""
    status = subscription["status"]
    if status in TERMINAL and (wrong := names - {"cancellation_details", "metadata"}):
        raise InvalidRequest(
            "A canceled subscription can only update its cancellation_details and metadata.", param=min(wrong)
        )
    if status == "incomplete" and (wrong := names - {"default_payment_method", "metadata"}):
        raise InvalidRequest(
            "A subscription whose status is incomplete can only update its default_payment_method and metadata.",
            param=min(wrong),
        )


def make_change(account: Account, subscription: Obj, change: Change, *, behavior: str) -> None:
    """Apply a change. Raises what keeps the payment from succeeding where `error_if_incomplete` asks for that."""
    check_changeable(subscription, {"items"})
    drop_pending(account, subscription)
    if behavior in ("pending_if_incomplete", "error_if_incomplete"):
        foreseen = foresee(account, subscription, change)
        obstacle = foreseen and obstacle_to_paying(account, subscription)
        if foreseen and obstacle:
            if behavior == "error_if_incomplete":
                raise obstacle
            make_pending(account, subscription, change, foreseen)
            return
    apply_change(account, subscription, change, wait=behavior == "default_incomplete")


def foresee(account: Account, subscription: Obj, change: Change) -> Foreseen | None:
    """What would have to be paid at once; None where nothing would."""
    with rehearsing(account):
        tried = account.get("subscription", subscription["id"])
        for waiting in account.list("invoiceitem", customer=tried["customer"], invoice=None):
            account.remove(waiting)  # billed some other time
        apply_change(account, tried, change)
        if tried["latest_invoice"] == subscription["latest_invoice"]:
            return None
        invoice = account.get("invoice", tried["latest_invoice"])
        if not invoice["amount_due"]:
            return None
        items = account.list("invoiceitem", invoice=invoice["id"])
        return Foreseen(invoice, items, {name: tried[name] for name in CHANGED})


def obstacle_to_paying(account: Account, subscription: Obj) -> StripeRefusal | None:
    """What charging the subscription now, without its owner, would meet."""
    if subscription["collection_method"] == "send_invoice":
        return None
    customer = account.get("customer", subscription["customer"])
    method = default_method(account, customer=customer, subscription=subscription)
    if method is None:
        return InvalidRequest(collecting.NO_METHOD, code="resource_missing")
    if payments.needs_authentication(account, method, off_session=True, authenticated=None):
        return CardDeclined(
            "Payment for this subscription requires additional user action before it can be completed successfully. "
            "Payment can be completed using the PaymentIntent associated with `subscription.latest_invoice`.",
            code="subscription_payment_intent_requires_action",
        )
    return payments.refusal_of(account, method, off_session=True, authenticated=None)


def make_pending(account: Account, subscription: Obj, change: Change, foreseen: Foreseen) -> None:
    """Bill the change, and keep it until the bill is paid; the subscription goes on as it was."""
    invoice, now = foreseen.invoice, account.now()
    expires = min(now + PENDING_FOR, earliest_end(subscription), subscription["trial_end"] or now + PENDING_FOR)
    account.note(subscription["id"], pending={"invoice": invoice["id"], "fields": foreseen.fields})
    account.schedule("pending_update_expires", subscription["id"], at=expires)
    invoice["auto_advance"] = False  # nobody retries it, and its first event already says so
    account.add(invoice)
    for item in foreseen.invoice_items:
        account.add(item, event="invoiceitem.created")
    account.change(
        subscription,
        event="customer.subscription.updated",
        latest_invoice=invoice["id"],
        pending_update={
            "billing_cycle_anchor": foreseen.fields["billing_cycle_anchor"] if change.restart else None,
            "expires_at": expires,
            "subscription_items": foreseen.fields["items"]["data"] if change.items else None,
            "trial_end": foreseen.fields["trial_end"] if change.trial_end else None,
            "trial_from_plan": None,
        },
    )
    account.emit("invoice.created", invoice)
    collecting.collect_first_try(account, invoice)


def apply_pending(account: Account, subscription: Obj) -> None:
    """The bill is paid: the change is made as it was foreseen."""
    fields = account.notes(subscription["id"])["pending"]["fields"]
    account.schedule("pending_update_expires", subscription["id"], at=None)
    account.note(subscription["id"], pending={})
    account.own_items({**subscription, "items": fields["items"]})
    account.change(subscription, event="customer.subscription.updated", pending_update=None, **fields)
    account.emit("customer.subscription.pending_update_applied", subscription)
    plan(account, subscription)
