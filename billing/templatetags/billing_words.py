"""Words for the owner's pages about Stripe."""

from datetime import datetime
from typing import Any

from django import template

from billing.connection import active_connection
from billing.shop.counting import MANY
from billing.shop.prices import words_of
from hub.reasons import say

register = template.Library()


@register.filter
def in_words(reason: str, until: datetime | None) -> str:
    """The sentence for a reason code."""
    return say(reason, until=until)


@register.filter
def price_words(price: dict[str, Any]) -> str:
    """A Stripe price: "€24.00 a month"."""
    return words_of(price)


@register.filter
def many(count: int) -> str:
    """A count of live subscriptions, which goes no further than one more than MANY."""
    return f"More than {MANY:,}" if count > MANY else f"{count:,}"


@register.simple_tag
def stripe_mode() -> str:
    """ "live" or "test", as the account in use; empty where none is connected. One query."""
    used = active_connection()
    if used is None:
        return ""
    return "live" if used.livemode else "test"
