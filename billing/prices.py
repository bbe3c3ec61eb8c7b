"""Stripe's prices: in words, as an offer's columns, and which of them can be put on sale."""

from typing import Any

from activities.money import format_money

Json = dict[str, Any]
EVERY = {"day": "a day", "week": "a week", "month": "a month", "year": "a year"}


def describe_price(amount: int | None, currency: str, *, interval: str = "", count: int = 1) -> str:
    """ "€24.00 a month", "€60.00 every 3 months", "€180.00 once", "what you want to pay"."""
    money = "what you want to pay" if amount is None else format_money(amount, currency)
    if not interval:
        return f"{money} once" if amount is not None else money
    if count == 1:
        return f"{money} {EVERY.get(interval, f'a {interval}')}"
    return f"{money} every {count} {interval}s"


def offer_columns(price: Json) -> Json:
    """An offer's columns from a Stripe price."""
    recurring = price.get("recurring") or {}
    return {
        "amount": price.get("unit_amount"),
        "currency": price["currency"],
        "interval": recurring.get("interval", ""),
        "interval_count": recurring.get("interval_count", 1),
    }


def selectable(prices: list[Json]) -> list[Json]:
    """Those of the active ones that can be put on sale: not metered. The smallest amount first."""
    licensed = [price for price in prices if (price.get("recurring") or {}).get("usage_type", "licensed") == "licensed"]
    return sorted(licensed, key=lambda price: (price["currency"], price.get("unit_amount") or 0, price["id"]))
