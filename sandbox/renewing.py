"""Subscriptions as time passes: their appointments, renewals, trials and ends."""

from sandbox import collecting
from sandbox.account import Account
from sandbox.cards import default_method
from sandbox.clock import due
from sandbox.payments import Listener
from sandbox.pending import drop_pending
from sandbox.periods import period_end
from sandbox.subscription_billing import bill, bill_period, drop_ended_discounts
from sandbox.types import DAY, Obj

# Schedules listen here; each is called with (account, subscription).
BEFORE_RENEWAL: list[Listener] = []
ON_ENDED: list[Listener] = []

TRIAL_WARNING = 3 * DAY
LIVE = ("trialing", "active", "past_due", "unpaid", "paused", "incomplete")
TERMINAL = ("canceled", "incomplete_expired")


def earliest_end(subscription: Obj) -> int:
    return min(int(item["current_period_end"]) for item in subscription["items"]["data"])


def is_ending(subscription: Obj) -> bool:
    """Whether it ends before it is billed again."""
    ends = subscription["cancel_at"]
    return bool(subscription["cancel_at_period_end"] or (ends and ends <= earliest_end(subscription)))


def plan(account: Account, subscription: Obj) -> None:
    """Set the subscription's appointments from its present state. Called after every change that may move one."""
    live = subscription["status"] not in TERMINAL
    running = live and subscription["status"] not in ("paused", "incomplete")
    now = account.now()
    ends = subscription["cancel_at"]
    if subscription["cancel_at_period_end"]:
        ends = min(ends or earliest_end(subscription), earliest_end(subscription))
    account.schedule("subscription_ends", subscription["id"], at=ends if live else None)
    account.schedule("subscription_renews", subscription["id"], at=earliest_end(subscription) if running else None)
    trial_end = subscription["trial_end"] if subscription["status"] == "trialing" else None
    warn_at = trial_end - TRIAL_WARNING if trial_end and not account.notes(subscription["id"]).get("warned") else None
    account.schedule("trial_will_end", subscription["id"], at=max(warn_at, now) if warn_at else None)
    upcoming = upcoming_at(account, subscription) if running and not is_ending(subscription) else None
    account.schedule("invoice_upcoming", subscription["id"], at=upcoming)
    pause = subscription["pause_collection"]
    account.schedule("collection_resumes", subscription["id"], at=pause["resumes_at"] if pause and live else None)


def upcoming_at(account: Account, subscription: Obj) -> int | None:
    """When the next bill is announced: at once where the period is shorter than that, and once for each."""
    days: int | None = account.settings["upcoming_days"]
    end = earliest_end(subscription)
    if days is None or account.notes(subscription["id"]).get("upcoming_told") == end:
        return None
    return max(account.now(), end - days * DAY)


@due("trial_will_end")
def warn_of_trial_end(account: Account, subscription_id: str) -> None:
    subscription = account.get("subscription", subscription_id)
    if subscription["status"] == "trialing":
        account.note(subscription_id, warned=True)
        account.emit("customer.subscription.trial_will_end", subscription)


@due("subscription_ends")
def end_when_due(account: Account, subscription_id: str) -> None:
    subscription = account.get("subscription", subscription_id)
    if subscription["status"] not in TERMINAL:
        end_subscription(account, subscription)


@due("first_payment_window")
def expire_incomplete(account: Account, subscription_id: str) -> None:
    subscription = account.get("subscription", subscription_id)
    if subscription["status"] != "incomplete":
        return
    invoice = account.find("invoice", subscription["latest_invoice"])
    if invoice and collecting.is_under_way(account, invoice):  # the bank has been told: its answer is waited for
        account.schedule("first_payment_window", subscription_id, at=account.now() + DAY)
        return
    account.change(
        subscription, event="customer.subscription.updated", ended_at=account.now(), status="incomplete_expired"
    )
    plan(account, subscription)
    if invoice and invoice["status"] == "open":
        collecting.void(account, invoice)
    for listener in ON_ENDED:
        listener(account, subscription)


@due("collection_resumes")
def resume_collection(account: Account, subscription_id: str) -> None:
    subscription = account.get("subscription", subscription_id)
    account.change(subscription, event="customer.subscription.updated", pause_collection=None)
    plan(account, subscription)


@due("subscription_renews")
def renew(account: Account, subscription_id: str) -> None:
    """A period is over: end, pause, or bill the next one."""
    subscription = account.get("subscription", subscription_id)
    now = account.now()
    for listener in BEFORE_RENEWAL:
        listener(account, subscription)
    if subscription["status"] in (*TERMINAL, "paused", "incomplete") or earliest_end(subscription) > now:
        return
    if subscription["cancel_at_period_end"] or (subscription["cancel_at"] and subscription["cancel_at"] <= now):
        end_subscription(account, subscription)
        return
    if subscription["status"] == "trialing":
        end_trial(account, subscription)
    else:
        start_period(account, subscription, now=now)


def end_trial(account: Account, subscription: Obj, *, before: Obj | None = None, wait: bool = False) -> None:
    """The trial is over: the first paid period begins, or without a payment method what its settings say.

    `before`: fields as they were, where the trial was ended early.
    """
    choice = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
    if has_method(account, subscription) or choice == "create_invoice":
        start_period(account, subscription, now=account.now(), ended_trial=before or {}, wait=wait)
    elif choice == "cancel":
        end_subscription(account, subscription)
    else:
        before = {**(before or {}), "status": subscription["status"]}
        account.change(subscription, status="paused")
        account.emit("customer.subscription.updated", subscription, before=before)
        plan(account, subscription)
        account.emit("customer.subscription.paused", subscription)


def start_period(
    account: Account, subscription: Obj, *, now: int, ended_trial: Obj | None = None, wait: bool = False
) -> Obj:
    """Roll the items that are due into their next period and bill them.

    `ended_trial`: a trial was before it; what of the subscription its end has changed already, as it was.
    """
    old = subscription["items"]
    fresh, rolled, period = roll(subscription, now=now)
    before = {"items": {**old, "data": [dict(item) for item in old["data"]]}}
    subscription["items"] = fresh
    discounts = subscription["discounts"]
    drop_ended_discounts(account, subscription)
    before |= {"discounts": discounts} if discounts != subscription["discounts"] else {}
    invoice = bill(account, subscription, rolled, reason="subscription_cycle", period=period)
    before |= {"latest_invoice": subscription["latest_invoice"]}
    if ended_trial is not None:
        before |= {"status": subscription["status"], **ended_trial}
        subscription["status"] = "active"
    subscription["latest_invoice"] = invoice["id"]
    account.save(subscription)
    account.emit("customer.subscription.updated", subscription, before=before)
    account.emit("invoice.created", invoice)
    plan(account, subscription)
    bill_period(account, subscription, invoice, wait=wait)
    return invoice


def roll(subscription: Obj, *, now: int) -> tuple[Obj, list[Obj], tuple[int, int]]:
    """(all items, those that are due in their next period, the period that is over)."""
    rolled, data, period = [], [], (now, now)
    for item in subscription["items"]["data"]:
        if item["current_period_end"] <= now:
            start = item["current_period_end"]
            period = (item["current_period_start"], start)
            end = period_end(start, item["price"]["recurring"], anchor=subscription["billing_cycle_anchor"])
            item = {**item, "current_period_start": start, "current_period_end": end}
            rolled.append(item)
        data.append(item)
    return {**subscription["items"], "data": data}, rolled, period


def has_method(account: Account, subscription: Obj) -> bool:
    if subscription["collection_method"] == "send_invoice":
        return True
    customer = account.get("customer", subscription["customer"])
    return default_method(account, customer=customer, subscription=subscription) is not None


def end_subscription(
    account: Account, subscription: Obj, *, reason: str | None = None, details: Obj | None = None
) -> Obj:
    """Cancel now: terminal. Open invoices stop being collected, as Stripe turns off their auto-advance."""
    now = account.now()
    drop_pending(account, subscription)
    old = subscription["cancellation_details"] or {}
    reason = reason or old.get("reason") or "cancellation_requested"
    status = "incomplete_expired" if subscription["status"] == "incomplete" else "canceled"
    account.change(
        subscription,
        canceled_at=subscription["canceled_at"] or now,
        cancellation_details={"comment": None, "feedback": None, **old, **(details or {}), "reason": reason},
        ended_at=now,
        status=status,
    )
    plan(account, subscription)
    account.schedule("first_payment_window", subscription["id"], at=None)
    for invoice in account.list("invoice", subscription=subscription["id"]):
        collecting.leave_alone(account, invoice)
    account.emit("customer.subscription.deleted", subscription)
    for listener in ON_ENDED:
        listener(account, subscription)
    return subscription


def schedule_end(
    account: Account, subscription: Obj, *, cancel_at: int | None, at_period_end: bool, details: Obj | None = None
) -> Obj:
    """Ask for an end later. `cancel_at` epoch seconds, or `at_period_end`; neither takes the request back."""
    ending = cancel_at is not None or at_period_end
    old = subscription["cancellation_details"] or {"comment": None, "feedback": None, "reason": None}
    new = {**old, **(details or {}), "reason": "cancellation_requested" if ending else None}
    account.change(
        subscription,
        event="customer.subscription.updated",
        cancel_at=cancel_at if not at_period_end else earliest_end(subscription),
        cancel_at_period_end=at_period_end,
        canceled_at=account.now() if ending else None,
        cancellation_details=new,
    )
    plan(account, subscription)
    return subscription
