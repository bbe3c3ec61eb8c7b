"""Monthly recurring revenue, line by line: what each item of a subscription brings in a month.

By Stripe's own definition (https://docs.stripe.com/billing/subscriptions/analytics): subscriptions that are active
or past due, paused collection too; no trials, no taxes on top, no metered prices. Weeks and days are parts of a year of
365.25 days. Of discounts those of the whole subscription count that go on (forever, or repeating and not over); one
for a single invoice does not, and those of a single item are not known here. Tiered prices are not counted.
"""

from collections import Counter, defaultdict
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from decimal import ROUND_HALF_EVEN, Decimal
from typing import Any

from billing.models import RecurringLine, Subscription
from billing.stripe_objects import expanded, items_of, moment, sid

Json = dict[str, Any]
COUNTED = frozenset({"active", "past_due"})
A_YEAR = Decimal("365.25")
PER_MONTH = {"month": Decimal(1), "year": 1 / Decimal(12), "week": A_YEAR / 7 / 12, "day": A_YEAR / 12}
MILLION = 1_000_000


@dataclass(frozen=True, slots=True)
class Line:
    """`millionths` of the currency's minor unit, a month."""

    stripe_product: str
    currency: str
    millionths: int


def lines_of(sub: Json, *, now: datetime) -> list[Line]:
    """One for each item that brings something; none for a subscription that does not count."""
    if sub.get("status") not in COUNTED:
        return []
    monthly = [(item["price"], amount) for item in items_of(sub) if (amount := _a_month(item, sub=sub))]
    amounts = [amount for _, amount in monthly]
    for discount in sub.get("discounts") or []:
        amounts = _discounted([price for price, _ in monthly], amounts, discount, sub=sub, now=now)
    return [
        Line(sid(price.get("product")), sub["currency"], _whole(amount * MILLION))
        for (price, _), amount in zip(monthly, amounts, strict=True)
        if amount > 0
    ]


def write_lines(rows: Sequence[Subscription], *, now: datetime) -> None:
    """Brings the lines of these subscriptions up to date: one query, and three where one changed."""
    kept: dict[int, list[Line]] = defaultdict(list)
    for line in RecurringLine.objects.filter(subscription__in=rows):
        kept[line.subscription_id].append(Line(line.stripe_product, line.currency, line.millionths))
    found = {row.pk: lines_of(row.data, now=now) for row in rows}
    changed = [pk for pk, lines in found.items() if Counter(lines) != Counter(kept[pk])]
    if not changed:
        return
    RecurringLine.objects.filter(subscription__in=changed).delete()
    RecurringLine.objects.bulk_create(
        RecurringLine(
            subscription_id=pk,
            stripe_product=line.stripe_product,
            currency=line.currency,
            millionths=line.millionths,
        )
        for pk in changed
        for line in found[pk]
    )


def to_minor_units(millionths: int) -> int:
    """Rounded once, when it is shown."""
    return _whole(Decimal(millionths) / MILLION)


def _a_month(item: Json, *, sub: Json) -> Decimal:
    """In minor units of the subscription's currency; 0 for what does not count or is not known."""
    price = item.get("price") or {}
    recurring = price.get("recurring") or {}
    unit = price.get("unit_amount_decimal") or price.get("unit_amount")
    factor = PER_MONTH.get(recurring.get("interval", ""))
    if factor is None or recurring.get("usage_type") == "metered" or price.get("billing_scheme") == "tiered":
        return Decimal(0)
    if unit is None or price.get("currency") != sub["currency"]:
        return Decimal(0)
    quantity = _packages(item.get("quantity") or 0, price.get("transform_quantity"))
    return Decimal(unit) * quantity * factor / (recurring.get("interval_count") or 1)


def _packages(quantity: int, transform: Json | None) -> int:
    if not transform:
        return quantity
    whole, rest = divmod(quantity, int(transform["divide_by"]))
    return whole + 1 if rest and transform.get("round") == "up" else whole


def _discounted(
    prices: Sequence[Json], amounts: Sequence[Decimal], discount: Any, *, sub: Json, now: datetime
) -> list[Decimal]:
    coupon = expanded(((expanded(discount) or {}).get("source") or {}).get("coupon"))
    end = moment(discount.get("end")) if isinstance(discount, dict) else None
    if coupon is None or coupon.get("duration") == "once" or (end is not None and end <= now):
        return list(amounts)
    only = (coupon.get("applies_to") or {}).get("products")
    meant = [only is None or sid(price.get("product")) in only for price in prices]
    if coupon.get("percent_off") is not None:
        left = 1 - Decimal(str(coupon["percent_off"])) / 100
        return [amount * left if is_meant else amount for amount, is_meant in zip(amounts, meant, strict=True)]
    whole = sum((amount for amount, is_meant in zip(amounts, meant, strict=True) if is_meant), Decimal(0))
    if coupon.get("currency") != sub["currency"] or not whole:
        return list(amounts)
    recurring = prices[0]["recurring"]
    off = Decimal(coupon.get("amount_off") or 0) * PER_MONTH[recurring["interval"]] / recurring["interval_count"]
    left = max(1 - off / whole, Decimal(0))
    return [amount * left if is_meant else amount for amount, is_meant in zip(amounts, meant, strict=True)]


def _whole(amount: Decimal) -> int:
    return int(amount.to_integral_value(rounding=ROUND_HALF_EVEN))
