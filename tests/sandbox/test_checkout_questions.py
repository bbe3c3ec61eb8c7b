"""What Checkout asks besides a card: extras, fields of the seller's own, contact, consent; and how it brings back."""

import urllib.request
from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import THANKS, Shelf
from tests.sandboxes import Json, Sandbox

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
    with pytest.raises(AssertionError, match="address is incomplete"):
        pay(shelf.sandbox, session.id, phone="+4930")
    paid = pay(shelf.sandbox, session.id, phone="+4930", address={"line1": "Ofenweg 1", "country": "AT"})
    assert paid["customer_details"]["phone"] == "+4930"
    assert paid["customer_details"]["address"]["line1"] == "Ofenweg 1"
    assert paid["consent"] == {"promotions": "opt_out", "terms_of_service": "accepted"}


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
