"""Starting a subscription, with its first invoice."""

from dataclasses import dataclass, field

from sandbox import collecting, invoicing, payments
from sandbox.account import Account
from sandbox.cards import default_method
from sandbox.catalogue import ItemWish
from sandbox.coupons import Found
from sandbox.discounts import redeem_all
from sandbox.errors import InvalidRequest
from sandbox.periods import period_end
from sandbox.pricing import amount_of
from sandbox.renewing import plan
from sandbox.subscription_billing import bill
from sandbox.types import HOUR, Obj

FIRST_PAYMENT_WINDOW = 23 * HOUR


@dataclass
class Terms:
    """Everything a new subscription may be told, with Stripe's defaults."""

    metadata: Obj = field(default_factory=dict)
    description: str | None = None
    currency: str | None = None  # by default that of the first price
    trial_end: int | None = None
    missing_payment_method: str = "create_invoice"
    cancel_at: int | str | None = None  # or max_period_end, min_period_end
    cancel_at_period_end: bool = False
    collection_method: str = "charge_automatically"
    days_until_due: int | None = None
    default_payment_method: str | None = None
    payment_behavior: str = "allow_incomplete"
    billing_mode: str = "flexible"
    billing_cycle_anchor: int | None = None
    anchor_config: Obj | None = None
    proration_behavior: str = "create_prorations"  # of a first period that ends with a later anchor
    save_default_payment_method: str = "off"
    payment_method_types: list[str] | None = None
    discounts: list[Found] = field(default_factory=list)
    one_time: list[ItemWish] = field(default_factory=list)
    off_session: bool = False
    start_date: int | None = None
    schedule: str | None = None
    # Checkout takes the money before it makes the subscription: it is born active.
    born_active: bool = False
    authenticated: bool | None = None
    session: str | None = None


def new_item(account: Account, subscription_id: str, wish: ItemWish, *, customer: str, start: int, end: int) -> Obj:
    item_id = account.ids.make("si")
    owner = {"subscription": subscription_id, "subscription_item": item_id}
    account.item_owner[item_id] = subscription_id
    return {
        "id": item_id,
        "object": "subscription_item",
        "billing_thresholds": None,
        "created": account.now(),
        "current_period_end": end,
        "current_period_start": start,
        "discounts": redeem_all(account, wish.found, customer=customer, owner=owner),
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
        items.append(new_item(account, subscription_id, wish, customer=customer["id"], start=now, end=end))
    subscription = _subscription_object(
        account, customer, items, terms, subscription_id=subscription_id, anchor=anchor, trialing=trialing
    )
    subscription["discounts"] = redeem_all(
        account,
        terms.discounts,
        customer=customer["id"],
        session=terms.session,
        owner={"subscription": subscription_id},
    )
    account.add(subscription, missing_payment_method=terms.missing_payment_method)
    if customer["currency"] is None:
        account.change(customer, currency=subscription["currency"])
    invoice = bill(
        account,
        subscription,
        items,
        reason="subscription_create",
        one_time=terms.one_time,
        free=trialing,
        stub=terms.proration_behavior if anchor > now and not trialing else None,
    )
    account.change(subscription, latest_invoice=invoice["id"])
    account.emit("customer.subscription.created", subscription)
    account.emit("invoice.created", invoice)
    plan(account, subscription)
    collect_first(account, subscription, invoice, terms)
    return subscription


def check_can_start(account: Account, customer: Obj, wishes: list[ItemWish], terms: Terms, *, trialing: bool) -> None:
    """Stripe's refusals that come before anything is made."""
    if terms.collection_method == "send_invoice" or trialing or terms.born_active:
        return
    currency = currency_of(wishes, terms)
    bought = [*wishes, *terms.one_time]
    amount = sum(amount_of(account, wish.price, wish.quantity, currency=currency) for wish in bought)
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


def check_anchor(anchor: int | None, prices: list[Obj], *, now: int) -> None:
    """A first period is at most a whole one."""
    if anchor is None:
        return
    if anchor <= now:
        raise InvalidRequest("`billing_cycle_anchor` must be a timestamp in the future.", param="billing_cycle_anchor")
    for price in prices:
        natural = period_end(now, price["recurring"], anchor=now)
        if anchor > natural:
            raise InvalidRequest(
                f"billing_cycle_anchor cannot be later than next natural billing date ({natural}) for plan.",
                param="billing_cycle_anchor",
            )


def currency_of(wishes: list[ItemWish], terms: Terms) -> str:
    return terms.currency or str(wishes[0].price["currency"])


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
        "billing_cycle_anchor_config": terms.anchor_config,
        "billing_mode": mode,
        "billing_schedules": [],
        "billing_thresholds": None,
        "cancel_at": cancel_time(terms.cancel_at, items),
        "cancel_at_period_end": terms.cancel_at_period_end,
        "canceled_at": now if terms.cancel_at or terms.cancel_at_period_end else None,
        "cancellation_details": {"comment": None, "feedback": None, "reason": None},
        "collection_method": terms.collection_method,
        "created": now,
        "currency": terms.currency or items[0]["price"]["currency"],
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
        "schedule": terms.schedule,
        "start_date": terms.start_date or now,
        "status": "trialing" if trialing else "active" if active else "incomplete",
        "test_clock": customer.get("test_clock"),
        "transfer_data": None,
        "trial_end": terms.trial_end if trialing else None,
        "trial_settings": {"end_behavior": {"missing_payment_method": terms.missing_payment_method}},
        "trial_start": now if trialing else None,
    }


def cancel_time(cancel_at: int | str | None, items: list[Obj]) -> int | None:
    """`cancel_at`, which may name the end of the longest or shortest period."""
    ends = [int(item["current_period_end"]) for item in items]
    named = {"max_period_end": max(ends), "min_period_end": min(ends)}
    return named[cancel_at] if isinstance(cancel_at, str) else cancel_at


def collect_first(account: Account, subscription: Obj, invoice: Obj, terms: Terms) -> None:
    """Finalise and collect the first invoice; without the money the subscription waits 23 hours."""
    if account.rehearsed:
        return
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
    collecting.collect(
        account, invoice, method=method, off_session=not terms.born_active, authenticated=terms.authenticated
    )
