"""One person who pays for one thing twice: nothing is taken away, and a person is asked."""

from django.test import Client

from billing.models import Attention
from hub.models import User
from tests.shops import Shop

ADA = "ada@example.org"


def test_a_second_order_of_the_same_product_waits_for_a_person(shop: Shop, ada: User, owner: User) -> None:
    first, second = shop.buy(shop.once, email=ADA), shop.buy(shop.once, email=ADA)
    shop.deliver()
    asked = Attention.objects.get()
    assert (asked.kind, asked.user) == (Attention.Kind.TWICE, ada)
    assert {asked.details["first"], asked.details["last"]} == {first["payment_intent"], second["payment_intent"]}
    client = Client()
    client.force_login(owner)
    page = client.get("/console/decide/").content.decode()
    assert "Paid for twice" in page and shop.course.name in page


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


def test_what_is_open_for_some_days_and_other_products_are_no_doubles(shop: Shop, ada: User) -> None:
    shop.course.access_days = 90
    shop.course.save()
    for offer in (shop.once, shop.once, shop.monthly):
        shop.buy(offer, email=ADA)
    shop.deliver()
    assert not Attention.objects.exists()
