"""What else a buyer answers on Checkout's page: fields of the seller's own, phone and addresses, a tax id, consent."""

import re
from dataclasses import dataclass, field

from sandbox.account import Account
from sandbox.addresses import full_address
from sandbox.choosing import add_optional
from sandbox.countries import CODES, NO_POSTAL_CODES, TAX_IDS
from sandbox.errors import InvalidRequest
from sandbox.types import Obj, Params

PHONE = re.compile(r"\+?[\d ()/.-]{5,20}")


@dataclass
class Answers:
    """`fields`: values by key; `optional_items`: ids of the prices that the buyer adds; `promotions`: whether the
    buyer agrees to be written to; `shipping`: {name, address}; `business`: {name, tax_id: {type, value}} of a buyer
    who is one."""

    phone: str | None = None
    address: Params = field(default_factory=dict)
    shipping: Params = field(default_factory=dict)
    business: Params = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    optional_items: list[str] = field(default_factory=list)
    promotions: bool = False


def take_answers(account: Account, session: Obj, answers: Answers, *, insist: bool) -> Obj:
    """What the answers come to: `contact` of the buyer and `fields` of the completed session. Raises InvalidRequest
    for what the session needs, where it is to `insist`."""
    for price in answers.optional_items:
        add_optional(account, session, price_id=price)
    for param, words in (find_faults(session, answers) if insist else {}).items():
        raise InvalidRequest(words, param=param)
    return {
        "contact": contact_of(session, answers),
        "fields": {
            "consent": consent_of(session, answers),
            "custom_fields": filled_fields(session, answers.fields),
        },
    }


def find_faults(session: Obj, answers: Answers) -> dict[str, str]:
    """What is missing or wrong, by the parameter that it is about."""
    faults = {}
    if session["phone_number_collection"]["enabled"] and not PHONE.fullmatch((answers.phone or "").strip()):
        faults["phone"] = "Your phone number is incomplete."
    if session["shipping_address_collection"]:
        faults |= shipping_faults(session, answers.shipping)
    if session["billing_address_collection"] == "required":
        faults |= address_faults(answers.address, param="address")
    if (session.get("tax_id_collection") or {}).get("enabled"):
        faults |= business_faults(session, answers.business)
    for custom in session["custom_fields"]:
        words = fault_of(custom, answers.fields)
        if words:
            faults[f"custom_fields[{custom['key']}]"] = words
    return faults


def shipping_faults(session: Obj, shipping: Params) -> dict[str, str]:
    """An address that the seller ships to, and whose it is."""
    address = shipping.get("address") or {}
    faults = address_faults(address, param="shipping[address]")
    if not shipping.get("name"):
        faults = {"shipping[name]": "Enter the full name.", **faults}
    if address.get("country") and address["country"] not in session["shipping_address_collection"]["allowed_countries"]:
        faults["shipping[address][country]"] = "The shop does not ship there."
    return faults


def address_faults(address: Params, *, param: str) -> dict[str, str]:
    """The parts that an address lacks."""
    words = {"country": "Choose the country.", "line1": "Enter the street and number.", "city": "Enter the city."}
    if address.get("country") not in NO_POSTAL_CODES:
        words["postal_code"] = "Enter the postal code."
    known = address if address.get("country") in CODES else {**address, "country": ""}
    return {f"{param}[{part}]": text for part, text in words.items() if not known.get(part)}


def business_faults(session: Obj, business: Params) -> dict[str, str]:
    """A name and a tax id of a known form, where the buyer is a business or has to be one."""
    if not business and session["tax_id_collection"]["required"] == "never":
        return {}
    tax_id = business.get("tax_id") or {}
    faults = {} if business.get("name") else {"business[name]": "Enter the name of the business."}
    _, form = TAX_IDS.get(tax_id.get("type") or "", ("", ""))
    if not re.fullmatch(form, tax_id.get("value") or "") or not form:
        faults["business[tax_id]"] = "This is not a tax ID of that kind."
    return faults


def fault_of(custom: Obj, values: dict[str, str]) -> str:
    """What is wrong with a field of the seller's own, else nothing."""
    details = custom[custom["type"]]
    value = values.get(custom["key"]) or details["default_value"]
    if not value:
        return "" if custom["optional"] else f"{custom['label']['custom']} is required."
    if custom["type"] == "dropdown":
        fits = value in [option["value"] for option in details["options"]]
    else:
        least, most = details["minimum_length"] or 0, details["maximum_length"] or 255
        fits = least <= len(value) <= most and (custom["type"] != "numeric" or value.isdecimal())
    return "" if fits else f"{custom['label']['custom']} is invalid."


def filled_fields(session: Obj, values: dict[str, str]) -> list[Obj]:
    """The session's custom fields with what was typed or preset."""
    filled = []
    for custom in session["custom_fields"]:
        details = custom[custom["type"]]
        value = values.get(custom["key"]) or details["default_value"] or None
        filled.append({**custom, custom["type"]: {**details, "value": value}})
    return filled


def contact_of(session: Obj, answers: Answers) -> Obj:
    """{phone, address, shipping, business_name, tax_ids}: what the session asked for, null where it did not."""
    asks_tax_id = (session.get("tax_id_collection") or {}).get("enabled")
    business = answers.business if asks_tax_id else {}
    address = answers.shipping.get("address")
    shipping = {"name": answers.shipping.get("name"), "address": full_address(address)} if address else None
    return {
        "phone": answers.phone if session["phone_number_collection"]["enabled"] else None,
        "address": full_address({"country": "DE", **answers.address}) if session["mode"] != "setup" else None,
        "shipping": shipping if session["shipping_address_collection"] else None,
        "business_name": business.get("name"),
        "tax_ids": [business["tax_id"]] if business.get("tax_id") else [],
    }


def consent_of(session: Obj, answers: Answers) -> Obj | None:
    """What the buyer agreed to, where the session asks: paying means accepting required terms."""
    asked = session["consent_collection"]
    if not asked:
        return None
    wanted = asked["promotions"] == "auto"
    return {
        "promotions": ("opt_in" if answers.promotions else "opt_out") if wanted else None,
        "terms_of_service": "accepted" if asked["terms_of_service"] == "required" else None,
    }
