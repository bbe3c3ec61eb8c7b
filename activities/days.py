"""Whole days in the reader's time zone."""

from datetime import date, datetime, time, timedelta

from django.utils import timezone


def start_of(day: date) -> datetime:
    return datetime.combine(day, time.min, tzinfo=timezone.get_current_timezone())


def end_of(day: date) -> datetime:
    """The first moment of the next one."""
    return start_of(day) + timedelta(days=1)


def last_moment(until: datetime) -> datetime:
    """The last moment before an end: what ends at midnight was open through the day before, and until then is said."""
    return until - timedelta(microseconds=1)
