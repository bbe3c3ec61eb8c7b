"""Pages open to those who have them, and to nobody else."""

from collections.abc import Callable

import pytest
from django.test import Client
from pytest_django import DjangoAssertNumQueries

from activities.models import Activity
from hub.models import PageProgress, Product, Section, User
from tests import cast
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]
PAGE = "/products/wheel/clay/"


def test_ada_reads_her_page(studio: Studio, ada: User, signed_in: Enter) -> None:
    studio.give(ada, studio.course)
    response = signed_in(ada).get(PAGE)
    assert response.status_code == 200
    assert "Secret of Clay." in response.content.decode()


def test_ben_in_grace_reads_on(studio: Studio, ben: User, signed_in: Enter) -> None:
    studio.subscribe(ben, studio.course, state="grace", reason="past_due_grace")
    assert signed_in(ben).get(PAGE).status_code == 200


def test_a_collection_opens_what_it_contains(studio: Studio, ada: User, signed_in: Enter) -> None:
    studio.subscribe(ada, studio.club)
    cast.PageFactory(product=studio.kit, slug="celadon")
    client = signed_in(ada)
    assert client.get("/products/glaze/celadon/").status_code == 200
    assert "Glaze Atlas" in client.get("/products/club/").content.decode()


@pytest.mark.parametrize("who", ["cleo", "dan"])
def test_without_access_a_page_leads_to_its_product_and_tells_nothing(
    studio: Studio, cleo: User, dan: User, signed_in: Enter, who: str
) -> None:
    studio.end(cleo, studio.course)
    client = {"cleo": signed_in(cleo), "dan": signed_in(dan)}[who]
    for path in (PAGE, "/products/wheel/no-such-page/", "/products/wheel/unfinished/"):
        response = client.get(path)
        assert (response.status_code, response["Location"], response.content) == (303, "/products/wheel/", b"")
    assert "Secret" not in client.get("/products/wheel/").content.decode()


def test_access_that_is_past_its_end_is_closed_before_any_sweep(studio: Studio, ada: User, signed_in: Enter) -> None:
    studio.subscribe(ada, studio.course, days=-1)
    assert signed_in(ada).get(PAGE).status_code == 303


def test_drafts_are_not_found_and_owners_preview_them(studio: Studio, ada: User, owner: User, signed_in: Enter) -> None:
    studio.give(ada, studio.course)
    assert signed_in(ada).get("/products/wheel/unfinished/").status_code == 404
    assert "Preview" in signed_in(owner).get("/products/wheel/unfinished/").content.decode()


def test_a_draft_product_is_not_found_even_with_access(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    Product.objects.filter(pk=studio.course.pk).update(is_live=False)
    assert signed_in(ada).get("/products/wheel/").status_code == 404
    assert signed_in(ada).get(PAGE).status_code == 404
    assert signed_in(owner).get(PAGE).status_code == 200


def test_public_pages_are_open_to_all_and_members_pages_to_those_signed_in(
    studio: Studio, dan: User, client: Client, signed_in: Enter
) -> None:
    Product.objects.filter(pk=studio.course.pk).update(visibility=Product.Visibility.MEMBERS)
    assert client.get(PAGE).context["door"].step == "sign_in"
    assert "body" in signed_in(dan).get(PAGE).context
    Product.objects.filter(pk=studio.course.pk).update(visibility=Product.Visibility.PUBLIC)
    assert "body" in client.get(PAGE).context


def test_finishing_a_page_leads_to_the_next_and_is_told_once(studio: Studio, ada: User, signed_in: Enter) -> None:
    studio.give(ada, studio.course)
    client = signed_in(ada)
    response = client.post(f"{PAGE}complete/")
    assert (response.status_code, response["Location"]) == (303, "/products/wheel/centring/")
    client.post(f"{PAGE}complete/", {"undo": "1"})
    assert PageProgress.objects.get().completed_at is None
    client.post(f"{PAGE}complete/")
    assert Activity.objects.filter(verb=Activity.Verb.PAGE_COMPLETED, user=ada, product=studio.course).count() == 1


def test_who_is_asked_to_sign_in_for_a_page_comes_back_to_that_page(studio: Studio, client: Client) -> None:
    """The product's door, at the page's own address: the same whether there is such a page or not."""
    for path in (PAGE, "/products/wheel/no-such-page/", "/products/wheel/unfinished/"):
        response = client.get(path)
        assert (response.status_code, response.context["door"].step) == (200, "sign_in")
        page = response.content.decode()
        assert page.count(f"/accounts/login/?next={path}") == 2 and "Secret" not in page


def test_the_last_page_leads_back_to_the_product(studio: Studio, ada: User, signed_in: Enter) -> None:
    studio.give(ada, studio.course)
    response = signed_in(ada).post("/products/wheel/pulling/complete/", follow=True)
    assert response.redirect_chain == [("/products/wheel/", 303)]
    assert "You have read the last page of The Wheel." in response.content.decode()


@pytest.mark.parametrize("path", [f"{PAGE}complete/", "/products/wheel/unfinished/complete/"])
def test_nobody_finishes_what_they_cannot_read(studio: Studio, dan: User, signed_in: Enter, path: str) -> None:
    assert signed_in(dan).post(path).status_code == 303
    assert Client().post(path)["Location"].startswith("/accounts/login/")
    assert signed_in(dan).get(path)["Location"] == path.removesuffix("complete/")
    assert not PageProgress.objects.exists()


def test_opening_a_page_is_remembered_without_a_write_for_every_look(
    studio: Studio, ada: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    client = signed_in(ada)
    client.get(PAGE)
    opened = PageProgress.objects.get().opened_at
    client.get(PAGE)
    assert PageProgress.objects.get().opened_at == opened


def test_the_outline_runs_through_sections_in_order(studio: Studio, ada: User, signed_in: Enter) -> None:
    studio.give(ada, studio.course)
    late = Section.objects.create(product=studio.course, title="After the kiln", position=1)
    early = Section.objects.create(product=studio.course, title="At the wheel", position=0)
    for page, section in zip(studio.pages, [None, late, early], strict=True):
        page.section = section
        page.save()
    response = signed_in(ada).get("/products/wheel/pulling/")
    assert [entry.page.title for entry in response.context["outline"].entries] == ["Clay", "Pulling", "Centring"]
    assert response.context["before"].page.title == "Clay"
    assert response.context["after"].page.title == "Centring"


@pytest.mark.parametrize("path", ["/products/wheel/", PAGE])
@pytest.mark.parametrize("extra", [0, 20])
def test_the_number_of_queries_does_not_grow(
    studio: Studio,
    ada: User,
    signed_in: Enter,
    path: str,
    extra: int,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    studio.give(ada, studio.course)
    section = Section.objects.create(product=studio.course, title="More")
    for _ in range(extra):
        cast.PageFactory(product=studio.course, section=section)
    client = signed_in(ada)
    with django_assert_max_num_queries(10):
        assert client.get(path).status_code == 200


def test_a_collections_page_asks_no_more_than_ten_questions(
    studio: Studio, ada: User, signed_in: Enter, django_assert_max_num_queries: DjangoAssertNumQueries
) -> None:
    studio.subscribe(ada, studio.club)
    client = signed_in(ada)
    with django_assert_max_num_queries(10):
        assert client.get("/products/club/").status_code == 200
