"""How often one of the staff may have Stripe asked about the connection itself: its key, its endpoint, its portal."""

from django.http import HttpRequest

from hub.permissions import actor_of
from hub.throttling import happens_too_often

ASKED_PER_MINUTE = 10
TOO_OFTEN = "Stripe was asked many times in the last minute. Nothing was changed; wait a minute."


def is_asked_often(request: HttpRequest) -> bool:
    """Counts it."""
    return happens_too_often(str(actor_of(request).pk), what="connection", per_minute=ASKED_PER_MINUTE)
