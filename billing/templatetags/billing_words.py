"""Words for the owner's pages about Stripe."""

from datetime import datetime

from django import template

from hub.reasons import say

register = template.Library()


@register.filter
def in_words(reason: str, until: datetime | None) -> str:
    """The sentence for a reason code."""
    return say(reason, until=until)
