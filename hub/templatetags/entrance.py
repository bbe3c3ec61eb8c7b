"""What the pages and mails of signing in say about codes and keys."""

import ipaddress

from django import template
from django.http import HttpRequest

from hub import codes
from hub.factors import factors_of
from hub.models import User

register = template.Library()


@register.simple_tag
def code_life() -> str:
    return f"{codes.LIFE.seconds // 60} minutes"


@register.simple_tag
def has_factor(user: User, kind: str) -> bool:
    return kind in factors_of(user)


@register.simple_tag
def is_bare_address(request: HttpRequest) -> bool:
    """Whether the site is visited by a number instead of a name: browsers make no passkeys for those."""
    host = request.get_host().rpartition(":")[0] or request.get_host()
    try:
        ipaddress.ip_address(host.strip("[]"))
    except ValueError:
        return False
    return True
