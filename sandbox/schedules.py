"""Subscription schedules: phases that follow one another, from a start that may lie ahead to a release or an end."""

from collections.abc import Sequence
from itertools import zip_longest

from sandbox import renewing
from sandbox.account import Account
from sandbox.cards import default_method
from sandbox.catalogue import ItemWish
from sandbox.changing import Change, apply_change
from sandbox.clock import due
from sandbox.coupons import Purchase, find_coupon
from sandbox.discounts import find_coupons, replace_discounts
from sandbox.errors import InvalidRequest, NotFound
from sandbox.subscribing import Terms, start_subscription
from sandbox.types import DAY, Obj, Params

EXPIRY_WARNING = 7 * DAY
OVER = ("canceled", "completed", "released")


def new_schedule(account: Account, customer: Obj, *, phases: list[Obj], settings: Obj, **fields: object) -> Obj:
    """A schedule that has not started; `start` or `adopt` comes next."""
    return account.add(
        {
            "id": account.ids.make("sub_sched"),
            "object": "subscription_schedule",
            "application": None,
            "billing_mode": {"type": "flexible", "flexible": {"proration_discounts": "included"}},
            "canceled_at": None,
            "completed_at": None,
            "created": account.now(),
            "current_phase": None,
            "customer": customer["id"],
            "customer_account": None,
            "default_settings": settings,
            "end_behavior": "release",
            "livemode": False,
            "metadata": {},
            "phases": phases,
            "released_at": None,
            "released_subscription": None,
            "status": "not_started",
            "subscription": None,
            "test_clock": customer.get("test_clock"),
            **fields,
        }
    )


def plan(account: Account, schedule: Obj) -> None:
    """Set the appointments: the start, then each phase's end, and a warning before the last."""
    over, first = schedule["status"] in OVER, schedule["status"] == "not_started"
    turn = schedule["phases"][0]["start_date"] if first else (schedule["current_phase"] or {}).get("end_date")
    account.schedule("phase_turns", schedule["id"], at=None if over else turn)
    last = schedule["phases"][-1]["end_date"] - EXPIRY_WARNING
    warned = over or account.notes(schedule["id"]).get("warned") == last
    account.schedule("schedule_expires_soon", schedule["id"], at=None if warned else max(last, account.now()))


@due("schedule_expires_soon")
def warn_of_expiry(account: Account, schedule_id: str) -> None:
    schedule = account.get("subscription_schedule", schedule_id)
    account.note(schedule_id, warned=schedule["phases"][-1]["end_date"] - EXPIRY_WARNING)
    if schedule["status"] not in OVER:
        account.emit("subscription_schedule.expiring", schedule)


@due("phase_turns")
def turn_phase(account: Account, schedule_id: str) -> None:
    """A phase is over, or the first one begins."""
    schedule = account.get("subscription_schedule", schedule_id)
    if schedule["status"] == "not_started":
        start(account, schedule)
    elif schedule["status"] == "active" and schedule["current_phase"]["end_date"] <= account.now():
        enter_next(account, schedule)


def start(account: Account, schedule: Obj) -> None:
    """The first phase: its subscription begins."""
    phase = schedule["phases"][0]
    customer = account.get("customer", schedule["customer"])
    terms = first_terms(account, schedule, phase)
    if terms.default_payment_method is None and default_method(account, customer=customer) is None:
        terms.payment_behavior = "default_incomplete"
    before = {name: schedule[name] for name in ("current_phase", "status", "subscription")}
    # Set before its subscription is told: whoever looks from there finds the schedule under way.
    account.change(schedule, current_phase=span(phase), status="active")
    subscription = start_subscription(account, customer, wishes_of(account, schedule, phase), terms)
    account.change(schedule, subscription=subscription["id"])
    account.emit("subscription_schedule.updated", schedule, before=before)
    plan(account, schedule)


def first_terms(account: Account, schedule: Obj, phase: Obj) -> Terms:
    settings, now = schedule["default_settings"], account.now()
    purchase = purchase_of(schedule, phase)
    return Terms(
        metadata=dict(phase["metadata"] or {}),
        description=phase["description"] or settings["description"],
        currency=phase["currency"],
        trial_end=phase["trial_end"],
        collection_method=phase["collection_method"] or settings["collection_method"] or "charge_automatically",
        days_until_due=days_until_due(schedule, phase),
        default_payment_method=phase["default_payment_method"] or settings["default_payment_method"],
        billing_mode=schedule["billing_mode"]["type"],
        discounts=find_coupons(
            account, still_wished(account, phase, purchase=purchase), param="phases[0][discounts]", purchase=purchase
        ),
        one_time=extras_of(account, phase),
        start_date=phase["start_date"] if phase["start_date"] < now else None,
        schedule=schedule["id"],
    )


def days_until_due(schedule: Obj, phase: Obj) -> int | None:
    """How long a sent invoice may be unpaid; 30 days where nothing is said."""
    settings = schedule["default_settings"]
    if (phase["collection_method"] or settings["collection_method"]) != "send_invoice":
        return None
    own = (phase["invoice_settings"] or {}).get("days_until_due")
    return int(own or settings["invoice_settings"]["days_until_due"] or 30)


def wishes_of(account: Account, schedule: Obj, phase: Obj) -> list[ItemWish]:
    purchase = purchase_of(schedule, phase)
    wishes = []
    for item in phase["items"]:
        redeemed = still_wished(account, item, purchase=purchase)
        found = find_coupons(account, redeemed, param="phases[0][items][discounts]", purchase=purchase)
        price = account.get("price", item["price"])
        wishes.append(ItemWish(price, item["quantity"], dict(item["metadata"] or {}), found))
    return wishes


def extras_of(account: Account, phase: Obj) -> list[ItemWish]:
    return [ItemWish(account.get("price", row["price"]), row["quantity"] or 1) for row in phase["add_invoice_items"]]


def purchase_of(schedule: Obj, phase: Obj) -> Purchase:
    return Purchase(phase["currency"], None, schedule["customer"])


def wished_discounts(owner: Obj) -> list[Params]:
    """The discounts of a phase or of one of its items, as `discounts[]` wants them."""
    named = [{name: entry[name] for name in ("coupon", "discount", "promotion_code")} for entry in owner["discounts"]]
    return [{name: value for name, value in entry.items() if value} for entry in named]


def still_wished(account: Account, owner: Obj, *, purchase: Purchase, among: Sequence[str] = ()) -> list[Params]:
    """Those of `wished_discounts` that can be had when their phase begins: `among` are the discounts to be kept."""
    usable = []
    for wish in wished_discounts(owner):
        try:
            if wish.get("discount") not in among:
                find_coupon(account, wish, param="discounts", purchase=purchase)
        except (InvalidRequest, NotFound):
            continue
        usable.append(wish)
    return usable


def span(phase: Obj) -> Obj:
    return {"end_date": phase["end_date"], "start_date": phase["start_date"]}


def phase_at(schedule: Obj, at: int) -> Obj | None:
    """The phase that a time falls into."""
    for phase in schedule["phases"]:
        if phase["start_date"] <= at < phase["end_date"]:
            return dict(phase)
    return None


def enter_next(account: Account, schedule: Obj) -> None:
    """From one phase into the next, or out of the last one."""
    phase = phase_at(schedule, account.now())
    if phase is None:
        finish(account, schedule)
        return
    account.change(schedule, event="subscription_schedule.updated", current_phase=span(phase))
    plan(account, schedule)
    make_phase(account, schedule, phase, proration=phase["proration_behavior"])


def make_phase(account: Account, schedule: Obj, phase: Obj, *, proration: str) -> None:
    """Make the subscription what the phase says."""
    subscription = account.get("subscription", schedule["subscription"])
    if subscription["status"] in renewing.TERMINAL:
        return
    settings = schedule["default_settings"]
    plain = {
        "collection_method": phase["collection_method"] or settings["collection_method"],
        "default_payment_method": phase["default_payment_method"] or settings["default_payment_method"],
        "description": phase["description"] or settings["description"],
    }
    changes = {name: value for name, value in plain.items() if value is not None}
    purchase = purchase_of(schedule, phase)
    discounts = replace_discounts(
        account,
        subscription["discounts"],
        still_wished(account, phase, purchase=purchase, among=subscription["discounts"]),
        purchase=purchase,
        owner={"subscription": subscription["id"]},
    )
    metadata = {**subscription["metadata"], **(phase["metadata"] or {})}
    account.change(
        subscription, event="customer.subscription.updated", **changes, discounts=discounts, metadata=metadata
    )
    apply_change(
        account,
        subscription,
        Change(
            items=tuple(item_changes(account, subscription, phase, purchase=purchase)),
            extras=tuple(extras_of(account, phase)),
            proration=proration,
            trial_end=phase["trial_end"],
        ),
    )


def item_changes(account: Account, subscription: Obj, phase: Obj, *, purchase: Purchase) -> list[Params]:
    """`items[]` that turn a subscription's items into a phase's: what has its price already stays the same item."""

    def discounts_of(item: Obj, old: Obj | None) -> Params:
        """Nothing where the item has them already."""
        had = old["discounts"] if old else []
        redeemed = still_wished(account, item, purchase=purchase, among=had)
        return {} if redeemed == [{"discount": name} for name in had] else {"discounts": redeemed}

    wanted = {item["price"]: item for item in phase["items"]}
    left = [item for item in subscription["items"]["data"] if item["price"]["id"] not in wanted]
    kept = {item["price"]["id"]: item for item in subscription["items"]["data"] if item["price"]["id"] in wanted}
    changes: list[Params] = []
    for price, item in kept.items():
        change = discounts_of(wanted[price], item)
        if item["quantity"] != wanted[price]["quantity"]:
            change["quantity"] = wanted[price]["quantity"]
        if change:
            changes.append({"id": item["id"], **change})
    fresh = [item for price, item in wanted.items() if price not in kept]
    for old, new in zip_longest(left, fresh):
        if new is None:
            changes.append({"id": old["id"], "deleted": True})
        else:
            wish = {
                "price": new["price"],
                "quantity": new["quantity"],
                "metadata": dict(new["metadata"] or {}),
                **discounts_of(new, old),
            }
            changes.append({**wish, "id": old["id"]} if old else wish)
    return changes


def finish(account: Account, schedule: Obj) -> None:
    """The last phase is over: the subscription goes on by itself, or ends."""
    if schedule["end_behavior"] == "release":
        release(account, schedule)
        return
    now = account.now()
    account.change(schedule, completed_at=now, current_phase=None, status="completed")
    plan(account, schedule)
    account.emit("subscription_schedule.completed", schedule)
    subscription = account.get("subscription", schedule["subscription"])
    if subscription["status"] not in renewing.TERMINAL:
        renewing.end_subscription(account, subscription, reason="cancellation_requested")


def release(account: Account, schedule: Obj) -> Obj:
    """Let go of the subscription, which goes on as it is."""
    refuse_over(schedule, verb="release")
    subscription = account.find("subscription", schedule["subscription"])
    account.change(
        schedule,
        current_phase=None,
        released_at=account.now(),
        released_subscription=schedule["subscription"],
        status="released",
        subscription=None,
    )
    plan(account, schedule)
    account.emit("subscription_schedule.released", schedule)
    if subscription:
        account.change(subscription, event="customer.subscription.updated", schedule=None)
    return schedule


def cancel(account: Account, schedule: Obj) -> Obj:
    """End schedule and subscription now."""
    refuse_over(schedule, verb="cancel")
    close(account, schedule, event="subscription_schedule.canceled")
    subscription = account.find("subscription", schedule["subscription"])
    if subscription and subscription["status"] not in renewing.TERMINAL:
        renewing.end_subscription(account, subscription, reason="cancellation_requested")
    return schedule


def refuse_over(schedule: Obj, *, verb: str) -> None:
    if schedule["status"] in OVER:
        raise InvalidRequest(
            f"You cannot {verb} a subscription schedule that is currently in the `{schedule['status']}` status. It "
            "must be in the `not_started` or `active` status."
        )


def close(account: Account, schedule: Obj, *, event: str) -> None:
    account.change(schedule, canceled_at=account.now(), current_phase=None, status="canceled")
    plan(account, schedule)
    account.emit(event, schedule)


def _before_renewal(account: Account, subscription: Obj) -> None:
    schedule = account.find("subscription_schedule", subscription["schedule"])
    if schedule:
        turn_phase(account, schedule["id"])


def _ended(account: Account, subscription: Obj) -> None:
    """A subscription that ends takes its schedule with it."""
    schedule = account.find("subscription_schedule", subscription["schedule"])
    if schedule and schedule["status"] == "active":
        unpaid = (subscription["cancellation_details"] or {}).get("reason") == "payment_failed"
        close(account, schedule, event=f"subscription_schedule.{'aborted' if unpaid else 'canceled'}")


renewing.BEFORE_RENEWAL.append(_before_renewal)
renewing.ON_ENDED.append(_ended)
