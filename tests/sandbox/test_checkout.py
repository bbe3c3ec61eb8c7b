import pytest
import stripe

from tests.sandbox.shelf import DAY, DECLINED, GOOD, THANKS, Shelf
from tests.sandboxes import Declined


def test_a_subscription_bought_on_a_link_makes_stripes_usual_events(shelf: Shelf) -> None:
    shelf.subscribe()
    assert shelf.events()[-12:] == [
        "customer.created",
        "payment_method.attached",
        "customer.subscription.created",
        "invoice.created",
        "invoice.finalized",
        "payment_intent.created",
        "charge.succeeded",
        "payment_intent.succeeded",
        "invoice_payment.paid",
        "invoice.paid",
        "invoice.payment_succeeded",
        "checkout.session.completed",
    ]


def test_a_subscription_from_checkout_is_born_active_and_carries_the_links_metadata(shelf: Shelf) -> None:
    subscription = shelf.subscribe(subscription_data={"metadata": {"portal_product": "7"}})
    assert subscription["status"] == "active"
    assert subscription["metadata"] == {"portal_product": "7"}
    assert subscription["billing_mode"]["type"] == "flexible"
    created = shelf.sandbox.api.events.list({"type": "customer.subscription.created"}).data[0]
    assert created.data.object["status"] == "active"


def test_the_session_copies_metadata_and_reference_and_names_the_way_back(shelf: Shelf) -> None:
    link = shelf.link(
        shelf.once,
        metadata={"portal_site": "s"},
        after_completion={"type": "redirect", "redirect": {"url": THANKS}},
    )
    paid = shelf.sandbox.pay_link(link, email="ada@example.org", client_reference_id="7_abc-DEF")
    session = paid["session"]
    assert session["metadata"] == {"portal_site": "s"}
    assert session["client_reference_id"] == "7_abc-DEF"
    assert paid["redirect_url"] == f"https://shop.example/thanks?session_id={session['id']}"
    assert (session["status"], session["payment_status"]) == ("complete", "paid")


def test_a_reference_with_other_letters_is_dropped_in_silence(shelf: Shelf) -> None:
    paid = shelf.sandbox.pay_link(shelf.link(shelf.once), email="ada@example.org", client_reference_id="a b")
    assert paid["session"]["client_reference_id"] is None


def test_a_guest_leaves_no_customer_unless_the_link_always_makes_one(shelf: Shelf) -> None:
    assert shelf.buy()["customer"] is None
    known = shelf.buy(customer_creation="always")
    assert shelf.sandbox.api.customers.retrieve(known["customer"]).email == "ada@example.org"


def test_a_declined_card_leaves_the_session_open_for_another(shelf: Shelf) -> None:
    session = shelf.sandbox.api.checkout.sessions.create(
        {"mode": "payment", "line_items": [{"price": shelf.once, "quantity": 1}], "success_url": THANKS}
    )
    with pytest.raises(Declined, match="generic_decline"):
        shelf.sandbox.pay_session(session.id, email="ada@example.org", card=DECLINED)
    still = shelf.sandbox.api.checkout.sessions.retrieve(session.id, {"expand": ["payment_intent"]})
    assert still.status == "open"
    assert still.payment_intent.status == "requires_payment_method"  # type: ignore[union-attr]
    paid = shelf.sandbox.pay_session(session.id, email="ada@example.org")["session"]
    assert paid["payment_intent"] == still.payment_intent.id  # type: ignore[union-attr]


def test_a_declined_subscription_leaves_nothing_behind(shelf: Shelf) -> None:
    with pytest.raises(Declined):
        shelf.subscribe(card="4000000000009995")
    assert shelf.sandbox.api.subscriptions.list({"status": "all"}).data == []
    assert shelf.sandbox.api.customers.list().data == []


def test_a_whole_discount_needs_no_payment(shelf: Shelf) -> None:
    coupon = shelf.sandbox.api.coupons.create({"percent_off": 100, "duration": "once"})
    session = shelf.sandbox.api.checkout.sessions.create(
        {
            "mode": "payment",
            "line_items": [{"price": shelf.once, "quantity": 1}],
            "discounts": [{"coupon": coupon.id}],
            "success_url": THANKS,
        }
    )
    paid = shelf.sandbox.pay_session(session.id, email="ada@example.org")["session"]
    assert (paid["payment_status"], paid["payment_intent"], paid["amount_total"]) == ("no_payment_required", None, 0)


@pytest.mark.parametrize(
    ("outcome", "status", "event"), [("succeed", "paid", "succeeded"), ("fail", "unpaid", "failed")]
)
def test_a_bank_debit_is_unpaid_until_it_settles(shelf: Shelf, outcome: str, status: str, event: str) -> None:
    link = shelf.link(shelf.once, payment_method_types=["card", "us_bank_account"])
    session = shelf.sandbox.pay_link(link, email="ada@example.org", card="us_bank_account", outcome=outcome)["session"]
    assert (session["status"], session["payment_status"]) == ("complete", "unpaid")
    shelf.sandbox.advance("4d")
    assert shelf.sandbox.api.checkout.sessions.retrieve(session["id"]).payment_status == status
    assert f"checkout.session.async_payment_{event}" in shelf.events()


def test_a_session_whose_debit_failed_stays_unpaid_when_its_invoice_is_paid(shelf: Shelf) -> None:
    link = shelf.link(shelf.monthly, payment_method_types=["card", "sepa_debit"])
    paid = shelf.sandbox.pay_link(link, email="ada@example.org", card="sepa_debit", outcome="fail")["session"]
    shelf.sandbox.advance("4d")
    shelf.sandbox.post(f"/sandbox/customers/{paid['customer']}/card", {"card": GOOD, "retry": True})
    assert shelf.subscription(paid["subscription"])["status"] == "active"
    assert shelf.sandbox.api.checkout.sessions.retrieve(paid["id"]).payment_status == "unpaid"
    told = [event for event in shelf.events() if event.startswith("checkout.session.async")]
    assert told == ["checkout.session.async_payment_failed"]


def test_three_d_secure_asks_and_takes_no_for_an_answer(shelf: Shelf) -> None:
    def new_session() -> str:
        return shelf.sandbox.api.checkout.sessions.create(
            {"mode": "payment", "line_items": [{"price": shelf.once, "quantity": 1}], "success_url": THANKS}
        ).id

    asked, refused = new_session(), new_session()
    for session in (asked, refused):
        with pytest.raises(Declined, match="authentication_required"):
            shelf.sandbox.pay_session(session, email="ada@example.org", card="4000002500003155")
    paid = shelf.sandbox._pay(f"/sandbox/checkout/{asked}/authenticate", approved=True)
    assert paid["session"]["payment_status"] == "paid"
    with pytest.raises(Declined, match="payment_intent_authentication_failure"):
        shelf.sandbox._pay(f"/sandbox/checkout/{refused}/authenticate", approved=False)


def test_invoice_creation_ties_session_and_invoice_to_one_payment(shelf: Shelf) -> None:
    session = shelf.buy(invoice_creation={"enabled": True})
    payments = shelf.sandbox.api.invoice_payments.list({"invoice": session["invoice"]}).data
    assert [payment.payment.payment_intent for payment in payments] == [session["payment_intent"]]
    items = shelf.sandbox.api.invoice_items.list({"pending": False, "expand": ["data.invoice"]}).data
    assert items[0].pricing.price_details.product == shelf.course  # type: ignore[union-attr]
    assert items[0].invoice.status == "paid"  # type: ignore[union-attr]


def test_manual_capture_pays_only_when_captured(shelf: Shelf) -> None:
    session = shelf.buy(payment_intent_data={"capture_method": "manual"})
    assert session["payment_status"] == "unpaid"
    intent = shelf.sandbox.api.payment_intents.retrieve(session["payment_intent"])
    assert intent.status == "requires_capture"
    assert shelf.sandbox.api.payment_intents.capture(intent.id).status == "succeeded"
    assert shelf.events()[-2:] == ["charge.captured", "payment_intent.succeeded"]


def test_an_unpaid_session_expires_after_a_day(shelf: Shelf) -> None:
    session = shelf.sandbox.api.checkout.sessions.create(
        {"mode": "payment", "line_items": [{"price": shelf.once, "quantity": 1}], "success_url": THANKS}
    )
    shelf.sandbox.advance("25h")
    assert shelf.sandbox.api.checkout.sessions.retrieve(session.id).status == "expired"
    expired = shelf.sandbox.api.events.list({"type": "checkout.session.expired"}).data[0]
    assert expired.created == session.created + DAY


def test_a_link_with_limited_places_closes(shelf: Shelf) -> None:
    link = shelf.link(shelf.once, restrictions={"completed_sessions": {"limit": 1}})
    shelf.sandbox.pay_link(link, email="ada@example.org")
    assert shelf.sandbox.api.payment_links.retrieve(link).active is False
    with pytest.raises(AssertionError, match="no longer active"):
        shelf.sandbox.pay_link(link, email="ben@example.org")


def test_a_trial_starts_without_money(shelf: Shelf) -> None:
    subscription = shelf.subscribe(subscription_data={"trial_period_days": 14})
    assert subscription["status"] == "trialing"
    session = shelf.sandbox.api.checkout.sessions.list({"subscription": subscription["id"]}).data[0]
    assert session.payment_status == "no_payment_required"


@pytest.mark.parametrize(
    ("price", "wrong", "param"),
    [
        ("monthly", {"payment_intent_data": {"metadata": {"a": "b"}}}, "payment_intent_data"),
        ("monthly", {"customer_creation": "always"}, "customer_creation"),
        ("once", {"subscription_data": {"metadata": {"a": "b"}}}, "subscription_data"),
        ("once", {"payment_method_collection": "if_required"}, "payment_method_collection"),
    ],
)
def test_a_link_refuses_what_its_prices_do_not_take(shelf: Shelf, price: str, wrong: object, param: str) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shelf.link(getattr(shelf, price), **wrong)  # type: ignore[arg-type]
    assert refused.value.param == param


def test_the_price_of_a_link_cannot_be_changed(shelf: Shelf) -> None:
    link = shelf.link(shelf.once)
    line = shelf.sandbox.api.payment_links.line_items.list(link).data[0]
    with pytest.raises(stripe.InvalidRequestError, match="unknown parameter"):
        shelf.sandbox.api.payment_links.update(link, {"line_items": [{"id": line.id, "price": shelf.monthly}]})  # type: ignore[typeddict-unknown-key,list-item]


def test_archiving_a_price_closes_its_links(shelf: Shelf) -> None:
    link = shelf.link(shelf.once)
    shelf.sandbox.api.prices.update(shelf.once, {"active": False})
    assert shelf.sandbox.api.payment_links.retrieve(link).active is False
