"""`/v1/subscriptions`."""

from typing import Any

from sandbox import renewing, subscribing
from sandbox.account import Account
from sandbox.cards import find_method
from sandbox.catalogue import ItemWish, price_of
from sandbox.changing import change_items, move_trial
from sandbox.coupons import Purchase
from sandbox.discounts import end_discount, find_coupons, replace_discounts
from sandbox.errors import InvalidRequest
from sandbox.paging import list_objects, within
from sandbox.pricing import amount_of, terms_in
from sandbox.resources.shared_fields import (
    BILLING_MODE,
    CANCELLATION,
    CURRENCY,
    DISCOUNTS,
    ITEM_PRICE_DATA,
    METADATA,
    METHOD_TYPES,
    ONE_OFF_PRICE_DATA,
    REDEEMED,
    TRIAL_SETTINGS,
)
from sandbox.routing import PAGING, Call, endpoint, retrieve
from sandbox.subscribing import Terms
from sandbox.types import DAY, Obj, Params
from sandbox.validation import (
    Choice,
    Either,
    Field,
    Flag,
    Hash,
    Listed,
    Span,
    Text,
    Whole,
    merge_metadata,
    needed,
    unset,
)

STATUSES = ("active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due", "paused", "trialing")
BEHAVIOR = Choice(options=("allow_incomplete", "default_incomplete", "error_if_incomplete"))
PRORATION = Choice(options=("always_invoice", "create_prorations", "none"))
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


@endpoint(
    "POST",
    "/v1/subscriptions",
    add_invoice_items=EXTRA,
    backdate_start_date=Whole(),
    billing_cycle_anchor=Whole(),
    billing_mode=BILLING_MODE,
    cancel_at=Either(words=("max_period_end", "min_period_end")),
    cancel_at_period_end=Flag(),
    collection_method=Choice(options=("charge_automatically", "send_invoice")),
    currency=CURRENCY,
    customer=needed(Text()),
    days_until_due=Whole(least=0),
    default_payment_method=Text(),
    description=Text(longest=500),
    discounts=DISCOUNTS,
    items=needed(Listed(each=Hash(fields=NEW_ITEM), least=1, most=100)),
    metadata=METADATA,
    off_session=Flag(),
    payment_behavior=BEHAVIOR,
    payment_settings=SETTINGS,
    proration_behavior=PRORATION,
    trial_end=Either(words=("now",)),
    trial_period_days=Whole(least=0, most=730),
    trial_settings=TRIAL_SETTINGS,
)
def create_subscription(call: Call) -> Obj:
    account, params = call.account, call.params
    customer = account.get("customer", params["customer"], param="customer")
    wishes = item_wishes(account, params["items"], params, param="items", use="recurring")
    one_time = item_wishes(account, params.get("add_invoice_items") or [], params, param="add_invoice_items", use=None)
    check_terms(params, wishes)
    check_currency(account, [*wishes, *one_time], currency=params.get("currency"))
    return subscribing.start_subscription(
        account, customer, wishes, terms_of(account, params, wishes, one_time=one_time)
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
    if params.get("trial_end") is not None and params.get("trial_period_days") is not None:
        raise InvalidRequest("You may only specify one of these parameters: trial_end, trial_period_days.")


def check_currency(account: Account, wishes: list[ItemWish], *, currency: str | None) -> None:
    """Everything on a subscription is paid in one currency, which each price has to offer."""
    for wish in wishes:
        terms_in(account, wish.price, currency or wishes[0].price["currency"])


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
    cancel_at = params.get("cancel_at")
    if isinstance(cancel_at, str):
        raise InvalidRequest("Give `cancel_at` as a timestamp when creating a subscription.", param="cancel_at")
    return Terms(
        metadata=merge_metadata(None, params.get("metadata", {})),
        description=params.get("description"),
        currency=params.get("currency"),
        trial_end=trial_end if isinstance(trial_end, int) else None,
        missing_payment_method=behavior.get("missing_payment_method", "create_invoice"),
        cancel_at=cancel_at,
        cancel_at_period_end=params.get("cancel_at_period_end", False),
        collection_method=params.get("collection_method", "charge_automatically"),
        days_until_due=params.get("days_until_due"),
        default_payment_method=find_method(account, named, param="default_payment_method")["id"] if named else None,
        payment_behavior=params.get("payment_behavior", "allow_incomplete"),
        billing_mode=(params.get("billing_mode") or {}).get("type", "flexible"),
        billing_cycle_anchor=params.get("billing_cycle_anchor"),
        save_default_payment_method=settings.get("save_default_payment_method", "off"),
        payment_method_types=settings.get("payment_method_types"),
        discounts=find_coupons(account, params.get("discounts"), param="discounts", purchase=purchase),
        one_time=one_time,
        start_date=params.get("backdate_start_date"),
    )


@endpoint(
    "POST",
    "/v1/subscriptions/{id}",
    cancel_at=unset(Either(words=("max_period_end", "min_period_end"))),
    cancel_at_period_end=Flag(),
    cancellation_details=CANCELLATION,
    collection_method=Choice(options=("charge_automatically", "send_invoice")),
    days_until_due=Whole(least=0),
    default_payment_method=Text(),
    description=unset(Text(longest=500)),
    discounts=DISCOUNTS,
    items=Listed(each=Hash(fields={**NEW_ITEM, "deleted": Flag(), "id": Text()}), least=1),
    metadata=METADATA,
    off_session=Flag(),
    pause_collection=unset(
        Hash(
            fields={
                "behavior": needed(Choice(options=("keep_as_draft", "mark_uncollectible", "void"))),
                "resumes_at": Whole(),
            }
        )
    ),
    payment_behavior=BEHAVIOR,
    payment_settings=SETTINGS,
    proration_behavior=PRORATION,
    proration_date=Whole(),
    trial_end=Either(words=("now",)),
    trial_settings=TRIAL_SETTINGS,
)
def update_subscription(call: Call) -> Obj:
    account, params = call.account, call.params
    subscription = account.get("subscription", call.id)
    if subscription["status"] in renewing.TERMINAL and set(params) - {"metadata", "cancellation_details"}:
        raise InvalidRequest(
            "A canceled subscription can only update its cancellation_details and metadata.", param=next(iter(params))
        )
    plain = plain_changes(account, subscription, params)
    account.change(subscription, event="customer.subscription.updated", **plain)
    if "cancel_at" in params or "cancel_at_period_end" in params:
        request_end(account, subscription, params)
    if params.get("items"):
        change_items(
            account,
            subscription,
            params["items"],
            proration=params.get("proration_behavior", "create_prorations"),
            at=params.get("proration_date"),
        )
    if params.get("trial_end") is not None:
        move_trial(account, subscription, trial_end=params["trial_end"])
    renewing.plan(account, subscription)
    return subscription


def plain_changes(account: Account, subscription: Obj, params: Params) -> dict[str, Any]:
    """The parameters that only set a field."""
    names = ("collection_method", "days_until_due", "description", "trial_settings")
    changes: dict[str, Any] = {name: params[name] for name in names if name in params}
    if "metadata" in params:
        changes["metadata"] = merge_metadata(subscription["metadata"], params["metadata"])
    if params.get("default_payment_method"):
        method = find_method(account, params["default_payment_method"], param="default_payment_method")
        changes["default_payment_method"] = method["id"]
    if "pause_collection" in params:
        pause = params["pause_collection"]
        changes["pause_collection"] = pause and {"resumes_at": None, **pause}
    if "payment_settings" in params:
        changes["payment_settings"] = {**subscription["payment_settings"], **params["payment_settings"]}
    if "discounts" in params:
        changes["discounts"] = replace_discounts(
            account,
            subscription["discounts"],
            params["discounts"],
            purchase=Purchase(subscription["currency"], None, subscription["customer"]),
            owner={"subscription": subscription["id"]},
        )
    if "cancellation_details" in params and not {"cancel_at", "cancel_at_period_end"} & set(params):
        changes["cancellation_details"] = {**subscription["cancellation_details"], **params["cancellation_details"]}
    return changes


def request_end(account: Account, subscription: Obj, params: Params) -> None:
    """`cancel_at` and `cancel_at_period_end` of an update."""
    if params.get("cancel_at") is not None and params.get("cancel_at_period_end"):
        raise InvalidRequest("You may only specify one of these parameters: cancel_at, cancel_at_period_end.")
    ends = [item["current_period_end"] for item in subscription["items"]["data"]]
    named = {"max_period_end": max(ends), "min_period_end": min(ends)}
    cancel_at = params.get("cancel_at")
    cancel_at = named.get(cancel_at, cancel_at) if isinstance(cancel_at, str) else cancel_at
    if cancel_at is not None and cancel_at <= account.now():
        raise InvalidRequest("`cancel_at` must be in the future.", param="cancel_at")
    renewing.schedule_end(
        account,
        subscription,
        cancel_at=cancel_at,
        at_period_end=params.get("cancel_at_period_end", False),
        details=params.get("cancellation_details"),
    )


@endpoint("DELETE", "/v1/subscriptions/{id}", cancellation_details=CANCELLATION, invoice_now=Flag(), prorate=Flag())
def cancel_subscription(call: Call) -> Obj:
    subscription = call.account.get("subscription", call.id)
    if subscription["status"] in renewing.TERMINAL:
        raise InvalidRequest(f"No such subscription: {call.id}", code="resource_missing", param="id", status=404)
    return renewing.end_subscription(
        call.account, subscription, details=call.params.get("cancellation_details"), reason="cancellation_requested"
    )


@endpoint("DELETE", "/v1/subscriptions/{id}/discount")
def delete_discounts(call: Call) -> Obj:
    """Takes every discount of the subscription away; the newest is answered."""
    account, subscription = call.account, call.account.get("subscription", call.id)
    discounts = [account.get("discount", discount_id) for discount_id in subscription["discounts"]]
    if not discounts:
        raise InvalidRequest(f"No active discount for subscription: {call.id}", code="resource_missing", status=404)
    account.change(subscription, event="customer.subscription.updated", discounts=[])
    return [end_discount(account, discount) for discount in discounts][-1]


@endpoint(
    "POST",
    "/v1/subscriptions/{id}/resume",
    billing_cycle_anchor=Choice(options=("now", "unchanged")),
    proration_behavior=PRORATION,
)
def resume_subscription(call: Call) -> Obj:
    return renewing.resume_paused(call.account, call.account.get("subscription", call.id))


retrieve("/v1/subscriptions/{id}", "subscription")


@endpoint(
    "GET",
    "/v1/subscriptions",
    **PAGING,
    collection_method=Choice(options=("charge_automatically", "send_invoice")),
    created=Span(),
    current_period_end=Span(),
    current_period_start=Span(),
    customer=Text(),
    price=Text(),
    status=Choice(options=(*STATUSES, "unpaid")),
    test_clock=Text(),
)
def list_subscriptions(call: Call) -> Obj:
    """Without `status` the ended are left out; `ended` means canceled or incomplete_expired."""
    params = dict(call.params)
    status = params.pop("status", None)
    hidden = {None: ("canceled",), "all": (), "ended": ()}.get(status, ())
    if status not in (None, "all", "ended"):
        params["status"] = status
    bound = params.get("customer") or params.get("test_clock")

    def keep(subscription: Obj) -> bool:
        return (
            subscription["status"] not in hidden
            and (status != "ended" or subscription["status"] in renewing.TERMINAL)
            and (bool(bound) or subscription["test_clock"] is None)
        )

    return list_objects(
        call.account,
        "subscription",
        params=params,
        url="/v1/subscriptions",
        keep={
            "price": lambda row, price: any(item["price"]["id"] == price for item in row["items"]["data"]),
            "current_period_end": lambda row, span: (
                isinstance(span, dict)
                and within(span, min(item["current_period_end"] for item in row["items"]["data"]))
            ),
            "current_period_start": lambda row, span: (
                isinstance(span, dict)
                and within(span, max(item["current_period_start"] for item in row["items"]["data"]))
            ),
        },
        also=keep,
    )
