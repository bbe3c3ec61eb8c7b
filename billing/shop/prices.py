"""Stripe's prices: in words, as an offer's columns, and which of them can be put on sale."""

from collections.abc import Iterable
from typing import Any

from django.utils.formats import date_format
from django.utils.timezone import localtime

from activities.money import format_money
from billing.stripe_objects import expanded, moment

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


def words_of(price: Json) -> str:
    """A Stripe price with its nickname: "€24.00 a month · for clubs"."""
    recurring = price.get("recurring") or {}
    text = describe_price(
        price.get("unit_amount"),
        price["currency"],
        interval=recurring.get("interval", ""),
        count=recurring.get("interval_count", 1),
    )
    return f"{text} · {price['nickname']}" if price.get("nickname") else text


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


def describe_discounts(discounts: Iterable[Any]) -> str:
    """ "less 50 %", "less €5.00 until 3 March 2027", "less 100 % on the next invoice"; empty where there is none.

    Stripe's discounts with their coupons expanded.
    """
    return " and ".join(words for discount in discounts if (words := _describe_discount(discount)))


def _describe_discount(discount: Any) -> str:
    source = (expanded(discount) or {}).get("source") or {}
    coupon = expanded(source.get("coupon"))
    if coupon is None:
        return ""
    if coupon.get("percent_off") is not None:
        less = f"less {coupon['percent_off']:g}\N{NO-BREAK SPACE}%"
    else:
        less = f"less {format_money(coupon.get('amount_off') or 0, coupon.get('currency') or '')}"
    if coupon.get("duration") == "once":
        return f"{less} on the next invoice"
    end = moment(discount.get("end"))
    return f"{less} until {date_format(localtime(end), 'j F Y')}" if end else less
