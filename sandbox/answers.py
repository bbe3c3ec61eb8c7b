"""What else a buyer answers on Checkout's page: fields of the seller's own, phone and address, consent, extras."""

from dataclasses import dataclass, field

from sandbox.account import Account
from sandbox.addresses import full_address
from sandbox.catalogue import new_line, price_of
from sandbox.errors import InvalidRequest
from sandbox.sessions import first_part, total_session
from sandbox.types import Obj, Params


@dataclass
class Answers:
    """`fields`: values by key; `optional_items`: ids of the prices that the buyer adds; `promotions`: whether the
    buyer agrees to be written to."""

    phone: str | None = None
    address: Params = field(default_factory=dict)
    fields: dict[str, str] = field(default_factory=dict)
    optional_items: list[str] = field(default_factory=list)
    promotions: bool = False


def take_answers(account: Account, session: Obj, answers: Answers, *, insist: bool) -> Obj:
    """Fields of the completed session that come of the answers; `insist` on those that the session needs."""
    add_optional(account, session, answers.optional_items)
    return {
        "contact": contact_of(session, answers, insist=insist),
        "fields": {
            "consent": consent_of(session, answers),
            "custom_fields": filled_fields(session, answers.fields, insist=insist),
        },
    }


def add_optional(account: Account, session: Obj, prices: list[str]) -> None:
    """Put optional items onto the order. Raises InvalidRequest for what is not offered."""
    lines = account.notes(session["id"])["line_items"]
    for wanted in prices:
        offer = next((row for row in session["optional_items"] or [] if row["price"] == wanted), None)
        if offer is None:
            raise InvalidRequest("This item is not offered.", param="optional_items")
        if any(line["price"] and line["price"]["id"] == wanted for line in lines):
            continue
        price = price_of(account, {"price": wanted}, param="optional_items")
        data, trial_end = (account.notes(session["id"])[name] for name in ("subscription_data", "trial_end"))
        lines.append(
            new_line(
                account,
                price,
                quantity=offer["quantity"],
                currency=session["currency"],
                adjustable=offer["adjustable_quantity"],
                part=first_part(account, price, data=data, trial_end=trial_end),
            )
        )
    total_session(account, session)


def filled_fields(session: Obj, values: dict[str, str], *, insist: bool) -> list[Obj]:
    """The session's custom fields with what was typed or preset. Raises InvalidRequest beside the field."""
    filled = []
    for custom in session["custom_fields"]:
        details = custom[custom["type"]]
        value = values.get(custom["key"]) or details["default_value"]
        if value:
            check_value(custom, value)
        elif insist and not custom["optional"]:
            raise InvalidRequest(f"{custom['label']['custom']} is required.", param=f"custom_fields[{custom['key']}]")
        filled.append({**custom, custom["type"]: {**details, "value": value or None}})
    return filled


def check_value(custom: Obj, value: str) -> None:
    details = custom[custom["type"]]
    if custom["type"] == "dropdown":
        fits = value in [option["value"] for option in details["options"]]
    else:
        least, most = details["minimum_length"] or 0, details["maximum_length"] or 255
        fits = least <= len(value) <= most and (custom["type"] != "numeric" or value.isdecimal())
    if not fits:
        raise InvalidRequest(f"{custom['label']['custom']} is invalid.", param=f"custom_fields[{custom['key']}]")


def contact_of(session: Obj, answers: Answers, *, insist: bool) -> Obj:
    """Phone and address for `customer_details`. Raises InvalidRequest where the session needs what is missing."""
    asks_phone = session["phone_number_collection"]["enabled"]
    if insist and asks_phone and not answers.phone:
        raise InvalidRequest("Your phone number is incomplete.", param="phone")
    if insist and session["billing_address_collection"] == "required" and not answers.address.get("line1"):
        raise InvalidRequest("Your address is incomplete.", param="address")
    return {
        "phone": answers.phone if asks_phone else None,
        "address": full_address({"country": "DE", **answers.address}),
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
