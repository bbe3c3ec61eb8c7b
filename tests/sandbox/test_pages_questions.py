"""What Checkout's page asks besides the payment, as a buyer without JavaScript meets it."""

from typing import Any
from urllib.parse import urlsplit

import pytest

from tests.sandbox.shelf import THANKS, Shelf
from tests.sandbox.visitor import Page, Visitor

HOME = {"country": "AT", "line1": "Ofenweg 1", "postal_code": "1010", "city": "Wien"}
SIZES = {"options": [{"label": "Small", "value": "S"}, {"label": "Large", "value": "L"}]}
ASKS: Any = {
    "phone_number_collection": {"enabled": True},
    "billing_address_collection": "required",
    "shipping_address_collection": {"allowed_countries": ["DE", "AT"]},
    "tax_id_collection": {"enabled": True},
    "consent_collection": {"terms_of_service": "required", "promotions": "auto"},
    "custom_fields": [
        {"key": "size", "label": {"type": "custom", "custom": "Apron size"}, "type": "dropdown", "dropdown": SIZES},
        {"key": "nick", "label": {"type": "custom", "custom": "Nickname"}, "type": "text", "optional": True},
    ],
    "custom_text": {
        "submit": {"message": "The studio opens at nine."},
        "terms_of_service_acceptance": {"message": "I keep the kiln clean."},
    },
}


@pytest.fixture
def visitor(shelf: Shelf) -> Visitor:
    return Visitor(shelf.sandbox.url)


@pytest.fixture
def glaze(shelf: Shelf) -> str:
    wish: Any = {"product_data": {"name": "Glaze set"}, "currency": "eur", "unit_amount": 900}
    return shelf.sandbox.api.prices.create(wish).id


def open_session(shelf: Shelf, **more: Any) -> Any:
    wish: Any = {"mode": "payment", "line_items": [{"price": shelf.once, "quantity": 1}], "success_url": THANKS, **more}
    return shelf.sandbox.api.checkout.sessions.create(wish)


def address(prefix: str, **changes: str) -> dict[str, str]:
    return {f"{prefix}[{part}]": value for part, value in {**HOME, **changes}.items()}


def pay(visitor: Visitor, page: Page, **typed: str) -> Page:
    card = {"email": "ada@example.org", "name": "Ada", "card": "4242424242424242", "expiry": "12 / 34", "cvc": "123"}
    return visitor.send(page, urlsplit(page.url).path, **{**card, **typed})


def everything(**changes: str) -> dict[str, str]:
    """Answers to all of `ASKS`; an empty change leaves a box unticked."""
    typed = {
        "phone": "+43 1 234567",
        "shipping[name]": "Ada Lovelace",
        **address("shipping[address]"),
        **address("address", line1="Amtsgasse 2"),
        "custom_fields[size]": "L",
        "terms": "yes",
        "same": "",
        **changes,
    }
    return {name: value for name, value in typed.items() if value or name != "same"}


def test_everything_asked_is_kept_by_the_session(shelf: Shelf, visitor: Visitor) -> None:
    session = open_session(shelf, **ASKS)
    page = visitor.open(session.url)
    for words in ("Shipping address", "Billing address", "Apron size", "Nickname Optional", "as a business"):
        assert words in page.text
    assert "The studio opens at nine." in page.text
    assert "I keep the kiln clean." in page.text
    page.own_form.fields.pop("same")
    business = {"as_business": "yes", "business[name]": "Kiln Ltd", "business[type]": "eu_vat"}
    sent = pay(visitor, page, **everything(**business, **{"business[tax_id]": "atu 12345678"}), promotions="yes")
    assert sent.location == THANKS.replace("{CHECKOUT_SESSION_ID}", session.id)
    done = shelf.sandbox.api.checkout.sessions.retrieve(session.id).to_dict()
    details, shipped = done["customer_details"], done["collected_information"]["shipping_details"]
    assert (details["phone"], details["business_name"]) == ("+43 1 234567", "Kiln Ltd")
    assert details["tax_ids"] == [{"type": "eu_vat", "value": "ATU12345678"}]
    assert (details["address"]["line1"], shipped["address"]["line1"]) == ("Amtsgasse 2", "Ofenweg 1")
    assert shipped["name"] == "Ada Lovelace"
    assert [row[row["type"]]["value"] for row in done["custom_fields"]] == ["L", None]
    assert done["consent"] == {"promotions": "opt_in", "terms_of_service": "accepted"}


def test_each_fault_is_said_beside_its_field_and_the_rest_is_kept(shelf: Shelf, visitor: Visitor) -> None:
    session = open_session(shelf, **ASKS)
    wrong = everything(phone="12", **{"custom_fields[size]": "", "shipping[address][city]": "", "as_business": "yes"})
    again = visitor.follow(pay(visitor, visitor.open(session.url), **wrong))
    for field in ("phone", "custom_fields-size", "shipping-address-city", "business-name", "business-tax_id"):
        assert f'id="{field}-error"' in again.html
    assert 'id="address-city-error"' not in again.html
    kept = again.own_form.fields
    assert (kept["shipping[name]"], kept["address[line1]"], kept["as_business"]) == (
        "Ada Lovelace",
        "Amtsgasse 2",
        "yes",
    )
    assert not shelf.sandbox.api.payment_intents.list().data


def test_one_address_serves_for_both(shelf: Shelf, visitor: Visitor) -> None:
    asks = {name: ASKS[name] for name in ("billing_address_collection", "shipping_address_collection")}
    session = open_session(shelf, **asks)
    page = visitor.open(session.url)
    assert page.own_form.fields["same"] == "yes"
    short = {"shipping[name]": "Ada", **address("shipping[address]", postal_code="")}
    refused = visitor.follow(pay(visitor, page, **short))
    assert 'id="shipping-address-postal_code-error"' in refused.html
    assert 'id="address-' not in refused.html.replace('id="address-', "", 6)
    assert pay(visitor, refused, **{"shipping[address][postal_code]": "1010"}).status == 303
    done = shelf.sandbox.api.checkout.sessions.retrieve(session.id).to_dict()
    assert done["customer_details"]["address"]["line1"] == "Ofenweg 1"


def test_what_the_bank_refuses_does_not_lose_the_answers(shelf: Shelf, visitor: Visitor) -> None:
    session = open_session(shelf, **ASKS)
    asked = visitor.follow(pay(visitor, visitor.open(session.url), **everything(), card="4000002500003155"))
    failed = visitor.follow(visitor.send(asked, "verify", answer="fail"))
    kept = failed.own_form.fields
    assert (kept["phone"], kept["shipping[address][city]"], kept["terms"]) == ("+43 1 234567", "Wien", "yes")
    assert (kept["card"], kept["cvc"]) == ("", "")


def test_an_extra_is_added_its_quantity_changed_and_taken_off(shelf: Shelf, visitor: Visitor, glaze: str) -> None:
    limits = {"enabled": True, "minimum": 1, "maximum": 3}
    session = open_session(shelf, optional_items=[{"price": glaze, "quantity": 1, "adjustable_quantity": limits}])
    page = visitor.open(session.url)
    assert "Add to your order Glaze set" in page.text
    added = visitor.follow(visitor.send(page, "extra", add=glaze, email="ada@example.org"))
    assert "Total due €189.00" in added.text
    assert "Add to your order" not in added.text
    assert added.own_form.fields["email"] == "ada@example.org"
    more = visitor.follow(visitor.send(added, "quantity", quantity="9"))
    assert "Total due €207.00" in more.text
    assert "Total due €180.00" in visitor.follow(visitor.send(more, "extra", remove=glaze)).text
    kept = visitor.follow(visitor.send(more, "extra", remove=shelf.once))
    assert "Total due €180.00" in kept.text
    assert "not offered" in visitor.follow(visitor.send(more, "extra", add=shelf.monthly)).text
