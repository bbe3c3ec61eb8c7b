"""Categories in the console: made, renamed, put in order, deleted; and what members see of them in the library."""

from collections.abc import Callable

import pytest
from django.db import IntegrityError, transaction
from django.test import Client

from activities.models import Activity
from hub.models import Category, Product, User
from tests import cast
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]
PAGE = "/console/products/categories/"


@pytest.fixture
def desk(owner: User, signed_in: Enter) -> Client:
    return signed_in(owner)


def make(*names: str) -> list[Category]:
    return [
        Category.objects.create(name=name, slug=name.lower(), position=position) for position, name in enumerate(names)
    ]


def names() -> list[str]:
    return list(Category.objects.values_list("name", flat=True))


def deeds() -> list[str]:
    return [activity.details["reason"] for activity in Activity.objects.filter(verb="staff_action").order_by("pk")]


def rename(desk: Client, category: Category, name: str) -> int:
    path = f"{PAGE}{category.pk}/"
    seen = desk.get(path).context["form"].initial["seen"]
    return desk.post(path, {"name": name, "seen": seen}).status_code


def test_the_first_one_is_made_on_a_page_that_says_what_they_are_for(studio: Studio, desk: Client) -> None:
    assert "No categories yet" in desk.get(PAGE).content.decode()
    assert f'href="{PAGE}"' in desk.get("/console/products/").content.decode()
    assert desk.post(PAGE, {"name": "Courses"})["Location"] == PAGE
    assert desk.post(PAGE, {"name": "Kits"}).status_code == 303
    assert names() == ["Courses", "Kits"]
    assert "No categories yet" not in desk.get(PAGE).content.decode()
    assert deeds() == ["made the category “Courses”", "made the category “Kits”"]


@pytest.mark.parametrize(
    ("name", "words"), [("KITS", "There is a category of this name already."), (" ", "required"), ("x" * 61, "60")]
)
def test_a_name_is_taken_once_whatever_its_case(studio: Studio, desk: Client, name: str, words: str) -> None:
    courses, _kits = make("Courses", "Kits")
    answer = desk.post(PAGE, {"name": name})
    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert rename(desk, courses, name) == 422
    assert names() == ["Courses", "Kits"]


def test_the_database_keeps_one_of_a_name(studio: Studio) -> None:
    make("Kits")
    with pytest.raises(IntegrityError), transaction.atomic():
        Category.objects.create(name="kits", slug="other")


def test_long_names_that_begin_alike_have_addresses_of_their_own(studio: Studio, desk: Client) -> None:
    for last in ("a", "b"):
        assert desk.post(PAGE, {"name": "w" * 59 + last}).status_code == 303
    assert len(set(Category.objects.values_list("slug", flat=True))) == 2


def test_a_new_name_leaves_its_address_and_its_products(studio: Studio, desk: Client) -> None:
    (kits,) = make("Kits")
    studio.kit.categories.add(kits)
    assert rename(desk, kits, "Glaze kits") == 303
    kits.refresh_from_db()
    assert (kits.name, kits.slug) == ("Glaze kits", "kits")
    assert list(studio.kit.categories.all()) == [kits]
    assert rename(desk, kits, "GLAZE KITS") == 303, "its own name in another case"
    assert deeds() == [
        "renamed the category “Kits” to “Glaze kits”",
        "renamed the category “Glaze kits” to “GLAZE KITS”",
    ]


def test_a_name_that_somebody_else_changed_meanwhile_is_not_overwritten(studio: Studio, desk: Client) -> None:
    (kits,) = make("Kits")
    path = f"{PAGE}{kits.pk}/"
    seen = desk.get(path).context["form"].initial["seen"]
    Category.objects.update(name="Sets")
    answer = desk.post(path, {"name": "Boxes", "seen": seen})
    assert answer.status_code == 409 and "Sets" in answer.content.decode()
    assert names() == ["Sets"]


def test_they_are_put_in_order_by_arrows_and_by_dragging(studio: Studio, desk: Client) -> None:
    courses, kits, talks = make("Courses", "Kits", "Talks")
    assert desk.post(f"{PAGE}{talks.pk}/move/", {"to": "up"})["Location"] == f"{PAGE}#category-{talks.pk}-up"
    assert names() == ["Courses", "Talks", "Kits"]
    assert [row.name for row in desk.get(PAGE).context["categories"]] == names()
    desk.post(f"{PAGE}{talks.pk}/move/", {"to": "sideways"})
    assert desk.post(f"{PAGE}order/", {"place": [kits.pk, courses.pk, talks.pk]}).status_code == 204
    assert names() == ["Kits", "Courses", "Talks"]
    assert desk.post(f"{PAGE}order/", {"place": ["x"]}).status_code == 400


def test_deleting_asks_first_and_leaves_the_products_as_they_are(studio: Studio, desk: Client) -> None:
    (kits,) = make("Kits")
    for product in (studio.kit, studio.course):
        product.categories.add(kits)
    before = list(Product.objects.values())
    page = f"{PAGE}{kits.pk}/delete/"
    assert "2 products</b> in it stay as they are" in desk.get(page).content.decode()
    assert names() == ["Kits"]
    assert desk.post(page)["Location"] == PAGE
    assert names() == [] and list(Product.objects.values()) == before
    assert deeds() == ["deleted the category “Kits”"]


def test_each_row_says_how_much_is_in_it_and_leads_there(studio: Studio, desk: Client) -> None:
    kits, drafts, _empty = make("Kits", "Drafts", "Empty")
    studio.kit.categories.add(kits)
    cast.ProductFactory(is_live=False).categories.add(drafts)
    page = desk.get(PAGE).content.decode()
    assert f'<a href="/console/products/?category={kits.pk}">1 product</a>' in page
    assert page.count("none of them live") == page.count("No product yet") == 1


@pytest.mark.parametrize("path", ["", "order/", "{}/", "{}/move/", "{}/delete/"])
@pytest.mark.parametrize("role", ["stranger", User.Role.MEMBER, User.Role.SUPPORT])
def test_strangers_members_and_support_change_none(
    studio: Studio, client: Client, signed_in: Enter, path: str, role: str
) -> None:
    (kits,) = make("Kits")
    browser = client if role == "stranger" else signed_in(cast.UserFactory(role=role))
    answer = browser.post(PAGE + path.format(kits.pk), {"name": "Mine", "to": "up"})
    assert answer.status_code == (302 if role == "stranger" else 403)
    assert names() == ["Kits"]


# What members see


def shelves(client: Client, path: str = "/") -> tuple[list[str], list[str], list[str]]:
    """Categories, one's own, and what there is besides."""
    shelf = client.get(path).context["shelf"]
    return (
        [category.name for category in shelf.categories],
        [tile.product.name for tile in shelf.yours],
        [other.product.name for other in shelf.more],
    )


def test_members_narrow_what_they_have_and_what_there_is_besides(studio: Studio, ada: User, signed_in: Enter) -> None:
    courses, kits, _nothing = make("Courses", "Kits", "Nothing")
    studio.course.categories.add(courses)
    studio.kit.categories.add(kits)
    studio.give(ada, studio.course)
    client = signed_in(ada)
    found, own, others = shelves(client)
    assert found == ["Courses", "Kits"] and own == ["The Wheel"] and "Glaze Atlas" in others
    assert shelves(client, "/?category=courses")[1:] == (["The Wheel"], [])
    assert shelves(client, "/?category=kits")[1:] == ([], ["Glaze Atlas"])
    page = client.get("/?category=kits").content.decode()
    assert "Your library is empty" not in page and "Glaze Atlas" in page
    Category.objects.filter(pk=kits.pk).update(position=0)
    Category.objects.filter(pk=courses.pk).update(position=1)
    assert shelves(client)[0] == ["Kits", "Courses"], "in the owner's order"


def test_a_category_that_holds_only_what_is_hidden_is_told_to_nobody(
    studio: Studio, ada: User, signed_in: Enter
) -> None:
    (secret,) = make("Secret")
    Product.objects.filter(pk=studio.kit.pk).update(show_locked=False)
    studio.kit.categories.add(secret)
    assert shelves(signed_in(ada))[0] == []
