"""The portal's plan pages and its offer to stay, as a member without JavaScript meets them."""

from typing import Any

import pytest

from tests.sandbox.shelf import Shelf
from tests.sandbox.visitor import Visitor
from tests.sandboxes import Json

BACK = "http://127.0.0.1:9/account/"
LIMITS = {"enabled": True, "minimum": 1, "maximum": 4}


@pytest.fixture
def visitor(shelf: Shelf) -> Visitor:
    return Visitor(shelf.sandbox.url)


@pytest.fixture
def yearly(shelf: Shelf) -> str:
    wish: Any = {"product": shelf.club, "currency": "eur", "unit_amount": 24000, "recurring": {"interval": "year"}}
    return shelf.sandbox.api.prices.create(wish).id


def open_portal(
    shelf: Shelf, subscription: Json, prices: list[str], *, flow: Json | None = None, limits: Json = LIMITS, **more: Any
) -> str:
    """The address of a portal session that offers these prices of the club."""
    update = {
        "enabled": True,
        "default_allowed_updates": ["price", "quantity", "promotion_code"],
        "proration_behavior": "always_invoice",
        "products": [{"product": shelf.club, "prices": prices, "adjustable_quantity": limits}],
        **more,
    }
    details = {"enabled": True, "allowed_updates": ["name", "email", "phone", "address", "shipping"]}
    features: Any = {
        "subscription_update": update,
        "subscription_cancel": {"enabled": True},
        "customer_update": details,
    }
    configuration = shelf.sandbox.api.billing_portal.configurations.create({"features": features}).id
    wish: Any = {"customer": subscription["customer"], "configuration": configuration, "return_url": BACK}
    return shelf.sandbox.api.billing_portal.sessions.create({**wish, "flow_data": flow} if flow else wish).url


def test_a_plan_is_chosen_seen_and_confirmed(shelf: Shelf, visitor: Visitor, yearly: str) -> None:
    ada = shelf.subscribe()
    url = open_portal(shelf, ada, [shelf.monthly, yearly])
    assert f"/{ada['id']}/change" in visitor.open(url).html
    choice = visitor.open(f"{url}/{ada['id']}/change")
    for words in ("€24.00 per month Current plan", "€240.00 per year", "Quantity", "Promotion code"):
        assert words in choice.text
    seen = visitor.open(f"{url}/{ada['id']}/change?price={yearly}")
    for words in ("Unused time on Club −€24.00", "Due today €216.00", "€216.00 is charged now."):
        assert words in seen.text
    assert shelf.subscription(ada["id"])["items"]["data"][0]["price"]["id"] == shelf.monthly
    home = visitor.follow(visitor.send(seen))
    assert "You now pay €240.00 per year." in home.text
    bill = shelf.sandbox.api.invoices.list({"subscription": ada["id"]}).data[0]
    assert (bill.amount_paid, bill.billing_reason) == (21600, "subscription_update")


def test_a_quantity_is_changed_within_its_bounds(shelf: Shelf, visitor: Visitor) -> None:
    ada = shelf.subscribe()
    url = f"{open_portal(shelf, ada, [shelf.monthly])}/{ada['id']}/change"
    assert "The quantity must be from 1 to 4." in visitor.open(f"{url}?quantity=5").text
    assert "This is your plan already." in visitor.open(f"{url}?quantity=1").text
    assert "You now pay 3 × €24.00 per month." in visitor.follow(visitor.send(visitor.open(f"{url}?quantity=3"))).text
    assert shelf.subscription(ada["id"])["items"]["data"][0]["quantity"] == 3
    fixed = f"{open_portal(shelf, ada, [shelf.monthly], limits={'enabled': False})}/{ada['id']}/change"
    assert 'name="quantity"' not in visitor.open(fixed).html
    assert "The quantity cannot be changed" in visitor.open(f"{fixed}?quantity=2").text


def test_a_code_is_taken_where_codes_are(shelf: Shelf, visitor: Visitor) -> None:
    ada = shelf.subscribe()
    coupon = shelf.sandbox.api.coupons.create({"percent_off": 25, "duration": "forever"}).id
    shelf.sandbox.api.promotion_codes.create({"promotion": {"type": "coupon", "coupon": coupon}, "code": "KILN"})
    url = f"{open_portal(shelf, ada, [shelf.monthly])}/{ada['id']}/change"
    assert "This code is invalid." in visitor.open(f"{url}?promotion_code=nope").text
    seen = visitor.open(f"{url}?promotion_code=kiln")
    assert "Your next payment is €18.00" in seen.text
    assert "25% off every payment" in seen.text
    assert shelf.subscription(ada["id"])["discounts"] == []
    visitor.send(seen)
    assert len(shelf.subscription(ada["id"])["discounts"]) == 1
    shut = open_portal(shelf, ada, [shelf.monthly], default_allowed_updates=["price"])
    assert "takes no promotion codes" in visitor.open(f"{shut}/{ada['id']}/change?promotion_code=kiln").text


def test_what_is_not_offered_or_cannot_change_is_refused(shelf: Shelf, visitor: Visitor, yearly: str) -> None:
    ada = shelf.subscribe()
    url = f"{open_portal(shelf, ada, [shelf.monthly])}/{ada['id']}/change"
    assert "This price is not offered" in visitor.open(f"{url}?price={yearly}").text
    assert shelf.subscription(ada["id"])["items"]["data"][0]["price"]["id"] == shelf.monthly
    shelf.sandbox.api.subscription_items.create({"subscription": ada["id"], "price": yearly_of_course(shelf)})
    both = open_portal(shelf, ada, [shelf.monthly, yearly])
    assert f"/{ada['id']}/change" not in visitor.open(both).html
    assert "cannot be changed here" in visitor.open(f"{both}/{ada['id']}/change").text


def yearly_of_course(shelf: Shelf) -> str:
    wish: Any = {"product": shelf.course, "currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
    return shelf.sandbox.api.prices.create(wish).id


@pytest.mark.parametrize("stays", [True, False])
def test_who_wants_to_leave_is_offered_a_coupon(shelf: Shelf, visitor: Visitor, stays: bool) -> None:
    ada = shelf.subscribe()
    months: Any = {"percent_off": 25, "duration": "repeating", "duration_in_months": 3}
    coupon = shelf.sandbox.api.coupons.create(months).id
    retention = {"type": "coupon_offer", "coupon_offer": {"coupon": coupon}}
    flow = {"type": "subscription_cancel", "subscription_cancel": {"subscription": ada["id"], "retention": retention}}
    offer = visitor.follow(visitor.open(open_portal(shelf, ada, [shelf.monthly], flow=flow)))
    assert "25% off for 3 months" in offer.text
    if stays:
        assert "Your discount counts" in visitor.follow(visitor.send(offer, "stay")).text
    else:
        declined = visitor.open(f"{offer.url}?offer=declined")
        assert "Cancel your subscription?" in declined.text
        visitor.send(declined)
    after = shelf.subscription(ada["id"])
    assert (after["cancel_at"] is None, len(after["discounts"])) == (stays, int(stays))


def test_an_address_is_edited_whole_or_not_at_all(shelf: Shelf, visitor: Visitor) -> None:
    ada = shelf.subscribe()
    url = open_portal(shelf, ada, [shelf.monthly])
    step = visitor.open(f"{url}/details")
    half = visitor.follow(visitor.send(step, name="Ada", **{"address[line1]": "Ofenweg 1", "email": "ada@example.org"}))
    assert 'id="address-city-error"' in half.html
    assert half.form().fields["address[line1]"] == "Ofenweg 1"
    whole = {"address[postal_code]": "1010", "address[city]": "Wien", "address[country]": "AT"}
    home = visitor.follow(visitor.send(half, **whole))
    assert "Ofenweg 1, 1010 Wien, Austria" in home.text
    customer = shelf.sandbox.api.customers.retrieve(ada["customer"])
    assert (customer.address.city, customer.shipping, customer.name) == ("Wien", None, "Ada")
    wrong = visitor.follow(visitor.send(visitor.open(f"{url}/details"), email="nobody"))
    assert 'id="email-error"' in wrong.html
