"""`/v1/subscription_schedules`."""

from typing import Any

from sandbox import schedules
from sandbox.account import Account
from sandbox.catalogue import price_of
from sandbox.changing import interval_of
from sandbox.coupons import Purchase, find_coupon
from sandbox.errors import InvalidRequest
from sandbox.paging import list_objects
from sandbox.periods import period_end
from sandbox.phases import (
    adopt_subscription,
    blank_phase,
    new_discount,
    new_extra,
    new_item,
    new_settings,
    shown_invoice_settings,
)
from sandbox.pricing import terms_in
from sandbox.renewing import TERMINAL
from sandbox.resources.schedule_fields import PHASE, SETTINGS
from sandbox.resources.shared_fields import (
    BILLING_MODE,
    METADATA,
)
from sandbox.resources.subscription_terms import PRORATION
from sandbox.routing import PAGING, Call, endpoint, retrieve
from sandbox.types import Obj, Params
from sandbox.validation import (
    Choice,
    Either,
    Flag,
    Listed,
    Span,
    Text,
    merge_metadata,
)

END = Choice(options=("cancel", "release"))


@endpoint(
    "POST",
    "/v1/subscription_schedules",
    billing_mode=BILLING_MODE,
    customer=Text(),
    default_settings=SETTINGS,
    end_behavior=END,
    from_subscription=Text(),
    metadata=METADATA,
    phases=Listed(each=PHASE, least=1, most=10),
    start_date=Either(words=("now",)),
)
def create_schedule(call: Call) -> Obj:
    account, params = call.account, call.params
    if params.get("from_subscription"):
        return adopt(account, params)
    if not params.get("customer"):
        raise InvalidRequest("Missing required param: customer.", code="parameter_missing", param="customer")
    if not params.get("phases"):
        raise InvalidRequest("Missing required param: phases.", code="parameter_missing", param="phases")
    customer = account.get("customer", params["customer"], param="customer")
    begins = params.get("start_date", "now")
    at = account.now() if begins == "now" else begins
    mode = (params.get("billing_mode") or {}).get("type", "flexible")
    flexible = {"proration_discounts": "included"} if mode == "flexible" else None
    schedule = schedules.new_schedule(
        account,
        customer,
        phases=new_phases(account, params["phases"], start=at, customer=customer["id"]),
        settings=new_settings(params.get("default_settings") or {}),
        billing_mode={"type": mode, "flexible": flexible},
        end_behavior=params.get("end_behavior", "release"),
        metadata=merge_metadata(None, params.get("metadata", {})),
    )
    account.emit("subscription_schedule.created", schedule)
    if at <= account.now():
        schedules.start(account, schedule)
    schedules.plan(account, schedule)
    return schedule


def adopt(account: Account, params: Params) -> Obj:
    """A schedule for a subscription that runs: one phase, which is its present period."""
    if unfit := sorted(set(params) - {"from_subscription", "expand", "metadata"}):
        raise InvalidRequest(f"You cannot set `{unfit[0]}` if `from_subscription` is set.", param=unfit[0])
    subscription = account.get("subscription", params["from_subscription"], param="from_subscription")
    if subscription["schedule"] or subscription["status"] in TERMINAL:
        why = "is already attached to a schedule" if subscription["schedule"] else f"is {subscription['status']}"
        raise InvalidRequest(f"The subscription {why}.", param="from_subscription")
    return adopt_subscription(account, subscription, metadata=merge_metadata(None, params.get("metadata", {})))


def new_phases(account: Account, wishes: list[Params], *, start: int, customer: str) -> list[Obj]:
    """Phases one after the other; each has an end or a length, the last one else lasts one period."""
    phases: list[Obj] = []
    for at, wish in enumerate(wishes):
        begins = phases[-1]["end_date"] if phases else start
        given = wish.get("start_date", begins)
        if (account.now() if given == "now" else given) != begins:
            raise InvalidRequest(
                "Each phase has to begin where the one before it ends.", param=f"phases[{at}][start_date]"
            )
        phase = new_phase(account, wish, start=begins, last=at + 1 == len(wishes), param=f"phases[{at}]")
        check_discounts(account, phase, customer=customer, param=f"phases[{at}]")
        phases.append(phase)
    return phases


def check_discounts(account: Account, phase: Obj, *, customer: str, param: str) -> None:
    """Raises Stripe's refusal of a coupon or code that is of no use today."""
    purchase = Purchase(phase["currency"], None, customer)
    owners = [(phase, param), *((item, f"{param}[items][{at}]") for at, item in enumerate(phase["items"]))]
    for owner, name in owners:
        for number, wish in enumerate(schedules.wished_discounts(owner)):
            if "discount" not in wish:
                find_coupon(account, wish, param=f"{name}[discounts][{number}]", purchase=purchase)


def new_phase(account: Account, wish: Params, *, start: int, last: bool, param: str) -> Obj:
    rows = wish["items"]
    prices = [price_of(account, row, param=f"{param}[items][{n}]", use="recurring") for n, row in enumerate(rows)]
    currency = wish.get("currency") or prices[0]["currency"]
    extras = wish.get("add_invoice_items") or []
    added = [price_of(account, row, param=f"{param}[add_invoice_items][{n}]") for n, row in enumerate(extras)]
    for price in [*prices, *added]:
        terms_in(account, price, currency)
    end = end_of(account, wish, prices[0], start=start, last=last, param=param)
    return {
        **blank_phase(currency),
        "add_invoice_items": [
            new_extra(price, row.get("quantity", 1)) for price, row in zip(added, extras, strict=True)
        ],
        "collection_method": wish.get("collection_method"),
        "default_payment_method": wish.get("default_payment_method"),
        "description": wish.get("description"),
        "discounts": [new_discount(entry) for entry in wish.get("discounts") or []],
        "end_date": end,
        "invoice_settings": shown_invoice_settings(wish.get("invoice_settings")),
        "items": [
            new_item(
                price["id"],
                row.get("quantity", 1),
                merge_metadata(None, row.get("metadata", {})),
                discounts=[new_discount(entry) for entry in row.get("discounts") or []],
            )
            for price, row in zip(prices, rows, strict=True)
        ],
        "metadata": merge_metadata(None, wish.get("metadata", {})),
        "proration_behavior": wish.get("proration_behavior", "create_prorations"),
        "start_date": start,
        "trial_end": end if wish.get("trial") else wish.get("trial_end"),
    }


def end_of(account: Account, wish: Params, price: Obj, *, start: int, last: bool, param: str) -> int:
    if wish.get("end_date") is not None and wish.get("duration"):
        raise InvalidRequest("You may only specify one of these parameters: duration, end_date.", param=param)
    if wish.get("end_date") is not None:
        end = account.now() if wish["end_date"] == "now" else int(wish["end_date"])
    elif wish.get("duration"):
        end = period_end(start, {"interval_count": 1, **wish["duration"]}, anchor=start)
    elif last:
        end = period_end(start, interval_of({"price": price}), anchor=start)
    else:
        raise InvalidRequest(
            f"Missing required param: {param}[duration].", code="parameter_missing", param=f"{param}[duration]"
        )
    if end < start:
        raise InvalidRequest("A phase cannot end before it begins.", param=f"{param}[end_date]")
    return end


@endpoint(
    "POST",
    "/v1/subscription_schedules/{id}",
    default_settings=SETTINGS,
    end_behavior=END,
    metadata=METADATA,
    phases=Listed(each=PHASE, least=1, most=10),
    proration_behavior=PRORATION,
)
def update_schedule(call: Call) -> Obj:
    """New phases replace the old ones; the present one, where it is changed, takes effect at once."""
    account, params = call.account, call.params
    schedule = account.get("subscription_schedule", call.id)
    if set(params) - {"metadata", "expand"}:
        schedules.refuse_over(schedule, verb="update")
    changes: dict[str, Any] = {}
    if "metadata" in params:
        changes["metadata"] = merge_metadata(schedule["metadata"], params["metadata"])
    if "end_behavior" in params:
        changes["end_behavior"] = params["end_behavior"]
    if "default_settings" in params:
        old = {**schedule["default_settings"], **schedule["default_settings"]["invoice_settings"]}
        changes["default_settings"] = new_settings({**old, **params["default_settings"]})
    if "phases" in params:
        start = first_start(account, schedule, params)
        changes["phases"] = new_phases(account, params["phases"], start=start, customer=schedule["customer"])
    before = {name: schedule[name] for name in (*changes, "current_phase")}
    account.change(schedule, **changes)
    if "phases" in params and schedule["status"] == "active":
        follow(account, schedule, proration=params.get("proration_behavior", "create_prorations"))
    changed = {name: old for name, old in before.items() if old != schedule[name]}
    account.emit("subscription_schedule.updated", schedule, before=changed)
    schedules.plan(account, schedule)
    return schedule


def first_start(account: Account, schedule: Obj, params: Params) -> int:
    """Where the new phases begin: a running one keeps its beginning."""
    begins = params["phases"][0].get("start_date")
    if schedule["status"] == "active" and begins not in (None, schedule["current_phase"]["start_date"]):
        raise InvalidRequest("You can not modify the start date of the current phase.", param="phases[0][start_date]")
    if schedule["status"] == "active":
        return int(schedule["current_phase"]["start_date"])
    first = begins if begins is not None else schedule["phases"][0]["start_date"]
    return account.now() if first == "now" else int(first)


def follow(account: Account, schedule: Obj, *, proration: str) -> None:
    phase = schedules.phase_at(schedule, account.now())
    if phase is None:
        schedules.finish(account, schedule)
        return
    account.change(schedule, current_phase=schedules.span(phase))
    schedules.make_phase(account, schedule, phase, proration=proration)


@endpoint("POST", "/v1/subscription_schedules/{id}/cancel")
def cancel_schedule(call: Call) -> Obj:
    return schedules.cancel(call.account, call.account.get("subscription_schedule", call.id))


@endpoint("POST", "/v1/subscription_schedules/{id}/release")
def release_schedule(call: Call) -> Obj:
    return schedules.release(call.account, call.account.get("subscription_schedule", call.id))


retrieve("/v1/subscription_schedules/{id}", "subscription_schedule")


@endpoint(
    "GET",
    "/v1/subscription_schedules",
    **PAGING,
    canceled_at=Span(),
    completed_at=Span(),
    created=Span(),
    customer=Text(),
    released_at=Span(),
    scheduled=Flag(),
)
def list_schedules(call: Call) -> Obj:
    bound = call.params.get("customer")
    return list_objects(
        call.account,
        "subscription_schedule",
        params=call.params,
        url="/v1/subscription_schedules",
        keep={"scheduled": lambda row, wanted: not wanted or row["status"] == "not_started"},
        also=lambda row: bool(bound) or row["test_clock"] is None,
    )
