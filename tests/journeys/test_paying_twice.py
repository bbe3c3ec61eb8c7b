"""One person who pays for one thing twice: nothing is taken away, and a person is asked."""

from datetime import timedelta
from typing import Any

import pytest
from django.utils import timezone

from billing.desk.dashboard import page_of
from billing.models import Attention, Checkout, Connection, Order
from billing.refreshing.twice import look_for_doubles
from billing.sweeping.reconcile import full_pass
from hub.models import Grant, Product, User
from tests.members import press_buy, signed_in
from tests.shops import Shop

ADA = "ada@example.org"


def test_a_second_order_of_the_same_product_waits_for_a_person(shop: Shop, ada: User, owner: User) -> None:
    first, second = shop.buy(shop.once, email=ADA), shop.buy(shop.once, email=ADA)
    shop.deliver()
    asked = Attention.objects.get()
    assert (asked.kind, asked.user) == (Attention.Kind.TWICE, ada)
    assert {asked.details["first"], asked.details["last"]} == {first["payment_intent"], second["payment_intent"]}
    page = signed_in(owner).get("/console/decide/").content.decode()
    assert "Paid for twice" in page and shop.course.name in page
    for bought in (first, second):
        assert f'href="{shop.sandbox.url}/sandbox/payments/{bought["payment_intent"]}"' in page


def test_the_question_is_settled_when_one_of_the_two_is_refunded(shop: Shop, ada: User) -> None:
    shop.buy(shop.once, email=ADA)
    second = shop.buy(shop.once, email=ADA)
    shop.deliver()
    shop.sandbox.api.refunds.create({"payment_intent": second["payment_intent"]})
    shop.deliver()
    assert Attention.objects.get().resolved_at is not None
    assert shop.has(ADA, shop.course)


def test_two_live_subscriptions_to_one_product_wait_for_a_person(shop: Shop, ada: User) -> None:
    shop.buy(shop.monthly, email=ADA)
    second = shop.buy(shop.yearly, email=ADA)
    shop.deliver()
    assert Attention.objects.get().kind == Attention.Kind.TWICE
    shop.sandbox.api.subscriptions.update(second["subscription"], {"cancel_at_period_end": True})
    shop.deliver()
    assert Attention.objects.get().resolved_at is not None, "one of them is ending: nobody pays twice again"
    shop.sandbox.api.subscriptions.update(second["subscription"], {"cancel_at_period_end": False})
    shop.deliver()
    assert Attention.objects.filter(resolved_at=None).count() == 1, "it goes on after all, and is asked anew"


@pytest.mark.parametrize("written", [("sub_1", "sub_2"), ("sub_2", "sub_1")])
def test_of_two_from_one_second_the_same_one_is_asked_about(ada: User, product: Product, written: list[str]) -> None:
    now = timezone.now()
    for ref in written:
        Grant.objects.create(
            user=ada, product=product, source="subscription", source_ref=ref, state="active", starts_at=now
        )
    look_for_doubles({ada.pk}, now=now)
    asked = Attention.objects.get()
    assert (asked.details["first"], asked.details["last"]) == ("sub_1", "sub_2")


def test_what_a_person_answered_is_not_asked_again_while_it_lasts(shop: Shop, ada: User) -> None:
    for offer in (shop.monthly, shop.yearly):
        shop.buy(offer, email=ADA)
    shop.deliver()
    Attention.objects.update(resolved_at=shop.now())
    shop.advance("1d")
    full_pass()
    shop.deliver()
    assert Attention.objects.get().resolved_at is not None


def test_what_is_open_for_some_days_and_other_products_are_no_doubles(shop: Shop, ada: User) -> None:
    shop.course.access_days = 90
    shop.course.save()
    for offer in (shop.once, shop.once, shop.monthly):
        shop.buy(offer, email=ADA)
    shop.deliver()
    assert not Attention.objects.exists()


@pytest.mark.parametrize("page", ["payment link", "checkout"])
def test_what_was_paid_a_moment_ago_is_not_sold_again(shop: Shop, dan: User, page: str) -> None:
    """Its webhook has not come, and who bought for the first time has no Stripe customer here."""
    if page == "checkout":
        press_buy(dan, shop.once)
        shop.sandbox.pay_session(open_sessions(shop)[0])
    else:
        shop.buy(shop.once, email=dan.email)
    assert not Order.objects.exists()
    answer = press_buy(dan, shop.once)
    assert (answer.status_code, answer["Location"]) == (303, shop.course.get_absolute_url())
    assert shop.has(dan.email, shop.course), "and it is open from now on"
    assert open_sessions(shop) == []
    shop.deliver()
    assert not Attention.objects.exists()


def test_a_subscription_of_a_moment_ago_leads_to_the_portal(shop: Shop, dan: User) -> None:
    shop.buy(shop.monthly, email=dan.email)
    assert "/p/session/" in press_buy(dan, shop.yearly)["Location"]
    assert open_sessions(shop) == []


def test_a_debit_of_a_moment_ago_is_on_its_way(shop: Shop, dan: User) -> None:
    shop.buy(shop.once, email=dan.email, card="sepa_debit")
    client = signed_in(dan)
    client.post(f"/checkout/{shop.course.slug}/", {"offer": shop.once.pk})
    page = client.get(shop.course.get_absolute_url()).content.decode()
    assert "Nothing more was charged" in page
    assert open_sessions(shop) == []


def test_what_somebody_else_paid_a_moment_ago_hinders_nobody(shop: Shop, dan: User) -> None:
    shop.buy(shop.once, email=ADA)
    press_buy(dan, shop.once)
    assert len(open_sessions(shop)) == 1


def test_another_product_paid_a_moment_ago_hinders_nobody(shop: Shop, dan: User) -> None:
    shop.buy(shop.monthly, email=dan.email)
    press_buy(dan, shop.once)
    assert len(open_sessions(shop)) == 1


def test_a_purchase_that_was_refunded_may_be_made_again(shop: Shop, dan: User) -> None:
    bought = shop.buy(shop.once, email=dan.email)
    shop.deliver()
    shop.sandbox.api.refunds.create({"payment_intent": bought["payment_intent"]})
    shop.deliver()
    press_buy(dan, shop.once)
    assert len(open_sessions(shop)) == 1


def test_a_second_tab_leads_to_the_same_checkout(shop: Shop, dan: User) -> None:
    first = press_buy(dan, shop.once)
    Checkout.objects.update(made_at=shop.now() - timedelta(minutes=10))
    assert press_buy(dan, shop.once)["Location"] == first["Location"]
    assert len(open_sessions(shop)) == 1


def test_another_price_closes_the_checkout_of_the_first(shop: Shop, dan: User) -> None:
    first = press_buy(dan, shop.monthly)
    second = press_buy(dan, shop.yearly)
    assert first["Location"] != second["Location"]
    (only,) = open_sessions(shop)
    assert only in second["Location"]
    third = press_buy(dan, shop.monthly)
    assert third["Location"] not in {first["Location"], second["Location"]}
    assert open_sessions(shop)[0] in third["Location"], "and back again, in the same half a minute"
    press_buy(dan, shop.once)
    assert len(open_sessions(shop)) == 2, "another product is another matter"


def test_a_checkout_of_hours_ago_is_closed_for_a_new_one(shop: Shop, dan: User) -> None:
    first = press_buy(dan, shop.once)
    shop.sandbox.advance("2h")
    assert press_buy(dan, shop.once)["Location"] != first["Location"]
    assert len(open_sessions(shop)) == 1


def test_a_checkout_that_stripe_forgot_is_made_anew(shop: Shop, dan: User) -> None:
    press_buy(dan, shop.once)
    Checkout.objects.update(session_id="cs_test_gone")
    assert press_buy(dan, shop.once).status_code == 303


def test_a_page_of_stripes_dashboard_is_named_by_what_it_shows(db: None, settings: Any) -> None:
    settings.STRIPE_API_BASE = ""
    live, test = Connection(livemode=True), Connection(livemode=False)
    assert page_of("pi_1", connection=live) == "https://dashboard.stripe.com/payments/pi_1"
    assert page_of("sub_1", connection=test) == "https://dashboard.stripe.com/test/subscriptions/sub_1"
    assert page_of("by_hand:1", connection=live) == ""


def open_sessions(shop: Shop) -> list[str]:
    return [found.id for found in shop.sandbox.api.checkout.sessions.list({"status": "open"}).data]
