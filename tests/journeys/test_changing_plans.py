"""What is on a subscription: items added and removed, prices switched, products exchanged."""

from tests import cast
from tests.members import Member
from tests.shops import Json, Shop

PURCHASED, GRANTED, REMOVED = "product_purchased", "access_granted", "access_removed"
EACH_MONTH: Json = {"unit_amount": 900, "recurring": {"interval": "month"}}


def test_case_13_an_item_that_is_removed_ends_its_access_alone(shop: Shop, member: Member) -> None:
    glazing = cast.ProductFactory(name="Glazing")
    (extra,) = shop.sell(glazing, EACH_MONTH)
    subscription = member.subscribe(shop.monthly.price_id, extra.price_id)
    shop.deliver()
    assert member.has(shop.club)
    assert member.has(glazing)
    assert member.verbs("subscription_started") == ["subscription_started"]
    assert member.verbs(PURCHASED) == [PURCHASED, PURCHASED]

    item = next(item for item in subscription["items"]["data"] if item["price"]["id"] == extra.price_id)
    shop.sandbox.api.subscription_items.delete(item["id"])
    shop.deliver()
    assert member.has(shop.club)
    assert not member.has(glazing)
    assert member.steps(glazing) == [("", "active", "active"), ("active", "ended", "not_on_subscription")]
    assert member.steps(shop.club) == [("", "active", "active")]
    assert member.verbs(REMOVED, "subscription_cancelled", "subscription_ended") == [REMOVED]


def test_an_item_of_no_quantity_gives_nothing(shop: Shop, member: Member) -> None:
    glazing = cast.ProductFactory(name="Glazing")
    (extra,) = shop.sell(glazing, EACH_MONTH)
    subscription = member.subscribe(shop.monthly.price_id, extra.price_id)
    shop.deliver()
    item = next(item for item in subscription["items"]["data"] if item["price"]["id"] == extra.price_id)
    shop.sandbox.api.subscription_items.update(item["id"], {"quantity": 0})
    shop.deliver()
    assert not member.has(glazing)
    assert member.has(shop.club)


def test_case_14_another_price_of_the_same_product_is_no_gap_and_no_purchase(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    shop.advance("3d")
    until = member.row(subscription).period_end
    member.change(subscription, items=[{"id": subscription["items"]["data"][0]["id"], "price": shop.yearly.price_id}])
    row = member.row(subscription)
    assert row.data["items"]["data"][0]["price"]["id"] == shop.yearly.price_id
    assert row.period_end is not None
    assert until is not None
    assert row.period_end > until
    assert member.has(shop.club)
    assert member.states(shop.club) == ["active"]
    assert member.steps(shop.club) == [("", "active", "active"), ("active", "active", "active")]
    assert member.verbs() == ["member_added", PURCHASED, "subscription_started", GRANTED]
    page = member.account_page()
    assert "€240.00 a year" in page
    assert "€24.00 a month" not in page
    assert member.mails() == ["access"]


def test_case_15_another_product_ends_the_old_grant_and_starts_the_new_at_once(shop: Shop, member: Member) -> None:
    circle = cast.ProductFactory(name="Kiln Circle")
    (dearer,) = shop.sell(circle, {"unit_amount": 4900, "recurring": {"interval": "month"}})
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    member.change(subscription, items=[{"id": subscription["items"]["data"][0]["id"], "price": dearer.price_id}])
    assert not member.has(shop.club)
    assert member.has(circle)
    assert member.steps(shop.club)[-1] == ("active", "ended", "not_on_subscription")
    assert member.steps(circle) == [("", "active", "active")]
    learned = {row.learned_at for row in member.ledger(shop.club, circle)[-2:]}
    assert len(learned) == 1  # one transaction: nobody ever sees both or neither
    assert member.verbs("subscription_started", "subscription_ended") == ["subscription_started"]
    assert member.verbs(PURCHASED, GRANTED, REMOVED) == [PURCHASED, GRANTED, PURCHASED, REMOVED, GRANTED]
    assert member.mails() == ["access", "access"]
    assert "You have access to Kiln Circle." in member.letter("access")
    assert member.why(shop.club) == "not_on_subscription"

    member.change(subscription, items=[{"id": member.item(subscription), "price": shop.monthly.price_id}])
    assert member.has(shop.club)
    assert not member.has(circle)
    assert member.steps(shop.club)[-1] == ("ended", "active", "active")
    assert member.steps(circle)[-1] == ("active", "ended", "not_on_subscription")
    assert member.verbs(PURCHASED) == [PURCHASED, PURCHASED]
    assert member.mails() == ["access", "access"]


def test_case_17_a_subscription_of_25_items_is_read_to_its_end(shop: Shop, member: Member) -> None:
    last = cast.ProductFactory(name="The twenty-fifth")
    (extra,) = shop.sell(last, EACH_MONTH)
    foreign = shop.sandbox.api.products.create({"name": "Somebody else's"})
    others = [
        shop.sandbox.api.prices.create(
            {"product": foreign.id, "currency": "eur", "unit_amount": 100 + n, "recurring": {"interval": "month"}}
        ).id
        for n in range(24)
    ]
    shop.sandbox.post("/sandbox/settings", {"embedded_items": 10})
    subscription = member.subscribe(*others[:19])
    for price in [*others[19:], extra.price_id]:
        shop.sandbox.api.subscription_items.create({"subscription": subscription["id"], "price": price})
    listed = shop.sandbox.api.subscriptions.retrieve(subscription["id"])
    assert listed["items"].has_more
    shop.deliver()
    assert len(member.row(subscription).data["items"]["data"]) == 25
    assert member.has(last)
    assert member.steps(last) == [("", "active", "active")]
    assert member.verbs() == ["member_added", PURCHASED, "subscription_started", GRANTED]
    assert member.mails() == ["access"]

    items = shop.sandbox.api.subscription_items.list({"subscription": subscription["id"], "limit": 100}).data
    (twenty_fifth,) = (item.id for item in items if item.price.id == extra.price_id)
    shop.sandbox.api.subscription_items.delete(twenty_fifth)
    shop.deliver()
    assert not member.has(last)
    assert member.steps(last)[-1] == ("active", "ended", "not_on_subscription")
    assert member.verbs(REMOVED, "subscription_ended") == [REMOVED]


def test_case_18_items_of_different_intervals_renew_each_at_its_own_time(shop: Shop, member: Member) -> None:
    circle = cast.ProductFactory(name="Kiln Circle")
    (by_year,) = shop.sell(circle, {"unit_amount": 30000, "recurring": {"interval": "year"}})
    subscription = member.subscribe(shop.monthly.price_id, by_year.price_id)
    shop.deliver()
    ends = {
        item["price"]["product"]: item["current_period_end"] for item in member.row(subscription).data["items"]["data"]
    }
    assert len(set(ends.values())) == 2
    earliest = member.row(subscription).period_end
    assert earliest is not None
    assert earliest.timestamp() == min(ends.values())
    assert {grant.product: grant.until.timestamp() for grant in member.grants() if grant.until} == {
        shop.club: min(ends.values()),
        circle: max(ends.values()),
    }
    shop.advance("33d")
    assert member.has(shop.club)
    assert member.has(circle)
    club, once_a_year = member.grants()
    assert club.until is not None
    assert once_a_year.until is not None
    assert club.until.timestamp() > min(ends.values())
    assert once_a_year.until.timestamp() == max(ends.values())
    assert member.steps(shop.club) == [("", "active", "active"), ("active", "active", "active")]
    assert member.steps(circle) == [("", "active", "active")]
    assert member.verbs("subscription_renewed", REMOVED) == ["subscription_renewed"]
    assert member.mails() == ["access", "access"]


def test_case_21_a_subscription_on_an_inline_price_gives_the_product(shop: Shop, member: Member) -> None:
    """Stripe does not list inline prices: what counts is the product on the item."""
    member.subscribe_to(
        {
            "price_data": {
                "currency": "eur",
                "product": shop.monthly.link.stripe_product,
                "unit_amount": 1700,
                "recurring": {"interval": "month"},
            }
        }
    )
    shop.deliver()
    assert member.has(shop.club)


def test_case_22_archived_prices_and_products_take_nothing_from_subscribers(shop: Shop, member: Member) -> None:
    subscription = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    api = shop.sandbox.api
    api.prices.update(shop.monthly.price_id, {"active": False})
    api.products.update(shop.monthly.link.stripe_product, {"active": False})
    shop.deliver()
    assert member.has(shop.club)
    shop.advance("32d")
    assert member.row(subscription).status == "active"
    assert member.has(shop.club)
    assert member.verbs(REMOVED) == []
