"""Coupons, promotion codes and the discounts they become, wherever something is paid."""

import urllib.error
from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import DAY, THANKS, Shelf
from tests.sandboxes import Declined, Json, Sandbox


def coupon_of(sandbox: Sandbox, **params: Any) -> str:
    wish: Any = {"percent_off": 25, "duration": "forever", **params}
    if "amount_off" in params:
        del wish["percent_off"]
    return sandbox.api.coupons.create(wish).id


def code_of(sandbox: Sandbox, coupon: str, **params: Any) -> Any:
    wish: Any = {"promotion": {"type": "coupon", "coupon": coupon}, **params}
    return sandbox.api.promotion_codes.create(wish)


def subscribe(shelf: Shelf, customer: str, *items: Json, **params: Any) -> Any:
    """A subscription with its first invoice."""
    wish: Any = {
        "customer": customer,
        "items": list(items) or [{"price": shelf.monthly}],
        "expand": ["latest_invoice"],
        **params,
    }
    return shelf.sandbox.api.subscriptions.create(wish)


def totals(shelf: Shelf, subscription: str) -> list[int]:
    """Oldest first."""
    return [row.total for row in shelf.sandbox.api.invoices.list({"subscription": subscription}).data][::-1]


def now(sandbox: Sandbox) -> int:
    return int(sandbox.get("/sandbox/clock")["now"])


# Coupons


def test_a_coupon_takes_off_its_amount_in_each_of_its_currencies(shelf: Shelf, ada: str) -> None:
    sandbox = shelf.sandbox
    coupon = coupon_of(sandbox, amount_off=500, currency="eur", currency_options={"jpy": {"amount_off": 700}})
    wish: Any = {
        "product": shelf.club,
        "currency": "eur",
        "unit_amount": 2400,
        "currency_options": {"jpy": {"unit_amount": 3900}, "usd": {"unit_amount": 2900}},
        "recurring": {"interval": "month"},
    }
    price = sandbox.api.prices.create(wish).id
    made = subscribe(shelf, ada, {"price": price}, currency="jpy", discounts=[{"coupon": coupon}])
    assert made.latest_invoice.total == 3200
    with pytest.raises(stripe.InvalidRequestError, match="takes off an amount in eur"):
        subscribe(shelf, ada, {"price": price}, currency="usd", discounts=[{"coupon": coupon}])
    options: Any = {"currency_options": {"usd": {"amount_off": 600}}, "expand": ["currency_options"]}
    assert set(sandbox.api.coupons.update(coupon, options).to_dict()["currency_options"]) == {"jpy", "usd"}
    late = subscribe(shelf, ada, {"price": price}, currency="usd", discounts=[{"coupon": coupon}])
    assert late.latest_invoice.total == 2300


def test_an_amount_off_is_spread_over_the_products_it_is_for(shelf: Shelf, ada: str) -> None:
    extra = shelf.sandbox.api.prices.create(
        {"product": shelf.course, "currency": "eur", "unit_amount": 1200, "recurring": {"interval": "month"}}
    ).id
    spread = coupon_of(shelf.sandbox, amount_off=1000, currency="eur")
    made = subscribe(shelf, ada, {"price": shelf.monthly}, {"price": extra}, discounts=[{"coupon": spread}])
    assert [line.discount_amounts[0].amount for line in made.latest_invoice.lines.data] == [666, 334]
    limited = coupon_of(shelf.sandbox, amount_off=5000, currency="eur", applies_to={"products": [shelf.course]})
    made = subscribe(shelf, ada, {"price": shelf.monthly}, {"price": extra}, discounts=[{"coupon": limited}])
    assert [len(line.discount_amounts) for line in made.latest_invoice.lines.data] == [0, 1]
    assert made.latest_invoice.total == 2400


@pytest.mark.parametrize(
    ("params", "param"),
    [
        ({"amount_off": 5}, "currency"),
        ({"redeem_by": 1}, "redeem_by"),
        ({"applies_to": {"products": ["prod_none"]}}, "applies_to[products][0]"),
        ({"currency_options": {"usd": {"amount_off": 5}}}, "currency_options"),
        ({"duration": "repeating"}, "duration_in_months"),
    ],
)
def test_a_wrong_coupon_is_refused(sandbox: Sandbox, params: dict[str, Any], param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refusal:
        coupon_of(sandbox, **params)
    assert refusal.value.param == param


def test_a_coupon_is_redeemed_so_often_and_so_long(shelf: Shelf, ada: str) -> None:
    sandbox = shelf.sandbox
    once = coupon_of(sandbox, max_redemptions=1)
    subscribe(shelf, ada, discounts=[{"coupon": once}])
    assert sandbox.api.coupons.retrieve(once).valid is False
    with pytest.raises(stripe.InvalidRequestError, match="Coupon expired"):
        subscribe(shelf, ada, discounts=[{"coupon": once}])
    early = coupon_of(sandbox, redeem_by=now(sandbox) + 2 * DAY)
    code = code_of(sandbox, early, code="EARLY")
    kept = subscribe(shelf, ada, discounts=[{"coupon": early}])
    sandbox.advance("40d")
    assert sandbox.api.promotion_codes.retrieve(code.id).active is False
    with pytest.raises(stripe.InvalidRequestError, match="Coupon expired"):
        subscribe(shelf, ada, discounts=[{"coupon": early}])
    assert totals(shelf, kept.id) == [1800, 1800]


def test_a_deleted_coupon_is_gone_but_its_discounts_go_on(shelf: Shelf, ada: str) -> None:
    coupon = coupon_of(shelf.sandbox)
    code = code_of(shelf.sandbox, coupon)
    made = subscribe(shelf, ada, discounts=[{"coupon": coupon}])
    shelf.sandbox.api.coupons.delete(coupon)
    with pytest.raises(stripe.InvalidRequestError, match="No such coupon"):
        shelf.sandbox.api.coupons.retrieve(coupon)
    assert coupon not in [row.id for row in shelf.sandbox.api.coupons.list().data]
    assert shelf.sandbox.api.promotion_codes.retrieve(code.id).active is False
    shelf.sandbox.advance("32d")
    assert totals(shelf, made.id) == [1800, 1800]


# Promotion codes


def test_a_code_is_for_whom_it_says(shelf: Shelf, ada: str) -> None:
    sandbox, coupon = shelf.sandbox, coupon_of(shelf.sandbox)
    stranger = sandbox.api.customers.create({"email": "dan@example.org"}).id
    personal = code_of(sandbox, coupon, customer=stranger)
    newcomers = code_of(sandbox, coupon, restrictions={"first_time_transaction": True})
    with pytest.raises(stripe.InvalidRequestError, match="another customer"):
        subscribe(shelf, ada, discounts=[{"promotion_code": personal.id}])
    first = subscribe(shelf, ada, discounts=[{"promotion_code": newcomers.id}])
    assert first.latest_invoice.total == 1800
    with pytest.raises(stripe.InvalidRequestError, match="has prior transactions"):
        subscribe(shelf, ada, discounts=[{"promotion_code": newcomers.id}])


def test_a_code_may_want_a_minimum(shelf: Shelf) -> None:
    sandbox = shelf.sandbox
    limits = {
        "minimum_amount": 5000,
        "minimum_amount_currency": "eur",
        "currency_options": {"usd": {"minimum_amount": 10}},
    }
    code = code_of(sandbox, coupon_of(sandbox), code="BIG", restrictions=limits)
    assert set(code.to_dict()["restrictions"]["currency_options"]) == {"eur", "usd"}
    small, large = (shelf.link(price, allow_promotion_codes=True) for price in (shelf.monthly, shelf.once))
    with pytest.raises(AssertionError, match="below its minimum amount of 5000 eur"):
        sandbox.pay_link(small, email="ada@example.org", promotion_code="big")
    paid = sandbox.pay_link(large, email="ada@example.org", promotion_code="big")["session"]
    assert paid["amount_total"] == 13500


def test_a_code_ends_by_count_by_date_and_by_hand(shelf: Shelf) -> None:
    sandbox, coupon = shelf.sandbox, coupon_of(shelf.sandbox)
    link = shelf.link(shelf.once, allow_promotion_codes=True)
    counted = code_of(sandbox, coupon, code="ONE", max_redemptions=1)
    sandbox.pay_link(link, email="ada@example.org", promotion_code="ONE")
    dated = code_of(sandbox, coupon, code="SOON", expires_at=now(sandbox) + DAY)
    switched = code_of(sandbox, coupon, code="HAND")
    sandbox.api.promotion_codes.update(switched.id, {"active": False})
    sandbox.advance("2d")
    for code in ("ONE", "SOON", "HAND"):
        with pytest.raises(AssertionError, match="This code is invalid"):
            sandbox.pay_link(link, email="ada@example.org", promotion_code=code)
    assert sandbox.api.promotion_codes.update(switched.id, {"active": True}).active is True
    for gone in (counted, dated):
        with pytest.raises(stripe.InvalidRequestError, match="cannot be activated again"):
            sandbox.api.promotion_codes.update(gone.id, {"active": True})


def test_a_code_that_ran_out_on_the_way_is_refused_at_the_end(shelf: Shelf) -> None:
    """Entered while it could be used, by one who is slow to answer the bank."""
    sandbox = shelf.sandbox
    code = code_of(sandbox, coupon_of(sandbox), code="KILN", max_redemptions=1)
    lines: Any = [{"price": shelf.monthly, "quantity": 1}]
    wish: Any = {"mode": "subscription", "line_items": lines, "allow_promotion_codes": True, "success_url": THANKS}
    slow, quick = (sandbox.api.checkout.sessions.create(wish).id for _ in range(2))
    with pytest.raises(Declined, match="authentication"):
        sandbox.pay_session(slow, email="ada@example.org", card="4000002500003155", promotion_code="KILN")
    assert sandbox.pay_session(quick, email="ben@example.org", promotion_code="KILN")["session"]["amount_total"] == 1800
    with pytest.raises(urllib.error.HTTPError) as refused:
        sandbox.post(f"/sandbox/checkout/{slow}/authenticate", {"approved": True})
    assert "not active" in refused.value.read().decode()
    left = sandbox.api.checkout.sessions.retrieve(slow)
    assert (left.status, left.subscription) == ("open", None)
    assert sandbox.api.promotion_codes.retrieve(code.id).times_redeemed == 1


def test_codes_differ_by_more_than_their_case(sandbox: Sandbox) -> None:
    coupon = coupon_of(sandbox, max_redemptions=3)
    first = code_of(sandbox, coupon, code="Summer")
    with pytest.raises(stripe.InvalidRequestError, match="already exists"):
        code_of(sandbox, coupon, code="SUMMER")
    assert [row.id for row in sandbox.api.promotion_codes.list({"code": "sUMMER"}).data] == [first.id]
    with pytest.raises(stripe.InvalidRequestError, match="max_redemptions"):
        code_of(sandbox, coupon, max_redemptions=4)
    with pytest.raises(stripe.InvalidRequestError, match="together"):
        code_of(sandbox, coupon, restrictions={"minimum_amount": 5})


# Discounts


def test_item_discounts_come_before_the_subscriptions(shelf: Shelf, ada: str) -> None:
    half, amount = coupon_of(shelf.sandbox, percent_off=50), coupon_of(shelf.sandbox, amount_off=200, currency="eur")
    made = subscribe(
        shelf, ada, {"price": shelf.monthly, "discounts": [{"coupon": half}]}, discounts=[{"coupon": amount}]
    )
    invoice = made.latest_invoice
    assert invoice.total == 1000
    assert [part.amount for part in invoice.total_discount_amounts] == [1200, 200]
    assert len(invoice.discounts) == len(invoice.lines.data[0].discounts) == 1
    item = shelf.sandbox.api.subscription_items.retrieve(made["items"].data[0].id, {"expand": ["discounts"]})
    discount: Any = item.discounts[0]
    assert (discount.subscription_item, discount.source.coupon) == (item.id, half)
    assert shelf.events().count("customer.discount.created") == 2


def test_discounts_are_replaced_kept_and_taken_away(shelf: Shelf, ada: str) -> None:
    api = shelf.sandbox.api
    first, second = coupon_of(shelf.sandbox), coupon_of(shelf.sandbox, percent_off=10)
    made = subscribe(shelf, ada, discounts=[{"coupon": first}])
    both: Any = {"discounts": [{"discount": str(made.discounts[0])}, {"coupon": second}]}
    changed = api.subscriptions.update(made.id, both)
    assert changed.discounts[0] == made.discounts[0]
    shelf.sandbox.advance("32d")
    assert totals(shelf, made.id) == [1800, 1620]
    with pytest.raises(stripe.InvalidRequestError, match="No such discount"):
        api.subscriptions.update(made.id, {"discounts": [{"discount": "di_none"}]})
    ended = api.subscriptions.delete_discount(made.id)
    assert (ended.deleted, ended.id) == (True, changed.discounts[1])
    assert shelf.events().count("customer.discount.deleted") == 2
    assert api.subscriptions.retrieve(made.id).discounts == []
    with pytest.raises(stripe.InvalidRequestError, match="No active discount"):
        api.subscriptions.delete_discount(made.id)


def test_a_customers_discount_counts_where_the_subscription_has_none(shelf: Shelf, ada: str) -> None:
    sandbox = shelf.sandbox
    sandbox.post(f"/sandbox/customers/{ada}/discount", {"coupon": coupon_of(sandbox, percent_off=50)})
    plain = subscribe(shelf, ada)
    own = subscribe(shelf, ada, discounts=[{"coupon": coupon_of(sandbox, percent_off=10)}])
    assert (plain.latest_invoice.total, own.latest_invoice.total) == (1200, 2160)
    customer: Any = sandbox.api.customers.retrieve(ada)
    assert customer.discount.source.coupon
    assert sandbox.api.customers.delete_discount(ada).deleted is True
    assert subscribe(shelf, ada).latest_invoice.total == 2400
    with pytest.raises(stripe.InvalidRequestError, match="No active discount"):
        sandbox.api.customers.delete_discount(ada)


def test_once_is_the_first_bill_that_costs_something(shelf: Shelf, ada: str) -> None:
    coupon = coupon_of(shelf.sandbox, percent_off=50, duration="once")
    made = subscribe(shelf, ada, discounts=[{"coupon": coupon}], trial_period_days=7)
    shelf.sandbox.advance("40d")
    assert totals(shelf, made.id) == [0, 1200, 2400]
    assert shelf.subscription(made.id)["discounts"] == []


def test_prorations_know_of_discounts(shelf: Shelf, ada: str) -> None:
    dearer = shelf.sandbox.api.prices.create(
        {"product": shelf.club, "currency": "eur", "unit_amount": 4000, "recurring": {"interval": "month"}}
    ).id
    made = subscribe(shelf, ada, discounts=[{"coupon": coupon_of(shelf.sandbox, percent_off=50)}])
    item = {"id": made["items"].data[0].id, "price": dearer}
    wish: Any = {"items": [item], "proration_behavior": "always_invoice", "expand": ["latest_invoice"]}
    changed: Any = shelf.sandbox.api.subscriptions.update(made.id, wish)
    assert [line.amount for line in changed.latest_invoice.lines.data] == [-1200, 2000]
    assert changed.latest_invoice.total == 800


def test_a_discount_given_since_does_not_lessen_what_was_paid(shelf: Shelf, ada: str) -> None:
    line = [{"price": shelf.monthly, "quantity": 2}]
    subscription = shelf.sandbox.api.subscriptions.create({"customer": ada, "items": line}).to_dict()
    coupon = shelf.sandbox.api.coupons.create({"percent_off": 50, "duration": "forever"}).id
    item = {"id": subscription["items"]["data"][0]["id"], "quantity": 1}
    change: Any = {"items": [item], "discounts": [{"coupon": coupon}], "proration_behavior": "always_invoice"}
    shelf.sandbox.api.subscriptions.update(subscription["id"], change)
    bill = shelf.sandbox.api.invoices.list({"subscription": subscription["id"]}).data[0]
    assert [line.amount for line in bill.lines.data] == [-4800, 1200]
    change = {"items": [{**item, "quantity": 2}], "proration_behavior": "always_invoice"}
    shelf.sandbox.api.subscriptions.update(subscription["id"], change)
    bill = shelf.sandbox.api.invoices.list({"subscription": subscription["id"]}).data[0]
    assert [line.amount for line in bill.lines.data] == [-1200, 2400]


def test_invoices_and_their_items_have_discounts_of_their_own(sandbox: Sandbox, ada: str) -> None:
    half, tenth = coupon_of(sandbox, percent_off=50), coupon_of(sandbox, percent_off=10)
    item: Any = {"customer": ada, "amount": 1000, "currency": "eur", "discounts": [{"coupon": half}]}
    made = sandbox.api.invoice_items.create(item)
    sandbox.api.invoice_items.create({"customer": ada, "amount": 500, "currency": "eur"})
    wish: Any = {"customer": ada, "pending_invoice_items_behavior": "include", "discounts": [{"coupon": tenth}]}
    invoice = sandbox.api.invoices.create(wish)
    assert (invoice.subtotal, invoice.total) == (1000, 900)  # the items' discounts are in the subtotal
    discount: Any = sandbox.api.invoice_items.retrieve(made.id, {"expand": ["discounts"]}).discounts[0]
    assert discount.invoice_item == made.id
    assert sandbox.api.invoices.update(invoice.id, {"discounts": ""}).total == 1000
    assert "customer.discount.created" not in [event.type for event in sandbox.api.events.list().data]


# Checkout


@pytest.mark.parametrize(("duration", "second"), [("forever", 0), ("once", 2400)])
def test_a_membership_for_nothing_needs_no_card_where_none_is_wanted(shelf: Shelf, duration: str, second: int) -> None:
    coupon = coupon_of(shelf.sandbox, percent_off=100, duration=duration)
    wish: Any = {
        "mode": "subscription",
        "line_items": [{"price": shelf.monthly, "quantity": 1}],
        "discounts": [{"coupon": coupon}],
        "payment_method_collection": "if_required",
        "success_url": "https://shop.example/thanks",
    }
    session = shelf.sandbox.api.checkout.sessions.create(wish)
    paid = shelf.sandbox.pay_session(session.id, email="ada@example.org", card="")["session"]
    assert (paid["payment_status"], paid["amount_total"], paid["payment_intent"]) == ("no_payment_required", 0, None)
    subscription = shelf.subscription(paid["subscription"])
    assert (subscription["status"], subscription["default_payment_method"]) == ("active", None)
    shelf.sandbox.advance("32d")
    assert totals(shelf, paid["subscription"]) == [0, second]
    assert shelf.subscription(paid["subscription"])["status"] == ("active" if not second else "past_due")


def test_a_free_purchase_makes_no_payment(shelf: Shelf) -> None:
    code_of(shelf.sandbox, coupon_of(shelf.sandbox, percent_off=100), code="FREE")
    link = shelf.link(shelf.once, allow_promotion_codes=True)
    session = shelf.sandbox.pay_link(link, email="ada@example.org", card="", promotion_code="FREE")["session"]
    assert (session["payment_status"], session["payment_intent"]) == ("no_payment_required", None)
    assert shelf.sandbox.api.promotion_codes.list({"code": "FREE"}).data[0].times_redeemed == 1


def test_checkout_takes_one_discount(shelf: Shelf) -> None:
    coupons = [{"coupon": coupon_of(shelf.sandbox)}, {"coupon": coupon_of(shelf.sandbox)}]
    wish: Any = {
        "mode": "payment",
        "line_items": [{"price": shelf.once, "quantity": 1}],
        "discounts": coupons,
        "success_url": "https://shop.example/thanks",
    }
    with pytest.raises(stripe.InvalidRequestError, match="between 0 and 1"):
        shelf.sandbox.api.checkout.sessions.create(wish)
