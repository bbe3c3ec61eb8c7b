"""Bills before they exist: what a subscription's next one, or that of a change, would be."""

from dataclasses import dataclass, field
from typing import Any

from sandbox import invoicing
from sandbox.account import Account
from sandbox.catalogue import ItemWish
from sandbox.changing import Change, apply_change
from sandbox.clock import due
from sandbox.discounts import discount_subscription
from sandbox.errors import InvalidRequest
from sandbox.invoice_items import new_invoice_item
from sandbox.rehearsing import rehearsing
from sandbox.renewing import TERMINAL, earliest_end, is_ending, roll
from sandbox.subscribing import Terms, start_subscription
from sandbox.subscription_billing import bill, drop_ended_discounts
from sandbox.types import Obj, Params


@dataclass
class Preview:
    """What to look at: a subscription, with or without a `change` and `discounts` in place of its own; a new one of
    `wishes` by `terms`; or what waits."""

    customer: str
    subscription: str | None = None
    change: Change | None = None
    wishes: list[ItemWish] = field(default_factory=list)
    terms: Terms | None = None
    discounts: list[Params] = field(default_factory=list)
    invoice_items: list[dict[str, Any]] = field(default_factory=list)  # arguments of `new_invoice_item`


def preview_invoice(account: Account, wish: Preview) -> Obj:
    """The invoice as it would be. Raises Stripe's `invoice_upcoming_none` where there is none to come."""
    with rehearsing(account):
        customer = account.get("customer", wish.customer)
        for extra in wish.invoice_items:
            new_invoice_item(account, customer, subscription=wish.subscription, **extra)
        if wish.terms:
            started = start_subscription(account, customer, wish.wishes, wish.terms)
            return as_preview(account, account.get("invoice", started["latest_invoice"]))
        subscription = account.find("subscription", wish.subscription) or soonest(account, customer)
        if subscription is None:
            return as_preview(account, loose_ends(account, customer))
        before = subscription["latest_invoice"]
        if wish.discounts:
            discount_subscription(account, subscription, wish.discounts, param="discounts")
        if wish.change:
            apply_change(account, subscription, wish.change)
        if subscription["latest_invoice"] != before:
            return as_preview(account, account.get("invoice", subscription["latest_invoice"]))
        return as_preview(account, next_bill(account, subscription))


def soonest(account: Account, customer: Obj) -> Obj | None:
    """Whichever of the customer's subscriptions is billed next."""
    live = [row for row in account.list("subscription", customer=customer["id"]) if has_next(row)]
    return min(live, key=earliest_end, default=None)


def has_next(subscription: Obj) -> bool:
    return subscription["status"] not in (*TERMINAL, "incomplete", "paused") and not is_ending(subscription)


def next_bill(account: Account, subscription: Obj) -> Obj:
    """The renewal, drafted when it is due. Call while rehearsing: it happens."""
    customer = account.get("customer", subscription["customer"])
    if not has_next(subscription):
        return loose_ends(account, customer, subscription=subscription)
    account.timeline.reach(earliest_end(subscription))
    fresh, rolled, period = roll(subscription, now=account.now())
    subscription["items"] = fresh
    drop_ended_discounts(account, subscription)
    return bill(account, subscription, rolled, reason="upcoming", period=period)


def loose_ends(account: Account, customer: Obj, *, subscription: Obj | None = None) -> Obj:
    """A bill of what waits, where nothing else will be billed."""
    waiting = invoicing.pending_items(
        account, customer["id"], subscription=subscription["id"] if subscription else None
    )
    if not waiting:
        raise InvalidRequest(
            f"No upcoming invoices for customer: {customer['id']}", code="invoice_upcoming_none", status=404
        )
    invoice = invoicing.new_invoice(account, customer, currency=waiting[0]["currency"], reason="upcoming")
    for item in waiting:
        invoicing.take_item(account, invoice, item)
    invoicing.total_up(account, invoice)
    return invoice


def as_preview(account: Account, invoice: Obj) -> Obj:
    """The draft as Stripe shows what does not exist: under an id that can be looked up nowhere."""
    shown_id = f"upcoming_{invoice['id']}"
    lines = [{**line, "invoice": shown_id} for line in invoice["lines"]["data"]]
    url = f"/v1/invoices/{shown_id}/lines"
    return {
        **invoice,
        "id": shown_id,
        "lines": {**invoice["lines"], "data": lines, "url": url},
        "next_payment_attempt": invoice["created"] if invoice["collection_method"] != "send_invoice" else None,
    }


@due("invoice_upcoming")
def tell_upcoming(account: Account, subscription_id: str) -> None:
    """Some days before a renewal its bill is announced."""
    subscription = account.get("subscription", subscription_id)
    account.note(subscription_id, upcoming_told=earliest_end(subscription))
    if has_next(subscription):
        wish = Preview(customer=subscription["customer"], subscription=subscription_id)
        account.emit("invoice.upcoming", preview_invoice(account, wish))
