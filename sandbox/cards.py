"""Stripe's published test cards and bank debits, and what each does when it is charged."""

import re
from typing import Any

from sandbox.account import Account
from sandbox.addresses import full_address
from sandbox.errors import CardDeclined, InvalidRequest, NotFound
from sandbox.published_cards import CARDS, NAMED, Card
from sandbox.types import Obj

# Stripe's published test IBANs: what becomes of their debits, and how many seconds later.
IBAN = re.compile(r"[A-Z]{2}\d{2}[A-Z0-9]{11,30}")
IBANS = {
    "AT611904300234573201": ("succeed", 0),
    "AT321904300235473204": ("succeed", 180),
    "AT861904300235473202": ("fail", 0),
    "AT051904300235473205": ("fail", 180),
    "DE89370400440532013000": ("succeed", 0),
    "DE08370400440532013003": ("succeed", 180),
    "DE62370400440532013001": ("fail", 0),
    "DE78370400440532013004": ("fail", 180),
    "IT40S0542811101000000123456": ("succeed", 0),
    "IT60X0542811101000000123456": ("fail", 0),
}


def read_card(number: str) -> Card:
    """The test card of a number typed with or without spaces. Raises CardDeclined for any other number."""
    digits = "".join(letter for letter in number if letter.isdigit())
    card = CARDS.get(digits)
    if card is None:
        raise CardDeclined(
            "Your card number is incorrect."
            if not passes_luhn(digits)
            else "Your card was declined. Your request was "
            "in test mode, but used a non test card. For a list of valid test cards, visit: "
            "https://stripe.com/docs/testing.",
            code="incorrect_number" if not passes_luhn(digits) else "card_declined",
            decline_code=None if not passes_luhn(digits) else "test_mode_live_card",
        )
    return card


def passes_luhn(digits: str) -> bool:
    doubled = [int(digit) * (2 if at % 2 else 1) for at, digit in enumerate(reversed(digits))]
    return len(digits) >= 12 and sum(value - 9 if value > 9 else value for value in doubled) % 10 == 0


def decline(reason: tuple[str, str | None, str], **more: object) -> CardDeclined:
    code, decline_code, message = reason
    return CardDeclined(message, code=code, decline_code=decline_code, **more)


def billing_details(*, email: str | None = None, name: str | None = None) -> Obj:
    return {"address": full_address(), "email": email, "name": name, "phone": None, "tax_id": None}


def new_card_method(
    account: Account, number: str, *, email: str | None = None, name: str | None = None, method_id: str | None = None
) -> Obj:
    """A card PaymentMethod attached to nobody yet. Raises CardDeclined for a number that is no test card."""
    card = read_card(number)
    details = {
        "brand": card.brand,
        "checks": {"address_line1_check": None, "address_postal_code_check": None, "cvc_check": "pass"},
        "country": "US",
        "display_brand": card.brand,
        "exp_month": 12,
        "exp_year": 2034,
        "fingerprint": "Foyer" + card.number[-10:],
        "funding": card.funding,
        "generated_from": None,
        "last4": card.number[-4:],
        "networks": {"available": [card.brand], "preferred": None},
        "regulated_status": "unregulated",
        "three_d_secure_usage": {"supported": True},
        "wallet": None,
    }
    return _method(account, "card", details, email=email, name=name, method_id=method_id, number=card.number)


def new_debit_method(
    account: Account,
    kind: str,
    *,
    email: str | None = None,
    name: str | None = None,
    outcome: str = "succeed",
    iban: str = "DE89370400440532013000",
    settles: int | None = None,
) -> Obj:
    """A bank debit PaymentMethod whose payments settle or fail days, or `settles` seconds, later."""
    if kind == "us_bank_account":
        details: Obj = {
            "account_holder_type": "individual",
            "account_type": "checking",
            "bank_name": "STRIPE TEST BANK",
            "financial_connections_account": None,
            "fingerprint": "FoyerBank6789",
            "last4": "6789",
            "networks": {"preferred": "ach", "supported": ["ach"]},
            "routing_number": "110000000",
            "status_details": None,
        }
    elif kind == "sepa_debit":
        details = {
            "bank_code": iban[4:12],
            "branch_code": "",
            "country": iban[:2],
            "fingerprint": "FoyerSepa" + iban[-4:],
            "generated_from": {"charge": None, "setup_attempt": None},
            "last4": iban[-4:],
        }
    else:
        raise InvalidRequest(f"The payment method type {kind} is not modelled here.", param="payment_method_types")
    return _method(account, kind, details, email=email, name=name, debit=outcome, settles=settles)


def read_iban(text: str) -> str:
    """The IBAN without its spaces. Raises InvalidRequest where its check digits are wrong."""
    iban = "".join(text.split()).upper()
    digits = "".join(str(int(letter, 36)) for letter in iban[4:] + iban[:4]) if iban.isalnum() else ""
    if not IBAN.fullmatch(iban) or int(digits) % 97 != 1:
        raise InvalidRequest("The IBAN you entered is invalid.", param="iban")
    return iban


def new_iban_method(account: Account, iban: str, *, email: str | None = None, name: str | None = None) -> Obj:
    """A SEPA debit of an account. Of Stripe's test IBANs each says what becomes of its payments."""
    outcome, settles = IBANS.get(iban, ("succeed", None))
    return new_debit_method(account, "sepa_debit", email=email, name=name, outcome=outcome, iban=iban, settles=settles)


def _method(
    account: Account,
    kind: str,
    details: Obj,
    *,
    email: str | None,
    name: str | None,
    method_id: str | None = None,
    **notes: Any,
) -> Obj:
    return account.add(
        {
            "id": method_id or account.ids.make("pm"),
            "object": "payment_method",
            "allow_redisplay": "unspecified",
            "billing_details": billing_details(email=email, name=name),
            kind: details,
            "created": account.now(),
            "customer": None,
            "customer_account": None,
            "livemode": False,
            "metadata": {},
            "type": kind,
        },
        **notes,
    )


def find_method(account: Account, name: str, *, param: str = "payment_method") -> Obj:
    """A stored PaymentMethod, or a fresh one where `name` is one of Stripe's ready-made test names."""
    if name in NAMED:
        return new_card_method(account, NAMED[name])
    if name.startswith("tok_"):
        raise NotFound("token", name, param=param)
    return account.get("payment_method", name, param=param)


def card_of(account: Account, method: Obj) -> Card | None:
    """The test card behind a PaymentMethod; None for a bank debit."""
    number = account.notes(method["id"]).get("number")
    return CARDS[number] if number else None


def attach(account: Account, method: Obj, *, customer: Obj, checked: bool = False) -> Obj:
    """Attach to a customer. Cards that fail Stripe's check at attachment are declined unless already `checked`."""
    card = card_of(account, method)
    if card and card.decline and not checked:
        raise decline(card.decline)
    if method["customer"] not in (None, customer["id"]):
        raise InvalidRequest(
            "The payment method you provided has already been attached to a customer.", param="customer"
        )
    if method["customer"] is None:
        account.change(method, customer=customer["id"])
        account.emit("payment_method.attached", method)
    return method


def default_method(account: Account, *, customer: Obj, subscription: Obj | None = None) -> Obj | None:
    """What an automatic charge uses: the subscription's method, else the customer's default."""
    if subscription and subscription["default_payment_method"]:
        return account.find("payment_method", subscription["default_payment_method"])
    chosen = customer["invoice_settings"]["default_payment_method"] or customer["default_source"]
    return account.find("payment_method", chosen)
