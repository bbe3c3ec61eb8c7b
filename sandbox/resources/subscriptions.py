"""`/v1/subscriptions`."""

from typing import Any

from sandbox import renewing, subscribing
from sandbox.account import Account
from sandbox.cards import find_method
from sandbox.changing import Change
from sandbox.coupons import Purchase
from sandbox.discounts import end_discount, replace_discounts
from sandbox.errors import InvalidRequest
from sandbox.paging import list_objects, within
from sandbox.resources.shared_fields import (
    BILLING_MODE,
    CANCELLATION,
    CURRENCY,
    DISCOUNTS,
    METADATA,
    TRIAL_SETTINGS,
)
from sandbox.resources.subscription_terms import (
    ANCHOR_CONFIG,
    BEHAVIOR,
    CHANGE_BEHAVIOR,
    CHANGED_ITEM,
    EXTRA,
    MAY_PEND,
    NEW_ITEM,
    PRORATION,
    SETTINGS,
    change_of,
    check_currency,
    check_terms,
    item_wishes,
    terms_of,
)
from sandbox.resuming import resume_paused
from sandbox.routing import PAGING, Call, endpoint, retrieve
from sandbox.types import Obj, Params
from sandbox.updating import check_changeable, make_change
from sandbox.validation import (
    Choice,
    Either,
    Flag,
    Hash,
    Listed,
    Span,
    Text,
    Timestamp,
    Whole,
    merge_metadata,
    needed,
    unset,
)

STATUSES = ("active", "all", "canceled", "ended", "incomplete", "incomplete_expired", "past_due", "paused", "trialing")


@endpoint(
    "POST",
    "/v1/subscriptions",
    add_invoice_items=EXTRA,
    backdate_start_date=Timestamp(),
    billing_cycle_anchor=Timestamp(),
    billing_cycle_anchor_config=ANCHOR_CONFIG,
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
    items=needed(Listed(each=Hash(fields=NEW_ITEM), least=1, most=20)),
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


@endpoint(
    "POST",
    "/v1/subscriptions/{id}",
    add_invoice_items=EXTRA,
    billing_cycle_anchor=Choice(options=("now", "unchanged")),
    cancel_at=unset(Either(words=("max_period_end", "min_period_end"))),
    cancel_at_period_end=Flag(),
    cancellation_details=CANCELLATION,
    collection_method=Choice(options=("charge_automatically", "send_invoice")),
    days_until_due=Whole(least=0),
    default_payment_method=Text(),
    description=unset(Text(longest=500)),
    discounts=DISCOUNTS,
    items=Listed(each=CHANGED_ITEM, least=1, most=20),
    metadata=METADATA,
    off_session=Flag(),
    pause_collection=unset(
        Hash(
            fields={
                "behavior": needed(Choice(options=("keep_as_draft", "mark_uncollectible", "void"))),
                "resumes_at": Timestamp(),
            }
        )
    ),
    payment_behavior=CHANGE_BEHAVIOR,
    payment_settings=SETTINGS,
    proration_behavior=PRORATION,
    proration_date=Timestamp(),
    trial_end=Either(words=("now",)),
    trial_settings=TRIAL_SETTINGS,
)
def update_subscription(call: Call) -> Obj:
    account, params = call.account, call.params
    subscription = account.get("subscription", call.id)
    check_changeable(subscription, set(params))
    behavior = params.get("payment_behavior", "allow_incomplete")
    if behavior == "pending_if_incomplete" and (unfit := sorted(set(params) - MAY_PEND)):
        raise InvalidRequest(
            f"You cannot pass `{unfit[0]}` with `payment_behavior=pending_if_incomplete`.", param=unfit[0]
        )
    change = change_of(account, subscription, params)
    plain = plain_changes(account, subscription, params)
    account.change(subscription, event="customer.subscription.updated", **plain)
    if "cancel_at" in params or "cancel_at_period_end" in params:
        request_end(account, subscription, params)
    if change != Change(proration=change.proration, at=change.at):
        make_change(account, subscription, change, behavior=behavior)
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
    cancel_at = subscribing.cancel_time(params.get("cancel_at"), subscription["items"]["data"])
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
    proration_date=Timestamp(),
)
def resume_subscription(call: Call) -> Obj:
    return resume_paused(
        call.account,
        call.account.get("subscription", call.id),
        anchor=call.params.get("billing_cycle_anchor", "now"),
        proration=call.params.get("proration_behavior", "create_prorations"),
        at=call.params.get("proration_date"),
    )


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
