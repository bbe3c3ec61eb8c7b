"""The pictures of a product are those that its words name: copied words bring them along, deleted ones let them go."""

from collections.abc import Callable
from datetime import timedelta
from io import BytesIO

import pytest
from django.test import Client
from django.utils import timezone

from billing.sweeping.retention import tidy
from hub.models import Page, Picture, Product, User
from hub.pictures.keeping import keep
from hub.pictures.preparing import PAGE, prepare
from tests import cast
from tests.hub.conftest import Studio
from tests.hub.test_editing import typed
from tests.hub.test_editing_sales_pages import sales_form
from tests.hub.test_pictures import picture

Enter = Callable[[User], Client]


@pytest.fixture
def desk(owner: User, signed_in: Enter) -> Client:
    return signed_in(owner)


@pytest.fixture
def bowl(studio: Studio) -> Picture:
    """On a page of the course."""
    kept = keep(prepare(BytesIO(picture()), purpose=PAGE), now=timezone.now())
    studio.course.pictures.add(kept)
    Page.objects.filter(pk=studio.pages[0].pk).update(body=words_with(kept))
    return kept


def words_with(shown: Picture) -> str:
    return f"Before it.\n\n![A bowl](/pictures/{shown.name}-1280.webp)\n"


def pictures_of(product: Product) -> list[str]:
    return list(product.pictures.values_list("pk", flat=True))


def save(desk: Client, path: str, **changes: str) -> None:
    assert desk.post(path, typed(desk, path, **changes)).status_code == 303


def grow_old() -> None:
    Picture.objects.update(given_at=timezone.now() - timedelta(days=2))
    tidy()


def edit_description(studio: Studio, desk: Client, words: str) -> None:
    save(desk, f"/console/products/{studio.kit.pk}/", description=words)


def edit_page(studio: Studio, desk: Client, words: str) -> None:
    page = studio.kit.pages.first() or cast.PageFactory(product=studio.kit, is_published=False)
    save(desk, f"/console/products/pages/{page.pk}/", body=words)


def add_page(studio: Studio, desk: Client, words: str) -> None:
    sent = {"title": "Another", "body": words}
    assert desk.post(f"/console/products/{studio.kit.pk}/pages/new/", sent).status_code == 303


def edit_sales_page(studio: Studio, desk: Client, words: str) -> None:
    path = f"/console/products/{studio.kit.pk}/sales/"
    assert desk.post(path, sales_form(desk, path, headline="Buy", body=words)).status_code == 303


@pytest.mark.parametrize("write", [edit_description, edit_page, add_page, edit_sales_page])
def test_copied_words_bring_their_pictures_along(
    studio: Studio, desk: Client, bowl: Picture, write: Callable[[Studio, Client, str], None]
) -> None:
    write(studio, desk, words_with(bowl))
    assert pictures_of(studio.kit) == pictures_of(studio.course) == [bowl.pk]
    Page.objects.filter(product=studio.course).delete()
    grow_old()
    assert Picture.objects.exists()


@pytest.mark.parametrize("write", [edit_description, edit_page, edit_sales_page])
def test_words_let_their_pictures_go_and_a_day_later_they_are_forgotten(
    studio: Studio, desk: Client, bowl: Picture, write: Callable[[Studio, Client, str], None]
) -> None:
    Page.objects.filter(product=studio.course).delete()
    studio.course.pictures.clear()
    write(studio, desk, words_with(bowl))
    Picture.objects.update(given_at=timezone.now() - timedelta(days=90))
    write(studio, desk, "Nothing to see.")
    assert pictures_of(studio.kit) == []
    tidy()
    assert Picture.objects.exists(), "words may be taken back"
    write(studio, desk, words_with(bowl))
    assert pictures_of(studio.kit) == [bowl.pk]
    write(studio, desk, "Nothing to see.")
    grow_old()
    assert not Picture.objects.exists()


def test_a_page_that_is_deleted_lets_its_pictures_go(studio: Studio, desk: Client, bowl: Picture) -> None:
    page = studio.pages[0]
    other = cast.PageFactory(product=studio.course, body=words_with(bowl), is_published=False)
    desk.post(f"/console/products/pages/{page.pk}/delete/")
    assert pictures_of(studio.course) == [bowl.pk], "a draft shows it too"
    desk.post(f"/console/products/pages/{other.pk}/delete/")
    assert pictures_of(studio.course) == []


def test_a_sales_page_after_anothers_pattern_shows_its_pictures_to_its_own_readers(
    studio: Studio, desk: Client, bowl: Picture
) -> None:
    cast.SalesPageFactory(product=studio.course, body=words_with(bowl), is_live=False)
    path = f"/console/products/{studio.kit.pk}/sales/"
    page = desk.get(path, {"like": str(studio.course.pk)})
    sent = sales_form(desk, path, headline="Buy", body=page.context["form"].initial["body"])
    assert desk.post(path, sent).status_code == 303
    desk.post(f"{path}live/", {"live": "1"})
    address = f"/pictures/{bowl.name}-1280.webp"
    assert Client().get(address).status_code == 200
    Page.objects.filter(product=studio.course).delete()
    Product.objects.filter(pk=studio.course.pk).update(is_live=False)
    grow_old()
    assert Client().get(address).status_code == 200


def test_what_is_only_put_in_and_not_saved_yet_outlasts_another_save_by_a_day(
    studio: Studio, desk: Client, bowl: Picture
) -> None:
    """Somebody writes a page, and somebody else saves the description meanwhile."""
    Page.objects.filter(product=studio.course).update(body="")
    save(desk, f"/console/products/{studio.course.pk}/", description="New words.")
    assert pictures_of(studio.course) == []
    tidy()
    save(desk, f"/console/products/pages/{studio.pages[0].pk}/", body=words_with(bowl))
    assert pictures_of(studio.course) == [bowl.pk]


def test_a_copy_shows_what_its_words_name(studio: Studio, desk: Client, bowl: Picture) -> None:
    desk.post(f"/console/products/{studio.course.pk}/duplicate/")
    assert pictures_of(Product.objects.get(name="Copy of The Wheel")) == [bowl.pk]


def test_words_that_name_no_picture_of_ours_show_none(studio: Studio, desk: Client) -> None:
    edit_description(
        studio, desk, "![x](/pictures/nothing-1280.webp) and /pictures/ and https://elsewhere.example/pictures/a.png"
    )
    assert pictures_of(studio.kit) == []
