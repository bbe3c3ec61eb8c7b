"""Monthly recurring revenue: what each subscription brings, as Stripe counts it."""

from datetime import UTC, datetime
from decimal import Decimal
from typing import Any

import pytest

from billing.insight.recurring import lines_of, to_minor_units

NOW = datetime(2026, 11, 1, tzinfo=UTC)
Json = dict[str, Any]


def price(amount: int | None = 2400, interval: str = "month", **more: Any) -> Json:
    recurring = {
        "interval": interval,
        "interval_count": more.pop("count", 1),
        "usage_type": more.pop("usage", "licensed"),
    }
    return {"product": "prod_1", "currency": "eur", "unit_amount": amount, "recurring": recurring, **more}


def sub(*prices: Json, quantity: int = 1, status: str = "active", discounts: tuple[Json, ...] = ()) -> Json:
    items = [{"price": found, "quantity": quantity} for found in prices]
    return {"status": status, "currency": "eur", "items": {"data": items}, "discounts": list(discounts)}


def discount(*, end: int | None = None, duration: str = "forever", **coupon: Any) -> Json:
    return {"end": end, "source": {"coupon": {"id": "c", "object": "coupon", "duration": duration, **coupon}}}


def cents(found: Json) -> int:
    return to_minor_units(sum(line.millionths for line in lines_of(found, now=NOW)))


@pytest.mark.parametrize(
    ("found", "expected"),
    [
        (sub(price()), 2400),
        (sub(price(), status="past_due"), 2400),
        (sub(price(), status="trialing"), 0),
        (sub(price(), status="unpaid"), 0),
        (sub(price(), status="canceled"), 0),
        (sub(price(), quantity=3), 7200),
        (sub(price(24000, "year")), 2000),
        (sub(price(10000, "year")), 833),
        (sub(price(3000, count=3)), 1000),
        (sub(price(700, "week")), 3044),  # 700 × 365.25 / 7 / 12 = 3043.75
        (sub(price(100, "day")), 3044),
        (sub(price(), price(1200, "year")), 2500),
        (sub(price(usage="metered")), 0),
        (sub(price(None, billing_scheme="tiered")), 0),
        (sub(price(1, unit_amount_decimal="0.5"), quantity=1000), 500),
        (sub(price(1000, transform_quantity={"divide_by": 10, "round": "up"}), quantity=11), 2000),
        (sub(price(1000, transform_quantity={"divide_by": 10, "round": "down"}), quantity=19), 1000),
        (sub({**price(), "currency": "usd"}), 0),
        (sub({**price(), "recurring": None}), 0),
        (sub(price(), discounts=(discount(percent_off=25.5),)), 1788),
        (sub(price(), discounts=(discount(percent_off=50, duration="once"),)), 2400),
        (sub(price(), discounts=(discount(percent_off=50, duration="repeating", end=1),)), 2400),
        (sub(price(), discounts=(discount(percent_off=50, duration="repeating", end=1_900_000_000),)), 1200),
        (sub(price(24000, "year"), discounts=(discount(amount_off=12000, currency="eur"),)), 1000),
        (sub(price(), price(1200), discounts=(discount(amount_off=600, currency="eur"),)), 3000),
        (sub(price(), discounts=(discount(amount_off=9999, currency="eur"),)), 0),
        (sub(price(), discounts=(discount(amount_off=600, currency="usd"),)), 2400),
        (sub(price(), discounts=(discount(percent_off=50), discount(percent_off=50))), 600),
        (sub(price(), discounts=(discount(percent_off=50, applies_to={"products": ["prod_2"]}),)), 2400),
        (sub(price(), discounts=("di_1",)), 2400),  # type: ignore[arg-type]  not expanded: not known
        (sub(), 0),
    ],
)
def test_what_a_subscription_brings_a_month(found: Json, expected: int) -> None:
    assert cents(found) == expected


def test_thirds_add_up_before_they_are_rounded() -> None:
    line = lines_of(sub(price(10000, "year")), now=NOW)[0]
    assert to_minor_units(line.millionths * 12) == 10000
    assert Decimal(line.millionths) / 1_000_000 == Decimal("833.333333")
