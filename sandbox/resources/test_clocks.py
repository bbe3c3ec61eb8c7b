"""`/v1/test_helpers/test_clocks`: time of one's own for chosen customers."""

from sandbox.clock import Timeline, run_due
from sandbox.customers import delete_customer
from sandbox.errors import InvalidRequest
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import DAY, Obj
from sandbox.validation import Text, Whole, needed


@endpoint("POST", "/v1/test_helpers/test_clocks", frozen_time=needed(Whole(least=0)), name=Text(longest=300))
def create_clock(call: Call) -> Obj:
    account = call.account
    clock = account.add(
        {
            "id": account.ids.make("clock"),
            "object": "test_helpers.test_clock",
            "created": account.main.now(),
            "deletes_after": account.main.now() + 30 * DAY,
            "frozen_time": call.params["frozen_time"],
            "livemode": False,
            "name": call.params.get("name"),
            "status": "ready",
            "status_details": {},
        },
        event="test_helpers.test_clock.created",
    )
    account.clocks[clock["id"]] = Timeline(frozen=clock["frozen_time"])
    return clock


@endpoint("POST", "/v1/test_helpers/test_clocks/{id}/advance", frozen_time=needed(Whole(least=0)))
def advance_clock(call: Call) -> Obj:
    """At Stripe this is asynchronous; here the clock is `ready` when the answer comes."""
    account, clock = call.account, call.account.get("test_helpers.test_clock", call.id)
    to = call.params["frozen_time"]
    if to <= clock["frozen_time"]:
        raise InvalidRequest("The frozen_time must be later than the test clock's present time.", param="frozen_time")
    timeline = account.clocks[clock["id"]]
    run_due(account, timeline, until=to)
    timeline.frozen = to
    account.change(clock, event="test_helpers.test_clock.ready", frozen_time=to)
    return clock


@endpoint("DELETE", "/v1/test_helpers/test_clocks/{id}")
def delete_clock(call: Call) -> Obj:
    """Takes the clock's customers and their subscriptions with it."""
    account, clock = call.account, call.account.get("test_helpers.test_clock", call.id)
    with account.on(account.clocks[clock["id"]]):
        for customer in [row for row in account.table("customer") if row.get("test_clock") == clock["id"]]:
            delete_customer(account, customer)
    account.emit("test_helpers.test_clock.deleted", clock)
    del account.clocks[clock["id"]]
    account.remove(clock)
    return {"id": clock["id"], "object": "test_helpers.test_clock", "deleted": True}


retrieve("/v1/test_helpers/test_clocks/{id}", "test_helpers.test_clock")
listing("/v1/test_helpers/test_clocks", "test_helpers.test_clock", created=False)
