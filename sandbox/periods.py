"""Calendar arithmetic of billing: months that keep the anchor's day, in UTC."""

import calendar
from datetime import UTC, datetime

from sandbox.types import DAY, Obj


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
