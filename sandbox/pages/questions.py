"""What Checkout's form asks besides the payment: contact, addresses, fields of the seller's own, a tax id."""

from dataclasses import dataclass
from typing import Any, Final

from django.http import QueryDict

from sandbox.addresses import PARTS
from sandbox.answers import Answers, find_faults
from sandbox.countries import COUNTRIES, TAX_IDS
from sandbox.types import Obj

HOME: Final = "DE"  # the account's country, where the buyer's is not known
STREET: Final = (
    ("line1", "Street and number", "address-line1"),
    ("line2", "Apartment, floor or company", "address-line2"),
    ("postal_code", "Postal code", "postal-code"),
    ("city", "City", "address-level2"),
    ("state", "State or province", "address-level1"),
)
OPTIONAL: Final = ("line2", "state")


@dataclass(frozen=True)
class Question:
    """One field of the form; `kind` is an input's type, or "select" with its `options`."""

    name: str
    label: str
    kind: str = "text"
    value: str = ""
    error: str = ""
    fill: str = "off"
    options: tuple[tuple[str, str], ...] = ()
    optional: bool = False
    half: bool = False
    mode: str = ""
    longest: int = 255

    @property
    def id(self) -> str:
        """The name as an element's id."""
        return self.name.replace("][", "-").replace("[", "-").replace("]", "")


def ask_questions(session: Obj, *, typed: dict[str, str], errors: dict[str, str]) -> Obj:
    """The groups of questions that the page of a session shows, with what was typed and what is wrong with it."""
    asker = Asker(typed, errors)
    required = session["billing_address_collection"] == "required"
    return {
        "contact": phone(session, asker),
        "shipping": shipping(session, asker),
        "billing": asker.address("address", who="billing") if required else (),
        "same": bool(required and session["shipping_address_collection"]),
        "is_same": not typed or bool(typed.get("same")),
        "country": () if required else (asker.country("address[country]", fill="billing country"),),
        "custom": custom(session, asker),
        "business": business(session, asker),
        "must_be_business": tax_ids_of(session)["required"] == "if_supported",
        "promotions": (session["consent_collection"] or {}).get("promotions") == "auto",
    }


@dataclass(frozen=True)
class Asker:
    """Makes questions that show what was `typed`, and by name the `errors` in it."""

    typed: dict[str, str]
    errors: dict[str, str]

    def ask(self, name: str, label: str, *, first: str = "", **more: Any) -> Question:
        """A question with what was typed, or what it shows at first."""
        return Question(name, label, value=self.typed.get(name, first), error=self.errors.get(name, ""), **more)

    def address(self, prefix: str, *, who: str, allowed: list[str] | None = None) -> tuple[Question, ...]:
        """Country first, as Stripe asks: the other parts follow from it."""
        parts = [
            self.ask(
                f"{prefix}[{part}]",
                label,
                fill=f"{who} {fill}",
                optional=part in OPTIONAL,
                half=part in ("postal_code", "city"),
            )
            for part, label, fill in STREET
        ]
        return (self.country(f"{prefix}[country]", fill=f"{who} country", allowed=allowed), *parts)

    def country(self, name: str, *, fill: str, allowed: list[str] | None = None) -> Question:
        codes = allowed or list(COUNTRIES)
        options = tuple((code, COUNTRIES.get(code, code)) for code in codes)
        first = HOME if HOME in codes else codes[0]
        return self.ask(name, "Country or region", kind="select", fill=fill, options=options, first=first)


def phone(session: Obj, asker: Asker) -> tuple[Question, ...]:
    asks = session["phone_number_collection"]["enabled"]
    return (asker.ask("phone", "Phone", kind="tel", fill="tel", longest=20),) if asks else ()


def shipping(session: Obj, asker: Asker) -> tuple[Question, ...]:
    asked = session["shipping_address_collection"]
    if not asked:
        return ()
    name = asker.ask("shipping[name]", "Full name", fill="shipping name")
    return (name, *asker.address("shipping[address]", who="shipping", allowed=asked["allowed_countries"]))


def custom(session: Obj, asker: Asker) -> tuple[Question, ...]:
    """The seller's own fields."""
    found = []
    for wanted in session["custom_fields"]:
        details, kind = wanted[wanted["type"]], wanted["type"]
        choices = tuple((option["value"], option["label"]) for option in details.get("options") or [])
        found.append(
            asker.ask(
                f"custom_fields[{wanted['key']}]",
                wanted["label"]["custom"],
                kind="select" if kind == "dropdown" else "text",
                mode="numeric" if kind == "numeric" else "",
                options=(("", "Choose"), *choices) if choices else (),
                first=details["default_value"] or "",
                optional=wanted["optional"],
                longest=details.get("maximum_length") or 255,
            )
        )
    return tuple(found)


def business(session: Obj, asker: Asker) -> tuple[Question, ...]:
    if not tax_ids_of(session)["enabled"]:
        return ()
    kinds = tuple((kind, label) for kind, (label, _) in TAX_IDS.items())
    return (
        asker.ask("business[name]", "Business name", fill="organization", longest=150),
        asker.ask("business[type]", "Kind of tax ID", kind="select", options=kinds),
        asker.ask("business[tax_id]", "Tax ID", longest=30),
    )


def tax_ids_of(session: Obj) -> Obj:
    """Whether and how a session asks for a tax id."""
    return session.get("tax_id_collection") or {"enabled": False, "required": "never"}


def read_answers(session: Obj, typed: QueryDict) -> Answers:
    """What was typed, in the form that the engine takes."""
    shipping, address = ship_and_bill(typed)
    keys = [custom["key"] for custom in session["custom_fields"]]
    is_business = typed.get("as_business") or tax_ids_of(session)["required"] == "if_supported"
    return Answers(
        phone=typed.get("phone", "").strip() or None,
        address=address,
        shipping={"name": typed.get("shipping[name]", "").strip(), "address": shipping},
        business=read_business(typed) if is_business else {},
        fields={key: typed.get(f"custom_fields[{key}]", "").strip() for key in keys},
        promotions=bool(typed.get("promotions")),
    )


def ship_and_bill(typed: QueryDict) -> tuple[Obj, Obj]:
    """The two addresses; the second is the first where the buyer says so."""
    shipping, billing = (read_address(typed, prefix=prefix) for prefix in ("shipping[address]", "address"))
    return shipping, dict(shipping) if typed.get("same") and shipping else billing


def read_address(typed: QueryDict, *, prefix: str) -> Obj:
    """The parts of an address that were typed."""
    return {part: value for part in PARTS if (value := typed.get(f"{prefix}[{part}]", "").strip())}


def read_business(typed: QueryDict) -> Obj:
    """The business that buys."""
    tax_id = {"type": typed.get("business[type]", ""), "value": read_tax_id(typed, name="business[tax_id]")}
    return {"name": typed.get("business[name]", "").strip(), "tax_id": tax_id}


def read_tax_id(typed: QueryDict, *, name: str) -> str:
    """As it is written: spaces and case are nobody's fault."""
    return "".join(typed.get(name, "").split()).upper()


def question_errors(session: Obj, typed: QueryDict) -> dict[str, str]:
    """What is wrong with the answers, by field; of two addresses that are one, once."""
    faults = find_faults(session, read_answers(session, typed))
    if typed.get("same") and session["shipping_address_collection"]:
        return {name: words for name, words in faults.items() if not name.startswith("address[")}
    return faults
