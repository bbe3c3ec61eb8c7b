"""How much a request may name, and what an address and a key may be."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import THANKS, Shelf
from tests.sandboxes import Sandbox


def lines(shelf: Shelf, count: int, *, monthly: bool = False) -> list[Any]:
    """Lines of as many prices, made on the spot."""
    wish: Any = {"product": shelf.club, "currency": "eur", "unit_amount": 100}
    if monthly:
        wish["recurring"] = {"interval": "month"}
    return [{"price_data": wish, "quantity": 1} for _ in range(count)]


def open_session(shelf: Shelf, mode: str, rows: list[Any], extras: int = 0) -> Any:
    wish: Any = {"mode": mode, "line_items": rows, "success_url": THANKS}
    if extras:
        wish["optional_items"] = optional(shelf, extras)
    return shelf.sandbox.api.checkout.sessions.create(wish)


def optional(shelf: Shelf, count: int) -> list[Any]:
    wish: Any = {"product": shelf.course, "currency": "eur"}
    prices = [shelf.sandbox.api.prices.create({**wish, "unit_amount": 100 + n}).id for n in range(count)]
    return [{"price": price, "quantity": 1} for price in prices]


def test_a_session_takes_a_hundred_lines_or_twenty_of_each_kind(shelf: Shelf) -> None:
    assert open_session(shelf, "payment", lines(shelf, 98), 2).id
    assert open_session(shelf, "subscription", lines(shelf, 20, monthly=True) + lines(shelf, 18), 2).id
    for mode, rows, extras in (
        ("payment", lines(shelf, 99), 2),
        ("subscription", lines(shelf, 21, monthly=True), 0),
        ("subscription", lines(shelf, 1, monthly=True) + lines(shelf, 19), 2),
        ("payment", lines(shelf, 1), 11),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            open_session(shelf, mode, rows, extras)
        assert refused.value.http_status == 400


def test_a_link_takes_twenty_lines_and_optional_items_together(shelf: Shelf) -> None:
    prices = [row["price"] for row in optional(shelf, 10)]
    rows: Any = [{"price": price, "quantity": 1} for price in prices]
    extras: Any = optional(shelf, 10)
    make = shelf.sandbox.api.payment_links.create
    assert make({"line_items": rows, "optional_items": extras}).id
    with pytest.raises(stripe.InvalidRequestError, match="maximum of 20"):
        make({"line_items": [*rows, {"price": shelf.once, "quantity": 1}], "optional_items": extras})


@pytest.mark.parametrize("country", ["Germany", "XX", "D", "1A"])
def test_a_country_is_two_letters_that_there_are(sandbox: Sandbox, ada: str, country: str) -> None:
    api: Any = sandbox.api
    address = {"line1": "Ofenweg 1", "country": country}
    card = {"type": "card", "card": {"token": "tok_visa"}}
    for attempt in (
        lambda: api.customers.create({"address": address}),
        lambda: api.customers.update(ada, {"shipping": {"name": "Ada", "address": address}}),
        lambda: api.payment_methods.create({**card, "billing_details": {"address": address}}),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=f"Country '{country}' is unknown") as refused:
            attempt()
        assert (refused.value.http_status, refused.value.code) == (400, "country_code_invalid")


def test_an_address_may_leave_parts_empty_and_its_country_is_kept_in_capitals(sandbox: Sandbox) -> None:
    wish: Any = {"address": {"line1": "Ofenweg 1", "line2": "", "country": "de"}}
    address = sandbox.api.customers.create(wish).address
    assert address is not None
    assert (address.country, address.line2) == ("DE", None)


def test_a_shop_ships_to_countries_that_stripe_knows(shelf: Shelf) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shelf.link(shelf.once, shipping_address_collection={"allowed_countries": ["DE", "KP"]})
    assert refused.value.param == "shipping_address_collection[allowed_countries][1]"


def test_a_european_tax_id_begins_with_a_country_that_gives_them(sandbox: Sandbox, ada: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Invalid value for eu_vat"):
        sandbox.api.customers.tax_ids.create(ada, {"type": "eu_vat", "value": "US123456789"})


def test_an_idempotency_key_has_255_characters_at_most(sandbox: Sandbox) -> None:
    assert sandbox.api.products.create({"name": "A"}, {"idempotency_key": "k" * 255}).id
    with pytest.raises(stripe.IdempotencyError) as refused:
        sandbox.api.products.create({"name": "B"}, {"idempotency_key": "k" * 256})
    assert refused.value.http_status == 400
    assert [row.name for row in sandbox.api.products.list().data] == ["A"]
