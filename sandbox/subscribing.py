"""The life of a subscription: begun, renewed, unpaid, paused, resumed, ended."""

from dataclasses import dataclass, field

from sandbox import invoicing, payments
from sandbox.account import Account
from sandbox.cards import attach, default_method
from sandbox.clock import due
from sandbox.catalogue import money, price_amount
from sandbox.discounts import live_discounts, new_discount
from sandbox.errors import InvalidRequest
from sandbox.invoice_items import new_invoice_item
from sandbox.periods import period_end
from sandbox.tables import subscription_of
from sandbox.types import DAY, HOUR, Obj

FIRST_PAYMENT_WINDOW = 23 * HOUR
TRIAL_WARNING = 3 * DAY
LIVE = ("trialing", "active", "past_due", "unpaid", "paused", "incomplete")
TERMINAL = ("canceled", "incomplete_expired")


@dataclass
class ItemWish:
    """One thing to subscribe to, or for a one-time price to bill on the first invoice."""

    price: Obj
    quantity: int = 1
    metadata: Obj = field(default_factory=dict)


@dataclass
class Terms:
    """Everything a new subscription may be told, with Stripe's defaults."""

    metadata: Obj = field(default_factory=dict)
    description: str | None = None
    trial_end: int | None = None
    missing_payment_method: str = "create_invoice"
    cancel_at: int | None = None
    cancel_at_period_end: bool = False
    collection_method: str = "charge_automatically"
    days_until_due: int | None = None
    default_payment_method: str | None = None
    payment_behavior: str = "allow_incomplete"
    billing_mode: str = "flexible"
    billing_cycle_anchor: int | None = None
    save_default_payment_method: str = "off"
    payment_method_types: list[str] | None = None
    discounts: list[tuple[Obj, Obj | None]] = field(default_factory=list)
    one_time: list[ItemWish] = field(default_factory=list)
    off_session: bool = False
    start_date: int | None = None
    # Checkout takes the money before it makes the subscription: it is born active.
    born_active: bool = False
    authenticated: bool | None = None
    session: str | None = None


def new_item(account: Account, subscription_id: str, wish: ItemWish, *, start: int, end: int) -> Obj:
    item_id = account.ids.make("si")
    account.item_owner[item_id] = subscription_id
    return {
        "id": item_id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": account.now(),
        "current_period_end": end,
        "current_period_start": start,
        "discounts": [],
        "metadata": wish.metadata,
        "price": wish.price,
        "quantity": wish.quantity,
        "subscription": subscription_id,
        "tax_rates": [],
    }


def start_subscription(account: Account, customer: Obj, wishes: list[ItemWish], terms: Terms) -> Obj:
    """Make a subscription with its first invoice. Raises CardDeclined where `error_if_incomplete` meets a decline."""
    now = account.now()
    trialing = terms.trial_end is not None and terms.trial_end > now
    check_can_start(account, customer, wishes, terms, trialing=trialing)
    subscription_id = account.ids.make("sub")
    anchor = terms.trial_end if trialing and terms.trial_end else terms.billing_cycle_anchor or now
    items = []
    for wish in wishes:
        end = anchor if anchor > now else period_end(now, wish.price["recurring"], anchor=anchor)
        items.append(new_item(account, subscription_id, wish, start=now, end=end))
    subscription = _subscription_object(
        account, customer, items, terms, subscription_id=subscription_id, anchor=anchor, trialing=trialing
    )
    for coupon, code in terms.discounts:
        discount = new_discount(
            account, coupon, customer=customer["id"], subscription=subscription_id, session=terms.session, code=code
        )
        subscription["discounts"].append(discount["id"])
    account.add(subscription, missing_payment_method=terms.missing_payment_method)
    if customer["currency"] is None:
        account.change(customer, currency=subscription["currency"])
    invoice = bill(account, subscription, items, reason="subscription_create", one_time=terms.one_time, free=trialing)
    account.change(subscription, latest_invoice=invoice["id"])
    account.emit("customer.subscription.created", subscription)
    account.emit("invoice.created", invoice)
    plan(account, subscription)
    collect_first(account, subscription, invoice, terms)
    return subscription


def check_can_start(
    account: Account, customer: Obj, wishes: list[ItemWish], terms: Terms, *, trialing: bool
) -> None:
    """Stripe's refusals that come before anything is made."""
    if terms.collection_method == "send_invoice" or trialing or terms.born_active:
        return
    amount = sum((wish.price["unit_amount"] or 0) * wish.quantity for wish in [*wishes, *terms.one_time])
    method = account.find("payment_method", terms.default_payment_method) or default_method(account, customer=customer)
    if amount <= 0 or terms.payment_behavior == "default_incomplete":
        return
    if method is None:
        raise InvalidRequest(
            "This customer has no attached payment source or default payment method. Please consider adding a default "
            "payment method. For more information, visit "
            "https://stripe.com/docs/billing/subscriptions/payment-methods-setting#payment-method-priority.",
            code="resource_missing",
        )
    if terms.payment_behavior == "error_if_incomplete":
        refusal = payments.refusal_of(account, method, off_session=True, authenticated=None)
        if refusal:
            raise refusal


def _subscription_object(
    account: Account,
    customer: Obj,
    items: list[Obj],
    terms: Terms,
    *,
    subscription_id: str,
    anchor: int,
    trialing: bool,
) -> Obj:
    now = account.now()
    active = terms.collection_method == "send_invoice" or terms.born_active
    mode: Obj = {"type": terms.billing_mode, "flexible": None}
    if terms.billing_mode == "flexible":
        mode["flexible"] = {"proration_discounts": "included"}
    return {
        "id": subscription_id,
        "object": "subscription",
        "application": None,
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": anchor,
        "billing_cycle_anchor_config": None,
        "billing_mode": mode,
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": terms.cancel_at,
        "cancel_at_period_end": terms.cancel_at_period_end,
        "canceled_at": now if terms.cancel_at or terms.cancel_at_period_end else None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": terms.collection_method,
        "created": now,
        "currency": items[0]["price"]["currency"],
        "customer": customer["id"],
        "customer_account": None,
        "days_until_due": terms.days_until_due,
        "default_payment_method": terms.default_payment_method,
        "default_source": None,
        "default_tax_rates": [],
        "description": terms.description,
        "discounts": [],
        "ended_at": None,
        "invoice_settings": {"account_tax_ids": None, "issuer": {"type": "self"}},
        "items": {
            "object": "list",
            "data": items,
            "has_more": False,
            "url": f"/v1/subscription_items?subscription={subscription_id}",
        },
        "latest_invoice": None,
        "livemode": False,
        "metadata": terms.metadata,
        "next_pending_invoice_item_invoice": None,
        "on_behalf_of": None,
        "pause_collection": None,
        "payment_settings": {
            "payment_method_options": None,
            "payment_method_types": terms.payment_method_types,
            "save_default_payment_method": terms.save_default_payment_method,
        },
        "pending_invoice_item_interval": None,
        "pending_setup_intent": None,
        "pending_update": None,
        "schedule": None,
        "start_date": terms.start_date or now,
        "status": "trialing" if trialing else "active" if active else "incomplete",
        "test_clock": customer.get("test_clock"),
        "transfer_data": None,
        "trial_end": terms.trial_end if trialing else None,
        "trial_settings": {"end_behavior": {"missing_payment_method": terms.missing_payment_method}},
        "trial_start": now if trialing else None,
    }


def bill(
    account: Account,
    subscription: Obj,
    items: list[Obj],
    *,
    reason: str,
    one_time: list[ItemWish] | None = None,
    free: bool = False,
    period: tuple[int, int] | None = None,
    pending: bool = True,
) -> Obj:
    """A draft invoice for `items`' current periods plus what is pending; nothing is announced."""
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
            account, customer, price=wish.price, quantity=wish.quantity, period=(now, now), subscription=subscription["id"]
        )
        invoicing.take_item(account, invoice, extra)
    for item in items:
        add_item_line(account, invoice, subscription, item, free=free)
    invoicing.total_up(account, invoice)
    return invoice


def add_item_line(account: Account, invoice: Obj, subscription: Obj, item: Obj, *, free: bool) -> None:
    price = item["price"]
    metered = price["recurring"]["usage_type"] == "metered"
    amount = 0 if free or metered else price_amount(account, price, item.get("quantity", 1))
    name = account.get("product", price["product"])["name"]
    quantity = 0 if metered else item["quantity"]
    words = "Trial period for " + name if free else f"{quantity} × {name} ({money(price)} / {price['recurring']['interval']})"
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
        parent={"type": "subscription_item_details", "invoice_item_details": None, "subscription_item_details": details},
        price=price,
        quantity=quantity,
        period=(item["current_period_start"], item["current_period_end"]),
        subscription=subscription["id"],
        metadata=dict(item["metadata"]),
    )


def collect_first(account: Account, subscription: Obj, invoice: Obj, terms: Terms) -> None:
    """Finalise and collect the first invoice; without the money the subscription waits 23 hours."""
    wait = not terms.born_active and subscription["status"] == "incomplete"
    invoicing.finalize(account, invoice)
    if invoice["status"] == "paid" or subscription["collection_method"] == "send_invoice":
        return
    if wait:
        account.schedule("first_payment_window", subscription["id"], at=account.now() + FIRST_PAYMENT_WINDOW)
        if terms.payment_behavior == "default_incomplete":
            invoicing.intent_of(account, invoice)
            return
    method = account.find("payment_method", terms.default_payment_method)
    invoicing.collect(
        account, invoice, method=method, off_session=not terms.born_active, authenticated=terms.authenticated
    )


def earliest_end(subscription: Obj) -> int:
    return min(item["current_period_end"] for item in subscription["items"]["data"])


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
    pause = subscription["pause_collection"]
    account.schedule("collection_resumes", subscription["id"], at=pause["resumes_at"] if pause and live else None)


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
    account.change(
        subscription, event="customer.subscription.updated", ended_at=account.now(), status="incomplete_expired"
    )
    plan(account, subscription)
    if invoice and invoice["status"] == "open":
        invoicing.void(account, invoice)


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
    if subscription["status"] in (*TERMINAL, "paused", "incomplete"):
        return
    if subscription["cancel_at_period_end"] or (subscription["cancel_at"] and subscription["cancel_at"] <= now):
        end_subscription(account, subscription)
        return
    trial_over = subscription["status"] == "trialing"
    if trial_over and not has_method(account, subscription):
        choice = subscription["trial_settings"]["end_behavior"]["missing_payment_method"]
        if choice == "cancel":
            end_subscription(account, subscription)
            return
        if choice == "pause":
            account.change(subscription, event="customer.subscription.updated", status="paused")
            plan(account, subscription)
            account.emit("customer.subscription.paused", subscription)
            return
    start_period(account, subscription, now=now, trial_over=trial_over)


def start_period(account: Account, subscription: Obj, *, now: int, trial_over: bool = False) -> Obj:
    """Roll the items that are due into their next period and bill them."""
    old = subscription["items"]
    rolled = []
    fresh = []
    period = (now, now)
    for item in old["data"]:
        if item["current_period_end"] > now:
            fresh.append(item)
            continue
        period = (item["current_period_start"], item["current_period_end"])
        start = item["current_period_end"]
        end = period_end(start, item["price"]["recurring"], anchor=subscription["billing_cycle_anchor"])
        item = {**item, "current_period_start": start, "current_period_end": end}
        rolled.append(item)
        fresh.append(item)
    before = {"items": {**old, "data": [dict(item) for item in old["data"]]}}
    subscription["items"] = {**old, "data": fresh}
    drop_ended_discounts(account, subscription)
    invoice = bill(account, subscription, rolled, reason="subscription_cycle", period=period)
    before |= {"latest_invoice": subscription["latest_invoice"]}
    if trial_over:
        before |= {"status": subscription["status"]}
        subscription["status"] = "active"
    subscription["latest_invoice"] = invoice["id"]
    account.save(subscription)
    account.emit("customer.subscription.updated", subscription, before=before)
    account.emit("invoice.created", invoice)
    plan(account, subscription)
    bill_period(account, subscription, invoice)
    return invoice


def bill_period(account: Account, subscription: Obj, invoice: Obj) -> None:
    """Finalise and collect a renewal, unless collection is paused or the subscription is unpaid."""
    pause = subscription["pause_collection"]
    if subscription["status"] == "unpaid" or (pause and pause["behavior"] == "keep_as_draft"):
        account.change(invoice, auto_advance=False)
        return
    invoicing.finalize(account, invoice)
    if invoice["status"] != "open":
        return
    if pause:
        close = invoicing.void if pause["behavior"] == "void" else invoicing.mark_uncollectible
        close(account, invoice)
        return
    if subscription["collection_method"] == "charge_automatically":
        invoicing.collect(account, invoice)


def drop_ended_discounts(account: Account, subscription: Obj) -> None:
    """A `once` coupon served the first invoice; a `repeating` one ends by date."""
    kept = []
    for discount in live_discounts(account, subscription["discounts"]):
        coupon = account.get("coupon", discount["source"]["coupon"])
        used = coupon["duration"] == "once" and subscription["latest_invoice"] is not None
        if used:
            account.emit("customer.discount.deleted", discount)
        else:
            kept.append(discount["id"])
    if kept != subscription["discounts"]:
        subscription["discounts"] = kept


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
    old = subscription["cancellation_details"] or {}
    reason = reason or old.get("reason") or "cancellation_requested"
    status = "incomplete_expired" if subscription["status"] == "incomplete" else "canceled"
    account.change(
        subscription,
        cancel_at_period_end=False if status == "canceled" and not subscription["cancel_at_period_end"] else subscription["cancel_at_period_end"],
        canceled_at=subscription["canceled_at"] or now,
        cancellation_details={"comment": None, "feedback": None, **old, **(details or {}), "reason": reason},
        ended_at=now,
        status=status,
    )
    plan(account, subscription)
    account.schedule("first_payment_window", subscription["id"], at=None)
    for invoice in account.list("invoice", subscription=subscription["id"]):
        if invoice["status"] in ("open", "draft"):
            account.change(invoice, auto_advance=False, next_payment_attempt=None)
            account.schedule("invoice_retry", invoice["id"], at=None)
    account.emit("customer.subscription.deleted", subscription)
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


def resume_paused(account: Account, subscription: Obj) -> Obj:
    """`paused` → `active`: a new period begins now and is billed; it stays paused where the payment fails."""
    if subscription["status"] != "paused":
        raise InvalidRequest(
            f"This subscription cannot be resumed because its status is `{subscription['status']}`, not `paused`."
        )
    now = account.now()
    data = []
    for item in subscription["items"]["data"]:
        end = period_end(now, item["price"]["recurring"], anchor=now)
        data.append({**item, "current_period_start": now, "current_period_end": end})
    fresh = {**subscription["items"], "data": data}
    invoice = bill(account, {**subscription, "items": fresh}, data, reason="subscription_update")
    account.emit("invoice.created", invoice)
    account.change(subscription, latest_invoice=invoice["id"], billing_cycle_anchor=now, items=fresh)
    account.note(subscription["id"], resuming=invoice["id"])
    invoicing.finalize(account, invoice)
    if invoice["status"] == "open":
        invoicing.collect(account, invoice)
    return subscription


# What invoices say


def _paid(account: Account, invoice: Obj) -> None:
    subscription = account.find("subscription", subscription_of(invoice))
    if subscription is None or subscription["status"] in TERMINAL:
        return
    if subscription["status"] == "paused":
        if account.notes(subscription["id"]).get("resuming") == invoice["id"]:
            account.change(subscription, event="customer.subscription.updated", status="active")
            plan(account, subscription)
            account.emit("customer.subscription.resumed", subscription)
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


def _closed(account: Account, invoice: Obj) -> None:
    subscription = account.find("subscription", subscription_of(invoice))
    if subscription is None:
        return
    if subscription["status"] == "incomplete" and invoice["status"] == "void":
        end_subscription(account, subscription)
    elif subscription["status"] in ("past_due", "unpaid") and not owes(account, subscription):
        _set_status(account, subscription, "active")


def _set_status(account: Account, subscription: Obj, status: str) -> None:
    account.change(subscription, event="customer.subscription.updated", status=status)
    plan(account, subscription)


invoicing.ON_PAID.append(_paid)
invoicing.ON_FAILED.append(_failed)
invoicing.ON_OVERDUE.append(_overdue)
invoicing.ON_CLOSED.append(_closed)
