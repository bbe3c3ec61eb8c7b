"""Checkout's form: what it asks for, what it offers, and what is wrong with what was typed."""

import re
from dataclasses import dataclass
from typing import Final

from django.http import QueryDict

from sandbox.account import Account
from sandbox.cards import read_iban
from sandbox.checkout import needs_method
from sandbox.choosing import line_to_choose
from sandbox.errors import CardDeclined, InvalidRequest
from sandbox.pages.amounts import write_amount
from sandbox.pages.cards import find_card_errors
from sandbox.pages.order import Order
from sandbox.pages.questions import question_errors
from sandbox.types import Obj

EMAIL: Final = re.compile(r"^[^@\s]+@[^@\s]+\.[^@\s]+$")
DAYS: Final = "Takes some days: the payment is processing until then."
METHODS: Final = {
    "card": ("Card", ""),
    "us_bank_account": ("US bank account", DAYS),
    "sepa_debit": ("SEPA debit", DAYS),
}
VERBS: Final = {"book": "Book", "donate": "Donate", "subscribe": "Subscribe"}
SAVED: Final = "saved:"


@dataclass(frozen=True)
class Choice:
    """One way to pay. `value` is a type of payment method, or names one that the customer has saved."""

    value: str
    label: str
    help: str = ""


def method_choices(account: Account, session: Obj) -> list[Choice]:
    """The known customer's saved cards, then the types that the session takes and we model."""
    types = [kind for kind in session["payment_method_types"] or ["card"] if kind in METHODS] or ["card"]
    saved = saved_cards(account, session) if "card" in types else []
    fresh = [Choice(kind, *METHODS[kind]) for kind in types]
    if saved:
        fresh[0] = Choice("card", "Another card") if types[0] == "card" else fresh[0]
    return [*saved, *fresh]


def saved_cards(account: Account, session: Obj) -> list[Choice]:
    """Cards of the session's customer, the default one first."""
    customer = account.find("customer", session["customer"])
    if customer is None or session["mode"] == "setup":
        return []
    default = customer["invoice_settings"]["default_payment_method"]
    rows = [row for row in account.list("payment_method", customer=customer["id"]) if row["type"] == "card"]
    rows.sort(key=lambda row: row["id"] != default)
    return [
        Choice(
            SAVED + row["id"],
            f"{row['card']['display_brand'].capitalize()} •••• {row['card']['last4']}",
            f"Saved card, expires {row['card']['exp_month']:02} / {row['card']['exp_year'] % 100}",
        )
        for row in rows
    ]


def chosen_method(account: Account, session: Obj, typed: QueryDict) -> str:
    """The choice that was made; the first one where it is none of those offered."""
    values = [choice.value for choice in method_choices(account, session)]
    return typed.get("method", "") if typed.get("method") in values else values[0]


def payment_source(method: str, typed: QueryDict) -> str:
    """What the payment is taken from, as `sandbox.checkout.pay_session` wants it."""
    if method == "card":
        return typed.get("card", "")
    if method == "sepa_debit":
        return read_iban(typed.get("iban", "")) if typed.get("iban") else method
    return method.removeprefix(SAVED)


def find_errors(account: Account, session: Obj, typed: QueryDict, *, email: str) -> dict[str, str]:
    """What is wrong with the form, by field."""
    errors = {}
    if not EMAIL.match(email.strip()):
        errors["email"] = "Enter a complete e-mail address."
    if asks_terms(session) and not typed.get("terms"):
        errors["terms"] = "Agree to the terms to continue."
    errors |= question_errors(session, typed)
    if not needs_method(session):
        return errors
    method = chosen_method(account, session, typed)
    if not method.startswith(SAVED) and not typed.get("name", "").strip():
        errors["name"] = "Enter the name."
    if method == "card":
        errors |= find_card_errors(typed, now=account.now())
    if method == "sepa_debit" and typed.get("iban"):
        try:
            read_iban(typed.get("iban", ""))
        except InvalidRequest as refusal:
            errors["iban"] = str(refusal)
    return errors


def amount_choice(account: Account, session: Obj) -> dict[str, str] | None:
    """The amount that the buyer may choose, as typed; None where it is fixed."""
    found = line_to_choose(account, session)
    if found is None:
        return None
    line, _ = found
    chosen, currency = line["amount_subtotal"], session["currency"]
    return {"value": write_amount(chosen, currency=currency) if chosen else "", "currency": currency.upper()}


def asks_terms(session: Obj) -> bool:
    """Whether the shop wants its terms accepted."""
    return (session["consent_collection"] or {}).get("terms_of_service") == "required"


def submit_label(session: Obj, order: Order) -> str:
    """The button says what it does."""
    if order.trial_end:
        return "Start trial"
    if session["mode"] == "subscription":
        return "Subscribe"
    if session["mode"] == "setup":
        return "Save card"
    verb = VERBS.get(session["submit_type"] or "", "Pay")
    if order.is_open:
        return verb
    return f"{verb} {order.as_context(merchant='')['total']}" if order.due else "Complete order"


def fixed_email(account: Account, session: Obj) -> str:
    """The address that cannot be changed here: the known customer's, or one that the link locks."""
    customer = account.find("customer", session["customer"])
    if customer and customer.get("email"):
        return str(customer["email"])
    return str(session["customer_email"] or "")


def first_values(account: Account, session: Obj) -> dict[str, str]:
    """What the form shows before anybody typed."""
    email = fixed_email(account, session) or account.notes(session["id"]).get("prefilled_email") or ""
    return {"email": email, "method": method_choices(account, session)[0].value}


def decline_errors(declined: CardDeclined, *, method: str) -> dict[str, str]:
    """The bank's words and what to do, at the field they are about."""
    if method != "card":
        return {"form": decline_text(declined)}
    return {{"incorrect_cvc": "cvc", "expired_card": "expiry"}.get(declined.code, "card"): decline_text(declined)}


def decline_text(declined: CardDeclined) -> str:
    if declined.decline_code == "test_mode_live_card":
        return "Only test cards work in the sandbox. Choose one below."
    if declined.code == "payment_intent_authentication_failure":
        return "The bank could not confirm that it is you. Try again or use another card."
    return f"{declined.message.rstrip('.')}. Try another card."
