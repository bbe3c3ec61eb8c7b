"""Events and their deliveries."""

from itertools import islice
from typing import Final

from django.http import Http404, HttpRequest, HttpResponse
from django.shortcuts import redirect
from django.views.decorators.http import require_POST, require_safe

from sandbox.account import Account
from sandbox.box import box
from sandbox.deliveries import Delivery
from sandbox.pages.acting import in_account
from sandbox.pages.lists import SIZE, contains, link_to, pager, search_of
from sandbox.pages.notes import leave_note
from sandbox.pages.rail import show_page
from sandbox.types import Obj

STATES: Final = ["held", "waiting", "delivered", "failed", "dropped"]
ORDERS: Final = {"created": "in order", "reversed": "reversed", "shuffled": "shuffled"}


@require_safe
@in_account
def events(request: HttpRequest, account: Account) -> HttpResponse:
    """List events, newest first, all or those whose type or object contains the query."""
    query, after = search_of(request), request.GET.get("after")
    start = account.events.position.get(after, len(account.events)) if after else len(account.events)
    older = (account.events.entries[at] for at in range(start - 1, -1, -1))
    matching = (event for event in older if contains(query, event.type, event.subject, event.id))
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
    """Endpoints, what is held, and the log of deliveries."""
    state, query, after = request.GET.get("state", ""), search_of(request), request.GET.get("after")
    rows = [
        row
        for row in newest_deliveries()
        if (not state or row.state == state)
        and (not query or contains(query, row.event.type, row.event.subject, row.url))
    ]
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
            "choices": state_choices(state, query=query),
            "state": state,
            "query": query,
            "keep": {"state": state} if state else {},
            "spoilt": any(box().chaos.deliveries.values()),
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
    unsent = not latest and delivery.state in ("dropped", "held")
    return delivery.as_json() | {"latest": latest, "tries": len(delivery.attempts), "unsent": unsent}


def state_choices(current: str, *, query: str) -> list[Obj]:
    """The filter above the log."""
    return [
        {"url": link_to(state=state, q=query), "label": state.capitalize() or "All", "current": state == current}
        for state in ("", *STATES)
    ]


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
    event_id = request.POST.get("event")
    response = redirect("dashboard-event", event_id) if event_id == found.event.id else redirect("dashboard-deliveries")
    response.status_code = 303
    return leave_note(response, text=f"{found.event.type} is on its way again.")
