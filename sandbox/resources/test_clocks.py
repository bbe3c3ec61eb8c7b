"""`/v1/test_helpers/test_clocks`: time of one's own for chosen customers."""

from sandbox.account import Account
from sandbox.clock import Timeline
from sandbox.customers import delete_customer
from sandbox.errors import InvalidRequest
from sandbox.periods import add_months, period_end
from sandbox.renewing import TERMINAL
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import DAY, Obj
from sandbox.validation import Text, Timestamp, needed


@endpoint("POST", "/v1/test_helpers/test_clocks", frozen_time=needed(Timestamp()), name=Text(longest=300))
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


@endpoint("POST", "/v1/test_helpers/test_clocks/{id}/advance", frozen_time=needed(Timestamp()))
def advance_clock(call: Call) -> Obj:
    """Send the clock on its way: it is `advancing` until everything due has happened, then `ready`."""
    account, clock = call.account, call.account.get("test_helpers.test_clock", call.id)
    to, line = call.params["frozen_time"], account.clocks[call.id]
    if clock["status"] != "ready":
        raise InvalidRequest("Test clock advancement underway - cannot perform modifications.")
    if to <= clock["frozen_time"]:
        raise InvalidRequest("The frozen_time must be later than the test clock's present time.", param="frozen_time")
    if to > (farthest := farthest_advance(account, clock)):
        raise InvalidRequest(
            "A test clock cannot be advanced by more than two intervals of its shortest subscription, or two years "
            f"where it has none: at most to {farthest}.",
            param="frozen_time",
        )
    line.target = to
    account.note(clock["id"], target=to)
    account.change(clock, status="advancing", status_details={"advancing": {"target_frozen_time": to}})
    account.emit("test_helpers.test_clock.advancing", clock)
    if account.wake:
        account.wake()
    return clock


def farthest_advance(account: Account, clock: Obj) -> int:
    """Two intervals of the clock's shortest subscription from its time; without one, two years."""
    now = int(clock["frozen_time"])
    ends = []
    for subscription in account.table("subscription").by("test_clock", clock["id"]):
        if subscription["status"] not in TERMINAL:
            for item in subscription["items"]["data"]:
                once = period_end(now, item["price"]["recurring"], anchor=now)
                ends.append(period_end(once, item["price"]["recurring"], anchor=now))
    return min(ends, default=add_months(now, 24))


@endpoint("DELETE", "/v1/test_helpers/test_clocks/{id}")
def delete_clock(call: Call) -> Obj:
    """Takes the clock's customers and their subscriptions with it."""
    account, clock = call.account, call.account.get("test_helpers.test_clock", call.id)
    with account.on(account.clocks[clock["id"]]):
        for customer in account.table("customer").by("test_clock", clock["id"]):
            delete_customer(account, customer)
    account.emit("test_helpers.test_clock.deleted", clock)
    del account.clocks[clock["id"]]
    account.remove(clock)
    return {"id": clock["id"], "object": "test_helpers.test_clock", "deleted": True}


retrieve("/v1/test_helpers/test_clocks/{id}", "test_helpers.test_clock")
listing("/v1/test_helpers/test_clocks", "test_helpers.test_clock", created=False)
