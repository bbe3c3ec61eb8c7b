"""A trace of the scheduler: when scheduled work was last done. Lost with the cache, and back with the next beat."""

from datetime import datetime

from django.core.cache import cache

_KEY = "activities.heartbeat"


def beat(*, now: datetime) -> None:
    """`now` is real time."""
    cache.set(_KEY, now, timeout=None)


def last() -> datetime | None:
    beaten = cache.get(_KEY)
    return beaten if isinstance(beaten, datetime) else None
