"""Changes to a running subscription: items added, removed, switched; prorations; trials moved."""

import copy
from dataclasses import dataclass

from sandbox import invoicing
from sandbox.account import Account
from sandbox.catalogue import ItemWish, price_of
from sandbox.coupons import Purchase
from sandbox.currencies import check_most
from sandbox.discounts import find_coupons, replace_discounts
from sandbox.errors import InvalidRequest, NotFound
from sandbox.invoice_items import new_invoice_item, prorate
from sandbox.periods import period_end
from sandbox.pricing import amount_of
from sandbox.renewing import end_trial, plan
from sandbox.subscribing import new_item
from sandbox.subscription_billing import bill, bill_period
from sandbox.types import Obj, Params
from sandbox.validation import merge_metadata

MOST_ITEMS = {"classic": 20, "flexible": 100}  # by billing mode; one request takes twenty


@dataclass(frozen=True)
class Change:
    """What an update asks for. `items`, `extras`: `items[]`, `add_invoice_items[]`; `proration`: create_prorations,
    always_invoice or none, as of `at`; `trial_end`: epoch seconds or "now"; `restart`: a new cycle begins now."""

    items: tuple[Params, ...] = ()
    extras: tuple[ItemWish, ...] = ()
    proration: str = "create_prorations"
    at: int | None = None
    trial_end: int | str | None = None
    restart: bool = False


def apply_change(account: Account, subscription: Obj, change: Change, *, wait: bool = False) -> None:
    """Make the change and bill what it costs now. `wait`: the bill is left to be paid by its PaymentIntent."""
    add_extras(account, subscription, change)
    if change.items or change.restart:
        change_items(account, subscription, change, wait=wait)
    elif change.extras and change.proration == "always_invoice" and subscription["billing_mode"]["type"] == "classic":
        bill_extras(account, subscription, wait=wait)
    if change.trial_end is not None:
        move_trial(account, subscription, trial_end=change.trial_end, proration=change.proration, wait=wait)
    plan(account, subscription)


def check_proration_date(at: int | None, items: list[Obj]) -> None:
    first = min(item["current_period_start"] for item in items)
    last = min(item["current_period_end"] for item in items)
    if at is not None and not first <= at <= last:
        raise InvalidRequest("Cannot specify `proration_date` outside of current period.", param="proration_date")


def add_extras(account: Account, subscription: Obj, change: Change) -> None:
    """One-time prices wait for the next invoice."""
    for wish in change.extras:
        new_invoice_item(
            account,
            account.get("customer", subscription["customer"]),
            price=wish.price,
            currency=subscription["currency"],
            quantity=wish.quantity,
            subscription=subscription["id"],
            metadata=wish.metadata,
            found=wish.found,
        )


def bill_extras(account: Account, subscription: Obj, *, wait: bool) -> None:
    """Bill what waits at once, with nothing else changed."""
    if invoice := bill_pending(account, subscription):
        account.change(subscription, event="customer.subscription.updated", latest_invoice=invoice["id"])
        account.emit("invoice.created", invoice)
        bill_period(account, subscription, invoice, wait=wait)


def change_items(account: Account, subscription: Obj, change: Change, *, wait: bool = False) -> None:
    """Apply `items[]`; each wish names an item by id, or a new price. Emits one `customer.subscription.updated`."""
    at = change.at or account.now()
    before = {name: copy.deepcopy(subscription[name]) for name in ("billing_cycle_anchor", "items", "latest_invoice")}
    was = list(subscription["items"]["data"])
    data = list(was)
    pairs: list[tuple[Obj | None, Obj | None]] = []
    for number, wish in enumerate(change.items):
        old = named_item(data, wish, param=f"items[{number}][id]")
        new = changed_item(account, subscription, wish, old=old, param=f"items[{number}]")
        if old is None and new is not None:
            data.append(new)
        elif old is not None:
            at_index = data.index(old)
            data[at_index : at_index + 1] = [new] if new else []
            if new is None:
                account.item_owner.pop(old["id"], None)
        pairs.append((old, new))
    if not data:
        raise InvalidRequest(
            "A subscription must have at least one active plan. To cancel a subscription, please use the cancel API "
            "endpoint instead."
        )
    check_items(account, data, subscription)
    subscription["items"] = {**subscription["items"], "data": data}
    account.save(subscription)
    other_interval = [pair for pair in pairs if pair[0] and pair[1] and interval_of(pair[0]) != interval_of(pair[1])]
    restarts = (bool(other_interval) or change.restart) and subscription["status"] != "trialing"
    if change.proration != "none" and subscription["status"] != "trialing":
        untouched = [(item, item) for item in was if not any(old is item for old, _ in pairs)] if restarts else []
        for old, new in [*pairs, *untouched]:
            if restarts or old is None or new is None or price_changed(old, new):
                prorate(
                    account,
                    subscription,
                    old=old,
                    new=None if restarts else new,
                    before=was,
                    after=data,
                    at=at,
                )
    invoice = None
    if restarts:
        invoice = restart_period(account, subscription)
    elif change.proration == "always_invoice":
        invoice = bill_pending(account, subscription)
    if invoice:
        subscription["latest_invoice"] = invoice["id"]
    account.save(subscription)
    changed = {name: old for name, old in before.items() if old != subscription[name]}
    account.emit("customer.subscription.updated", subscription, before=changed)
    plan(account, subscription)
    if invoice:
        account.emit("invoice.created", invoice)
        bill_period(account, subscription, invoice, wait=wait)


def named_item(data: list[Obj], wish: Params, *, param: str) -> Obj | None:
    if not wish.get("id"):
        return None
    for item in data:
        if item["id"] == wish["id"]:
            return item
    raise NotFound("subscription item", wish["id"], param=param)


def changed_item(account: Account, subscription: Obj, wish: Params, *, old: Obj | None, param: str) -> Obj | None:
    """The item as wished; None where it is deleted."""
    if wish.get("deleted"):
        return None
    price = (
        price_of(account, wish, param=param, use="recurring") if wish.get("price") or wish.get("price_data") else None
    )
    if old is None:
        if price is None:
            price_of(account, wish, param=param)
        assert price is not None  # noqa: S101 - price_of refused
        now = account.now()
        same = [item for item in subscription["items"]["data"] if interval_of(item) == price["recurring"]]
        end = same[0]["current_period_end"] if same else period_end(now, price["recurring"], anchor=now)
        purchase = Purchase(subscription["currency"], None, subscription["customer"])
        found = find_coupons(account, wish.get("discounts"), param=f"{param}[discounts]", purchase=purchase)
        made = ItemWish(price, wish.get("quantity", 1), wish.get("metadata") or {}, found)
        return new_item(account, subscription["id"], made, customer=subscription["customer"], start=now, end=end)
    new = dict(old)
    if price:
        new["price"] = price
    if wish.get("quantity") is not None:
        new["quantity"] = wish["quantity"]
    if "metadata" in wish:
        new["metadata"] = merge_metadata(old["metadata"], wish["metadata"])
    if "discounts" in wish:
        new["discounts"] = replace_discounts(
            account,
            old["discounts"],
            wish["discounts"],
            purchase=Purchase(subscription["currency"], None, subscription["customer"]),
            param=f"{param}[discounts]",
            owner={"subscription": subscription["id"], "subscription_item": old["id"]},
        )
    return new


def check_items(account: Account, data: list[Obj], subscription: Obj) -> None:
    """No price twice, all in the subscription's currency, and no more of them than it takes."""
    if len(data) > (most := MOST_ITEMS[subscription["billing_mode"]["type"]]):
        raise InvalidRequest(f"A subscription can have at most {most} items.", param="items")
    currency, prices = subscription["currency"], [item["price"]["id"] for item in data]
    for price in prices:
        if prices.count(price) > 1:
            raise InvalidRequest("Cannot add multiple subscription items with the same plan: " + price, param="items")
    for item in data:
        cost = amount_of(account, item["price"], item.get("quantity", 1), currency=currency)
        check_most(cost, currency, param="items")


def interval_of(item: Obj) -> Obj:
    return dict(item["price"]["recurring"])


def price_changed(old: Obj, new: Obj) -> bool:
    return old["price"]["id"] != new["price"]["id"] or old.get("quantity") != new.get("quantity")


def restart_period(account: Account, subscription: Obj) -> Obj:
    """Another interval begins a new period at once and is billed at once, as at Stripe: the draft of that invoice."""
    now = account.now()
    data = []
    for item in subscription["items"]["data"]:
        end = period_end(now, item["price"]["recurring"], anchor=now)
        data.append({**item, "current_period_start": now, "current_period_end": end})
    subscription["billing_cycle_anchor"] = now
    subscription["items"] = {**subscription["items"], "data": data}
    return bill(account, subscription, data, reason="subscription_update")


def bill_pending(account: Account, subscription: Obj) -> Obj | None:
    """A draft of what waits, if anything does."""
    if not invoicing.pending_items(account, subscription["customer"], subscription=subscription["id"]):
        return None
    return bill(account, subscription, [], reason="subscription_update")


def move_trial(account: Account, subscription: Obj, *, trial_end: int | str, proration: str, wait: bool) -> None:
    """Set the end of the trial, epoch seconds or "now". Free days in a paid period give the rest of it back."""
    now = account.now()
    items = subscription["items"]["data"]
    if trial_end == "now" or (isinstance(trial_end, int) and trial_end <= now):
        if subscription["status"] == "trialing":
            before = {name: subscription[name] for name in ("billing_cycle_anchor", "items", "trial_end")}
            ended = {**subscription["items"], "data": [{**item, "current_period_end": now} for item in items]}
            account.change(subscription, trial_end=now, billing_cycle_anchor=now, items=ended)
            end_trial(account, subscription, before=before, wait=wait)
        return
    if proration != "none" and subscription["status"] in ("active", "past_due"):
        for item in items:
            prorate(account, subscription, old=item, new=None, before=items, after=items, at=now)
    end = int(trial_end)
    data = [{**item, "current_period_end": end} for item in items]
    account.change(
        subscription,
        event="customer.subscription.updated",
        billing_cycle_anchor=end,
        items={**subscription["items"], "data": data},
        status="trialing",
        trial_end=end,
        trial_start=subscription["trial_start"] or now,
    )
    account.note(subscription["id"], warned=False)
