"""The parts that subscription schedules are made of, and the schedule of a subscription that runs."""

from sandbox import schedules
from sandbox.account import Account
from sandbox.types import Obj, Params


def adopt_subscription(account: Account, subscription: Obj, *, metadata: Obj) -> Obj:
    """A schedule of one phase, which is the subscription's present period."""
    items = subscription["items"]["data"]
    phase = {
        **blank_phase(subscription["currency"]),
        "collection_method": subscription["collection_method"],
        "end_date": max(item["current_period_end"] for item in items),
        "items": [same_item(item) for item in items],
        "discounts": [new_discount({"discount": row}) for row in subscription["discounts"]],
        "start_date": min(item["current_period_start"] for item in items),
        "trial_end": subscription["trial_end"] if subscription["status"] == "trialing" else None,
    }
    schedule = schedules.new_schedule(
        account,
        account.get("customer", subscription["customer"]),
        phases=[phase],
        settings=new_settings({}),
        billing_mode=subscription["billing_mode"],
        current_phase=schedules.span(phase),
        metadata=metadata,
        status="active",
        subscription=subscription["id"],
    )
    account.emit("subscription_schedule.created", schedule)
    account.change(subscription, event="customer.subscription.updated", schedule=schedule["id"])
    schedules.plan(account, schedule)
    return schedule


def same_item(item: Obj) -> Obj:
    """A subscription's item as a phase has it."""
    discounts = [new_discount({"discount": row}) for row in item["discounts"]]
    return new_item(item["price"]["id"], item["quantity"], item["metadata"], discounts=discounts)


def new_settings(wish: Params) -> Obj:
    return {
        "application_fee_percent": None,
        "automatic_tax": {"disabled_reason": None, "enabled": False, "liability": None},
        "billing_cycle_anchor": "automatic",
        "billing_thresholds": None,
        "collection_method": wish.get("collection_method", "charge_automatically"),
        "default_payment_method": wish.get("default_payment_method"),
        "description": wish.get("description"),
        "invoice_settings": {
            "account_tax_ids": None,
            "days_until_due": (wish.get("invoice_settings") or {}).get("days_until_due"),
            "issuer": {"type": "self"},
        },
        "on_behalf_of": None,
        "transfer_data": None,
    }


def blank_phase(currency: str) -> Obj:
    return {
        "add_invoice_items": [],
        "application_fee_percent": None,
        "billing_cycle_anchor": None,
        "billing_thresholds": None,
        "collection_method": None,
        "currency": currency,
        "default_payment_method": None,
        "default_tax_rates": [],
        "description": None,
        "discounts": [],
        "invoice_settings": None,
        "metadata": {},
        "on_behalf_of": None,
        "proration_behavior": "create_prorations",
        "transfer_data": None,
        "trial_end": None,
    }


def new_item(price: str, quantity: int, metadata: Obj, *, discounts: list[Obj]) -> Obj:
    return {
        "billing_thresholds": None,
        "discounts": discounts,
        "metadata": dict(metadata or {}),
        "price": price,
        "quantity": quantity,
        "tax_rates": [],
    }


def new_extra(price: Obj, quantity: int) -> Obj:
    period = {"end": {"type": "min_item_period_end"}, "start": {"type": "max_item_period_start"}}
    return {"discounts": [], "period": period, "price": price["id"], "quantity": quantity, "tax_rates": []}


def new_discount(wish: Params) -> Obj:
    return {name: wish.get(name) for name in ("coupon", "discount", "promotion_code")}


def shown_invoice_settings(wish: Params | None) -> Obj | None:
    return wish and {"account_tax_ids": None, "days_until_due": wish.get("days_until_due"), "issuer": None}
