"""Sales pages tell what it is, what is inside and what it costs."""

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from hub.models import Product, SalesPage, User
from tests import cast
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]
PATH = "/buy/wheel/"


@pytest.fixture
def sales(studio: Studio) -> SalesPage:
    Product.objects.filter(pk=studio.course.pk).update(purchase=Product.Purchase.SALES_PAGE)
    page: SalesPage = cast.SalesPageFactory(
        product=studio.course,
        lead="Twelve evenings.",
        body="It is **simple**.",
        questions=[{"question": "Need a wheel?", "answer": "Yes."}],
        testimonials=[{"name": "Tom", "words": "Calm."}],
    )
    return page


def test_it_shows_the_owners_words_and_the_outline(studio: Studio, sales: SalesPage, client: Client) -> None:
    page = client.get(PATH).content.decode()
    for words in (sales.headline, "Twelve evenings.", "<strong>simple</strong>", "Need a wheel?", "Calm.", "Pulling"):
        assert words in page
    assert "Unfinished" not in page
    assert "Secret of" not in page
    assert f'<meta property="og:title" content="{sales.headline}">' in page


def test_visitors_follow_a_payment_link_and_members_go_through_checkout(
    studio: Studio, sales: SalesPage, dan: User, client: Client, signed_in: Enter
) -> None:
    offer = studio.sell(studio.course, 9000, interval="", url="https://buy.stripe.com/test_1")
    assert 'href="https://buy.stripe.com/test_1"' in client.get(PATH).content.decode()
    page = signed_in(dan).get(PATH).content.decode()
    assert f'name="offer" value="{offer.pk}"' in page
    assert "buy.stripe.com" not in page


def test_without_a_price_it_says_so(studio: Studio, sales: SalesPage, client: Client) -> None:
    assert "Not on sale right now" in client.get(PATH).content.decode()


def test_an_offer_that_was_withdrawn_is_gone(studio: Studio, sales: SalesPage, client: Client) -> None:
    offer = studio.sell(studio.course)
    offer.is_live = False
    offer.save()
    assert "€24.00" not in client.get(PATH).content.decode()


def test_who_has_it_is_led_in_and_not_sold_to(studio: Studio, sales: SalesPage, ada: User, signed_in: Enter) -> None:
    studio.sell(studio.course)
    studio.give(ada, studio.course)
    page = signed_in(ada).get(PATH).content.decode()
    assert "This is yours already" in page
    assert 'name="offer"' not in page


@pytest.mark.parametrize(
    ("reason", "words"),
    [
        ("payment_processing", "Your payment is on its way"),
        ("first_payment_pending", "Not open yet"),
    ],
)
def test_what_is_being_paid_is_not_sold_again(
    studio: Studio, sales: SalesPage, dan: User, owner: User, signed_in: Enter, reason: str, words: str
) -> None:
    studio.sell(studio.course, 18000, interval="")
    studio.pay_later(dan, studio.course, reason=reason)
    for path in (PATH, "/products/wheel/"):
        page = signed_in(dan).get(path).content.decode()
        assert words in page
        assert "€180.00" not in page
        assert 'name="offer"' not in page
    page = signed_in(owner).get(f"/console/people/{dan.pk}/")
    assert [why.state for why in page.context["known"]] == ["pending"]
    assert "Pending" in page.content.decode()


def test_who_may_not_buy_around_it_is_told_so_on_the_sales_page(
    studio: Studio, sales: SalesPage, ben: User, signed_in: Enter
) -> None:
    studio.sell(studio.course)
    studio.end(ben, studio.course, reason="past_due_expired")
    page = signed_in(ben).get(PATH).content.decode()
    assert "Update card" in page
    assert 'name="offer"' not in page


@pytest.mark.parametrize("draft", ["page", "product"])
def test_drafts_are_for_owners(
    studio: Studio, sales: SalesPage, dan: User, owner: User, signed_in: Enter, draft: str
) -> None:
    if draft == "page":
        SalesPage.objects.update(is_live=False)
    else:
        Product.objects.filter(pk=studio.course.pk).update(is_live=False)
    assert Client().get(PATH).status_code == 404
    assert signed_in(dan).get(PATH).status_code == 404
    page = signed_in(owner).get(PATH).content.decode()
    assert "Preview" in page
    assert "noindex" in page


def test_it_asks_no_more_than_ten_questions(
    studio: Studio, sales: SalesPage, dan: User, signed_in: Enter, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    for amount in (900, 1200, 1500):
        studio.sell(studio.course, amount)
    client = signed_in(dan)
    with django_assert_max_num_queries(10):
        assert "See the prices" in client.get(PATH).content.decode()
