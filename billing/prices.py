"""Prices in words."""

from activities.money import format_money

EVERY = {"day": "a day", "week": "a week", "month": "a month", "year": "a year"}


def describe_price(amount: int | None, currency: str, *, interval: str = "", count: int = 1) -> str:
    """ "€24.00 a month", "€60.00 every 3 months", "€180.00 once", "what you want to pay"."""
    money = "what you want to pay" if amount is None else format_money(amount, currency)
    if not interval:
        return f"{money} once" if amount is not None else money
    if count == 1:
        return f"{money} {EVERY.get(interval, f'a {interval}')}"
    return f"{money} every {count} {interval}s"
