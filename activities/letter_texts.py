"""The words of the letters to members: plain text with a few names in braces, and no template language.

Both parts of a mail are made of them, and its subject: of ours that stand here, or of the owner's in their place.
"""

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from django.utils.html import escape, format_html_join
from django.utils.safestring import SafeString, mark_safe

from activities import notices

PLACEHOLDER = re.compile(r"\{([^{}\n]*)\}")
BUTTON = "button"
# What is drawn strong in the HTML part, and the marks between which it stands until it is escaped.
STRONG = frozenset({"product", "products", "trial_end", "trial_end_hour"})
BEGIN, END = "\x02", "\x03"
EVERYWHERE = {
    "product": "the product’s name",
    "site": "the site’s name",
    "email": "the reader’s address",
    "support": "the support address",
}


@dataclass(frozen=True, slots=True)
class Letter:
    """A letter that can be reworded. `placeholders` are its own; `sample` is told in a preview.

    `subject` and `body` are sent as they stand here until the owner's words take their place.
    """

    kind: str
    label: str
    when: str
    subject: str
    body: str
    placeholders: Mapping[str, str] = field(default_factory=dict)
    button: str = ""
    sample: Mapping[str, Any] = field(default_factory=dict)

    @property
    def known(self) -> dict[str, str]:
        """Every placeholder that may stand in it, and what comes in its place."""
        button = {BUTTON: f"the button “{self.button}”, on a line of its own"} if self.button else {}
        return {**button, **self.placeholders, **EVERYWHERE}


LETTERS = {
    letter.kind: letter
    for letter in (
        Letter(
            notices.ACCESS,
            "Access",
            "When a product opens for somebody.",
            "{product} is open for you",
            "You have access to {products}. {trial}\n\n{button}\n\nYou need no password: the page sends a code to this "
            "address ({email}). Type it in, and you are there.",
            {
                "products": "the names of all that opened in the same moment",
                "trial": "“It is a free trial until 3 May 2027.”, “It is open until 3 May 2027.” where it ends by "
                "itself, or nothing",
            },
            "Open {product}",
            {"trial_end": "2027-05-03T12:00:00+00:00"},
        ),
        Letter(
            notices.INVITATION,
            "Invitation",
            "When you add somebody by hand or from a file.",
            "You are invited to {site}",
            "{site} has an account for you. {what_is_open}\n\n{button}\n\nYou need no password: the page sends a "
            "code to this address ({email}). Type it in, and you are there.",
            {
                "what_is_open": "“This is open for you: Raku Weekend, Slip and Line.”, with the last day of what ends "
                "by itself, or nothing"
            },
            "Come in",
            {"products": ["Raku Weekend", "Slip and Line"]},
        ),
        Letter(
            notices.PAYMENT_FAILED,
            "Payment failed",
            "When a renewal is not paid and access goes on for now.",
            "Your payment for {product} did not go through",
            "Your payment {of_amount} for {product} did not go through. {failure}\n\n{grace} To keep your access, "
            "pay it from your account: if your bank wants you to confirm the payment, it asks you there. You can "
            "put in another card there too.\n\n{button}\n\nIf you have done so already, there is nothing more to do.",
            {
                "of_amount": "“of €24.00”, or nothing where the amount is not known",
                "amount": "“€24.00”",
                "failure": "why, in Stripe’s words, or nothing",
                "grace": "“You keep access while your card is tried again, until 17 May 2027 at the latest.”, or "
                "nothing",
            },
            "Pay or confirm",
            {
                "amount": 2400,
                "currency": "eur",
                "keep_until": "2027-05-17T12:00:00+00:00",
                "failure": "Your card was declined.",
            },
        ),
        Letter(
            notices.TRIAL_ENDING,
            "Trial ends soon",
            "Three days before a free trial ends.",
            "Your free trial of {product} ends on {trial_end}",
            "Your free trial of {product} ends on {trial_end_hour}.\n\n{what_then}\n\n{button}",
            {
                "trial_end": "“3 May 2027”",
                "trial_end_hour": "“3 May 2027, 14:00”",
                "price": "“€24.00 a month”",
                "what_then": "what is charged then, or that a card is missing",
            },
            "See your account",
            {"trial_end": "2027-05-03T12:00:00+00:00", "price_text": "€24.00 a month", "has_card": True},
        ),
        Letter(
            notices.ACCESS_ENDED,
            "Access ended",
            "When somebody loses access without having asked for it.",
            "Your access to {product} has ended",
            "Your access to {product} has ended. {reason}\n\nYour account stays, and so does your progress. "
            "{way_back}\n\n{button}",
            {
                "reason": "why, in a sentence, or nothing",
                "way_back": "“To come back, put in a card that works.”, or what else helps",
            },
            "See {product}",
            {"reason": "Your last payments failed.", "step": "account"},
        ),
        Letter(
            notices.PAYMENT_PENDING,
            "Payment on its way",
            "When somebody has bought, and the bank takes days.",
            "Your payment for {product} is on its way",
            "We have your order of {product} for {amount}.\n\nYour bank takes some days to pay: usually up to a week, "
            "rarely two. It opens by itself when the money has arrived, and an e-mail tells you so. You need not pay "
            "again.",
            {"amount": "“€180.00”"},
            sample={"amount": 18000, "currency": "eur"},
        ),
        Letter(
            notices.PAYMENT_BOUNCED,
            "Payment did not arrive",
            "When the bank did not pay in the end.",
            "Your payment for {product} did not arrive",
            "Your bank did not pay the {amount} for {product}, so this purchase opens nothing.\n\nYou owe nothing, and "
            "nothing more is tried. To have it after all, buy it once more, with a card or another account."
            "\n\n{button}",
            {"amount": "“€180.00”"},
            "See {product}",
            {"amount": 18000, "currency": "eur"},
        ),
    )
}


class Unknown(ValueError):
    """A name in braces that this letter does not know. `name` is it, as it was written."""

    def __init__(self, name: str) -> None:
        super().__init__(name)
        self.name = name


class Stray(ValueError):
    """A brace that stands around no name."""


def check(words: str, *, letter: Letter, with_button: bool) -> None:
    """Raises Unknown for the first name that is none of the letter's, and Stray for a brace that is left over."""
    for name in PLACEHOLDER.findall(words):
        if name not in letter.known or (name == BUTTON and not with_button):
            raise Unknown(name)
    if {"{", "}"} & set(PLACEHOLDER.sub("", words)):
        raise Stray


def fill(words: str, values: Mapping[str, str]) -> str:
    """Each name by what it stands for: once, so that what comes in is never read as a name."""
    return PLACEHOLDER.sub(lambda found: values.get(found[1], found[0]), words)


def as_text(body: str, values: Mapping[str, str]) -> str:
    """The plain part: paragraphs, without the gaps that an empty value leaves."""
    return "\n\n".join(_paragraphs(body, values))


def as_html(body: str, values: Mapping[str, str], *, button: SafeString) -> SafeString:
    """The HTML part: nothing that the owner or a value says is markup; `button` stands where its name does."""
    shown = {name: _marked(value) if name in STRONG else value for name, value in values.items() if name != BUTTON}
    parts: list[str] = []
    for paragraph in _paragraphs(body, shown):
        before, found, after = paragraph.partition(f"{{{BUTTON}}}")
        parts += [_lines(before), button if found else "", _lines(after)]
    whole = "".join(parts).replace(BEGIN, "<strong>").replace(END, "</strong>")
    return mark_safe(whole)  # noqa: S308  each part is escaped


def _marked(value: str) -> str:
    plain = value.replace(BEGIN, "").replace(END, "")
    return f"{BEGIN}{plain}{END}" if plain else ""


def _paragraphs(body: str, values: Mapping[str, str]) -> list[str]:
    found = (fill(paragraph, values) for paragraph in re.split(r"\n\s*\n", body.replace("\r\n", "\n").strip()))
    tidy = ("\n".join(" ".join(line.split()) for line in paragraph.splitlines()).strip() for paragraph in found)
    return [paragraph for paragraph in tidy if paragraph]


def _lines(words: str) -> SafeString:
    lines = [escape(line) for line in words.strip().splitlines()]
    if not lines:
        return SafeString("")
    whole = format_html_join(SafeString("<br>"), "{}", ((line,) for line in lines))
    return format_html_join("", '<p style="margin: 0 0 14px;">{}</p>', [(whole,)])
