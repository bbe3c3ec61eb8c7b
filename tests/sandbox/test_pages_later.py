"""Changes of a plan that the portal puts off to the end of the period (`schedule_at_period_end`)."""

import urllib.error
from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import Shelf, item_of
from tests.sandbox.visitor import Visitor
from tests.sandboxes import Json

CHEAPER, SHORTER = "decreasing_item_amount", "shortening_interval"


@pytest.fixture
def visitor(shelf: Shelf) -> Visitor:
    return Visitor(shelf.sandbox.url)


@pytest.fixture
def prices(shelf: Shelf) -> dict[str, str]:
    """By what they are beside the monthly 24.00."""

    def price(amount: int, interval: str) -> str:
        wish: Any = {"product": shelf.club, "currency": "eur", "unit_amount": amount}
        return shelf.sandbox.api.prices.create({**wish, "recurring": {"interval": interval}}).id

    return {
        "cheaper": price(900, "month"),
        "dearer": price(3900, "month"),
        "weekly": price(2500, "week"),
        "yearly": price(24000, "year"),
    }


def features(shelf: Shelf, prices: dict[str, str], *conditions: str) -> Any:
    update = {
        "enabled": True,
        "default_allowed_updates": ["price", "quantity", "promotion_code"],
        "proration_behavior": "always_invoice",
        "products": [
            {
                "product": shelf.club,
                "prices": [shelf.monthly, *prices.values()],
                "adjustable_quantity": {"enabled": True, "minimum": 1, "maximum": 4},
            }
        ],
        "schedule_at_period_end": {"conditions": [{"type": name} for name in conditions]},
    }
    return {"subscription_update": update, "subscription_cancel": {"enabled": True}}


def open_portal(shelf: Shelf, subscription: Json, prices: dict[str, str], *conditions: str) -> str:
    api = shelf.sandbox.api
    configuration = api.billing_portal.configurations.create({"features": features(shelf, prices, *conditions)}).id
    return api.billing_portal.sessions.create(
        {"customer": subscription["customer"], "configuration": configuration}
    ).url


def plan_of(shelf: Shelf, subscription: str) -> tuple[str, int]:
    item = item_of(shelf.subscription(subscription))
    return item["price"]["id"], item["quantity"]


def test_a_cheaper_plan_waits_for_the_period_that_was_paid(
    shelf: Shelf, visitor: Visitor, prices: dict[str, str]
) -> None:
    ada = shelf.subscribe()
    url = open_portal(shelf, ada, prices, CHEAPER)
    seen = visitor.open(f"{url}/{ada['id']}/change?price={prices['cheaper']}")
    for words in ("Due on", "€9.00", "Until then you keep your present plan. Your next payment is €9.00"):
        assert words in seen.text
    assert shelf.subscription(ada["id"])["schedule"] is None  # seen, not done
    home = visitor.follow(visitor.send(seen))
    assert "Changes to Club, €9.00 per month, on" in home.text
    waiting = shelf.subscription(ada["id"])
    assert plan_of(shelf, ada["id"]) == (shelf.monthly, 1)
    schedule = shelf.sandbox.api.subscription_schedules.retrieve(waiting["schedule"])
    assert [phase.start_date for phase in schedule.phases][1] == item_of(waiting)["current_period_end"]
    shelf.sandbox.advance("32d")
    assert plan_of(shelf, ada["id"]) == (prices["cheaper"], 1)
    bills = shelf.sandbox.api.invoices.list({"subscription": ada["id"]}).data
    assert [(bill.billing_reason, bill.amount_paid) for bill in bills] == [
        ("subscription_cycle", 900),
        ("subscription_create", 2400),
    ]
    shelf.sandbox.advance("62d")
    assert shelf.subscription(ada["id"])["schedule"] is None  # let go, and paid on
    assert shelf.sandbox.api.invoices.list({"subscription": ada["id"]}).data[0].amount_paid == 900


@pytest.mark.parametrize(
    ("conditions", "plan", "waits"),
    [
        ((), "cheaper", False),
        ((SHORTER,), "cheaper", False),
        ((CHEAPER,), "dearer", False),
        ((CHEAPER,), "weekly", False),
        ((SHORTER,), "weekly", True),
        ((SHORTER, CHEAPER), "cheaper", True),
        ((SHORTER, CHEAPER), "yearly", False),
    ],
)
def test_a_change_waits_where_a_condition_holds(
    shelf: Shelf, prices: dict[str, str], conditions: tuple[str, ...], plan: str, waits: bool
) -> None:
    ada = shelf.subscribe()
    url = open_portal(shelf, ada, prices, *conditions)
    shelf.sandbox.in_portal(url, "switch_price", subscription=ada["id"], price=prices[plan])
    assert (plan_of(shelf, ada["id"])[0] == shelf.monthly) is waits
    assert bool(shelf.subscription(ada["id"])["schedule"]) is waits


def test_fewer_of_them_wait_with_their_code(shelf: Shelf, prices: dict[str, str]) -> None:
    api: Any = shelf.sandbox.api
    ada = shelf.subscribe()
    coupon = api.coupons.create({"percent_off": 50, "duration": "forever"}).id
    api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon}, "code": "KILN"})
    url = open_portal(shelf, ada, prices, CHEAPER)
    shelf.sandbox.in_portal(url, "switch_price", subscription=ada["id"], quantity=3)
    assert plan_of(shelf, ada["id"])[1] == 3  # more of them, at once
    wish = {"quantity": 2, "promotion_code": "KILN"}
    shelf.sandbox.in_portal(url, "switch_price", subscription=ada["id"], **wish)
    assert (plan_of(shelf, ada["id"])[1], shelf.subscription(ada["id"])["discounts"]) == (3, [])
    shelf.sandbox.advance("32d")
    assert plan_of(shelf, ada["id"])[1] == 2
    assert api.invoices.list({"subscription": ada["id"]}).data[0].amount_paid == 2400


def test_what_waits_is_kept_replaced_or_left_behind(shelf: Shelf, visitor: Visitor, prices: dict[str, str]) -> None:
    ada = shelf.subscribe()
    url = open_portal(shelf, ada, prices, CHEAPER)

    def switch(plan: str) -> None:
        shelf.sandbox.in_portal(url, "switch_price", subscription=ada["id"], price=prices[plan])

    switch("cheaper")
    first = shelf.subscription(ada["id"])["schedule"]
    assert "You keep your present plan." in visitor.follow(visitor.send(visitor.open(url), "keep")).text
    assert shelf.subscription(ada["id"])["schedule"] is None
    assert shelf.sandbox.api.subscription_schedules.retrieve(first).status == "released"
    with pytest.raises(urllib.error.HTTPError, match="400"):  # nothing waits any more
        shelf.sandbox.in_portal(url, "keep_plan", subscription=ada["id"])
    switch("cheaper")
    switch("dearer")
    assert (plan_of(shelf, ada["id"])[0], shelf.subscription(ada["id"])["schedule"]) == (prices["dearer"], None)
    switch("cheaper")
    shelf.sandbox.in_portal(url, "cancel", subscription=ada["id"])
    leaving = shelf.subscription(ada["id"])
    assert (leaving["schedule"], leaving["cancel_at"]) == (None, item_of(leaving)["current_period_end"])


def test_a_schedule_of_the_owners_keeps_the_portal_out(shelf: Shelf, visitor: Visitor, prices: dict[str, str]) -> None:
    ada = shelf.subscribe()
    shelf.sandbox.api.subscription_schedules.create({"from_subscription": ada["id"]})
    url = open_portal(shelf, ada, prices, CHEAPER)
    assert "cannot be changed here" in visitor.open(f"{url}/{ada['id']}/change").text
    with pytest.raises(urllib.error.HTTPError, match="400"):
        shelf.sandbox.in_portal(url, "keep_plan", subscription=ada["id"])
    assert shelf.subscription(ada["id"])["schedule"]


def test_conditions_are_named_kept_and_taken_away(shelf: Shelf, prices: dict[str, str]) -> None:
    api: Any = shelf.sandbox.api
    made = api.billing_portal.configurations.create({"features": features(shelf, prices, CHEAPER)})

    def conditions(configuration: Any) -> list[str]:
        rows = configuration.features.subscription_update.schedule_at_period_end.conditions
        return [row.type for row in rows]

    assert conditions(made) == [CHEAPER]
    kept = api.billing_portal.configurations.update(made.id, {"features": {"subscription_update": {"enabled": True}}})
    assert conditions(kept) == [CHEAPER]
    none: Any = {"subscription_update": {"schedule_at_period_end": {"conditions": ""}}}
    assert conditions(api.billing_portal.configurations.update(made.id, {"features": none})) == []
    with pytest.raises(stripe.InvalidRequestError, match="must be one of"):
        api.billing_portal.configurations.create({"features": features(shelf, prices, "full_moon")})
