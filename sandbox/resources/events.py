"""`/v1/events`: newest first, thirty days back."""

import fnmatch
from collections.abc import Iterator

from sandbox.account import Account
from sandbox.box import box
from sandbox.errors import InvalidRequest, NotFound
from sandbox.events import RETENTION, Event
from sandbox.paging import page, within
from sandbox.routing import PAGING, Call, endpoint, unpublished_endpoint
from sandbox.types import Obj, Params
from sandbox.validation import Flag, Listed, Span, Text


@endpoint("GET", "/v1/events/{id}")
def retrieve_event(call: Call) -> Obj:
    return find_event(call.account, call.id).as_json()


def find_event(account: Account, event_id: str) -> Event:
    """Raises Stripe's 404, also for an event that is older than what Stripe keeps."""
    event = account.events.get(event_id)
    if event is None or event.arrived < account.main.now() - RETENTION:
        raise NotFound("event", event_id)
    return event


@unpublished_endpoint("POST", "/v1/events/{id}/retry", for_stripecli=Flag(), webhook_endpoint=Text(), account=Text())
def resend_event(call: Call) -> Obj:
    """`stripe events resend`: once more to the command lines that listen, or to one endpoint."""
    event = find_event(call.account, call.id)
    post = box().post
    if chosen := call.params.get("webhook_endpoint"):
        post.offer_to(call.account, event, endpoint=call.account.get("webhook_endpoint", chosen))
    else:
        post.offer_listeners(call.account, event)
    return event.as_json()


@endpoint(
    "GET",
    "/v1/events",
    **PAGING,
    created=Span(),
    delivery_success=Flag(),
    type=Text(),
    types=Listed(each=Text(), most=20),
)
def list_events(call: Call) -> Obj:
    params = call.params
    if params.get("type") and params.get("types"):
        raise InvalidRequest("You may only specify one of these parameters: type, types.", param="types")
    return page(rows(call.account, params), params=params, url="/v1/events")


def rows(account: Account, params: Params) -> Iterator[Obj]:
    """Events that pass the filters, in the direction of the page; only those shown are unpacked."""
    since = account.main.now() - RETENTION
    if not account.clocks:  # without them events are in the order of their times
        since = max(since, params.get("created", {}).get("gte", 0))
    log = account.events
    start, step, end = len(log.entries) - 1, -1, -1
    for name in ("starting_after", "ending_before"):
        if params.get(name):
            at = log.position.get(params[name])
            if at is None:
                raise NotFound("event", params[name], param=name)
            start = at - 1 if name == "starting_after" else at + 1
            step, end = (-1, -1) if name == "starting_after" else (1, len(log.entries))
    for at in range(start, end, step):
        event = log.entries[at]
        if event.arrived < since:
            if step < 0:
                return
            continue
        if passes(event, params):
            yield event.as_json()


def passes(event: Event, params: Params) -> bool:
    if params.get("type") and not fnmatch.fnmatchcase(event.type, params["type"]):
        return False
    if params.get("types") and event.type not in params["types"]:
        return False
    if "created" in params and not within(params["created"], event.created):
        return False
    wanted = params.get("delivery_success")
    return wanted is None or wanted == (not event.pending and not event.failed)
