from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import Shelf
from tests.sandboxes import Sandbox


def test_pages_go_back_and_forth_from_the_newest(sandbox: Sandbox) -> None:
    made = [sandbox.api.customers.create({"email": f"p{n}@example.org"}).id for n in range(7)]
    newest = made[::-1]
    first = sandbox.api.customers.list({"limit": 3})
    assert ([row.id for row in first.data], first.has_more) == (newest[:3], True)
    second = sandbox.api.customers.list({"limit": 3, "starting_after": newest[2]})
    assert ([row.id for row in second.data], second.has_more) == (newest[3:6], True)
    last = sandbox.api.customers.list({"limit": 3, "starting_after": newest[5]})
    assert ([row.id for row in last.data], last.has_more) == (newest[6:], False)
    back = sandbox.api.customers.list({"limit": 3, "ending_before": newest[5]})
    assert ([row.id for row in back.data], back.has_more) == (newest[2:5], True)


def test_the_cursor_survives_what_was_made_meanwhile_and_what_was_deleted(sandbox: Sandbox) -> None:
    made = [sandbox.api.customers.create({"email": f"p{n}@example.org"}).id for n in range(4)]
    sandbox.api.customers.delete(made[1])
    sandbox.api.customers.create({"email": "late@example.org"})
    rest = sandbox.api.customers.list({"starting_after": made[2]})
    assert [row.id for row in rest.data] == [made[0]]


@pytest.mark.parametrize("limit", [0, 101])
def test_a_page_holds_one_to_a_hundred(sandbox: Sandbox, limit: int) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sandbox.api.customers.list({"limit": limit})
    assert refused.value.param == "limit"


def test_a_cursor_that_names_nothing_is_refused(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sandbox.api.customers.list({"starting_after": "cus_nobody"})
    assert (refused.value.code, refused.value.param) == ("resource_missing", "starting_after")


def test_the_import_lists_of_subscriptions_and_orders(shelf: Shelf) -> None:
    subscription = shelf.subscribe()
    order = shelf.buy()
    rows = shelf.sandbox.api.subscriptions.list(
        {"status": "all", "limit": 100, "expand": ["data.customer", "data.latest_invoice", "data.discounts"]}
    ).data
    assert [(row.id, row.customer.email, row.latest_invoice.status) for row in rows] == [  # type: ignore[union-attr]
        (subscription["id"], "ada@example.org", "paid")
    ]
    sessions = shelf.sandbox.api.checkout.sessions.list(
        {"status": "complete", "expand": ["data.line_items", "data.payment_intent.latest_charge"]}
    ).data
    assert sessions[0].id == order["id"]
    assert sessions[0].line_items.data[0].price.product == shelf.course  # type: ignore[union-attr]
    assert sessions[0].payment_intent.latest_charge.amount_refunded == 0  # type: ignore[union-attr]


def test_the_list_hides_canceled_unless_asked(shelf: Shelf) -> None:
    api, gone = shelf.sandbox.api, shelf.subscribe()["id"]
    kept = shelf.subscribe(email="ben@example.org")["id"]
    api.subscriptions.cancel(gone)
    assert [row.id for row in api.subscriptions.list().data] == [kept]
    assert [row.id for row in api.subscriptions.list({"status": "all"}).data] == [kept, gone]
    assert [row.id for row in api.subscriptions.list({"status": "canceled"}).data] == [gone]
    assert [row.id for row in api.subscriptions.list({"price": shelf.monthly, "status": "all"}).data] == [kept, gone]


def test_inline_prices_are_not_listed_but_their_subscriptions_are(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    session = api.checkout.sessions.create(
        {
            "mode": "subscription",
            "success_url": "https://shop.example/",
            "line_items": [
                {
                    "quantity": 1,
                    "price_data": {
                        "currency": "eur",
                        "product": shelf.club,
                        "unit_amount": 900,
                        "recurring": {"interval": "month"},
                    },
                }
            ],
        }
    )
    paid = shelf.sandbox.pay_session(session.id, email="ada@example.org")["session"]
    listed = [*api.prices.list({"active": True}).data, *api.prices.list({"active": False}).data]
    assert sorted(row.id for row in listed) == sorted([shelf.monthly, shelf.once])
    bought = shelf.subscription(paid["subscription"])["items"]["data"][0]["price"]
    assert (bought["unit_amount"], bought["product"]) == (900, shelf.club)


def test_customers_are_found_by_the_exact_case_of_their_address(sandbox: Sandbox) -> None:
    made = sandbox.api.customers.create({"email": "Foo@Example.org"})
    assert [row.id for row in sandbox.api.customers.list({"email": "Foo@Example.org"}).data] == [made.id]
    assert sandbox.api.customers.list({"email": "foo@example.org"}).data == []


def test_created_bounds(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    early = api.customers.create({"email": "early@example.org"})
    shelf.sandbox.advance("1d")
    late = api.customers.create({"email": "late@example.org"})
    assert [row.id for row in api.customers.list({"created": {"gt": early.created}}).data] == [late.id]
    assert early.id in [row.id for row in api.customers.list({"created": {"lt": late.created}}).data]


# Expansion


def test_five_levels_are_one_too_many(shelf: Shelf) -> None:
    shelf.subscribe()
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shelf.sandbox.api.subscriptions.list({"expand": ["data.items.data.price.product"]})
    assert refused.value.code == "property_expansion_max_depth"


def test_what_is_no_reference_cannot_be_expanded(shelf: Shelf) -> None:
    subscription = shelf.subscribe()
    with pytest.raises(stripe.InvalidRequestError, match="cannot be expanded"):
        shelf.sandbox.api.subscriptions.retrieve(subscription["id"], {"expand": ["status"]})


def test_coupons_are_reached_through_the_discounts(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    coupon = api.coupons.create({"percent_off": 10, "duration": "forever", "applies_to": {"products": [shelf.club]}})
    customer = api.customers.create({"payment_method": "pm_card_visa"})
    method = api.customers.payment_methods.list(customer.id).data[0].id
    api.subscriptions.create(
        {
            "customer": customer.id,
            "items": [{"price": shelf.monthly}],
            "default_payment_method": method,
            "discounts": [{"coupon": coupon.id}],
        }
    )
    row = api.subscriptions.list({"expand": ["data.discounts.source.coupon"]}).data[0]
    assert row.discounts[0].source.coupon.percent_off == 10  # type: ignore[union-attr]
    assert api.coupons.list({"expand": ["data.applies_to"]}).data[0].applies_to.products == [shelf.club]  # type: ignore[union-attr]


def test_includable_fields_are_absent_until_expanded(shelf: Shelf) -> None:
    session = shelf.buy(customer_creation="always")
    api = shelf.sandbox.api
    assert "line_items" not in api.checkout.sessions.retrieve(session["id"]).to_dict()
    assert "refunds" not in api.charges.retrieve(shelf.charge_of(session)).to_dict()
    plain = api.customers.retrieve(session["customer"]).to_dict()
    assert "subscriptions" not in plain
    shown = api.customers.retrieve(session["customer"], {"expand": ["subscriptions"]}).to_dict()
    assert shown["subscriptions"]["data"] == []


def test_many_line_items_are_paged(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    lines = [
        {
            "quantity": 1,
            "price_data": {"currency": "eur", "unit_amount": 100 + n, "product": shelf.course},
        }
        for n in range(30)
    ]
    session = api.checkout.sessions.create(
        {"mode": "payment", "line_items": lines, "success_url": "https://shop.example/"}  # type: ignore[typeddict-item]
    )
    shown = api.checkout.sessions.retrieve(session.id, {"expand": ["line_items"]}).line_items
    assert shown is not None
    assert (len(shown.data), shown.has_more) == (10, True)
    rows = api.checkout.sessions.line_items.list(session.id, {"limit": 20}).auto_paging_iter()
    assert [row.amount_total for row in rows] == [100 + n for n in range(30)]


def test_a_payment_s_secret_comes_with_its_invoice(shelf: Shelf, ada: str) -> None:
    api: Any = shelf.sandbox.api
    wish = {"customer": ada, "items": [{"price": shelf.monthly}], "payment_behavior": "default_incomplete"}
    made = api.subscriptions.create({**wish, "expand": ["latest_invoice.confirmation_secret"]})
    secret = made.latest_invoice.confirmation_secret
    (payment,) = api.invoice_payments.list({"invoice": made.latest_invoice.id}).data
    intent = api.payment_intents.retrieve(payment.payment.payment_intent)
    assert (secret.type, secret.client_secret) == ("payment_intent", intent.client_secret)
    draft = api.invoices.create({"customer": ada, "expand": ["confirmation_secret"]})
    assert draft.confirmation_secret is None
