"""What each kind of burst about one customer costs in calls to Stripe: two, and what costs more is named here."""

from typing import Any

import pytest

from billing.intake.draining import drain
from billing.models import AccessPolicy, Order, Subject, Subscription
from hub.models import Grant
from tests import cast
from tests.counting import counted
from tests.members import Member
from tests.shops import Json, Shop

ADA = "ada@example.org"


def subscribed(shop: Shop) -> Json:
    """Ada's session on the subscription's payment link, delivered."""
    bought = shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    return bought


def newest_charge(shop: Shop) -> str:
    return str(shop.sandbox.api.charges.list({"limit": 1}).data[0].id)


def dispute(shop: Shop, charge: str) -> str:
    return str(shop.sandbox.post(f"/sandbox/charges/{charge}/dispute", {"status": "needs_response"})["id"])


def refund(shop: Shop, charge: str, **params: Any) -> str:
    return str(shop.sandbox.api.refunds.create({"charge": charge, **params}).id)


def deliver_within(shop: Shop, *, calls: int) -> None:
    with counted(shop.sandbox, at_most=calls):
        shop.deliver()


@pytest.mark.parametrize("offer", ["monthly", "once"])
@pytest.mark.parametrize("ending", ["won", "lost"])
def test_a_dispute_costs_two_calls_at_each_turn(shop: Shop, offer: str, ending: str) -> None:
    shop.buy(getattr(shop, offer), email=ADA)
    shop.deliver()
    made = dispute(shop, newest_charge(shop))
    deliver_within(shop, calls=2)
    assert list((Subscription.objects.first() or Order.objects.get()).disputes.values()) == ["needs_response"]
    shop.sandbox.set_fields(made, status=ending)
    deliver_within(shop, calls=2)
    assert Grant.objects.get().state == ("active" if ending == "won" else "ended")


@pytest.mark.parametrize("offer", ["monthly", "once"])
def test_a_refund_in_part_and_whole_and_failed_costs_two_calls(shop: Shop, offer: str) -> None:
    AccessPolicy.objects.create(knobs={"sub_full_refund": "revoke"})
    shop.buy(getattr(shop, offer), email=ADA)
    shop.deliver()
    charge = newest_charge(shop)
    refund(shop, charge, amount=100)
    deliver_within(shop, calls=2)
    assert Grant.objects.get().state == "active"
    rest = refund(shop, charge)
    deliver_within(shop, calls=2)
    assert Grant.objects.get().state == "ended"
    shop.sandbox.set_fields(rest, status="failed")
    deliver_within(shop, calls=2)
    assert Grant.objects.get().state == "active"


def test_a_second_purchase_does_not_ask_again_about_an_old_dispute(shop: Shop) -> None:
    customer = shop.sandbox.api.customers.create({"email": ADA}).id
    pay_as(shop, customer)
    shop.deliver()
    dispute(shop, newest_charge(shop))
    deliver_within(shop, calls=2)
    pay_as(shop, customer)
    deliver_within(shop, calls=1)
    assert sorted(list(order.disputes.values()) for order in Order.objects.all()) == [[], ["needs_response"]]


def test_a_mixed_cart_costs_two_calls_and_so_does_its_refund(shop: Shop) -> None:
    AccessPolicy.objects.create(knobs={"sub_full_refund": "revoke"})
    buy_mixed(shop)
    deliver_within(shop, calls=2)
    assert shop.has(ADA, shop.course) and shop.has(ADA, shop.club)
    charge = newest_charge(shop)
    refund(shop, charge)
    deliver_within(shop, calls=2)
    assert not shop.has(ADA, shop.course) and not shop.has(ADA, shop.club)
    assert Order.objects.get().fully_refunded


def test_what_a_mixed_cart_lost_stays_lost_when_its_session_is_read_again(shop: Shop) -> None:
    customer = buy_mixed(shop)["customer"]
    shop.deliver()
    made = dispute(shop, newest_charge(shop))
    shop.sandbox.set_fields(made, status="lost")
    deliver_within(shop, calls=2)
    assert not shop.has(ADA, shop.course)
    pay_as(shop, customer, price=shop.sell(cast.ProductFactory(), {"unit_amount": 700})[0].price_id)
    shop.deliver()
    mixed = Order.objects.exclude(disputes={}).get()
    assert mixed.charge_id and list(mixed.disputes.values()) == ["lost"]
    assert not shop.has(ADA, shop.course)


def test_an_invoice_written_by_hand_costs_two_calls(shop: Shop) -> None:
    api = shop.sandbox.api
    customer = api.customers.create(
        {"email": ADA, "payment_method": "pm_card_visa", "invoice_settings": {"default_payment_method": "pm_card_visa"}}
    )
    invoice = api.invoices.create({"customer": customer.id})
    api.invoice_items.create({"customer": customer.id, "invoice": invoice.id, "pricing": {"price": shop.once.price_id}})
    api.invoices.pay(str(invoice.id))
    deliver_within(shop, calls=2)
    assert shop.has(ADA, shop.course)
    assert Order.objects.get().charge_id


def test_a_guests_purchase_and_its_dispute_cost_two_calls(shop: Shop) -> None:
    shop.buy(shop.once, email=ADA, customer_creation="if_required")
    deliver_within(shop, calls=2)
    made = dispute(shop, newest_charge(shop))
    shop.sandbox.set_fields(made, status="lost")
    deliver_within(shop, calls=2)
    assert not shop.has(ADA, shop.course)


def test_changing_pausing_and_cancelling_cost_two_calls_each(shop: Shop) -> None:
    api, subscription = shop.sandbox.api, subscribed(shop)["subscription"]
    item = api.subscriptions.retrieve(subscription)["items"].data[0].id
    steps: list[Json] = [
        {"items": [{"id": item, "price": shop.yearly.price_id}]},
        {"pause_collection": {"behavior": "void"}},
        {"pause_collection": ""},
        {"cancel_at_period_end": True},
    ]
    for step in steps:
        api.subscriptions.update(subscription, step)
        deliver_within(shop, calls=2)
    api.subscriptions.cancel(subscription)
    deliver_within(shop, calls=2)
    assert not shop.has(ADA, shop.club)


def test_thirty_subscriptions_of_one_customer_cost_two_calls(shop: Shop) -> None:
    customer = Member(shop).subscribe(shop.monthly.price_id)["customer"]
    for _ in range(29):
        shop.sandbox.api.subscriptions.create({"customer": customer, "items": [{"price": shop.monthly.price_id}]})
    deliver_within(shop, calls=2)
    assert Subscription.objects.count() == 30
    shop.sandbox.advance("31d")
    deliver_within(shop, calls=2)


def test_a_dispute_that_ends_its_subscription_costs_three_calls(shop: Shop) -> None:
    """The subscriptions, the payment with its invoice, and the disputes of the charge."""
    subscription = subscribed(shop)["subscription"]
    dispute(shop, newest_charge(shop))
    shop.sandbox.api.subscriptions.cancel(subscription)
    deliver_within(shop, calls=3)
    assert not shop.has(ADA, shop.club)


def test_a_dispute_while_the_renewal_has_failed_costs_four_calls(shop: Shop) -> None:
    """The subscriptions, the open invoices that date the grace, the payment with its invoice, and its disputes."""
    customer = subscribed(shop)["customer"]
    first = newest_charge(shop)
    shop.sandbox.post(f"/sandbox/customers/{customer}/card", {"card": "4000000000000341"})
    shop.deliver()
    shop.sandbox.advance("31d")
    made = dispute(shop, first)
    deliver_within(shop, calls=4)
    row = Subscription.objects.get()
    assert (row.status, list(row.disputes.values())) == ("past_due", ["needs_response"])
    assert Grant.objects.get().state == Grant.State.GRACE
    shop.sandbox.set_fields(made, status="lost")
    deliver_within(shop, calls=4)
    assert not shop.has(ADA, shop.club)


def test_two_payments_disputed_at_once_cost_two_calls_each(shop: Shop) -> None:
    subscribed(shop)
    shop.sandbox.advance("32d")
    shop.deliver()
    charges = [charge.id for charge in shop.sandbox.api.charges.list().data]
    assert len(charges) == 2
    for charge in charges:
        dispute(shop, charge)
    deliver_within(shop, calls=4)
    assert list(Subscription.objects.get().disputes.values()) == ["needs_response"] * 2


def test_a_dispute_of_a_payment_never_seen_costs_four_calls(shop: Shop) -> None:
    """Nothing but asking tells what was paid: an invoice, a session, whose; and then the disputes."""
    pay_as(shop, shop.sandbox.api.customers.create({"email": ADA}).id)
    shop.sandbox.take_pending()
    made = dispute(shop, newest_charge(shop))
    shop.sandbox.set_fields(made, status="lost")
    deliver_within(shop, calls=4)
    assert list(Order.objects.get().disputes.values()) == ["lost"]
    assert not shop.has(ADA, shop.course)


def test_a_sign_up_and_its_refund_told_at_once_cost_three_calls(shop: Shop) -> None:
    """The subscription, the session that may name its buyer, and what the refunded charge had paid."""
    shop.buy(shop.monthly, email=ADA)
    refund(shop, newest_charge(shop))
    deliver_within(shop, calls=3)
    assert len(Subscription.objects.get().refunded_invoices) == 1


def test_a_purchase_and_its_refund_beside_a_cancellation_cost_three_calls(shop: Shop) -> None:
    bought = subscribed(shop)
    pay_as(shop, bought["customer"])
    refund(shop, newest_charge(shop))
    shop.sandbox.api.subscriptions.update(bought["subscription"], {"cancel_at_period_end": True})
    deliver_within(shop, calls=3)
    assert not shop.has(ADA, shop.course)
    assert Grant.objects.get(product=shop.club).reason == "ending"


def test_a_failed_renewal_and_a_purchase_cost_three_calls(shop: Shop) -> None:
    """The subscription, its open invoice that dates the days of grace, and the sessions."""
    customer = subscribed(shop)["customer"]
    shop.sandbox.post(f"/sandbox/customers/{customer}/card", {"card": "4000000000000341"})
    shop.deliver()
    shop.sandbox.advance("32d")
    shop.sandbox.advance("2h")
    pay_as(shop, customer, card="4242424242424242")
    deliver_within(shop, calls=3)
    assert shop.has(ADA, shop.course)
    assert Subscription.objects.get().status == "past_due"


def test_a_refund_told_before_its_invoice_is_not_forgotten(shop: Shop) -> None:
    AccessPolicy.objects.create(knobs={"sub_full_refund": "revoke"})
    subscribed(shop)
    shop.sandbox.advance("32d")
    refund(shop, newest_charge(shop))
    deliver_first(shop, "charge.refunded")
    assert not shop.has(ADA, shop.club)


def test_a_refund_told_before_its_subscription_is_not_forgotten(shop: Shop) -> None:
    AccessPolicy.objects.create(knobs={"sub_full_refund": "revoke"})
    Member(shop).subscribe(shop.monthly.price_id)
    refund(shop, newest_charge(shop))
    deliver_first(shop, "charge.refunded")
    assert not shop.has(ADA, shop.club)


def test_a_refund_of_an_older_invoice_leaves_the_newer_ones_refund(shop: Shop) -> None:
    AccessPolicy.objects.create(knobs={"sub_full_refund": "revoke"})
    subscribed(shop)
    first = newest_charge(shop)
    shop.sandbox.advance("32d")
    refund(shop, newest_charge(shop))
    shop.deliver()
    assert not shop.has(ADA, shop.club)
    refund(shop, first)
    shop.deliver()
    assert not shop.has(ADA, shop.club)
    assert len(Subscription.objects.get().refunded_invoices) == 2


def test_what_was_fetched_without_the_customers_lease_is_not_written_over_what_is_newer(shop: Shop) -> None:
    """Somebody looked at the customer since: the payment is fetched again, under its lease."""
    subscribed(shop)
    customer = Subscription.objects.get().customer_id
    dispute(shop, newest_charge(shop))
    Subject.objects.filter(key=customer).update(fetched_at="2999-01-01T00:00Z")
    deliver_within(shop, calls=4)
    assert list(Subscription.objects.get().disputes.values()) == ["needs_response"]


def deliver_first(shop: Shop, kind: str) -> None:
    """Posts what is held, of this type first, and works each off before the next comes."""
    for delivery in sorted(shop.sandbox.take_pending(), key=lambda held: held["event"]["type"] != kind):
        assert shop.post_webhook(delivery) == 200
        drain()


def buy_mixed(shop: Shop) -> Json:
    lines = [{"price": price, "quantity": 1} for price in (shop.monthly.price_id, shop.once.price_id)]
    session = shop.sandbox.api.checkout.sessions.create(
        {"mode": "subscription", "line_items": lines, "success_url": "http://127.0.0.1/"}
    )
    bought: Json = shop.sandbox.pay_session(str(session.id), email=ADA)["session"]
    return bought


def pay_as(shop: Shop, customer: str, *, price: str = "", **how: Any) -> None:
    session = shop.sandbox.api.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": customer,
            "line_items": [{"price": price or shop.once.price_id, "quantity": 1}],
            "success_url": "http://127.0.0.1/",
        }
    )
    shop.sandbox.pay_session(str(session.id), **how)
