"""A closed product gives one reason and one thing to do."""

import io
from collections.abc import Callable

import pytest
from django.core.management import call_command
from django.test import Client

from hub import grants
from hub.access import can_open, explain
from hub.models import Grant, Product, User
from tests import cast
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]
DOOR = "/products/wheel/"


def test_a_visitor_may_buy_or_sign_in(studio: Studio, client: Client) -> None:
    studio.sell(studio.course, 9000, interval="", url="https://buy.stripe.com/test_1")
    response = client.get(DOOR)
    assert response.context["door"].step == "buy"
    assert 'href="https://buy.stripe.com/test_1"' in response.content.decode()
    assert f"/accounts/login/?next={DOOR}" in response.content.decode()


def test_a_visitor_signs_in_where_nothing_is_sold(studio: Studio, client: Client) -> None:
    assert client.get(DOOR).context["door"].step == "sign_in"


def test_dan_buys_through_checkout_with_his_offer(studio: Studio, dan: User, signed_in: Enter) -> None:
    offer = studio.sell(studio.course, 9000, interval="")
    page = signed_in(dan).get(DOOR).content.decode()
    assert 'action="/checkout/wheel/"' in page
    assert f'name="offer" value="{offer.pk}"' in page


def test_dan_is_led_to_the_collection_that_is_sold(studio: Studio, dan: User, signed_in: Enter) -> None:
    studio.sell(studio.club, 2400)
    page = signed_in(dan).get("/products/glaze/").content.decode()
    assert "It is part of <b>Studio Club</b>: €24.00 a month." in page
    assert "See Studio Club" in page


@pytest.mark.parametrize(
    ("reason", "step"),
    [
        ("past_due_expired", "update_card"),
        ("unpaid", "update_card"),
        ("canceled_invoice_unpaid", "buy"),
        ("canceled", "buy"),
        ("trial_canceled_no_payment_method", "buy"),
        ("refunded", "buy"),
        ("disputed", "ask"),
        ("payment_processing", "wait"),
    ],
)
def test_cleo_is_told_why_and_what_to_do(studio: Studio, cleo: User, signed_in: Enter, reason: str, step: str) -> None:
    studio.sell(studio.course)
    studio.end(cleo, studio.course, reason=reason)
    response = signed_in(cleo).get(DOOR)
    assert response.status_code == 200
    assert response.context["door"].step == step


def test_what_a_person_took_back_cannot_be_bought_around(studio: Studio, cleo: User, signed_in: Enter) -> None:
    studio.sell(studio.course)
    studio.give(cleo, studio.course)
    grants.revoke(Grant.objects.get(), actor=None, reason="shared it", now=studio.now)
    response = signed_in(cleo).get(DOOR)
    assert response.context["door"].step == "ask"
    assert "shared it" not in response.content.decode()


def test_a_hidden_product_is_found_by_buyers_and_former_members_only(
    studio: Studio, cleo: User, dan: User, signed_in: Enter
) -> None:
    Product.objects.filter(pk=studio.course.pk).update(show_locked=False, purchase=Product.Purchase.NONE)
    studio.end(cleo, studio.course)
    assert signed_in(dan).get(DOOR).status_code == 404
    assert signed_in(cleo).get(DOOR).status_code == 200


def test_an_archived_product_is_not_found_without_access(studio: Studio, dan: User, signed_in: Enter) -> None:
    Product.objects.filter(pk=studio.course.pk).update(archived_at=studio.now)
    assert signed_in(dan).get(DOOR).status_code == 404


def test_an_external_address_is_where_it_is_bought(studio: Studio, client: Client) -> None:
    Product.objects.filter(pk=studio.course.pk).update(
        purchase=Product.Purchase.EXTERNAL, external_url="https://shop.example/wheel"
    )
    assert 'href="https://shop.example/wheel"' in client.get(DOOR).content.decode()


def test_a_live_sales_page_is_where_the_offer_is_seen(studio: Studio, client: Client) -> None:
    Product.objects.filter(pk=studio.course.pk).update(purchase=Product.Purchase.SALES_PAGE)
    cast.SalesPageFactory(product=studio.course)
    studio.sell(studio.course)
    assert 'href="/buy/wheel/"' in client.get(DOOR).content.decode()


def test_a_deactivated_account_opens_nothing_and_says_so_first(studio: Studio, ada: User) -> None:
    studio.subscribe(ada, studio.course)
    assert can_open(ada, studio.course, now=studio.now)
    ada.is_active = False
    ada.save()
    found = explain(ada, studio.course, at=studio.now, now=studio.now)
    assert not can_open(ada, studio.course, now=studio.now) and not found.access
    assert (found.state, found.reason) == ("deactivated", "deactivated")
    assert found.sentence.startswith("This account is deactivated: nobody can sign in with it. The subscription is")
    shown = io.StringIO()
    call_command("why", ada.email, stdout=shown)
    assert f"no   {studio.course.name}: This account is deactivated" in shown.getvalue()
