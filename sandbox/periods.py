"""Calendar arithmetic of billing: months that keep the anchor's day, in UTC."""

import calendar
from datetime import UTC, datetime
from fractions import Fraction

from sandbox.types import DAY, Obj, Params


def add_months(at: int, months: int, *, day: int | None = None) -> int:
    """`at` plus months; the day is `day` (default that of `at`) or the month's last."""
    moment = datetime.fromtimestamp(at, UTC)
    total = moment.year * 12 + moment.month - 1 + months
    year, month = divmod(total, 12)
    last = calendar.monthrange(year, month + 1)[1]
    return int(moment.replace(year=year, month=month + 1, day=min(day or moment.day, last)).timestamp())


def period_end(start: int, recurring: Obj, *, anchor: int) -> int:
    """End of the period that begins at `start`; months fall on the day of `anchor`."""
    count = int(recurring["interval_count"])
    if recurring["interval"] in ("month", "year"):
        months = count * (12 if recurring["interval"] == "year" else 1)
        return add_months(start, months, day=datetime.fromtimestamp(anchor, UTC).day)
    return start + count * DAY * (7 if recurring["interval"] == "week" else 1)


def period_start(end: int, recurring: Obj, *, anchor: int) -> int:
    """Start of the period that ends at `end`."""
    count = int(recurring["interval_count"])
    if recurring["interval"] in ("month", "year"):
        months = count * (12 if recurring["interval"] == "year" else 1)
        return add_months(end, -months, day=datetime.fromtimestamp(anchor, UTC).day)
    return end - count * DAY * (7 if recurring["interval"] == "week" else 1)


def part_of_period(start: int, end: int, recurring: Obj) -> Fraction:
    """What share of a whole period lies between `start` and the billing date `end`."""
    return min(Fraction(1), Fraction(end - start, end - period_start(end, recurring, anchor=end)))


def next_day(after: int, wish: Params) -> int:
    """The first time after `after` that a `billing_cycle_anchor_config` names; what it leaves out is as now."""
    now = datetime.fromtimestamp(after, UTC)
    clock = {name: wish.get(name, getattr(now, name)) for name in ("hour", "minute", "second")}
    month, day = wish.get("month"), int(wish["day_of_month"])
    first = int(now.replace(day=1, month=month or now.month, **clock).timestamp())
    for step in range(25):
        at = add_months(first, step * (12 if month else 1), day=day)
        if at > after:
            return at
    raise AssertionError("every month has a last day")
