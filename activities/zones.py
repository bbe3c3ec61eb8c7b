"""Time zones by name, as people's browsers and profiles give them."""

from functools import cache
from zoneinfo import ZoneInfo, available_timezones

from django.utils import timezone

LONGEST = 64
# What a browser may say and nobody chooses from a list.
_NO_PLACES = ("Etc/", "SystemV/", "US/", "posix/", "right/")


def find_zone(name: str) -> ZoneInfo | None:
    """The zone of that name; None for "" and for whatever is no zone."""
    if not name or len(name) > LONGEST:
        return None
    try:
        return ZoneInfo(name)
    except (KeyError, ValueError, OSError):
        return None


def zone_of(name: str) -> ZoneInfo:
    """The zone of that name, or the site's own (TIME_ZONE)."""
    return find_zone(name) or ZoneInfo(timezone.get_default_timezone_name())


@cache
def places() -> list[str]:
    """What somebody may choose from, in order: "Africa/Abidjan" … "UTC"."""
    found = (name for name in available_timezones() if "/" in name and not name.startswith(_NO_PLACES))
    return [*sorted(found), "UTC"]
