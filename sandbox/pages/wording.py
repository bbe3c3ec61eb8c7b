"""How amounts, intervals, times and states are written; also a template library."""

import json
from datetime import UTC, datetime
from typing import Any, Final

from django import template
from django.utils.html import format_html, format_html_join
from django.utils.safestring import SafeString

from sandbox.countries import COUNTRIES
from sandbox.currencies import written

register = template.Library()

TONES: Final = {
    "good": ["active", "succeeded", "paid", "complete", "won", "delivered", "enabled", "no_payment_required"],
    "info": ["trialing", "open", "processing", "under_review", "warning_under_review", "held"],
    "warn": [
        "past_due", "incomplete", "pending", "requires_action", "requires_payment_method", "requires_capture",
        "needs_response", "warning_needs_response", "paused", "partially_refunded", "unpaid", "waiting",
        "requires_confirmation", "disputed", "ends",
    ],
    "bad": ["failed", "lost", "uncollectible", "gave_up"],
}  # fmt: skip
TONE_OF: Final = {state: tone for tone, states in TONES.items() for state in states}


@register.filter
def money(amount: int | None, currency: str | None) -> str:
    """Write an amount of minor units in its currency: ``2400, "eur"`` is ``€24.00``."""
    if amount is None or not currency:
        return "–"
    return written(amount, currency)


@register.filter
def every(recurring: dict[str, Any] | None) -> str:
    """Write a price's interval: ``per month``, ``every 3 months``; nothing for a one-time price."""
    if not recurring:
        return ""
    count, interval = recurring.get("interval_count") or 1, recurring["interval"]
    return f"per {interval}" if count == 1 else f"every {count} {interval}s"


@register.filter
def price_text(price: dict[str, Any] | None) -> str:
    """Write a price in full: ``€24.00 per month``."""
    if not price:
        return "–"
    if price.get("unit_amount") is None:
        return "Amount varies"
    return f"{money(price['unit_amount'], price['currency'])} {every(price.get('recurring'))}".strip()


@register.filter
def coupon_text(coupon: dict[str, Any]) -> str:
    """Write what a coupon takes off, and for how long: ``25% off for 3 months``."""
    percent, months = coupon["percent_off"], coupon["duration_in_months"]
    off = f"{percent:g}%" if percent is not None else money(coupon["amount_off"], coupon["currency"])
    span = {
        "once": "your next payment",
        "forever": "every payment",
        "repeating": f"for {months} month{'s' if months != 1 else ''}",
    }[coupon["duration"]]
    return f"{off} off {span}"


@register.filter
def day(epoch: int | None) -> str:
    """Write the UTC day of an epoch: ``3 December 2026``."""
    if epoch is None:
        return "–"
    at = datetime.fromtimestamp(epoch, UTC)
    return f"{at.day} {at:%B %Y}"


@register.filter
def moment(epoch: float | None) -> SafeString | str:
    """Write an epoch as a machine-readable ``time`` element, to the minute, in UTC."""
    if epoch is None:
        return "–"
    at = datetime.fromtimestamp(epoch, UTC)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        at.isoformat(timespec="seconds"),
        f"{at:%A, %d %B %Y, %H:%M:%S} UTC",
        f"{at.day} {at:%b %Y, %H:%M}",
    )


@register.filter
def address_text(address: dict[str, Any]) -> str:
    """Write an address in one line: ``Ofenweg 1, 1010 Wien, Austria``."""
    place = " ".join(part for part in (address["postal_code"], address["city"]) if part)
    country = COUNTRIES.get(address["country"] or "", address["country"])
    return ", ".join(part for part in (address["line1"], address["line2"], place, address["state"], country) if part)


@register.filter
def words(state: str | None) -> str:
    """Write a Stripe enum value as words: ``past_due`` is ``Past due``."""
    return (state or "none").replace("_", " ").capitalize()


@register.filter
def pill(state: str | None) -> SafeString:
    """Show a state as a pill: a word, a dot and a tone, so that colour is never alone."""
    return format_html('<span class="pill" data-tone="{}">{}</span>', TONE_OF.get(state or "", "plain"), words(state))


@register.filter
def dotted(name: str) -> SafeString:
    """Let an event's name break at its dots alone."""
    return format_html_join(".", "{}<wbr>", ((part,) for part in name.split(".")))


@register.filter
def pretty_json(value: Any) -> str:
    """Write a value as indented JSON."""
    return json.dumps(value, indent=2, ensure_ascii=False)
