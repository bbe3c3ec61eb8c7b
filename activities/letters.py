"""A queued notice becomes a mail when it is sent: to the address of that moment, in the site's name."""

import hashlib
import re
from datetime import datetime
from email.utils import formataddr, parseaddr
from functools import partial
from typing import Any
from urllib.parse import urlsplit
from uuid import uuid4

from django.apps import apps
from django.conf import settings
from django.core.mail import EmailMultiAlternatives
from django.template.loader import render_to_string
from django.utils import timezone
from django.utils.dateparse import parse_datetime
from django.utils.formats import date_format
from django.utils.safestring import mark_safe
from django.utils.text import get_text_list

from activities import links, notices
from activities.days import last_moment
from activities.letter_texts import BUTTON, LETTERS, Letter, as_html, as_text, fill
from activities.models import Delivery, LetterText
from activities.money import format_money
from activities.zones import zone_of

LONGEST_NAME = 40
LIKE_A_LINK = re.compile(r"[/\\:.@]|www", re.IGNORECASE)


def render(delivery: Delivery) -> EmailMultiAlternatives:
    """The message of one delivery, whose user and product are loaded. Its Message-ID is always the same."""
    site = _site()
    subject, text, html = fill_in(delivery, context=context_of(delivery, site=site))
    if delivery.context.get("is_test"):
        subject = f"Test: {subject}"
    message = EmailMultiAlternatives(
        subject=subject,
        body=text,
        from_email=sender_of(site),
        to=[delivery.to or delivery.user.email],
        reply_to=[site.support_email] if site.support_email else None,
        headers={"Message-ID": message_id(delivery.key), "Auto-Submitted": "auto-generated"},
    )
    message.attach_alternative(html, "text/html")
    return message


def sender_of(site: Any) -> str:
    """The owner's name for it, else the site's, with the address that mail goes out from."""
    return formataddr((site.sender_name or site.name, parseaddr(settings.DEFAULT_FROM_EMAIL)[1]))


def write(letter: Letter, *, subject: str, body: str, context: dict[str, Any]) -> tuple[str, str, str]:
    """Subject, text and HTML in these words: the owner's, or the letter's own."""
    values = _values(context)
    label, url = _way(letter, context)
    label = fill(label, values)
    values[BUTTON] = f"{label}:\n{url}" if url else ""
    title = " ".join(fill(subject, values).split())
    drawn = {"url": url, "label": label, **context}
    button = mark_safe(render_to_string("email/_button.html", drawn) if url else "")  # noqa: S308  a template of ours
    text = as_text(body, values)
    context = context | {
        "subject": title,
        "glimpse": text.partition("\n")[0],
        "text": text,
        "html": as_html(body, values, button=button),
    }
    return (
        title,
        render_to_string("email/letter.txt", context).strip() + "\n",
        render_to_string("email/letter.html", context),
    )


def sample(letter: Letter, *, user: Any, product: Any) -> Delivery:
    """A letter to this person as it might be, which is kept nowhere."""
    return Delivery(notice=letter.kind, user=user, product=product, context=dict(letter.sample), key="sample")


def queue_test(letter: Letter, *, user: Any, product: Any, now: datetime) -> None:
    """Sends them a sample of it, which says that it is one."""
    context = {**letter.sample, "is_test": True}
    notice = notices.Notice(
        kind=letter.kind, key=f"test:{uuid4()}", user_id=user.pk, product_id=product.pk, context=context
    )
    notices.queue([notice], now=now)


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


def fill_in(delivery: Delivery, *, context: dict[str, Any]) -> tuple[str, str, str]:
    """Subject (one line: a name in it cannot begin a header), text and HTML, in the reader's time zone."""
    with timezone.override(zone_of(delivery.user.timezone)):
        if letter := LETTERS.get(delivery.notice):
            words = LetterText.objects.filter(notice=delivery.notice).first() or letter
            return write(letter, subject=words.subject, body=words.body, context=context)
        subject = " ".join(render_to_string(f"email/{delivery.notice}.subject.txt", context).split())
        text = render_to_string(f"email/{delivery.notice}.txt", context).strip() + "\n"
        html = render_to_string(f"email/{delivery.notice}.html", context | {"subject": subject})
    return subject, text, html


def _site() -> Any:
    return apps.get_model("hub", "Site").load()


def context_of(delivery: Delivery, *, site: Any = None) -> dict[str, Any]:
    """What its templates and the owner's own words are filled with."""
    site = site or _site()
    user, product, told = delivery.user, delivery.product, delivery.context
    product_path = links.path_to("hub:product", product.slug) if product else ""
    to = partial(links.sign_in_by_code, email=user.email)
    return {
        "our_site": site,
        "site_url": settings.SITE_URL,
        "logo_url": _logo(site),
        "on_accent": text_on(site.accent),
        "user": user,
        "hello": _hello(user.short_name if user.name else ""),
        "zone": zone_of(user.timezone).key.replace("_", " "),
        "product": product,
        "open_url": to(next_path=product_path or "/"),
        "account_url": to(next_path=links.path_to("billing:account") or "/account/"),
        "console_url": to(next_path=links.path_to("hub:console") or "/"),
        "stripe_url": to(next_path=links.path_to("billing:console") or "/"),
        "staff_url": to(next_path=links.path_to("hub:console_staff") or "/"),
        "role": told.get("role", ""),
        "words": told.get("words", ""),
        "at": delivery.created_at,
        "before": told.get("before", ""),
        "after": told.get("after", ""),
        "reason": told.get("reason", ""),
        "failure": told.get("failure", ""),
        "step": told.get("step", ""),
        "keep_until": parse_datetime(told.get("keep_until", "")),
        "others": told.get("others", []),
        "ends_at": parse_datetime(told.get("ends_at", "")),
        "ends": {name: parse_datetime(at) for name, at in told.get("ends", {}).items()},
        "trial_end": parse_datetime(told.get("trial_end", "")),
        "price_text": told.get("price_text", ""),
        "has_card": told.get("has_card", False),
        "amount": _money(told),
        "products": told.get("products", []),
    }


def _way(letter: Letter, context: dict[str, Any]) -> tuple[str, str]:
    """What the letter's button says, with names in braces, and where it leads; empty where it has none."""
    account, open_url = context["account_url"], context["open_url"]
    match letter.kind, context["step"]:
        case (notices.PAYMENT_PENDING, _) | (notices.ACCESS_ENDED, "ask" | "wait"):
            return "", ""
        case notices.ACCESS_ENDED, "account" | "pay":
            return "To your account", account
        case notices.TRIAL_ENDING, _:
            return letter.button if context["has_card"] else "Add a card", account
        case notices.PAYMENT_FAILED, _:
            return letter.button, account
    return letter.button, open_url


def _values(context: dict[str, Any]) -> dict[str, str]:
    """What each name in braces stands for. A sentence that has nothing to say is empty."""
    site, name = context["our_site"], context["product"].name if context["product"] else ""
    trial, keep, opened = _last_day(context["trial_end"]), _last_day(context["keep_until"]), context["products"]
    return {
        "site": site.name,
        "support": site.support_email,
        "email": context["user"].email,
        "product": name,
        "products": get_text_list([name, *context["others"]], "and"),
        "what_is_open": _sentences(f"This is open for you: {', '.join(opened)}." if opened else "", _ends(context)),
        "trial": _sentences(f"It is a free trial until {trial}." if trial else "", _ends(context)),
        "trial_end": trial,
        "trial_end_hour": _day(context["trial_end"], form="j F Y, H:i"),
        "of_amount": f"of {context['amount']}" if context["amount"] else "",
        "amount": context["amount"],
        "failure": context["failure"],
        "grace": f"You keep access while your card is tried again, until {keep} at the latest." if keep else "",
        "price": context["price_text"],
        "what_then": _what_then(context),
        "reason": context["reason"],
        "way_back": _way_back(context),
    }


def _ends(context: dict[str, Any]) -> str:
    """The last day of what does not stay open. Of several things each is named."""
    ends, at = context["ends"], context["ends_at"]
    name = context["product"].name if context["others"] else "It"
    named = {**({name: at} if at else {}), **ends}
    return _sentences(*(f"{what} is open until {_last_day(until)}." for what, until in named.items()))


def _sentences(*found: str) -> str:
    return " ".join(sentence for sentence in found if sentence)


def _day(at: datetime | None, *, form: str = "j F Y") -> str:
    return date_format(timezone.localtime(at), form) if at else ""


def _last_day(until: datetime | None) -> str:
    return _day(last_moment(until)) if until else ""


def _what_then(context: dict[str, Any]) -> str:
    price = f" for {context['price_text']}" if context["price_text"] else ""
    if context["has_card"]:
        return f"Then it goes on{price}, paid with the card you gave. If you do not want that, cancel before then."
    return (
        f"There is no card to go on with. Add one before then, and it goes on{price}; without one, your access ends "
        "that day, and nothing is charged."
    )


def _way_back(context: dict[str, Any]) -> str:
    match context["step"]:
        case "account":
            return "To come back, put in a card that works."
        case "pay":
            return "To come back, pay the invoice: it is in your account."
        case "ask":
            return "If this is wrong, answer this e-mail." if context["our_site"].support_email else ""
        case "wait":
            return "There is nothing for you to do: it opens by itself when the trial is over."
    return "Should you want to come back, this is the way."


def _logo(site: Any) -> str:
    path = links.path_to("hub:picture", site.logo_id, 128, "png") if site.logo_id else ""
    return f"{settings.SITE_URL}{path}" if path else ""


def _hello(name: str) -> str:
    """Whoever pays chooses a name, and whose mail it stands in: one that could pass for a link greets nobody."""
    return "Hello" if not name or len(name) > LONGEST_NAME or LIKE_A_LINK.search(name) else f"Hello {name}"


def _money(told: dict[str, Any]) -> str:
    return "" if told.get("amount") is None else format_money(told["amount"], told.get("currency", ""))
