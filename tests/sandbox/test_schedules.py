"""Subscription schedules: what is to come, when it comes, and how it ends."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import DAY, FAILS_LATER, Shelf
from tests.sandboxes import Json, Sandbox

MONTH = {"interval": "month", "interval_count": 1}


@pytest.fixture
def dearer(shelf: Shelf) -> str:
    wish: Any = {"product": shelf.club, "currency": "eur", "unit_amount": 3900, "recurring": {"interval": "month"}}
    return shelf.sandbox.api.prices.create(wish).id


def now(sandbox: Sandbox) -> int:
    return int(sandbox.get("/sandbox/clock")["now"])


def schedule_of(shelf: Shelf, customer: str, *phases: Json, **params: Any) -> Any:
    wish: Any = {"customer": customer, "phases": list(phases), **params}
    return shelf.sandbox.api.subscription_schedules.create(wish)


def look(shelf: Shelf, schedule: Any) -> Any:
    return shelf.sandbox.api.subscription_schedules.retrieve(schedule.id)


def prices_of(subscription: Json) -> list[str]:
    return [item["price"]["id"] for item in subscription["items"]["data"]]


def test_before_its_start_there_is_no_subscription(shelf: Shelf, ada: str) -> None:
    start = now(shelf.sandbox) + 5 * DAY
    made = schedule_of(shelf, ada, {"items": [{"price": shelf.monthly}]}, start_date=start)
    assert (made.status, made.subscription, made.current_phase) == ("not_started", None, None)
    assert not shelf.sandbox.api.subscriptions.list({"customer": ada, "status": "all"}).data
    assert [row.id for row in shelf.sandbox.api.subscription_schedules.list({"scheduled": True}).data] == [made.id]
    shelf.sandbox.advance("6d")
    after = look(shelf, made)
    assert (after.status, after.current_phase.start_date) == ("active", start)
    subscription = shelf.subscription(after.subscription)
    assert (subscription["status"], subscription["schedule"], subscription["created"]) == ("active", made.id, start)
    created = shelf.sandbox.api.events.list({"type": "customer.subscription.created"}).data[0]
    assert created.data.to_dict()["object"]["schedule"] == made.id
    begun = shelf.sandbox.api.events.list({"type": "subscription_schedule.updated"}).data[0].data.to_dict()
    assert begun["previous_attributes"] == {"current_phase": None, "status": "not_started", "subscription": None}
    assert not shelf.sandbox.api.subscription_schedules.list({"scheduled": True}).data


def test_phases_follow_one_another_with_the_renewals(shelf: Shelf, ada: str, dearer: str) -> None:
    made = schedule_of(
        shelf,
        ada,
        {"items": [{"price": shelf.monthly}], "duration": {"interval": "month", "interval_count": 2}},
        {"items": [{"price": dearer, "quantity": 2}], "duration": MONTH},
        start_date="now",
    )
    before = shelf.subscription(made.subscription)
    shelf.sandbox.advance("63d")
    after = shelf.subscription(made.subscription)
    assert prices_of(after) == [dearer]
    assert after["items"]["data"][0]["id"] == before["items"]["data"][0]["id"]
    bills = shelf.sandbox.api.invoices.list({"subscription": made.subscription}).data
    assert [bill.total for bill in bills] == [7800, 2400, 2400]
    shelf.sandbox.advance("31d")
    released = look(shelf, made)
    assert (released.status, released.released_subscription) == ("released", made.subscription)
    goes_on = shelf.subscription(made.subscription)
    assert (goes_on["status"], goes_on["schedule"], prices_of(goes_on)) == ("active", None, [dearer])
    assert {"subscription_schedule.expiring", "subscription_schedule.released"} <= set(shelf.events())


def test_a_phase_in_the_middle_of_a_period_prorates(shelf: Shelf, ada: str, dearer: str) -> None:
    begin = now(shelf.sandbox)
    made = schedule_of(
        shelf,
        ada,
        {"items": [{"price": shelf.monthly}], "end_date": begin + 10 * DAY},
        {"items": [{"price": dearer}], "proration_behavior": "always_invoice", "duration": MONTH},
        start_date="now",
    )
    item = shelf.subscription(made.subscription)["items"]["data"][0]
    shelf.sandbox.advance("11d")
    bill = shelf.sandbox.api.invoices.list({"subscription": made.subscription}).data[0]
    left = (item["current_period_end"] - begin - 10 * DAY) / (item["current_period_end"] - item["current_period_start"])
    assert [line.amount for line in bill.lines.data] == [-round(2400 * left), round(3900 * left)]


def test_a_schedule_may_end_its_subscription(shelf: Shelf, ada: str) -> None:
    made = schedule_of(
        shelf, ada, {"items": [{"price": shelf.monthly}], "duration": MONTH}, start_date="now", end_behavior="cancel"
    )
    shelf.sandbox.advance("32d")
    assert look(shelf, made).status == "completed"
    ended = shelf.subscription(made.subscription)
    assert (ended["status"], ended["ended_at"]) == ("canceled", made.phases[0].end_date)
    assert len(shelf.sandbox.api.invoices.list({"subscription": made.subscription}).data) == 1


def test_a_running_subscription_can_be_taken_over(shelf: Shelf, dearer: str) -> None:
    subscription = shelf.subscribe()
    api = shelf.sandbox.api
    made: Any = api.subscription_schedules.create({"from_subscription": subscription["id"]})
    period = subscription["items"]["data"][0]
    phase = made.phases[0]
    assert (made.status, made.subscription) == ("active", subscription["id"])
    assert (phase.start_date, phase.end_date) == (period["current_period_start"], period["current_period_end"])
    with pytest.raises(stripe.InvalidRequestError, match="already attached"):
        api.subscription_schedules.create({"from_subscription": subscription["id"]})
    wish: Any = {
        "phases": [
            {"items": [{"price": shelf.monthly}], "start_date": phase.start_date, "end_date": phase.end_date},
            {"items": [{"price": dearer}], "duration": MONTH},
        ]
    }
    changed = api.subscription_schedules.update(made.id, wish)
    assert len(changed.phases) == 2
    assert prices_of(shelf.subscription(subscription["id"])) == [shelf.monthly]
    shelf.sandbox.advance("32d")
    assert prices_of(shelf.subscription(subscription["id"])) == [dearer]


def test_changing_the_present_phase_takes_effect_at_once(shelf: Shelf, ada: str) -> None:
    made = schedule_of(shelf, ada, {"items": [{"price": shelf.monthly}], "duration": MONTH}, start_date="now")
    wish: Any = {
        "phases": [{"items": [{"price": shelf.monthly, "quantity": 3}], "duration": MONTH}],
        "proration_behavior": "none",
    }
    shelf.sandbox.api.subscription_schedules.update(made.id, wish)
    assert shelf.subscription(made.subscription)["items"]["data"][0]["quantity"] == 3
    moved: Any = {"phases": [{"items": [{"price": shelf.monthly}], "start_date": made.created - DAY}]}
    with pytest.raises(stripe.InvalidRequestError, match="start date of the current phase"):
        shelf.sandbox.api.subscription_schedules.update(made.id, moved)


@pytest.mark.parametrize("verb", ["cancel", "release"])
def test_a_schedule_is_cancelled_or_lets_go(shelf: Shelf, ada: str, verb: str) -> None:
    made = schedule_of(shelf, ada, {"items": [{"price": shelf.monthly}], "duration": MONTH}, start_date="now")
    act = getattr(shelf.sandbox.api.subscription_schedules, verb)
    assert act(made.id).status == {"cancel": "canceled", "release": "released"}[verb]
    assert shelf.subscription(made.subscription)["status"] == {"cancel": "canceled", "release": "active"}[verb]
    with pytest.raises(stripe.InvalidRequestError, match=f"You cannot {verb}"):
        act(made.id)


def test_an_ended_subscription_ends_its_schedule(shelf: Shelf, ada: str) -> None:
    phase = {"items": [{"price": shelf.monthly}], "duration": {"interval": "year"}}
    by_hand, unpaid = (schedule_of(shelf, ada, phase, start_date="now") for _ in range(2))
    shelf.sandbox.api.subscriptions.cancel(by_hand.subscription)
    assert look(shelf, by_hand).status == "canceled"
    shelf.sandbox.post(f"/sandbox/customers/{ada}/card", {"card": FAILS_LATER})
    shelf.sandbox.advance("45d")
    assert (look(shelf, unpaid).status, shelf.subscription(unpaid.subscription)["status"]) == ("canceled", "canceled")
    assert "subscription_schedule.aborted" in shelf.events()


def test_a_schedule_lives_in_its_customers_time(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    clock = api.test_helpers.test_clocks.create({"frozen_time": 1_800_000_000})
    customer = api.customers.create({"test_clock": clock.id})
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    made = schedule_of(
        shelf,
        customer.id,
        {"items": [{"price": shelf.monthly}], "default_payment_method": method.id},
        start_date=1_800_000_000 + 3 * DAY,
    )
    assert (made.status, made.created, made.test_clock) == ("not_started", 1_800_000_000, clock.id)
    shelf.sandbox.advance_clock(clock.id, to=1_800_000_000 + 4 * DAY)
    assert look(shelf, made).status == "active"


def test_discounts_trials_and_extras_belong_to_phases(shelf: Shelf, ada: str) -> None:
    coupon = shelf.sandbox.api.coupons.create({"percent_off": 50, "duration": "forever"}).id
    made = schedule_of(
        shelf,
        ada,
        {"items": [{"price": shelf.monthly}], "duration": {"interval": "week"}, "trial": True},
        {
            "items": [{"price": shelf.monthly}],
            "discounts": [{"coupon": coupon}],
            "add_invoice_items": [{"price": shelf.once}],
            "duration": MONTH,
        },
        start_date="now",
    )
    assert shelf.subscription(made.subscription)["status"] == "trialing"
    shelf.sandbox.advance("8d")
    bills = shelf.sandbox.api.invoices.list({"subscription": made.subscription}).data
    assert [bill.total for bill in bills] == [(2400 + 18000) // 2, 0]


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"phases": []}, "phases"),
        ({"phases": [{"items": [{"quantity": 2}]}]}, "phases[0][items][0][price]"),
        ({"phases": [{}, {}]}, "phases[0][duration]"),
        ({"phases": [{"duration": MONTH, "end_date": 4_000_000_000}]}, "phases[0]"),
        ({"phases": [{"end_date": 5}]}, "phases[0][end_date]"),
        ({"phases": [{"colour": "red"}]}, "phases[0][colour]"),
        ({"phases": [{"discounts": [{"coupon": "none"}]}]}, "phases[0][discounts][0][coupon]"),
    ],
)
def test_a_wrong_schedule_is_refused(shelf: Shelf, ada: str, params: dict[str, Any], param: str) -> None:
    items = {"items": [{"price": shelf.monthly}]}
    phases = [{**items, **phase} for phase in params["phases"]]
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        schedule_of(shelf, ada, *phases, start_date="now")
    assert refusal.value.param == param


def test_an_item_has_a_discount_for_as_long_as_its_phase_lasts(shelf: Shelf, ada: str) -> None:
    api = shelf.sandbox.api
    half = api.coupons.create({"percent_off": 50, "duration": "forever"}).id
    cheaper = {"items": [{"price": shelf.monthly, "discounts": [{"coupon": half}]}], "duration": MONTH}
    made = schedule_of(shelf, ada, cheaper, {"items": [{"price": shelf.monthly}]}, start_date="now")
    assert made.phases[0]["items"][0].discounts[0].coupon == half
    item = shelf.subscription(made.subscription)["items"]["data"][0]
    assert len(item["discounts"]) == 1
    shelf.sandbox.advance("32d")
    after = shelf.subscription(made.subscription)["items"]["data"][0]
    assert (after["id"], after["discounts"]) == (item["id"], [])
    assert [bill.total for bill in api.invoices.list({"subscription": made.subscription}).data] == [2400, 1200]


def test_a_coupon_that_is_gone_when_its_phase_begins_takes_nothing_off(shelf: Shelf, ada: str) -> None:
    api = shelf.sandbox.api
    half = api.coupons.create({"percent_off": 50, "duration": "forever"}).id
    later = {"items": [{"price": shelf.monthly, "discounts": [{"coupon": half}]}], "discounts": [{"coupon": half}]}
    first = {"items": [{"price": shelf.monthly}], "duration": MONTH}
    made = schedule_of(shelf, ada, first, later, start_date="now")
    api.coupons.delete(half)
    shelf.sandbox.advance("32d")
    assert [bill.total for bill in api.invoices.list({"subscription": made.subscription}).data] == [2400, 2400]


def test_a_change_of_a_schedule_tells_what_was_before(shelf: Shelf, ada: str) -> None:
    made = schedule_of(shelf, ada, {"items": [{"price": shelf.monthly}]}, start_date="now")
    shelf.sandbox.api.subscription_schedules.update(made.id, {"end_behavior": "cancel"})
    told = shelf.sandbox.api.events.list({"type": "subscription_schedule.updated"}).data[0].data.to_dict()
    assert told["previous_attributes"] == {"end_behavior": "release"}


def test_no_card_at_the_start_leaves_the_subscription_incomplete(shelf: Shelf) -> None:
    poor = shelf.sandbox.api.customers.create({"email": "dan@example.org"}).id
    made = schedule_of(shelf, poor, {"items": [{"price": shelf.monthly}]}, start_date=now(shelf.sandbox) + DAY)
    shelf.sandbox.advance("25h")
    assert shelf.subscription(look(shelf, made).subscription)["status"] == "incomplete"
    shelf.sandbox.advance("24h")
    assert look(shelf, made).status == "canceled"
