"""Who bought before a product was linked, and nobody imported: let in by whatever looks at them, without an e-mail."""

import io

from django.core.management import call_command
from django.test import Client

from activities import clock
from activities.models import Activity, Delivery
from billing.connection import connect
from billing.intake.draining import drain
from billing.models import Order, Pass, ProductLink
from billing.shop import linking
from billing.sweeping.reconcile import full_pass
from hub.access import can_open
from hub.models import Grant, Product, User
from tests import cast
from tests.pasts import Past
from tests.sandboxes import KEY, Sandbox
from tests.shops import post_webhook, stripe_settings

ADA, BEN, CLEO = "ada@example.org", "ben@example.org", "cleo@example.org"


def night() -> Pass:
    run = full_pass()
    assert run is not None
    drain()
    return run


def work_off(past: Past) -> None:
    connection = ProductLink.objects.get().connection
    for delivery in past.sandbox.take_pending():
        assert post_webhook(connection, delivery) == 200
    drain()


def can(email: str, product: Product) -> bool:
    user = User.objects.filter(email=email).first()
    return user is not None and can_open(user, product, now=clock.now())


def test_the_night_after_linking_lets_past_buyers_in_and_writes_to_nobody(past: Past) -> None:
    past.subscribe(ADA)
    past.buy_once(BEN)
    club = past.connect()
    run = night()
    assert can(ADA, club) and can(BEN, club)
    assert not Delivery.objects.exists()
    assert run.found == [], "nothing had gone wrong"
    assert set(Activity.objects.exclude(verb="staff_action").values_list("imported", flat=True)) == {True}
    assert night().found == []


def test_who_buys_after_the_link_and_is_found_by_the_night_is_drift_and_hears_of_it(past: Past) -> None:
    past.subscribe(ADA)
    club = past.connect()
    past.sandbox.advance("1h")
    past.buy_once(BEN)
    past.sandbox.take_pending()
    assert [found["email"] for found in night().found] == [BEN]
    assert list(Delivery.objects.values_list("user__email", flat=True)) == [BEN]
    assert can(BEN, club)


def test_a_past_subscribers_renewal_lets_them_in_and_writes_nothing(past: Past) -> None:
    past.subscribe(ADA)
    club = past.connect()
    past.sandbox.advance("30d")
    work_off(past)
    assert can(ADA, club)
    assert not Delivery.objects.exists()
    assert Activity.objects.get(verb="access_granted").imported


def test_what_happens_to_a_past_subscriber_later_is_told_as_it_happens(past: Past) -> None:
    subscription = past.subscribe(ADA)
    past.connect()
    night()
    past.api.subscriptions.update(subscription, {"cancel_at_period_end": True})
    work_off(past)
    assert not Activity.objects.get(verb="subscription_cancelled").imported


def test_a_past_subscriber_whose_payment_had_failed_is_not_written_to_either(past: Past) -> None:
    past.subscribe(ADA, card="pm_card_chargeCustomerFail", trial_days=1)
    club = past.connect()
    night()
    assert can(ADA, club)
    assert Grant.objects.get().state == Grant.State.GRACE
    assert Activity.objects.get(verb="payment_failed").imported
    assert not Delivery.objects.exists()


def test_a_debit_ordered_before_the_link_and_paid_after_it_is_news(past: Past) -> None:
    """The money came when the product was linked already: its buyer waits to hear that it is open."""
    made = past.api.payment_links.create({"line_items": [{"price": past.once, "quantity": 1}]})
    past.sandbox.pay_link(made.id, email=CLEO, card="sepa_debit")
    club = past.connect()
    past.sandbox.advance("2d")
    work_off(past)
    assert Order.objects.get().state == Order.State.PAID
    assert can(CLEO, club)
    assert Delivery.objects.filter(notice="access", user__email=CLEO).count() == 1


def test_one_customer_with_an_old_and_a_new_purchase_hears_of_the_new_one(past: Past) -> None:
    customer = past.api.subscriptions.retrieve(past.subscribe(ADA)).customer
    past.connect()
    past.sandbox.advance("1h")
    bought = past.api.checkout.sessions.create(
        {
            "mode": "payment",
            "customer": str(customer),
            "line_items": [{"price": past.once, "quantity": 1}],
            "success_url": "https://elsewhere.example/thanks",
        }
    )
    past.sandbox.pay_session(bought.id)
    past.sandbox.take_pending()
    night()
    assert Delivery.objects.filter(notice="access", user__email=ADA).count() == 1
    assert sorted(Grant.objects.values_list("batch", flat=True)) == ["", ProductLink.objects.get().batch]


def test_linking_again_lets_in_silently_who_bought_meanwhile(past: Past) -> None:
    club = past.connect()
    linking.unlink(ProductLink.objects.get(), actor=None)
    past.buy_once(ADA)
    past.sandbox.take_pending()
    past.sandbox.advance("1d")
    linking.link(club, stripe_product=past.product, prices=[], actor=None)
    night()
    assert can(ADA, club)
    assert not Delivery.objects.exists()


def test_verify_counts_them_apart_from_differences(past: Past) -> None:
    past.subscribe(ADA)
    past.connect()
    out = io.StringIO()
    call_command("verify", stdout=out)
    assert out.getvalue() == (
        "1 bought before the link was made and not in yet: import them, or wait for the night\n"
        "0 open grants, 0 differences\n"
    )


def test_the_product_says_how_many_were_let_in(past: Past) -> None:
    past.subscribe(ADA)
    past.subscribe(BEN)
    past.connect()
    client = Client()
    client.force_login(cast.owner())
    page = stripe_settings("studio")
    assert "is let in by the nightly pass, without an e-mail" in client.get(page).content.decode()
    night()
    assert "2 people had bought it before it was linked, and were let in" in client.get(page).content.decode()


def test_a_purchase_in_the_minute_of_linking_is_one_of_today(sandbox: Sandbox, db: None) -> None:
    past = Past(sandbox)
    past.buy_once(ADA)
    sandbox.take_pending()
    connect(KEY, actor=None, now=clock.now())
    club = cast.ProductFactory(name="Studio Membership", slug="studio")
    linking.link(club, stripe_product=past.product, prices=[], actor=None)
    night()
    assert Delivery.objects.filter(notice="access", user__email=ADA).count() == 1
