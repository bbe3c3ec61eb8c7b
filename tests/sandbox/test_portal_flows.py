"""The portal's flows: a coupon offered to stay, an update to confirm, prices to switch to."""

import urllib.error
from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import Shelf
from tests.sandboxes import Json


@pytest.fixture
def dearer(shelf: Shelf) -> str:
    wish: Any = {"product": shelf.club, "currency": "eur", "unit_amount": 3900, "recurring": {"interval": "month"}}
    return shelf.sandbox.api.prices.create(wish).id


def configuration_of(shelf: Shelf, prices: list[str], **update: Any) -> str:
    features: Any = {
        "subscription_cancel": {"enabled": True},
        "subscription_update": {
            "enabled": True,
            "default_allowed_updates": ["price"],
            "products": [{"product": shelf.club, "prices": prices}],
            **update,
        },
    }
    return shelf.sandbox.api.billing_portal.configurations.create({"features": features}).id


def open_flow(shelf: Shelf, subscription: Json, configuration: str, flow: Json | None = None) -> Any:
    wish: Any = {"customer": subscription["customer"], "configuration": configuration}
    return shelf.sandbox.api.billing_portal.sessions.create({**wish, "flow_data": flow} if flow else wish)


def cancelling(subscription: Json, coupon: str) -> Json:
    retention = {"type": "coupon_offer", "coupon_offer": {"coupon": coupon}}
    details = {"subscription": subscription["id"], "retention": retention}
    return {"type": "subscription_cancel", "subscription_cancel": details}


def confirming(subscription: Json, price: str, **more: Any) -> Json:
    item = {"id": subscription["items"]["data"][0]["id"], "price": price}
    details = {"subscription": subscription["id"], "items": [item], **more}
    return {"type": "subscription_update_confirm", "subscription_update_confirm": details}


def coupon_of(shelf: Shelf) -> str:
    return shelf.sandbox.api.coupons.create({"percent_off": 25, "duration": "forever"}).id


def test_who_takes_the_offer_stays_for_less(shelf: Shelf) -> None:
    subscription, coupon = shelf.subscribe(), coupon_of(shelf)
    session = open_flow(shelf, subscription, configuration_of(shelf, [shelf.monthly]), cancelling(subscription, coupon))
    assert session.flow.subscription_cancel.retention.coupon_offer.coupon == coupon
    after = shelf.sandbox.in_portal(session.url, "accept_offer")
    assert (after["cancel_at"], after["status"], len(after["discounts"])) == (None, "active", 1)
    shelf.sandbox.advance("32d")
    assert shelf.sandbox.api.invoices.list({"subscription": subscription["id"]}).data[0].total == 1800
    with pytest.raises(urllib.error.HTTPError, match="400"):
        shelf.sandbox.in_portal(session.url, "accept_offer")


def test_only_a_coupon_that_can_be_redeemed_is_offered(shelf: Shelf) -> None:
    subscription, configuration = shelf.subscribe(), configuration_of(shelf, [shelf.monthly])
    with pytest.raises(stripe.InvalidRequestError, match="No such coupon"):
        open_flow(shelf, subscription, configuration, cancelling(subscription, "none"))


def test_an_update_is_confirmed_with_its_discount(shelf: Shelf, dearer: str) -> None:
    subscription, coupon = shelf.subscribe(), coupon_of(shelf)
    configuration = configuration_of(shelf, [dearer], proration_behavior="none")
    flow = confirming(subscription, dearer, discounts=[{"coupon": coupon}])
    session = open_flow(shelf, subscription, configuration, flow)
    assert session.flow.subscription_update_confirm.discounts[0].coupon == coupon
    assert shelf.subscription(subscription["id"])["discounts"] == []
    after = shelf.sandbox.in_portal(session.url, "confirm_update")
    assert (after["items"]["data"][0]["price"]["id"], len(after["discounts"])) == (dearer, 1)
    shelf.sandbox.advance("32d")
    assert shelf.sandbox.api.invoices.list({"subscription": subscription["id"]}).data[0].total == 2925


@pytest.mark.parametrize("what", ["item", "price", "discount"])
def test_an_update_flow_names_what_is_there(shelf: Shelf, dearer: str, what: str) -> None:
    subscription = shelf.subscribe()
    flow = confirming(subscription, dearer)
    details = flow["subscription_update_confirm"]
    if what == "discount":
        details["discounts"] = [{"coupon": "none"}]
    else:
        details["items"][0][{"item": "id", "price": "price"}[what]] = "none"
    with pytest.raises(stripe.InvalidRequestError, match="No such"):
        open_flow(shelf, subscription, configuration_of(shelf, [dearer]), flow)


@pytest.mark.parametrize(
    ("update", "status", "totals"),
    [
        ({"proration_behavior": "always_invoice"}, "active", [1500, 2400]),
        ({"proration_behavior": "create_prorations"}, "active", [2400]),
        ({"billing_cycle_anchor": "now", "proration_behavior": "create_prorations"}, "active", [1500, 2400]),
    ],
)
def test_a_price_is_switched_as_the_configuration_says(
    shelf: Shelf, dearer: str, update: Json, status: str, totals: list[int]
) -> None:
    subscription = shelf.subscribe()
    session = open_flow(shelf, subscription, configuration_of(shelf, [dearer], **update))
    wish = {"subscription": subscription["id"], "price": dearer}
    after = shelf.sandbox.in_portal(session.url, "switch_price", **wish)
    assert (after["status"], after["items"]["data"][0]["price"]["id"]) == (status, dearer)
    bills = shelf.sandbox.api.invoices.list({"subscription": subscription["id"]}).data
    assert [bill.total for bill in bills] == totals


@pytest.mark.parametrize(("behavior", "status"), [("end_trial", "active"), ("continue_trial", "trialing")])
def test_switching_in_a_trial_ends_it_or_not(shelf: Shelf, dearer: str, behavior: str, status: str) -> None:
    subscription = shelf.subscribe(subscription_data={"trial_period_days": 7})
    configuration = configuration_of(shelf, [dearer], trial_update_behavior=behavior)
    session = open_flow(shelf, subscription, configuration)
    wish = {"subscription": subscription["id"], "price": dearer}
    assert shelf.sandbox.in_portal(session.url, "switch_price", **wish)["status"] == status


def test_a_configuration_offers_recurring_prices_of_their_product(shelf: Shelf) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="not a recurring price of the product"):
        configuration_of(shelf, [shelf.once])
    with pytest.raises(stripe.InvalidRequestError, match="No such price"):
        configuration_of(shelf, ["price_none"])
