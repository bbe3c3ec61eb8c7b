"""What a collection opens, chosen in the console: who has it gains and loses by it."""

from collections.abc import Callable

from django.test import Client
from django.utils import timezone

from activities.models import Activity
from hub.access import can_open
from hub.models import CollectionItem, Product, User
from tests import cast
from tests.hub.conftest import Studio
from tests.hub.test_editing import typed

Enter = Callable[[User], Client]


def opens(product: Product) -> list[str]:
    return [item.product.name for item in product.items.all()]


def test_what_is_put_into_a_collection_opens_to_whoever_has_it(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.club)
    client, path = signed_in(owner), f"/console/products/{studio.club.pk}/contents/"
    assert not can_open(ada, studio.course, now=timezone.now())
    answer = client.post(path, {"products": [studio.course.pk, studio.kit.pk]}, follow=True)
    assert answer.redirect_chain == [(f"/console/products/{studio.club.pk}/content/", 303)]
    assert "Saved. 1 person can open 1 more." in answer.content.decode()
    assert can_open(ada, studio.course, now=timezone.now())
    assert opens(studio.club) == ["Glaze Atlas", "The Wheel"]  # what was there stays in its place
    told = Activity.objects.filter(product=studio.club, verb=Activity.Verb.STAFF_ACTION).get()
    assert told.details["reason"] == "put The Wheel into it"


def test_before_people_lose_something_it_is_named_and_asked(
    studio: Studio, ada: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.club)
    client, path = signed_in(owner), f"/console/products/{studio.club.pk}/contents/"
    answer = client.post(path, {"products": [studio.course.pk]})
    page = answer.content.decode()
    assert "1 person loses something by this" in page
    assert "Glaze Atlas." in page
    assert can_open(ada, studio.kit, now=timezone.now())
    sure = answer.context["asked"].mark
    assert client.post(path, {"products": [studio.course.pk], "sure": "99"}).status_code == 200
    assert can_open(ada, studio.kit, now=timezone.now())
    assert client.post(path, {"products": [studio.course.pk], "sure": sure}).status_code == 303
    assert not can_open(ada, studio.kit, now=timezone.now())
    assert can_open(ada, studio.course, now=timezone.now())


def test_where_nobody_has_it_nothing_is_asked(studio: Studio, owner: User, signed_in: Enter) -> None:
    answer = signed_in(owner).post(f"/console/products/{studio.club.pk}/contents/", {"products": [studio.course.pk]})
    assert answer.status_code == 303
    assert opens(studio.club) == ["The Wheel"]


def test_a_collection_of_everything_and_back(studio: Studio, ada: User, owner: User, signed_in: Enter) -> None:
    studio.give(ada, studio.club)
    client, path = signed_in(owner), f"/console/products/{studio.club.pk}/contents/"
    assert client.post(path, {"contains_all": "on", "products": [studio.kit.pk]}).status_code == 303
    assert can_open(ada, studio.course, now=timezone.now())
    assert can_open(ada, cast.ProductFactory(name="Made later"), now=timezone.now())
    answer = client.post(path, {"products": [studio.kit.pk]})
    assert [product.name for product in answer.context["asked"].lost] == ["The Wheel", "Made later"]
    client.post(path, {"products": [studio.kit.pk], "sure": answer.context["asked"].mark})
    assert not can_open(ada, studio.course, now=timezone.now())
    assert opens(studio.club) == ["Glaze Atlas"]


def test_neither_collections_nor_strangers_to_it_are_put_into_one(
    studio: Studio, owner: User, signed_in: Enter
) -> None:
    other = cast.ProductFactory(kind=Product.Kind.COLLECTION)
    client, path = signed_in(owner), f"/console/products/{studio.club.pk}/contents/"
    for wrong in ([other.pk], [studio.club.pk], [0], []):
        answer = client.post(path, {"products": wrong})
        assert answer.status_code == 422, wrong
        assert 'class="errors"' in answer.content.decode()
    assert opens(studio.club) == ["Glaze Atlas"]
    assert client.post(f"/console/products/{studio.course.pk}/contents/", {"products": []}).status_code == 404


def test_its_products_are_put_in_order(studio: Studio, owner: User, signed_in: Enter) -> None:
    item = CollectionItem.objects.create(collection=studio.club, product=studio.course, position=1)
    answer = signed_in(owner).post(f"/console/products/contents/{item.pk}/move/", {"to": "up"})
    assert answer["Location"] == f"/console/products/{studio.club.pk}/content/#item-{item.pk}-up"
    assert opens(studio.club) == ["The Wheel", "Glaze Atlas"]


def test_a_category_is_made_where_it_is_used(studio: Studio, owner: User, signed_in: Enter) -> None:
    client = signed_in(owner)
    for product in (studio.course, studio.kit):
        path = f"/console/products/{product.pk}/"
        assert client.post(path, typed(client, path, new_category="Live")).status_code == 303
    path = f"/console/products/{studio.course.pk}/"
    client.post(path, typed(client, path, new_category="LIVE"))
    assert [category.slug for category in studio.course.categories.all()] == ["live"]
    assert studio.kit.categories.get() == studio.course.categories.get()
