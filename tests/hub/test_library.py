"""The library shows everybody what is theirs, and what else there is."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.test import Client
from django.utils.formats import date_format
from django.utils.timezone import localtime
from pytest_django import DjangoAssertNumQueries

from hub.models import Category, Grant, PageProgress, Product, User
from tests import cast
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]


def read(client: Client, path: str = "/") -> str:
    response = client.get(path)
    assert response.status_code == 200
    return response.content.decode()


def yours(client: Client, path: str = "/") -> list[str]:
    return [tile.product.name for tile in client.get(path).context["shelf"].yours]


def others(client: Client) -> list[str]:
    return [other.product.name for other in client.get("/").context["shelf"].more]


def test_ada_sees_what_she_has_and_the_rest_as_locked(studio: Studio, ada: User, signed_in: Enter) -> None:
    studio.give(ada, studio.course)
    client = signed_in(ada)
    assert yours(client) == ["The Wheel"]
    assert others(client) == ["Glaze Atlas", "Studio Club"]
    assert "Ada" in read(client)


def test_what_came_with_a_collection_says_so(studio: Studio, ada: User, signed_in: Enter) -> None:
    studio.subscribe(ada, studio.club)
    client = signed_in(ada)
    assert yours(client) == ["Glaze Atlas", "Studio Club"]
    assert "Part of <b>Studio Club</b>" in read(client)


def test_ben_in_grace_is_told_until_when_and_has_one_button(studio: Studio, ben: User, signed_in: Enter) -> None:
    studio.subscribe(ben, studio.club, state="grace", reason="past_due_grace", days=9)
    page = read(signed_in(ben))
    assert "Your payment for Studio Club failed." in page
    assert date_format(localtime(studio.now + timedelta(days=9)), "j F Y") in page
    assert 'name="flow" value="update_card"' in page


def test_cleo_whose_access_ended_sees_it_locked_again(studio: Studio, cleo: User, signed_in: Enter) -> None:
    studio.end(cleo, studio.club)
    client = signed_in(cleo)
    assert yours(client) == []
    assert "Studio Club" in others(client)


def test_cleo_is_invited_back_to_what_she_had(studio: Studio, cleo: User, signed_in: Enter) -> None:
    studio.sell(studio.club)
    studio.end(cleo, studio.club)
    page = read(signed_in(cleo))
    assert "<b>Come back</b>: €" in page
    Grant.objects.update(close_reason="past_due_expired")
    client = signed_in(cleo)
    assert "<b>Update your card to come back</b></span>" in read(client)
    club = next(other for other in client.get("/").context["shelf"].more if other.product == studio.club)
    assert club.url == studio.club.get_absolute_url(), "where the card can be changed"


def test_dan_the_stranger_finds_an_empty_library_and_what_to_do(studio: Studio, dan: User, signed_in: Enter) -> None:
    page = read(signed_in(dan))
    assert "Your library is empty" in page
    assert "help@hillside.example" in page


def test_a_visitor_sees_the_shop_where_the_owner_says_so(studio: Studio, client: Client) -> None:
    assert others(client) == ["The Wheel", "Glaze Atlas", "Studio Club"]
    assert "/accounts/login/" in read(client)


def test_a_visitor_has_to_sign_in_where_the_library_is_private(studio: Studio, client: Client) -> None:
    studio.site.public_library = False
    studio.site.save()
    response = client.get("/")
    assert (response.status_code, response["Location"]) == (302, "/accounts/login/?next=/")


def test_drafts_archived_and_hidden_products_are_not_on_show(studio: Studio, client: Client) -> None:
    Product.objects.filter(pk=studio.course.pk).update(is_live=False)
    Product.objects.filter(pk=studio.kit.pk).update(archived_at=studio.now)
    Product.objects.filter(pk=studio.club.pk).update(show_locked=False)
    assert others(client) == []
    assert "Nothing is on show yet" in read(client)


def test_an_archived_product_stays_with_those_who_have_it(studio: Studio, ada: User, signed_in: Enter) -> None:
    studio.give(ada, studio.course)
    Product.objects.filter(pk=studio.course.pk).update(archived_at=studio.now)
    assert yours(signed_in(ada)) == ["The Wheel"]


def test_a_locked_card_says_the_price_or_the_collection_it_comes_with(studio: Studio, client: Client) -> None:
    studio.sell(studio.club, 2400)
    studio.sell(studio.club, 24000, interval="year")
    page = read(client)
    assert "€24.00 a month, or €240.00 a year" in page
    assert "In Studio Club, €24.00 a month" in page


def test_progress_is_counted_over_published_pages(studio: Studio, ada: User, signed_in: Enter) -> None:
    studio.give(ada, studio.course)
    PageProgress.objects.create(user=ada, page=studio.pages[0], opened_at=studio.now, completed_at=studio.now)
    assert "3 pages · 1 done" in read(signed_in(ada))


def test_the_page_opened_last_is_where_one_continues(studio: Studio, ada: User, signed_in: Enter) -> None:
    studio.give(ada, studio.course)
    for hours, page in enumerate(studio.pages[:2]):
        PageProgress.objects.create(user=ada, page=page, opened_at=studio.now + timedelta(hours=hours))
    resume = signed_in(ada).get("/").context["shelf"].resume
    assert (resume.title, resume.url_args) == ("Centring", ("wheel", "centring"))


def test_nothing_is_continued_in_what_is_closed(studio: Studio, cleo: User, signed_in: Enter) -> None:
    PageProgress.objects.create(user=cleo, page=studio.pages[0], opened_at=studio.now)
    assert signed_in(cleo).get("/").context["shelf"].resume is None


def test_categories_filter_what_one_has(studio: Studio, ada: User, signed_in: Enter) -> None:
    for product, name in ((studio.course, "Courses"), (studio.kit, "Kits")):
        product.categories.add(Category.objects.create(name=name, slug=name.lower()))
        studio.give(ada, product)
    client = signed_in(ada)
    assert yours(client, "/?category=kits") == ["Glaze Atlas"]
    assert yours(client, "/?category=nonsense") == ["The Wheel", "Glaze Atlas"]


@pytest.mark.parametrize("extra", [0, 12])
def test_the_number_of_queries_does_not_grow(
    studio: Studio, ada: User, signed_in: Enter, extra: int, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    studio.give(ada, studio.course)
    studio.subscribe(ada, studio.club)
    for _ in range(extra):
        product = cast.ProductFactory()
        page = cast.PageFactory(product=product)
        studio.sell(product)
        studio.give(ada, product)
        PageProgress.objects.create(user=ada, page=page, opened_at=studio.now)
        cast.PageFactory(product=cast.ProductFactory())
    client = signed_in(ada)
    with django_assert_max_num_queries(10):
        read(client)


def test_each_failed_payment_is_named_where_its_product_is_and_leads_to_its_own_card(
    studio: Studio, ben: User, signed_in: Enter
) -> None:
    """In the library, on the product's page and on its sales page: in grace, and when grace is over."""
    cast.SalesPageFactory(product=studio.club)
    studio.subscribe(ben, studio.course, state="grace", reason="past_due_grace", days=5)
    studio.end(ben, studio.club, reason="past_due_expired")
    client = signed_in(ben)
    for path in ("/", "/products/wheel/"):
        page = client.get(path).content.decode()
        assert "Your payment for The Wheel failed." in page and "You keep access until" in page
        assert "Your payment for Studio Club failed." in page and "Your access has ended" in page
        for grant in Grant.objects.all():
            assert f'name="subscription" value="{grant.source_ref}"' in page
    assert client.get("/buy/club/").content.decode().count("Update card") == 1, "its door alone says it"


def test_a_failed_payment_that_another_grant_makes_up_for_is_not_complained_about(
    studio: Studio, ben: User, signed_in: Enter
) -> None:
    studio.end(ben, studio.course, reason="past_due_expired")
    studio.give(ben, studio.course)
    assert "Your payment for" not in signed_in(ben).get("/").content.decode()


def test_what_is_finished_is_not_what_to_go_on_with(studio: Studio, ada: User, signed_in: Enter) -> None:
    studio.give(ada, studio.course)
    client = signed_in(ada)
    client.get("/products/wheel/clay/")
    client.post("/products/wheel/clay/complete/")
    assert client.get("/").context["shelf"].resume.url_args == ("wheel", "centring")
