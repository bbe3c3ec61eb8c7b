"""Paused subscriptions begin again: their period, their bill, and how long it may wait."""

from sandbox import collecting
from sandbox.account import Account
from sandbox.changing import bill_pending, check_proration_date
from sandbox.clock import due
from sandbox.errors import InvalidRequest
from sandbox.invoice_items import prorate
from sandbox.periods import period_end
from sandbox.renewing import plan
from sandbox.subscription_billing import bill
from sandbox.types import DAY, HOUR, Obj

WINDOW = 23 * HOUR  # in which the bill of a resumption has to be paid


def resume_paused(
    account: Account,
    subscription: Obj,
    *,
    anchor: str = "now",
    proration: str = "create_prorations",
    at: int | None = None,
) -> Obj:
    """`paused` → `active`, once what it costs is paid; without a bill at once.

    `anchor` "now" begins a period and bills it; "unchanged" goes on in the one that surrounds now, whose rest (as of
    `at`) is prorated as `proration` says: "create_prorations", "always_invoice" or "none".
    """
    refuse_unfit(account, subscription)
    goes_on = anchor == "unchanged"
    begun = subscription["billing_cycle_anchor"] if goes_on else account.now()
    data = [present(item, anchor=begun, now=account.now(), goes_on=goes_on) for item in subscription["items"]["data"]]
    check_proration_date(at, data)
    changes = {"billing_cycle_anchor": begun, "items": {**subscription["items"], "data": data}}
    resumed = {**subscription, **changes}
    if goes_on:
        invoice = bill_rest(account, resumed, proration=proration, at=at or account.now())
    else:
        invoice = bill(account, resumed, data, reason="subscription_update")
    if invoice is None:
        account.change(subscription, event="customer.subscription.updated", **changes, status="active")
        tell_resumed(account, subscription)
        return subscription
    account.emit("invoice.created", invoice)
    account.change(subscription, event="customer.subscription.updated", **changes, latest_invoice=invoice["id"])
    account.note(subscription["id"], resuming=invoice["id"])
    account.schedule("resumption_window", subscription["id"], at=account.now() + WINDOW)
    collecting.collect_first_try(account, invoice)
    return subscription


def refuse_unfit(account: Account, subscription: Obj) -> None:
    if subscription["status"] != "paused":
        raise InvalidRequest(
            f"This subscription cannot be resumed because its status is `{subscription['status']}`, not `paused`."
        )
    if subscription["collection_method"] != "charge_automatically":
        raise InvalidRequest("Only subscriptions that are charged automatically can be resumed.")
    if waiting := open_bill(account, subscription):
        raise InvalidRequest(
            f"This subscription is being resumed already: invoice {waiting['id']} has to be paid, or marked "
            "uncollectible; once it is void, the subscription can be resumed anew."
        )


def open_bill(account: Account, subscription: Obj) -> Obj | None:
    """The invoice of a resumption that nobody has paid or closed yet."""
    invoice = account.find("invoice", account.notes(subscription["id"]).get("resuming"))
    return invoice if invoice and invoice["status"] == "open" else None


def present(item: Obj, *, anchor: int, now: int, goes_on: bool) -> Obj:
    """The item in the period that begins now or, where it goes on, in the one of its cycle that now falls into."""
    every = item["price"]["recurring"]
    start, end = item["current_period_start"], item["current_period_end"]
    if not goes_on:
        start, end = now, period_end(now, every, anchor=anchor)
    while end <= now:
        start, end = end, period_end(end, every, anchor=anchor)
    return {**item, "current_period_start": start, "current_period_end": end}


def bill_rest(account: Account, subscription: Obj, *, proration: str, at: int) -> Obj | None:
    """What the rest of the present period costs: billed now, with the next period, or never."""
    data = subscription["items"]["data"]
    if proration != "none":
        for item in data:
            prorate(account, subscription, old=None, new=item, before=[], after=data, at=at)
    return bill_pending(account, subscription) if proration == "always_invoice" else None


@due("resumption_window")
def give_up_resuming(account: Account, subscription_id: str) -> None:
    """Nobody paid: the bill is void, and the subscription stays paused. A debit under way is waited for."""
    subscription = account.get("subscription", subscription_id)
    invoice = open_bill(account, subscription)
    if invoice is None or subscription["status"] != "paused":
        return
    if collecting.is_under_way(account, invoice):
        account.schedule("resumption_window", subscription_id, at=account.now() + DAY)
    else:
        collecting.void(account, invoice)


def finish_resuming(account: Account, subscription: Obj, invoice: Obj) -> None:
    """The bill of a resumption is paid, or written off: the subscription runs again."""
    if account.notes(subscription["id"]).get("resuming") == invoice["id"]:
        account.change(subscription, event="customer.subscription.updated", status="active")
        tell_resumed(account, subscription)


def tell_resumed(account: Account, subscription: Obj) -> None:
    account.schedule("resumption_window", subscription["id"], at=None)
    plan(account, subscription)
    account.emit("customer.subscription.resumed", subscription)
