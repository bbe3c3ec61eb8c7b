"""Events, their deliveries, and the switches that spoil deliveries."""

from itertools import islice
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from sandbox.account import Account
from sandbox.box import box
from sandbox.deliveries import Delivery
from sandbox.pages.acting import in_account
from sandbox.pages.lists import SIZE, pager
from sandbox.pages.notes import leave_note
from sandbox.pages.rail import show_page
from sandbox.types import Obj

STATES: Final = ["held", "waiting", "delivered", "failed", "dropped"]
ORDERS: Final = {"created": "in order", "reversed": "reversed", "shuffled": "shuffled"}


@require_safe
@in_account
def events(request: HttpRequest, account: Account) -> HttpResponse:
    """List events, newest first, all or those whose type or object contains the query."""
    query, after = request.GET.get("q", "").strip().lower(), request.GET.get("after")
    start = account.events.position.get(after, len(account.events)) if after else len(account.events)
    older = (account.events.entries[at] for at in range(start - 1, -1, -1))
    matching = (event for event in older if query in event.type or query in event.subject.lower())
    rows = list(islice(matching, SIZE + 1))
    last = rows[SIZE - 1].id if len(rows) > SIZE else None
    context = {"events": rows[:SIZE], "query": query, **pager(request, last=last)}
    return show_page(request, "dashboard-events", "sandbox/dashboard/events.html", context)


@require_safe
@in_account
def event(request: HttpRequest, account: Account, event_id: str) -> HttpResponse:
    """One event with its payload and its deliveries."""
    found = account.events.get(event_id)
    if found is None:
        raise Http404("No such event.")
    rows = [delivery_row(row) for row in newest_deliveries() if row.event.id == event_id]
    context = {"event": found.as_json(), "deliveries": rows}
    return show_page(request, "dashboard-events", "sandbox/dashboard/event.html", context)


@require_safe
@in_account
def deliveries(request: HttpRequest, account: Account) -> HttpResponse:
    """Endpoints, switches, and the log of deliveries."""
    state, after = request.GET.get("state", ""), request.GET.get("after")
    rows = [row for row in newest_deliveries() if not state or row.state == state]
    ids = [row.id for row in rows]
    start = ids.index(after) + 1 if after in ids else 0
    shown = rows[start : start + SIZE]
    last = shown[-1].id if len(rows) > start + SIZE else None
    return show_page(
        request,
        "dashboard-deliveries",
        "sandbox/dashboard/deliveries.html",
        {
            "endpoints": account.list("webhook_endpoint"),
            "deliveries": [delivery_row(row) for row in shown],
            "choices": state_choices(state),
            "state": state,
            "chaos": chaos_fields(),
            "held": len(box().post.held()),
            "orders": ORDERS.items(),
            **pager(request, last=last),
        },
    )


def newest_deliveries() -> list[Delivery]:
    """The log, newest first."""
    return list(reversed(box().post.log.values()))


def delivery_row(delivery: Delivery) -> Obj:
    """One line of the log."""
    latest = delivery.attempts[-1] if delivery.attempts else None
    row = delivery.as_json()
    return row | {"latest": latest, "tries": len(delivery.attempts)}


def state_choices(current: str) -> list[Obj]:
    """The filter above the log."""
    choices = [{"url": f"?state={state}", "label": state.capitalize(), "current": state == current} for state in STATES]
    return [{"url": "?", "label": "All", "current": not current}, *choices]


def chaos_fields() -> Obj:
    """The switches as the form shows them: shares in percent, the delay as its two ends in seconds."""
    wishes = box().chaos.deliveries
    low, high = wishes.get("delay") or (0, 0)
    return {
        "drop": percent(wishes.get("drop")),
        "duplicate": percent(wishes.get("duplicate")),
        "delay_from": low,
        "delay_to": high,
        "reorder": bool(wishes.get("reorder")),
        "hold": bool(wishes.get("hold")),
        "on": any(wishes.values()),
    }


def percent(share: object) -> int:
    """A share from 0 to 1 as whole percents."""
    return round(float(str(share or 0)) * 100)


@require_POST
@in_account
def change_chaos(request: HttpRequest, account: Account) -> HttpResponse:
    """Set the switches; "Behave" clears them."""
    response = redirect("dashboard-deliveries")
    response.status_code = 303
    if request.POST.get("do") == "behave":
        box().chaos.configure({"deliveries": {}})
        return leave_note(response, text="Deliveries behave again.")
    try:
        wishes = read_chaos(request)
    except ValueError:
        return leave_note(response, text="Write shares from 0 to 100 and delays in seconds.", tone="bad")
    box().chaos.configure({"deliveries": wishes})
    return leave_note(response, text="Deliveries misbehave as you asked.")


def read_chaos(request: HttpRequest) -> Obj:
    """The switches that the form sent. Raises ValueError."""
    drop, duplicate = (float(request.POST.get(name) or 0) / 100 for name in ("drop", "duplicate"))
    low, high = (float(request.POST.get(name) or 0) for name in ("delay_from", "delay_to"))
    if not (0 <= drop <= 1 and 0 <= duplicate <= 1 and 0 <= low <= high <= 3600):
        raise ValueError("out of range")
    wishes: Obj = {"drop": drop, "duplicate": duplicate}
    if high:
        wishes["delay"] = [low, high]
    return wishes | {name: True for name in ("reorder", "hold") if request.POST.get(name)}


@require_POST
@in_account
def flush(request: HttpRequest, account: Account) -> HttpResponse:
    """Send what is held, in the order asked for."""
    response = redirect("dashboard-deliveries")
    response.status_code = 303
    order = request.POST.get("order", "created")
    sent = box().post.flush(order=order if order in ORDERS else "created")
    return leave_note(response, text=f"{len(sent)} held deliver{'ies are' if len(sent) != 1 else 'y is'} on the way.")


@require_POST
@in_account
def resend(request: HttpRequest, account: Account, delivery_id: str) -> HttpResponse:
    """Send one delivery again."""
    found = box().post.log.get(delivery_id)
    if found is None:
        raise Http404("No such delivery.")
    box().post.resend(found)
    response = redirect("dashboard-deliveries")
    response.status_code = 303
    return leave_note(response, text=f"{found.event.type} is on its way again.")
