"""What `/v1/subscriptions` and `/v1/subscription_items` take, and the terms that it comes to."""

from sandbox.account import Account
from sandbox.cards import find_method
from sandbox.catalogue import ItemWish, price_of
from sandbox.changing import Change, check_proration_date
from sandbox.coupons import Purchase
from sandbox.currencies import check_most
from sandbox.discounts import find_coupons
from sandbox.errors import InvalidRequest
from sandbox.periods import next_day
from sandbox.pricing import amount_of
from sandbox.resources.shared_fields import (
    DISCOUNTS,
    ITEM_PRICE_DATA,
    METADATA,
    METHOD_TYPES,
    ONE_OFF_PRICE_DATA,
    REDEEMED,
)
from sandbox.subscribing import Terms, check_anchor
from sandbox.types import DAY, Obj, Params
from sandbox.validation import Choice, Field, Flag, Hash, Listed, Text, Whole, merge_metadata, needed, unset

BEHAVIOR = Choice(options=("allow_incomplete", "default_incomplete", "error_if_incomplete"))
CHANGE_BEHAVIOR = Choice(options=(*BEHAVIOR.options, "pending_if_incomplete"))
# All that an update which may stay pending can change.
MAY_PEND = {
    "billing_cycle_anchor",
    "expand",
    "items",
    "off_session",
    "payment_behavior",
    "proration_behavior",
    "proration_date",
    "trial_end",
}
PRORATION = Choice(options=("always_invoice", "create_prorations", "none"))
ANCHOR_PARTS = ("day_of_month", "hour", "minute", "month", "second")
ANCHOR_CONFIG = Hash(
    fields={
        "day_of_month": needed(Whole(least=1, most=31)),
        "hour": Whole(least=0, most=23),
        "minute": Whole(least=0, most=59),
        "month": Whole(least=1, most=12),
        "second": Whole(least=0, most=59),
    }
)
SETTINGS = Hash(
    fields={
        "payment_method_types": unset(METHOD_TYPES),
        "save_default_payment_method": Choice(options=("off", "on_subscription")),
    }
)
NEW_ITEM: dict[str, Field] = {
    "discounts": DISCOUNTS,
    "metadata": METADATA,
    "price": Text(),
    "price_data": ITEM_PRICE_DATA,
    "quantity": Whole(least=0),
}
CHANGED_ITEM: Field = Hash(fields={**NEW_ITEM, "deleted": Flag(), "id": Text()})
EXTRA = Listed(
    each=Hash(
        fields={
            "discounts": Listed(each=REDEEMED, most=20),
            "metadata": METADATA,
            "price": Text(),
            "price_data": ONE_OFF_PRICE_DATA,
            "quantity": Whole(least=1),
        }
    ),
    most=20,
)


def item_wishes(account: Account, rows: list[Params], params: Params, *, param: str, use: str | None) -> list[ItemWish]:
    """`items[]` or `add_invoice_items[]` of a new subscription."""
    wishes = []
    for at, row in enumerate(rows):
        price = price_of(account, row, param=f"{param}[{at}]", use=use)
        purchase = Purchase(params.get("currency") or price["currency"], None, params["customer"])
        found = find_coupons(account, row.get("discounts"), param=f"{param}[{at}][discounts]", purchase=purchase)
        metadata = merge_metadata(None, row.get("metadata", {}))
        wishes.append(ItemWish(price, row.get("quantity", 1), metadata, found))
    return wishes


def check_terms(params: Params, wishes: list[ItemWish]) -> None:
    send = params.get("collection_method") == "send_invoice"
    if send and params.get("days_until_due") is None:
        raise InvalidRequest(
            "If `collection_method` is `send_invoice`, you must specify `days_until_due`.", param="days_until_due"
        )
    if not send and params.get("days_until_due") is not None:
        raise InvalidRequest(
            "You can only set `days_until_due` if `collection_method` is `send_invoice`.", param="days_until_due"
        )
    intervals = {str(wish.price["recurring"]["interval"]) for wish in wishes}
    if len(intervals) > 1 and (params.get("billing_mode") or {}).get("type") == "classic":
        raise InvalidRequest(
            "Currently, all plans on a subscription must have the same billing interval.", param="items"
        )
    if params.get("billing_cycle_anchor_config"):
        if params.get("billing_cycle_anchor") is not None:
            raise InvalidRequest(
                "You may only specify one of these parameters: billing_cycle_anchor, billing_cycle_anchor_config."
            )
        if intervals - {"month", "year"}:
            raise InvalidRequest(
                "`billing_cycle_anchor_config` can only be used with monthly and yearly prices.",
                param="billing_cycle_anchor_config",
            )
    if params.get("trial_end") is not None and params.get("trial_period_days") is not None:
        raise InvalidRequest("You may only specify one of these parameters: trial_end, trial_period_days.")


def check_currency(account: Account, wishes: list[ItemWish], *, currency: str | None) -> None:
    """Everything on a subscription is paid in one currency, which each price has to offer, and can be charged."""
    code = currency or wishes[0].price["currency"]
    for wish in wishes:
        check_most(amount_of(account, wish.price, wish.quantity, currency=code), code, param="items")


def terms_of(account: Account, params: Params, wishes: list[ItemWish], *, one_time: list[ItemWish]) -> Terms:
    currency = params.get("currency") or wishes[0].price["currency"]
    costs = [amount_of(account, wish.price, wish.quantity, currency=currency) for wish in [*wishes, *one_time]]
    purchase = Purchase(currency, sum(costs), params["customer"])
    trial_end = params.get("trial_end")
    if params.get("trial_period_days"):
        trial_end = account.now() + params["trial_period_days"] * DAY
    behavior = (params.get("trial_settings") or {}).get("end_behavior") or {}
    settings = params.get("payment_settings") or {}
    named = params.get("default_payment_method")
    config = params.get("billing_cycle_anchor_config")
    anchor = next_day(account.now(), config) if config else params.get("billing_cycle_anchor")
    if params.get("trial_end") is not None:
        check_trial_end(params["trial_end"], now=account.now())
    if trial_end is None and not params.get("backdate_start_date"):
        check_anchor(anchor, [wish.price for wish in wishes], now=account.now())
    return Terms(
        metadata=merge_metadata(None, params.get("metadata", {})),
        description=params.get("description"),
        currency=params.get("currency"),
        trial_end=trial_end if isinstance(trial_end, int) else None,
        missing_payment_method=behavior.get("missing_payment_method", "create_invoice"),
        cancel_at=params.get("cancel_at"),
        cancel_at_period_end=params.get("cancel_at_period_end", False),
        collection_method=params.get("collection_method", "charge_automatically"),
        days_until_due=params.get("days_until_due"),
        default_payment_method=find_method(account, named, param="default_payment_method")["id"] if named else None,
        payment_behavior=params.get("payment_behavior", "allow_incomplete"),
        billing_mode=(params.get("billing_mode") or {}).get("type", "flexible"),
        billing_cycle_anchor=anchor,
        anchor_config=config and {name: config.get(name) for name in ANCHOR_PARTS},
        proration_behavior=params.get("proration_behavior", "create_prorations"),
        save_default_payment_method=settings.get("save_default_payment_method", "off"),
        payment_method_types=settings.get("payment_method_types"),
        discounts=find_coupons(account, params.get("discounts"), param="discounts", purchase=purchase),
        one_time=one_time,
        start_date=params.get("backdate_start_date"),
    )


def check_trial_end(trial_end: int | str, *, now: int) -> None:
    """A trial ends later than now and at most two years from it. "now" is no time."""
    if isinstance(trial_end, str):
        return
    if trial_end <= now:
        raise InvalidRequest(
            "Invalid timestamp: must be an integer Unix timestamp in the future.",
            param="trial_end",
        )
    if trial_end > now + 731 * DAY:
        raise InvalidRequest("Invalid timestamp: can be no more than two years in the future.", param="trial_end")


def change_of(account: Account, subscription: Obj, params: Params) -> Change:
    """What of an update may have to be paid for."""
    check_proration_date(params.get("proration_date"), subscription["items"]["data"])
    if isinstance(params.get("trial_end"), int) and subscription["status"] in ("paused", "unpaid"):
        raise InvalidRequest(
            f"A subscription that is {subscription['status']} cannot begin a trial: resume or pay it first.",
            param="trial_end",
        )
    owner = {"customer": subscription["customer"], "currency": subscription["currency"]}
    extras = params.get("add_invoice_items") or []
    return Change(
        items=tuple(params.get("items") or ()),
        extras=tuple(item_wishes(account, extras, owner, param="add_invoice_items", use="one_time")),
        proration=params.get("proration_behavior", "create_prorations"),
        at=params.get("proration_date"),
        trial_end=params.get("trial_end"),
        restart=params.get("billing_cycle_anchor") == "now",
    )
