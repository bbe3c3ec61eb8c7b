"""When a subscription's periods begin, what a first one that is no whole one costs, and named ends."""

import calendar
from datetime import UTC, datetime
from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import DAY, THANKS, Shelf
from tests.sandboxes import Json, Sandbox


def now(sandbox: Sandbox) -> int:
    return int(sandbox.get("/sandbox/clock")["now"])


def subscribe(shelf: Shelf, customer: str, **params: Any) -> Any:
    wish: Any = {"customer": customer, "items": [{"price": shelf.monthly}], "expand": ["latest_invoice"], **params}
    return shelf.sandbox.api.subscriptions.create(wish)


def share_before(anchor: int, start: int) -> float:
    """How much of the month that ends at `anchor` lies after `start`."""
    moment = datetime.fromtimestamp(anchor, UTC)
    before = moment.month - 1 or 12
    year = moment.year - (moment.month == 1)
    first = moment.replace(year=year, month=before, day=min(moment.day, calendar.monthrange(year, before)[1]))
    return (anchor - start) / (anchor - int(first.timestamp()))


def test_a_later_anchor_makes_a_first_period_that_costs_its_share(shelf: Shelf, ada: str) -> None:
    anchor = now(shelf.sandbox) + 10 * DAY
    made = subscribe(shelf, ada, billing_cycle_anchor=anchor)
    item = made["items"].data[0]
    assert (made.billing_cycle_anchor, item.current_period_end) == (anchor, anchor)
    share = share_before(anchor, made.created)
    assert 0 < share < 1
    assert abs(made.latest_invoice.total - 2400 * share) <= 0.5
    shelf.sandbox.advance("11d")
    renewal = shelf.sandbox.api.invoices.retrieve(str(shelf.subscription(made.id)["latest_invoice"]))
    assert (renewal.total, renewal.created) == (2400, anchor)


def test_the_days_before_the_anchor_may_be_free(shelf: Shelf, ada: str) -> None:
    made = subscribe(shelf, ada, billing_cycle_anchor=now(shelf.sandbox) + 5 * DAY, proration_behavior="none")
    assert (made.status, made.latest_invoice.total) == ("active", 0)
    shelf.sandbox.advance("6d")
    bills = shelf.sandbox.api.invoices.list({"subscription": made.id}).data
    assert [bill.total for bill in bills] == [2400, 0]


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"billing_cycle_anchor": 1}, "in the future"),
        ({"billing_cycle_anchor": 32 * DAY}, "later than next natural billing date"),
        ({"billing_cycle_anchor": 5 * DAY, "billing_cycle_anchor_config": {"day_of_month": 5}}, "only specify one"),
        ({"billing_cycle_anchor_config": {"hour": 5}}, "billing_cycle_anchor_config\\[day_of_month\\]"),
    ],
)
def test_a_wrong_anchor_is_refused(shelf: Shelf, ada: str, params: dict[str, Any], words: str) -> None:
    ahead = params.get("billing_cycle_anchor", 0)
    if ahead > 1:
        params = {**params, "billing_cycle_anchor": now(shelf.sandbox) + ahead}
    with pytest.raises(stripe.InvalidRequestError, match=words):
        subscribe(shelf, ada, **params)


def test_an_anchor_may_be_a_day_of_the_month(shelf: Shelf, ada: str) -> None:
    today = datetime.fromtimestamp(now(shelf.sandbox), UTC)
    day = 5 if today.day != 5 else 6
    made = subscribe(
        shelf, ada, billing_cycle_anchor_config={"day_of_month": day, "hour": 12, "minute": 0, "second": 0}
    )
    anchor = datetime.fromtimestamp(made.billing_cycle_anchor, UTC)
    assert (anchor.day, anchor.hour, anchor.minute) == (day, 12, 0)
    assert today < anchor
    assert made.billing_cycle_anchor_config.day_of_month == day
    weekly: Any = {"product": shelf.club, "currency": "eur", "unit_amount": 100, "recurring": {"interval": "week"}}
    price = shelf.sandbox.api.prices.create(weekly).id
    with pytest.raises(stripe.InvalidRequestError, match="monthly and yearly"):
        subscribe(shelf, ada, items=[{"price": price}], billing_cycle_anchor_config={"day_of_month": 5})


@pytest.mark.parametrize("behavior", ["create_prorations", "none"])
def test_checkout_asks_for_the_share_alone(shelf: Shelf, behavior: Any) -> None:
    anchor = now(shelf.sandbox) + 10 * DAY
    data: Any = {"billing_cycle_anchor": anchor, "proration_behavior": behavior}
    wish: Any = {
        "mode": "subscription",
        "line_items": [{"price": shelf.monthly, "quantity": 1}],
        "subscription_data": data,
        "success_url": THANKS,
    }
    session = shelf.sandbox.api.checkout.sessions.create(wish)
    expected = 2400 * share_before(anchor, session.created) if behavior == "create_prorations" else 0
    assert abs((session.amount_total or 0) - expected) <= 0.5
    paid = shelf.sandbox.pay_session(session.id, email="ada@example.org")["session"]
    invoice = shelf.sandbox.api.invoices.retrieve(paid["invoice"])
    assert abs(invoice.amount_paid - expected) <= 1
    assert item_end(shelf.subscription(paid["subscription"])) == anchor
    late: Any = {**wish, "subscription_data": {"billing_cycle_anchor": anchor, "trial_period_days": 3}}
    with pytest.raises(stripe.InvalidRequestError, match="together with a trial"):
        shelf.sandbox.api.checkout.sessions.create(late)


def item_end(subscription: Json) -> int:
    return int(subscription["items"]["data"][0]["current_period_end"])


@pytest.mark.parametrize(("word", "pick"), [("min_period_end", min), ("max_period_end", max)])
def test_an_end_may_be_named_from_the_start(shelf: Shelf, ada: str, word: Any, pick: Any) -> None:
    yearly: Any = {"product": shelf.course, "currency": "eur", "unit_amount": 100, "recurring": {"interval": "year"}}
    items = [{"price": shelf.monthly}, {"price": shelf.sandbox.api.prices.create(yearly).id}]
    made = subscribe(shelf, ada, items=items, cancel_at=word)
    ends = [item.current_period_end for item in made["items"].data]
    assert ends[0] != ends[1]
    assert made.cancel_at == pick(ends)
