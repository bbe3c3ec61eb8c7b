"""Items of subscriptions: added, switched, taken away; each with its own period."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import DAY, Shelf, item_of


def test_items_come_and_go_and_switch_with_prorations(shelf: Shelf) -> None:
    subscription = shelf.subscribe()
    extra = shelf.sandbox.api.prices.create(
        {"product": shelf.course, "currency": "eur", "unit_amount": 600, "recurring": {"interval": "month"}}
    )
    added = shelf.sandbox.api.subscription_items.create({"subscription": subscription["id"], "price": extra.id})
    assert len(shelf.subscription(subscription["id"])["items"]["data"]) == 2
    dearer = shelf.sandbox.api.prices.create(
        {"product": shelf.club, "currency": "eur", "unit_amount": 4800, "recurring": {"interval": "month"}}
    )
    shelf.sandbox.advance("15d")
    item = item_of(subscription)["id"]
    shelf.sandbox.api.subscriptions.update(
        subscription["id"], {"items": [{"id": item, "price": dearer.id}, {"id": added.id, "deleted": True}]}
    )
    changed = shelf.subscription(subscription["id"])
    assert [row["price"]["id"] for row in changed["items"]["data"]] == [dearer.id]
    waiting = shelf.sandbox.api.invoice_items.list({"pending": True}).data
    assert [row.proration for row in waiting] == [True] * 4
    assert sorted(row.amount > 0 for row in waiting) == [False, False, True, True]
    shelf.sandbox.advance("20d")
    invoice = shelf.sandbox.api.invoices.retrieve(shelf.subscription(subscription["id"])["latest_invoice"])
    assert len(invoice.lines.data) == 5
    assert invoice.total == 4800 + sum(row.amount for row in waiting)


def test_another_interval_starts_a_period_and_bills_at_once(shelf: Shelf) -> None:
    subscription = shelf.subscribe()
    yearly = shelf.sandbox.api.prices.create(
        {"product": shelf.club, "currency": "eur", "unit_amount": 24000, "recurring": {"interval": "year"}}
    )
    shelf.sandbox.advance("10d")
    shelf.sandbox.api.subscriptions.update(
        subscription["id"], {"items": [{"id": item_of(subscription)["id"], "price": yearly.id}]}
    )
    invoice = shelf.sandbox.api.invoices.retrieve(shelf.subscription(subscription["id"])["latest_invoice"])
    assert invoice.billing_reason == "subscription_update"
    assert 24000 - 2400 < invoice.total < 24000
    assert invoice.status == "paid"


def test_twenty_five_items_are_read_in_pages(shelf: Shelf, ada: str) -> None:
    prices = monthly_prices(shelf, 25)
    made = shelf.sandbox.api.subscriptions.create(
        {"customer": ada, "items": [{"price": price} for price in prices[:20]]}
    )
    shelf.sandbox.api.subscriptions.update(made.id, {"items": [{"price": price} for price in prices[20:]]})
    shown = shelf.subscription(made.id)["items"]
    assert (len(shown["data"]), shown["has_more"]) == (20, True)
    rows = shelf.sandbox.api.subscription_items.list({"subscription": made.id, "limit": 10}).auto_paging_iter()
    assert [row.price.id for row in rows] == prices


def test_items_of_different_intervals_renew_on_their_own(shelf: Shelf, ada: str) -> None:
    yearly = shelf.sandbox.api.prices.create(
        {"product": shelf.course, "currency": "eur", "unit_amount": 24000, "recurring": {"interval": "year"}}
    )
    made = shelf.sandbox.api.subscriptions.create(
        {"customer": ada, "items": [{"price": shelf.monthly}, {"price": yearly.id}]}
    )
    shelf.sandbox.advance("32d")
    month, year = shelf.subscription(made.id)["items"]["data"]
    assert month["current_period_end"] < year["current_period_end"]
    newest = shelf.sandbox.api.invoices.list({"subscription": made.id}).data[0]
    assert newest.total == 2400


def test_an_item_s_change_is_prorated_within_its_period(shelf: Shelf) -> None:
    item = item_of(shelf.subscribe())
    with pytest.raises(stripe.InvalidRequestError, match="outside of current period"):
        shelf.sandbox.api.subscription_items.update(
            item["id"], {"quantity": 2, "proration_date": item["current_period_end"] + DAY}
        )
    assert shelf.sandbox.api.subscription_items.retrieve(item["id"]).quantity == 1


def test_an_item_gets_the_discount_that_it_was_asked_for(shelf: Shelf) -> None:
    subscription = shelf.subscribe()
    coupon = shelf.sandbox.api.coupons.create({"percent_off": 50, "duration": "forever"})
    shelf.sandbox.api.subscription_items.update(item_of(subscription)["id"], {"discounts": [{"coupon": coupon.id}]})
    shelf.sandbox.advance("32d")
    assert shelf.sandbox.api.invoices.list({"subscription": subscription["id"]}).data[0].total == 1200


def monthly_prices(shelf: Shelf, count: int) -> list[str]:
    wish: Any = {"product": shelf.club, "currency": "eur", "recurring": {"interval": "month"}}
    return [shelf.sandbox.api.prices.create({**wish, "unit_amount": 100 + n}).id for n in range(count)]


def test_a_request_names_twenty_items_at_most(shelf: Shelf, ada: str) -> None:
    api, items = shelf.sandbox.api, [{"price": price} for price in monthly_prices(shelf, 21)]
    made = api.subscriptions.create({"customer": ada, "items": [{"price": shelf.monthly}]})
    for attempt in (
        lambda: api.subscriptions.create({"customer": ada, "items": items}),  # type: ignore[typeddict-item]
        lambda: api.subscriptions.update(made.id, {"items": items}),  # type: ignore[typeddict-item]
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            attempt()
        assert (refused.value.http_status, refused.value.param) == (400, "items")


def test_a_subscription_in_classic_mode_has_twenty_items_at_most(shelf: Shelf, ada: str) -> None:
    api, prices = shelf.sandbox.api, monthly_prices(shelf, 21)
    items: Any = [{"price": price} for price in prices[:20]]
    made = api.subscriptions.create({"customer": ada, "items": items, "billing_mode": {"type": "classic"}})
    with pytest.raises(stripe.InvalidRequestError, match="at most 20 items"):
        api.subscription_items.create({"subscription": made.id, "price": prices[20]})
    assert len(api.subscription_items.list({"subscription": made.id, "limit": 100}).data) == 20
