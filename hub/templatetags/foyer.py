"""Tags that every page uses: covers, icons, times, states."""

from collections.abc import Mapping
from datetime import datetime
from functools import cache
from typing import Any

from django import template
from django.template.defaultfilters import date as format_date
from django.urls import reverse
from django.utils.html import format_html
from django.utils.safestring import SafeString
from django.utils.timezone import localtime
from lucide.templatetags.lucide import lucide

from activities import clock
from activities.days import last_moment
from hub.access import Explanation, LedgerLine
from hub.covers import draw_cover
from hub.models import Product
from hub.overview import count_waiting
from hub.pictures.keeping import address_of, url_of_cover
from hub.pictures.preparing import COVER, LOGO

register = template.Library()

# State of an explanation or grant: tone, icon and word. Colour never speaks alone.
STATES: dict[str, tuple[str, str, str]] = {
    "open": ("good", "check", "Open"),
    "active": ("good", "check", "Active"),
    "ending": ("info", "calendar-clock", "Ending"),
    "grace": ("warn", "hourglass", "In grace"),
    "pending": ("info", "loader", "Pending"),
    "ended": ("", "circle-slash", "Ended"),
    "revoked": ("bad", "ban", "Taken back"),
    "deactivated": ("bad", "ban", "Deactivated"),
    "none": ("", "minus", "None"),
    "trialing": ("info", "hourglass", "Trial"),
    "past_due": ("warn", "triangle-alert", "Payment failed"),
    "invoice_due": ("warn", "receipt", "Invoice due"),
    "paused": ("info", "pause", "Paused"),
    "collection_paused": ("info", "pause", "Payments paused"),
    "unpaid": ("bad", "triangle-alert", "Unpaid"),
    "canceled": ("", "circle-slash", "Ended"),
    "paid": ("good", "check", "Paid"),
    "refunded": ("", "undo-2", "Refunded"),
    "partially_refunded": ("info", "undo-2", "Partly refunded"),
    "disputed": ("bad", "triangle-alert", "Disputed"),
    "failed": ("bad", "x", "Failed"),
    "draft": ("warn", "pencil", "Draft"),
    "live": ("good", "check", "Live"),
    "left": ("", "minus", "Left as it was"),
    "undoing": ("info", "undo-2", "Being undone"),
    "kept": ("warn", "minus", "Not undone"),
    "test": ("info", "flask-conical", "Test"),
    "off": ("", "circle-slash", "Off"),
    "archived": ("", "archive", "Archived"),
    "sells": ("good", "shopping-bag", "On sale"),
    "linked": ("info", "link", "Linked"),
    "partly": ("warn", "triangle-alert", "On sale in part"),
    "dead": ("bad", "unlink", "Cannot be bought"),
    "create": ("good", "plus", "New person"),
    "match": ("info", "user-check", "Known person"),
    "skip": ("", "minus", "Nothing to do"),
    "doubt": ("warn", "circle-question-mark", "In doubt"),
    "error": ("bad", "x", "Could not be read"),
    "ready": ("info", "list-checks", "Ready"),
    "running": ("info", "loader", "Running"),
    "stopped": ("warn", "pause", "Stopped"),
    "done": ("good", "check", "Done"),
    "undone": ("", "undo-2", "Undone"),
}


# The first mark found decides: Edge and Opera also say Chrome, Chrome also says Safari, Android also says Linux.
BROWSERS = (("Edg", "Edge"), ("OPR/", "Opera"), ("Firefox/", "Firefox"), ("FxiOS/", "Firefox"), ("Chrome/", "Chrome"),
            ("CriOS/", "Chrome"), ("Safari/", "Safari"))  # fmt: skip
SYSTEMS = (("iPhone", "iPhone"), ("iPad", "iPad"), ("Android", "Android"), ("Windows", "Windows"), ("Mac OS X", "Mac"),
           ("CrOS", "ChromeOS"), ("Linux", "Linux"))  # fmt: skip


@register.simple_tag
@cache
def icon(name: str, size: int = 20) -> str:
    """A Lucide icon, silent to screen readers: the words beside it speak."""
    return lucide(name, size=size, aria_hidden="true", focusable="false", stroke_width="1.9")  # type: ignore[no-any-return]


@register.inclusion_tag("parts/cover.html")
def cover(product: Product, place: str = "tile", *, titled: bool = True) -> dict[str, Any]:
    """The product's picture: the owner's, or one drawn from its hue. `place` keeps ids apart where it shows twice."""
    context = {"product": product, "name": f"{place}-{product.pk}", "titled": titled, "place": place}
    if product.cover_id:
        sizes = [(address_of(product.cover_id, purpose=COVER, side=side), side) for side in COVER.sides]
        return context | {"sizes": sizes, "src": sizes[1][0], "is_wide": place == "hero"}
    return context | {"drawing": draw_cover(hue=product.hue, seed=product.pk)}


@register.simple_tag(takes_context=True)
def logo(context: dict[str, Any], height: int) -> SafeString:
    """The owner's logo, else the drawn mark; the site's name stands beside it."""
    site = context["our_site"]
    if not site.logo_id:
        return format_html(
            '<img src="{}?{}" alt="" width="{}" height="{}">', reverse("hub:icon"), site.accent[1:], height, height
        )
    path = address_of(site.logo_id, purpose=LOGO, side=128)
    return format_html('<img class="logo" src="{}" alt="" height="{}">', path, height)


@register.simple_tag
def cover_url(product: Product) -> str:
    """Of the owner's picture at its largest, for whoever shows a link to the product elsewhere."""
    return url_of_cover(product)


@register.inclusion_tag("parts/pill.html")
def pill(state: str, word: str = "") -> dict[str, str]:
    tone, name, usual = STATES.get(state, ("", "circle", state.replace("_", " ").capitalize()))
    return {"tone": tone, "icon": name, "word": word or usual}


@register.simple_tag
def waiting_for_a_person() -> int:
    return count_waiting()


@register.simple_tag
def moment(at: datetime | None) -> SafeString | str:
    """ "3 Nov 2026, 09:12" in the reader's zone, the zone on hover."""
    return _time(at, "j M Y, H:i")


@register.simple_tag
def day(at: datetime | None) -> SafeString | str:
    """ "3 November 2026" in the reader's zone, the hour and zone on hover."""
    return _time(at, "j F Y")


@register.simple_tag
def last_day(until: datetime | None) -> SafeString | str:
    """The last open day before an end, written like `day`."""
    return _time(last_moment(until), "j F Y") if until else ""


@register.inclusion_tag("parts/time_left.html")
def time_left(why: Explanation) -> dict[str, Any]:
    """What is left of an end that is known: days, and in grace a bar over the whole of it."""
    if not why.access or why.until is None:
        return {"is_open": why.access, "until": None}
    left = max((why.until - clock.now()).days, 0)
    began = [line.true_at for line in why.ledger if line.to_state == "grace" and line.from_state != "grace"]
    total = max((why.until - began[-1]).days, left, 1) if began and why.state == "grace" else 0
    return {"is_open": True, "until": why.until, "left": left, "total": total}


@register.simple_tag
def part_of_day() -> str:
    hour = localtime(clock.now()).hour
    if 5 <= hour < 12:
        return "Good morning"
    return "Good afternoon" if 12 <= hour < 18 else "Good evening"


@register.simple_tag
def cause(line: LedgerLine, pages: Mapping[str, str]) -> SafeString | str:
    """What made a line, with the way to it; nothing more beside whoever of the staff it was."""
    if url := pages.get(line.made_by):
        beside = " · " if line.actor else ""
        return format_html('{}<a href="{}"><code class="break">{}</code></a>', beside, url, line.made_by)
    return "" if line.actor else format_html('<code class="break">{}</code>', line.cause)


@register.filter
def percent(done: int, total: int) -> int:
    return round(100 * done / total) if total else 0


@register.filter
def duration(minutes: int) -> str:
    """ "45 min", "2 h", "2 h 18 min"."""
    hours, rest = divmod(minutes, 60)
    parts = [f"{hours} h" if hours else "", f"{rest} min" if rest or not hours else ""]
    return " ".join(part for part in parts if part).replace(" ", "\N{NO-BREAK SPACE}")


@register.filter
def browser(user_agent: str) -> str:
    """ "Firefox on Linux" of a User-Agent header; what it does not say is left out."""
    name = next((name for mark, name in BROWSERS if mark in user_agent), "A browser")
    system = next((name for mark, name in SYSTEMS if mark in user_agent), "")
    return f"{name} on {system}" if system else name


def _time(at: datetime | None, form: str) -> SafeString | str:
    if at is None:
        return ""
    local = localtime(at)
    return format_html(
        '<time datetime="{}" title="{}">{}</time>',
        local.isoformat(timespec="seconds"),
        f"{format_date(local, 'l j F Y, H:i:s')} {local.tzname()}",
        format_date(local, form),
    )
