"""What a product brings a month, while its subscribers come, change and go."""

from typing import Any

import pytest
from django.test import Client

from billing.insight.products import figures_of
from billing.models import RecurringLine
from tests.members import Member
from tests.shops import Json, Shop


def brings(shop: Shop) -> list[str]:
    return [str(money) for _, told in figures_of([shop.club.pk]) for money in told.monthly]


def price(shop: Shop, **about: Any) -> str:
    """A further price of the club's."""
    wish = {"product": shop.monthly.link.stripe_product, "currency": "eur", "unit_amount": 10_000, **about}
    return str(shop.sandbox.api.prices.create(wish).id)  # type: ignore[arg-type]


def subscribe(shop: Shop, *, status: str = "", discount: Json | None = None, **item: Any) -> Json:
    """Somebody new subscribes; Stripe then tells whatever else is so."""
    buyer = Member(shop, email=f"member{RecurringLine.objects.count()}{len(brings(shop))}@example.org")
    more: Json = {"discounts": [{"coupon": shop.sandbox.api.coupons.create(discount).id}]} if discount else {}  # type: ignore[arg-type]
    made = buyer.subscribe_to(item, **more)
    if status:
        shop.sandbox.set_fields(made["id"], emit="customer.subscription.updated", status=status)
    shop.deliver()
    return made


def test_it_follows_what_happens_at_stripe(shop: Shop, member: Member) -> None:
    assert brings(shop) == []
    made = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    assert brings(shop) == ["€24.00"]
    item = shop.sandbox.api.subscriptions.retrieve(made["id"])["items"].data[0].id
    shop.sandbox.api.subscriptions.update(
        made["id"], {"items": [{"id": item, "price": shop.yearly.price_id}], "proration_behavior": "none"}
    )
    shop.deliver()
    assert brings(shop) == ["€20.00"]
    shop.sandbox.api.subscriptions.cancel(made["id"])
    shop.deliver()
    assert brings(shop) == []
    assert not RecurringLine.objects.exists()


YEARLY = {"unit_amount": 120_000, "recurring": {"interval": "year"}}
QUARTERLY = {"unit_amount": 30_000, "recurring": {"interval": "month", "interval_count": 3}}
MONTHLY = {"unit_amount": 10_000, "recurring": {"interval": "month"}}


@pytest.mark.parametrize(
    ("about", "item", "status", "monthly"),
    [
        (YEARLY, {}, "", ["€100.00"]),
        (QUARTERLY, {}, "", ["€100.00"]),
        (MONTHLY, {"quantity": 3}, "", ["€300.00"]),
        (MONTHLY, {}, "trialing", []),
        (MONTHLY, {}, "past_due", ["€100.00"]),
        (MONTHLY, {}, "unpaid", []),
    ],
)
def test_case_73_each_price_counts_by_the_month_and_each_status_as_stripe_counts_it(
    shop: Shop, desk: Client, about: Json, item: Json, status: str, monthly: list[str]
) -> None:
    subscribe(shop, status=status, price=price(shop, **about), **item)
    assert brings(shop) == monthly
    page = desk.get("/console/products/").content.decode()
    assert ("€100.00" in page, "€300.00" in page) == (monthly == ["€100.00"], monthly == ["€300.00"])


@pytest.mark.parametrize(
    ("coupon", "monthly"),
    [
        ({"percent_off": 50, "duration": "forever"}, ["€50.00"]),
        ({"percent_off": 50, "duration": "once"}, ["€100.00"]),
    ],
)
def test_case_74_a_discount_counts_for_as_long_as_it_lasts(shop: Shop, coupon: Json, monthly: list[str]) -> None:
    subscribe(shop, discount=coupon, price=price(shop, **MONTHLY))
    assert brings(shop) == monthly


def test_case_74_a_repeating_discount_ends_with_its_last_month(shop: Shop) -> None:
    coupon = {"percent_off": 50, "duration": "repeating", "duration_in_months": 2}
    subscribe(shop, discount=coupon, price=price(shop, **MONTHLY))
    assert brings(shop) == ["€50.00"]
    shop.advance("32d")
    assert brings(shop) == ["€50.00"]
    shop.advance("62d")
    assert brings(shop) == ["€100.00"]


def test_case_75_two_currencies_are_two_figures(shop: Shop, desk: Client) -> None:
    subscribe(shop, price=price(shop, **MONTHLY))
    subscribe(shop, price=price(shop, **{**MONTHLY, "currency": "usd"}))
    assert brings(shop) == ["€100.00", "$100.00"]
    page = desk.get("/console/products/").content.decode()
    assert "€100.00" in page and "$100.00" in page and "200" not in page
