"""What prices may be, and what they cost in every place that bills them."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import Shelf
from tests.sandboxes import Json, Sandbox

MONTHLY = {"interval": "month"}


def price_of(shelf: Shelf, **params: Any) -> str:
    wish: Any = {"product": shelf.club, "currency": "eur", **params}
    return shelf.sandbox.api.prices.create(wish).id


def first_invoice(shelf: Shelf, customer: str, item: Json, **params: Any) -> Any:
    """A subscription to one item, and its first invoice."""
    wish: Any = {"customer": customer, "items": [item], "expand": ["latest_invoice"], **params}
    return shelf.sandbox.api.subscriptions.create(wish)


# Refusals


@pytest.mark.parametrize(
    ("params", "param", "words"),
    [
        ({"currency": "xyz", "unit_amount": 1}, "currency", "Invalid currency: xyz. Stripe currently supports"),
        ({"currency": "kwd", "unit_amount": 1005}, "unit_amount", "divisible by 10"),
        ({"currency": "isk", "unit_amount": 150}, "unit_amount", "divisible by 100"),
        ({"unit_amount": 1, "currency_options": {"xyz": {"unit_amount": 1}}}, "currency_options[xyz]", "Invalid curr"),
        ({"unit_amount": 1, "currency_options": {"eur": {"unit_amount": 1}}}, "currency_options[eur]", "default curr"),
        (
            {"unit_amount": 1, "currency_options": {"bhd": {"unit_amount": 1}}},
            "currency_options[bhd][unit_amount]",
            "divisible by 10",
        ),
        (
            {"unit_amount": 1, "currency_options": {"usd": {"tax_behavior": "inclusive"}}},
            "currency_options[usd][unit_amount]",
            "require an",
        ),
        ({"unit_amount": 1, "unit_amount_decimal": "1.5"}, "unit_amount", "exactly one"),
        ({"unit_amount_decimal": "one"}, "unit_amount_decimal", "Invalid string"),
        ({"billing_scheme": "tiered", "tiers": [{"up_to": "inf", "unit_amount": 1}]}, "tiers_mode", "tiers_mode"),
        (
            {"billing_scheme": "tiered", "tiers_mode": "volume", "tiers": [{"up_to": 5, "unit_amount": 1}]},
            "tiers[up_to]",
            "last tier",
        ),
        (
            {
                "billing_scheme": "tiered",
                "tiers_mode": "volume",
                "tiers": [
                    {"up_to": 9, "unit_amount": 1},
                    {"up_to": 5, "unit_amount": 1},
                    {"up_to": "inf", "unit_amount": 1},
                ],
            },
            "tiers[up_to]",
            "sorted",
        ),
        ({"custom_unit_amount": {"enabled": True}, "recurring": MONTHLY}, "custom_unit_amount", "recurring"),
        ({"custom_unit_amount": {"enabled": True, "minimum": 9, "maximum": 5}}, "custom_unit_amount", "ascending"),
    ],
)
def test_a_wrong_price_is_refused(shelf: Shelf, params: dict[str, Any], param: str, words: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=words) as refusal:
        price_of(shelf, **params)
    assert refusal.value.param == param


def test_currencies_are_kept_in_lower_case_and_options_shown_on_request(shelf: Shelf) -> None:
    price = price_of(
        shelf,
        currency="EUR",
        unit_amount=2400,
        recurring=MONTHLY,
        currency_options={"JPY": {"unit_amount": 3900}, "kwd": {"unit_amount": 7250}},
    )
    plain = shelf.sandbox.api.prices.retrieve(price).to_dict()
    assert plain["currency"] == "eur"
    assert "currency_options" not in plain
    options = shelf.sandbox.api.prices.retrieve(price, {"expand": ["currency_options"]}).to_dict()["currency_options"]
    assert {code: terms["unit_amount"] for code, terms in options.items()} == {"eur": 2400, "jpy": 3900, "kwd": 7250}


def test_options_are_changed_currency_by_currency(shelf: Shelf) -> None:
    price = price_of(shelf, unit_amount=2400, currency_options={"usd": {"unit_amount": 2900}})
    wish: Any = {"currency_options": {"gbp": {"unit_amount": 2100}}, "expand": ["currency_options"]}
    changed = shelf.sandbox.api.prices.update(price, wish).to_dict()
    assert set(changed["currency_options"]) == {"eur", "usd", "gbp"}


def test_a_lookup_key_has_one_price_and_can_move(shelf: Shelf) -> None:
    first = price_of(shelf, unit_amount=100, lookup_key="now")
    with pytest.raises(stripe.InvalidRequestError, match=f"A price \\(`{first}`\\) already uses that lookup key"):
        price_of(shelf, unit_amount=200, lookup_key="now")
    second = price_of(shelf, unit_amount=200, lookup_key="now", transfer_lookup_key=True)
    assert [row.id for row in shelf.sandbox.api.prices.list({"lookup_keys": ["now"]}).data] == [second]
    with pytest.raises(stripe.InvalidRequestError, match="already uses"):
        shelf.sandbox.api.prices.update(first, {"lookup_key": "now"})
    shelf.sandbox.api.prices.update(first, {"lookup_key": "now", "transfer_lookup_key": True})
    assert shelf.sandbox.api.prices.retrieve(second).lookup_key is None


def test_a_tax_behavior_is_settled_once(shelf: Shelf) -> None:
    price = price_of(shelf, unit_amount=100)
    assert shelf.sandbox.api.prices.update(price, {"tax_behavior": "inclusive"}).tax_behavior == "inclusive"
    with pytest.raises(stripe.InvalidRequestError, match="tax_behavior"):
        shelf.sandbox.api.prices.update(price, {"tax_behavior": "exclusive"})


# Another currency


def test_a_subscription_bills_the_currency_it_was_asked_for(shelf: Shelf, ada: str) -> None:
    price = price_of(shelf, unit_amount=2400, recurring=MONTHLY, currency_options={"jpy": {"unit_amount": 3900}})
    made = first_invoice(shelf, ada, {"price": price, "quantity": 2}, currency="jpy")
    assert (made.currency, made["items"].data[0].price.currency) == ("jpy", "eur")
    invoice = made.latest_invoice
    assert (invoice.currency, invoice.amount_paid, invoice.lines.data[0].currency) == ("jpy", 7800, "jpy")
    assert invoice.lines.data[0].pricing.unit_amount_decimal == 3900
    assert "¥3,900 / month" in invoice.lines.data[0].description
    shelf.sandbox.advance("32d")
    renewal = shelf.sandbox.api.invoices.retrieve(str(shelf.subscription(made.id)["latest_invoice"]))
    assert (renewal.currency, renewal.amount_paid) == ("jpy", 7800)


def test_prorations_are_in_the_subscriptions_currency(shelf: Shelf, ada: str) -> None:
    small = price_of(shelf, unit_amount=1000, recurring=MONTHLY, currency_options={"usd": {"unit_amount": 1100}})
    large = price_of(shelf, unit_amount=3000, recurring=MONTHLY, currency_options={"usd": {"unit_amount": 3300}})
    made = first_invoice(shelf, ada, {"price": small}, currency="usd")
    wish: Any = {
        "items": [{"id": made["items"].data[0].id, "price": large}],
        "proration_behavior": "always_invoice",
        "expand": ["latest_invoice"],
    }
    changed = shelf.sandbox.api.subscriptions.update(made.id, wish)
    invoice: Any = changed.latest_invoice
    assert (invoice.currency, invoice.total) == ("usd", 2200)


def test_a_currency_that_the_price_does_not_offer_is_refused(shelf: Shelf, ada: str) -> None:
    words = "only supports `eur`. This doesn't match the expected currency: `usd`"
    with pytest.raises(stripe.InvalidRequestError, match=words):
        first_invoice(shelf, ada, {"price": shelf.monthly}, currency="usd")
    usd = price_of(shelf, currency="usd", unit_amount=100, recurring=MONTHLY)
    with pytest.raises(stripe.InvalidRequestError, match="only supports `usd`"):
        shelf.sandbox.api.subscriptions.create({"customer": ada, "items": [{"price": shelf.monthly}, {"price": usd}]})
    made = first_invoice(shelf, ada, {"price": shelf.monthly})
    with pytest.raises(stripe.InvalidRequestError, match="only supports `usd`"):
        shelf.sandbox.api.subscription_items.create({"subscription": made.id, "price": usd})
    with pytest.raises(stripe.InvalidRequestError, match="only supports `eur`"):
        shelf.link(shelf.once, currency="usd")


def test_a_link_sells_in_its_currency(shelf: Shelf) -> None:
    price = price_of(shelf, unit_amount=18000, currency_options={"usd": {"unit_amount": 19900}})
    link = shelf.link(price, currency="usd")
    session = shelf.sandbox.pay_link(link, email="ada@example.org")["session"]
    assert (session["currency"], session["amount_total"]) == ("usd", 19900)
    intent = shelf.sandbox.api.payment_intents.retrieve(session["payment_intent"])
    assert (intent.currency, intent.amount_received) == ("usd", 19900)


# Tiers and packages

GRADUATED = [
    {"up_to": 5, "unit_amount": 1000, "flat_amount": 500},
    {"up_to": 10, "unit_amount": 800},
    {"up_to": "inf", "unit_amount_decimal": "650.5"},
]


@pytest.mark.parametrize(
    ("mode", "quantity", "amount"),
    [
        ("graduated", 5, 5500),
        ("graduated", 7, 5500 + 1600),
        ("graduated", 13, 5500 + 4000 + 1952),
        ("volume", 5, 5500),
        ("volume", 6, 4800),
        ("volume", 13, 8457),
    ],
)
def test_tiers_are_billed(shelf: Shelf, ada: str, mode: str, quantity: int, amount: int) -> None:
    price = price_of(shelf, billing_scheme="tiered", tiers_mode=mode, tiers=GRADUATED, recurring=MONTHLY)
    made = first_invoice(shelf, ada, {"price": price, "quantity": quantity})
    assert made.latest_invoice.amount_paid == amount
    session = shelf.sandbox.api.checkout.sessions.create(
        {
            "mode": "subscription",
            "line_items": [{"price": price, "quantity": quantity}],
            "success_url": "https://shop.example/thanks",
        }
    )
    assert session.amount_total == amount
    paid = shelf.sandbox.pay_session(session.id, email="ben@example.org")["session"]
    assert shelf.sandbox.api.invoices.retrieve(paid["invoice"]).amount_paid == amount


@pytest.mark.parametrize(("round_to", "amount"), [("up", 4500), ("down", 3000)])
def test_packages_are_billed_whole(shelf: Shelf, ada: str, round_to: str, amount: int) -> None:
    price = price_of(
        shelf, unit_amount=1500, recurring=MONTHLY, transform_quantity={"divide_by": 10, "round": round_to}
    )
    assert first_invoice(shelf, ada, {"price": price, "quantity": 25}).latest_invoice.amount_paid == amount


def test_fractions_of_a_cent_add_up(shelf: Shelf, ada: str) -> None:
    price = price_of(shelf, unit_amount_decimal="0.55", recurring=MONTHLY)
    assert shelf.sandbox.api.prices.retrieve(price).unit_amount is None
    assert first_invoice(shelf, ada, {"price": price, "quantity": 1001}).latest_invoice.amount_paid == 551


# The buyer says how much


def gift(shelf: Shelf, **bounds: int) -> str:
    return price_of(shelf, custom_unit_amount={"enabled": True, **bounds})


def test_the_buyer_says_how_much_within_the_bounds(shelf: Shelf) -> None:
    link = shelf.link(gift(shelf, minimum=500, maximum=10_000, preset=2_000))
    for amount, words in ((499, "at least .*5.00"), (10_001, "no more than .*100.00")):
        with pytest.raises(AssertionError, match=words):
            shelf.sandbox.pay_link(link, email="ada@example.org", amount=amount)
    session = shelf.sandbox.pay_link(link, email="ada@example.org", amount=7_700)["session"]
    assert session["amount_total"] == 7_700
    line = shelf.sandbox.api.checkout.sessions.line_items.list(session["id"]).data[0]
    assert (line.amount_total, line.price and line.price.unit_amount) == (7_700, None)
    preset = shelf.sandbox.pay_link(link, email="ben@example.org")["session"]
    assert preset["amount_total"] == 2_000


def test_without_a_preset_an_amount_is_needed(shelf: Shelf) -> None:
    link = shelf.link(gift(shelf))
    with pytest.raises(AssertionError, match="Enter an amount"):
        shelf.sandbox.pay_link(link, email="ada@example.org")


@pytest.mark.parametrize(
    "params",
    [
        {"allow_promotion_codes": True},
        {"line_items": [{"quantity": 2}]},
        {"line_items": [{"quantity": 1}, {"quantity": 1}]},
        {"line_items": [{"quantity": 1, "adjustable_quantity": {"enabled": True}}]},
    ],
)
def test_such_a_price_stands_alone(shelf: Shelf, params: dict[str, Any]) -> None:
    price = gift(shelf)
    lines = [{"price": price, **line} for line in params.get("line_items", [{"quantity": 1}])]
    wish: Any = {**params, "line_items": lines}
    with pytest.raises(stripe.InvalidRequestError, match="custom_unit_amount"):
        shelf.sandbox.api.payment_links.create(wish)


def test_such_a_price_is_for_checkout_alone(sandbox: Sandbox, shelf: Shelf, ada: str) -> None:
    price = gift(shelf)
    with pytest.raises(stripe.InvalidRequestError, match="only be used in Checkout"):
        sandbox.api.invoice_items.create({"customer": ada, "pricing": {"price": price}})
    session = sandbox.api.checkout.sessions.create(
        {"mode": "payment", "line_items": [{"price": shelf.once, "quantity": 1}], "success_url": "https://a.example"}
    )
    with pytest.raises(AssertionError, match="fixed amount"):
        sandbox.pay_session(session.id, email="ada@example.org", amount=5)
