"""Changes of a plan that the portal puts off to the end of the period: a schedule of the subscription keeps them."""

from sandbox import schedules
from sandbox.account import Account
from sandbox.periods import period_end
from sandbox.phases import adopt_subscription, blank_phase, new_discount, new_item
from sandbox.previews import as_preview, next_bill
from sandbox.pricing import amount_of
from sandbox.rehearsing import rehearsing
from sandbox.renewing import earliest_end
from sandbox.types import Obj, Params


def is_put_off(account: Account, subscription: Obj, wish: Params, *, conditions: list[Obj]) -> bool:
    """Whether one of the configuration's `conditions` holds for a change of the subscription's item."""
    item, currency = subscription["items"]["data"][0], subscription["currency"]
    price, quantity = planned(account, item, wish)
    cost = {
        "now": amount_of(account, item["price"], item.get("quantity", 1), currency=currency),
        "then": amount_of(account, price, quantity, currency=currency),
    }
    start = item["current_period_end"]
    length = {
        "now": period_end(start, item["price"]["recurring"], anchor=start),
        "then": period_end(start, price["recurring"], anchor=start),
    }
    holds = {
        "decreasing_item_amount": cost["then"] < cost["now"],
        "shortening_interval": length["then"] < length["now"],
    }
    return any(holds[condition["type"]] for condition in conditions)


def planned(account: Account, item: Obj, wish: Params) -> tuple[Obj, int]:
    """(price, quantity) of an item once it is changed."""
    price = account.get("price", wish["price"]) if wish.get("price") else item["price"]
    return price, int(wish["quantity"] if "quantity" in wish else item.get("quantity", 1))


def put_off(account: Account, subscription: Obj, wish: Params, *, discounts: list[Params]) -> Obj:
    """Plan the change for the end of the period, in place of what waited before. `discounts` take the place of those
    that there are; without any these stay."""
    take_back(account, subscription)
    item = subscription["items"]["data"][0]
    price, quantity = planned(account, item, wish)
    schedule = adopt_subscription(account, subscription, metadata={})
    account.note(schedule["id"], put_off=True)
    now = schedule["phases"][0]
    then = {
        **blank_phase(subscription["currency"]),
        "collection_method": subscription["collection_method"],
        "discounts": [new_discount(entry) for entry in discounts] or now["discounts"],
        "end_date": period_end(now["end_date"], price["recurring"], anchor=subscription["billing_cycle_anchor"]),
        "items": [new_item(price["id"], quantity, item["metadata"], discounts=now["items"][0]["discounts"])],
        "proration_behavior": "none",
        "start_date": now["end_date"],
    }
    account.change(schedule, event="subscription_schedule.updated", phases=[now, then])
    schedules.plan(account, schedule)
    return schedule


def own_schedule(account: Account, subscription: Obj) -> Obj | None:
    """The schedule by which the portal put off a change, or has made it since."""
    schedule = account.find("subscription_schedule", subscription["schedule"])
    return schedule if schedule and account.notes(schedule["id"]).get("put_off") else None


def waiting_phase(account: Account, subscription: Obj) -> Obj | None:
    """What a subscription becomes at the end of its period."""
    schedule = own_schedule(account, subscription)
    last: Obj | None = schedule["phases"][-1] if schedule else None
    return last if last and last["start_date"] > account.now() else None


def take_back(account: Account, subscription: Obj) -> None:
    """Let the subscription go on as it is."""
    if schedule := own_schedule(account, subscription):
        schedules.release(account, schedule)


def preview_put_off(account: Account, subscription_id: str, wish: Params, *, discounts: list[Params]) -> Obj:
    """The first bill of the new plan."""
    with rehearsing(account):
        subscription = account.get("subscription", subscription_id)
        schedule = put_off(account, subscription, wish, discounts=discounts)
        before = subscription["latest_invoice"]
        account.timeline.reach(earliest_end(subscription))
        schedules.turn_phase(account, schedule["id"])
        if subscription["latest_invoice"] != before:
            return as_preview(account, account.get("invoice", subscription["latest_invoice"]))
        return as_preview(account, next_bill(account, subscription))
