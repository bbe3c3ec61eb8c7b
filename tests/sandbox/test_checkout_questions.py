"""What Checkout asks besides a card: extras, fields of the seller's own, contact, consent; and how it brings back."""

import urllib.request
from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import THANKS, Shelf
from tests.sandboxes import Json, Sandbox

HOME = {"line1": "Ofenweg 1", "postal_code": "1010", "city": "Wien", "country": "AT"}
TEXT = {"key": "size", "label": {"type": "custom", "custom": "Size"}}


def session_of(shelf: Shelf, **params: Any) -> Any:
    lines = [{"price": shelf.once, "quantity": 1}]
    wish: Any = {"mode": "payment", "line_items": lines, "success_url": THANKS, **params}
    return shelf.sandbox.api.checkout.sessions.create(wish)


def pay(sandbox: Sandbox, session: str, **answers: Any) -> Json:
    paid: Json = sandbox.pay_session(session, email="ada@example.org", answers=answers)["session"]
    return paid


@pytest.fixture
def glaze(shelf: Shelf) -> str:
    wish: Any = {"product_data": {"name": "Glaze"}, "currency": "eur", "unit_amount": 900}
    return shelf.sandbox.api.prices.create(wish).id


# Optional items


def test_an_optional_item_is_bought_where_it_is_added(shelf: Shelf, glaze: str) -> None:
    offer = [{"price": glaze, "quantity": 2}]
    plain, added = session_of(shelf, optional_items=offer), session_of(shelf, optional_items=offer)
    assert plain.optional_items[0].price == glaze
    assert pay(shelf.sandbox, plain.id)["amount_total"] == 18000
    paid = pay(shelf.sandbox, added.id, optional_items=[glaze])
    assert paid["amount_total"] == 19800
    lines = shelf.sandbox.api.checkout.sessions.line_items.list(paid["id"]).data
    assert [(line.price.id, line.quantity) for line in lines if line.price] == [(shelf.once, 1), (glaze, 2)]
    with pytest.raises(AssertionError, match="not offered"):
        pay(shelf.sandbox, session_of(shelf).id, optional_items=[glaze])


def test_a_links_optional_items_are_offered_in_its_sessions(shelf: Shelf, glaze: str) -> None:
    link = shelf.link(shelf.monthly, optional_items=[{"price": glaze, "quantity": 1}])
    answers = {"optional_items": [glaze]}
    paid = shelf.sandbox.pay_link(link, email="ada@example.org", answers=answers)["session"]
    assert paid["amount_total"] == 3300
    assert shelf.sandbox.api.invoices.retrieve(paid["invoice"]).amount_paid == 3300
    assert len(shelf.subscription(paid["subscription"])["items"]["data"]) == 1


@pytest.mark.parametrize(("which", "words"), [("once", "both"), ("monthly", "Recurring prices")])
def test_an_optional_item_has_to_fit(shelf: Shelf, which: str, words: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=words):
        session_of(shelf, optional_items=[{"price": getattr(shelf, which), "quantity": 1}])


# Custom fields

SIZES = {"options": [{"label": "Small", "value": "S"}, {"label": "Large", "value": "L"}]}


@pytest.mark.parametrize(
    ("field", "value", "wrong"),
    [
        ({"type": "text", "text": {"minimum_length": 2, "maximum_length": 5}}, "great", "greater"),
        ({"type": "numeric", "numeric": {}}, "42", "forty"),
        ({"type": "dropdown", "dropdown": SIZES}, "L", "XL"),
    ],
)
def test_a_field_is_asked_checked_and_kept(shelf: Shelf, field: Json, value: str, wrong: str) -> None:
    session = session_of(shelf, custom_fields=[{**TEXT, **field}])
    kind = field["type"]
    assert session.to_dict()["custom_fields"][0][kind]["value"] is None
    with pytest.raises(AssertionError, match="Size is required"):
        pay(shelf.sandbox, session.id)
    with pytest.raises(AssertionError, match="Size is invalid"):
        pay(shelf.sandbox, session.id, fields={"size": wrong})
    paid = pay(shelf.sandbox, session.id, fields={"size": value})
    assert paid["custom_fields"][0][kind]["value"] == value


def test_a_field_may_be_optional_or_preset(shelf: Shelf) -> None:
    fields = [
        {**TEXT, "type": "text", "optional": True},
        {**TEXT, "key": "colour", "type": "text", "text": {"default_value": "blue"}},
    ]
    link = shelf.link(shelf.once, custom_fields=fields)
    shown = shelf.sandbox.api.payment_links.retrieve(link).to_dict()["custom_fields"]
    assert "value" not in shown[0]["text"]
    paid = shelf.sandbox.pay_link(link, email="ada@example.org", answers={})["session"]
    assert [row["text"]["value"] for row in paid["custom_fields"]] == [None, "blue"]


@pytest.mark.parametrize(
    ("fields", "param"),
    [
        ([{**TEXT, "type": "dropdown"}], "custom_fields[0][dropdown]"),
        ([{**TEXT, "type": "text"}, {**TEXT, "type": "text"}], "custom_fields[1][key]"),
        ([{"key": "size", "type": "text"}], "custom_fields[0][label]"),
    ],
)
def test_a_wrong_field_is_refused(shelf: Shelf, fields: list[Json], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        session_of(shelf, custom_fields=fields)
    assert refusal.value.param == param


# Contact and consent


def test_phone_address_and_consent_are_asked_for(shelf: Shelf) -> None:
    session = session_of(
        shelf,
        phone_number_collection={"enabled": True},
        billing_address_collection="required",
        consent_collection={"terms_of_service": "required", "promotions": "auto"},
    )
    with pytest.raises(AssertionError, match="phone number is incomplete"):
        pay(shelf.sandbox, session.id)
    with pytest.raises(AssertionError, match="Enter the city"):
        pay(shelf.sandbox, session.id, phone="+49 30 1234", address={**HOME, "city": ""})
    paid = pay(shelf.sandbox, session.id, phone="+49 30 1234", address=HOME)
    assert paid["customer_details"]["phone"] == "+49 30 1234"
    assert paid["customer_details"]["address"] == {**HOME, "line2": None, "state": None}
    assert paid["consent"] == {"promotions": "opt_out", "terms_of_service": "accepted"}
    charge = shelf.sandbox.api.charges.retrieve(shelf.charge_of(paid))
    assert (charge.billing_details.phone, charge.billing_details.address.city) == ("+49 30 1234", "Wien")


def test_a_shipping_address_goes_to_payment_and_customer(shelf: Shelf) -> None:
    session = session_of(
        shelf, shipping_address_collection={"allowed_countries": ["AT", "DE"]}, customer_creation="always"
    )
    with pytest.raises(AssertionError, match="Enter the full name"):
        pay(shelf.sandbox, session.id, shipping={"address": HOME})
    with pytest.raises(AssertionError, match="does not ship there"):
        pay(shelf.sandbox, session.id, shipping={"name": "Ada", "address": {**HOME, "country": "FR"}})
    paid = pay(shelf.sandbox, session.id, shipping={"name": "Ada", "address": HOME})
    shipped = {**HOME, "line2": None, "state": None}
    assert paid["collected_information"]["shipping_details"] == {"name": "Ada", "address": shipped}
    intent = shelf.sandbox.api.payment_intents.retrieve(paid["payment_intent"]).to_dict()
    customer = shelf.sandbox.api.customers.retrieve(paid["customer"]).to_dict()
    for found in (intent, customer):
        assert (found["shipping"]["name"], found["shipping"]["address"]) == ("Ada", shipped)


def test_a_business_names_itself_and_its_tax_id(shelf: Shelf) -> None:
    tax_id = {"type": "eu_vat", "value": "DE123456789"}
    free = session_of(shelf, tax_id_collection={"enabled": True})
    assert pay(shelf.sandbox, free.id)["customer_details"]["tax_ids"] == []
    must = session_of(shelf, tax_id_collection={"enabled": True, "required": "if_supported"})
    with pytest.raises(AssertionError, match="name of the business"):
        pay(shelf.sandbox, must.id)
    with pytest.raises(AssertionError, match="not a tax ID"):
        pay(shelf.sandbox, must.id, business={"name": "Kiln Ltd", "tax_id": {**tax_id, "value": "1"}})
    paid = pay(shelf.sandbox, must.id, business={"name": "Kiln Ltd", "tax_id": tax_id})
    details = paid["customer_details"]
    assert (details["business_name"], details["tax_ids"]) == ("Kiln Ltd", [tax_id])


def test_a_known_customer_is_changed_as_far_as_the_shop_lets(shelf: Shelf, ada: str) -> None:
    asks: Any = {"customer": ada, "billing_address_collection": "required", "tax_id_collection": {"enabled": True}}
    with pytest.raises(stripe.InvalidRequestError, match=r"customer_update\[name\]"):
        session_of(shelf, **asks)
    session = session_of(shelf, **asks, customer_update={"name": "auto"})
    tax_id = {"type": "eu_vat", "value": "ATU12345678"}
    pay(shelf.sandbox, session.id, address=HOME, business={"name": "Kiln Ltd", "tax_id": tax_id})
    customer = shelf.sandbox.api.customers.retrieve(ada)
    assert (customer.name, customer.address) == ("Kiln Ltd", None)
    keeps: Any = {"customer": ada, "billing_address_collection": "required", "customer_update": {"address": "auto"}}
    pay(shelf.sandbox, session_of(shelf, **keeps).id, address=HOME)
    customer = shelf.sandbox.api.customers.retrieve(ada)
    assert (customer.name, customer.address.city) == ("Kiln Ltd", "Wien")
    changed = shelf.sandbox.api.events.list({"type": "customer.updated"}).data[:2]
    assert [list(event.data.to_dict()["previous_attributes"]) for event in changed] == [["address"], ["name"]]


def test_a_link_hands_its_questions_to_its_sessions(shelf: Shelf) -> None:
    asks: Any = {
        "shipping_address_collection": {"allowed_countries": ["AT"]},
        "tax_id_collection": {"enabled": True, "required": "if_supported"},
    }
    link = shelf.link(shelf.once, **asks)
    session: Any = shelf.sandbox.pay_link(link, email="ada@example.org")["session"]
    assert {name: session[name] for name in asks} == asks
    emptied: Any = {"shipping_address_collection": "", "tax_id_collection": {"enabled": False}}
    shelf.sandbox.api.payment_links.update(link, emptied)
    session = shelf.sandbox.pay_link(link, email="ada@example.org")["session"]
    assert (session["shipping_address_collection"], session["tax_id_collection"]["enabled"]) == (None, False)


# Expiry


def test_an_expired_session_can_be_recovered_for_thirty_days(shelf: Shelf) -> None:
    recovery = {"recovery": {"enabled": True, "allow_promotion_codes": True}}
    session = session_of(shelf, after_expiration=recovery, client_reference_id="member-1")
    assert session.after_expiration.recovery.url is None
    shelf.sandbox.advance("25h")
    expired: Any = shelf.sandbox.api.checkout.sessions.retrieve(session.id)
    back = expired.after_expiration.recovery
    assert (expired.status, back.expires_at - expired.expires_at) == ("expired", 30 * 86_400)
    event = shelf.sandbox.api.events.list({"type": "checkout.session.expired"}).data[0]
    assert event.data.to_dict()["object"]["after_expiration"]["recovery"]["url"] == back.url
    urllib.request.urlopen(back.url, timeout=10).read()
    fresh: Any = shelf.sandbox.api.checkout.sessions.list({"status": "open"}).data[0]
    assert (fresh.recovered_from, fresh.client_reference_id) == (session.id, "member-1")
    assert (fresh.allow_promotion_codes, fresh.amount_total) == (True, 18000)
    shelf.sandbox.advance("31d")
    assert b"expired" in urllib.request.urlopen(back.url, timeout=10).read()
