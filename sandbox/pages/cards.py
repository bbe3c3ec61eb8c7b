"""The card form: what is typed, what is wrong with it, and which test cards are worth knowing."""

import re
from datetime import UTC, datetime
from typing import Final, NamedTuple

from django.http import QueryDict

from sandbox.cards import passes_luhn


class Hint(NamedTuple):
    """A test card and what it does."""

    number: str
    outcome: str


HINTS: Final = [
    Hint("4242 4242 4242 4242", "Payment succeeds"),
    Hint("4000 0025 0000 3155", "The bank asks for 3-D Secure"),
    Hint("4000 0000 0000 0002", "Declined"),
    Hint("4000 0000 0000 9995", "Declined: insufficient funds"),
    Hint("4000 0000 0000 0341", "First payment succeeds, later ones fail"),
    Hint("4000 0000 0000 0259", "Succeeds, then is disputed"),
    Hint("4000 0000 0000 5126", "Succeeds; its refund fails later"),
]
IBAN_HINTS: Final = [
    Hint("DE89 3704 0044 0532 0130 00", "Payment succeeds"),
    Hint("DE08 3704 0044 0532 0130 03", "Succeeds after three minutes"),
    Hint("DE62 3704 0044 0532 0130 01", "Fails"),
    Hint("DE78 3704 0044 0532 0130 04", "Fails after three minutes"),
]
SWAPS: Final = [
    Hint("4242424242424242", "4242: payments succeed"),
    Hint("4000000000000341", "0341: payments fail"),
    Hint("4000002500003155", "3155: the bank asks for 3-D Secure"),
    Hint("5555555555554444", "4444: a Mastercard that succeeds"),
]
EXPIRY = re.compile(r"^\s*(\d{1,2})\s*/?\s*(\d{2}|\d{4})\s*$")


def find_card_errors(typed: QueryDict, *, now: int) -> dict[str, str]:
    """What is wrong with the card fields, by field, before any bank is asked."""
    errors = {}
    number = re.sub(r"\D", "", typed.get("card", ""))
    if not number:
        errors["card"] = "Enter the card number."
    elif not passes_luhn(number):
        errors["card"] = "Your card number is incorrect."
    if message := expiry_error(typed.get("expiry", ""), now=now):
        errors["expiry"] = message
    if not re.fullmatch(r"\d{3,4}", typed.get("cvc", "").strip()):
        errors["cvc"] = "Enter the security code: three or four digits."
    return errors


def expiry_error(text: str, *, now: int) -> str:
    """What is wrong with an expiry such as ``12 / 34``, else nothing."""
    match = EXPIRY.match(text)
    if not match or not 1 <= int(match[1]) <= 12:
        return "Enter the expiry as month and year, such as 12 / 34."
    year, today = int(match[2]) % 100 + 2000, datetime.fromtimestamp(now, UTC)
    return "This card has expired." if (year, int(match[1])) < (today.year, today.month) else ""
