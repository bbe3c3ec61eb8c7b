"""How often one visitor may make us ask Stripe."""

import hashlib
import time

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest

MINUTE = 60


def asks_too_often(request: HttpRequest, *, what: str, per_minute: int) -> bool:
    """Counts this request; whether its address made more than `per_minute` of them in this minute, in real time."""
    address = hashlib.sha256(get_adapter().get_client_ip(request).encode()).hexdigest()
    key = f"throttle:{what}:{int(time.time()) // MINUTE}:{address}"
    cache.add(key, 0, MINUTE)
    try:
        return cache.incr(key) > per_minute
    except ValueError:  # the minute ended in between
        return False
