"""Numbers in addresses and forms that no database keeps are no numbers: nobody meets an error page for them."""

import pytest
from django.test import Client

from activities.numbers import read_number, read_numbers
from hub.models import Product, User
from tests import cast
from tests.members import signed_in

ODD = ["9" * 30, "9" * 5000, "²", "٣", "-1", "1e3", " 1", "\x00"]


@pytest.mark.parametrize("text", ["", *ODD])
def test_what_is_no_number_is_none(text: str) -> None:
    assert read_number(text) is None
    assert read_numbers(["1", text]) is None


def test_what_is_one_is_read() -> None:
    assert read_number("0") == 0
    assert read_number("9" * 18) == 10**18 - 1
    assert read_numbers(["3", "1"]) == [3, 1]
    assert read_numbers([]) == []


@pytest.fixture
def desk(owner: User) -> Client:
    return signed_in(owner)


@pytest.fixture
def course(db: None) -> Product:
    return cast.ProductFactory()


@pytest.mark.parametrize("odd", ODD)
def test_no_page_breaks_on_one(course: Product, desk: Client, odd: str) -> None:
    pages = [
        (f"/console/products/{course.pk}/sales/", {"like": odd}),
        ("/console/products/", {"after": odd}),
        ("/console/people/", {"after": f"x_{odd}"}),
        ("/console/activity/", {"newer": odd, "after": f"2026-11-21T00:00:00+00:00_{odd}"}),
    ]
    for path, query in pages:
        assert desk.get(path, query).status_code == 200, path


@pytest.mark.parametrize("odd", ODD)
def test_an_order_with_one_in_it_is_refused_and_changes_nothing(course: Product, desk: Client, odd: str) -> None:
    before = Product.objects.get().position
    orders = {
        "/console/products/order/": [str(course.pk), odd],
        "/console/products/categories/order/": [odd],
        f"/console/products/{course.pk}/pages/order/": [f":{odd}"],
    }
    for path, places in orders.items():
        assert desk.post(path, {"place": places}).status_code == 400, path
    sections = {"place": [f"{odd}:1"]}
    assert desk.post(f"/console/products/{course.pk}/pages/order/", sections).status_code == 400
    assert Product.objects.get().position == before
