"""How often one visitor, or one person, may make us do something that costs."""

import hashlib
import ipaddress
import time

from allauth.account.adapter import get_adapter
from django.core.cache import cache
from django.http import HttpRequest

MINUTE = 60
ONE_CUSTOMER = 64  # the bits of an IPv6 address that a provider gives away as one


def visitor_of(request: HttpRequest) -> str:
    """The visitor's network: an IPv4 address, or the first half of an IPv6 one."""
    address: str = get_adapter().get_client_ip(request)
    try:
        network = ipaddress.ip_network(f"{address}/{ONE_CUSTOMER}", strict=False) if ":" in address else address
    except ValueError:
        return address
    return str(network)


def happens_too_often(who: str, *, what: str, per_minute: int) -> bool:
    """Counts it; whether it happened more than `per_minute` times in this minute of real time."""
    name = hashlib.sha256(who.encode()).hexdigest()
    key = f"throttle:{what}:{int(time.time()) // MINUTE}:{name}"
    cache.add(key, 0, MINUTE)
    try:
        return cache.incr(key) > per_minute
    except ValueError:  # the minute ended in between
        return False
