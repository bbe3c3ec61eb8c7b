"""A queued notice becomes a mail when it is sent: to the address of that moment, in the site's name."""

import hashlib
import re
from email.utils import formataddr, parseaddr
from functools import partial
from typing import Any
from urllib.parse import urlsplit

from django.apps import apps
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateparse import parse_datetime

from activities import links
from activities.models import Delivery
from activities.money import format_money
from activities.zones import zone_of

LONGEST_NAME = 40
LIKE_A_LINK = re.compile(r"[/\\:.@]|www", re.IGNORECASE)


def render(delivery: Delivery) -> EmailMultiAlternatives:
    """The message of one delivery, whose user and product are loaded. Its Message-ID is always the same."""
    site = _site()
    subject, text, html = _fill(delivery, context=_context(delivery, site=site))
    message = EmailMultiAlternatives(
        subject=subject,
        body=text,
        from_email=formataddr((site.name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1])),
        to=[delivery.user.email],
        reply_to=[site.support_email] if site.support_email else None,
        headers={"Message-ID": message_id(delivery.key), "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(html, "text/html")
    return message


def message_id(key: str) -> str:
    """One key, one Message-ID: a mail program that gets the same mail twice can tell."""
    host = urlsplit(settings.SITE_URL).hostname or "localhost"
    return f"<{hashlib.sha256(key.encode()).hexdigest()[:40]}@{host}>"


def text_on(colour: str) -> str:
    """White or black, whichever reads better on `#rrggbb`: always at least 4.5:1 (WCAG 2.2 §1.4.3)."""
    channels = (int(colour[start : start + 2], 16) / 255 for start in (1, 3, 5))
    red, green, blue = (c / 12.92 if c <= 0.04045 else ((c + 0.055) / 1.055) ** 2.4 for c in channels)
    luminance = 0.2126 * red + 0.7152 * green + 0.0722 * blue
    return "#ffffff" if luminance <= 0.179 else "#000000"


def _fill(delivery: Delivery, *, context: dict[str, Any]) -> tuple[str, str, str]:
    """Subject (one line: a name in it cannot begin a header), text and HTML, in the reader's time zone."""
    with timezone.override(zone_of(delivery.user.timezone)):
        subject = " ".join(render_to_string(f"email/{delivery.notice}.subject.txt", context).split())
        text = render_to_string(f"email/{delivery.notice}.txt", context).strip() + "\n"
        html = render_to_string(f"email/{delivery.notice}.html", context | {"subject": subject})
    return subject, text, html


def _site() -> Any:
    return apps.get_model("hub", "Site").load()


def _context(delivery: Delivery, *, site: Any) -> dict[str, Any]:
    user, product, told = delivery.user, delivery.product, delivery.context
    product_path = links.path_to("hub:product", product.slug) if product else ""
    to = partial(links.sign_in_by_code, email=user.email)
    return {
        "our_site": site,
        "site_url": settings.SITE_URL,
        "on_accent": text_on(site.accent),
        "user": user,
        "hello": _hello(user.short_name if user.name else ""),
        "zone": zone_of(user.timezone).key.replace("_", " "),
        "product": product,
        "open_url": to(next_path=product_path or "/"),
        "account_url": to(next_path=links.path_to("billing:account") or "/account/"),
        "console_url": to(next_path=links.path_to("hub:console") or "/"),
        "staff_url": to(next_path=links.path_to("hub:console_staff") or "/"),
        "role": told.get("role", ""),
        "words": told.get("words", ""),
        "reason": told.get("reason", ""),
        "failure": told.get("failure", ""),
        "step": told.get("step", ""),
        "keep_until": parse_datetime(told.get("keep_until", "")),
        "others": told.get("others", []),
        "trial_end": parse_datetime(told.get("trial_end", "")),
        "price_text": told.get("price_text", ""),
        "has_card": told.get("has_card", False),
        "amount": _money(told),
        "products": told.get("products", []),
    }


def _hello(name: str) -> str:
    """Whoever pays chooses a name, and whose mail it stands in: one that could pass for a link greets nobody."""
    return "Hello" if not name or len(name) > LONGEST_NAME or LIKE_A_LINK.search(name) else f"Hello {name}"


def _money(told: dict[str, Any]) -> str:
    return "" if told.get("amount") is None else format_money(told["amount"], told.get("currency", ""))
