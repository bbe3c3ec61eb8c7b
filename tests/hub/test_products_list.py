"""The console's list of products: found, ordered, counted, however many there are."""

from collections.abc import Callable

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from billing.models import Connection, Offer, ProductLink, RecurringLine, Subscription
from hub.models import Category, Product, User
from tests import cast
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]
PATH = "/console/products/"


def names(client: Client, query: str = "") -> list[str]:
    return [row.product.name for row in client.get(f"{PATH}?{query}").context["found"].rows]


def earn(product: Product, *amounts: tuple[int, str], ref: str = "1") -> None:
    """A subscription that brings so many minor units a month."""
    link = ProductLink.objects.get(product=product)
    row = Subscription.objects.create(
        stripe_id=f"sub_{product.pk}_{ref}",
        connection=link.connection,
        customer_id="cus_1",
        status="active",
        data={},
        created=timezone.now(),
        fetched_at=timezone.now(),
    )
    for amount, currency in amounts:
        RecurringLine.objects.create(
            subscription=row, stripe_product=link.stripe_product, currency=currency, millionths=amount * 1_000_000
        )


def test_each_is_listed_with_what_it_holds_and_brings(
    studio: Studio, ada: User, ben: User, owner: User, signed_in: Enter
) -> None:
    studio.give(ada, studio.course)
    studio.subscribe(ada, studio.course)
    studio.subscribe(ben, studio.club)
    studio.end(ben, studio.course)
    studio.sell(studio.course, url="https://buy.example/1")
    earn(studio.course, (2400, "eur"), (1000, "jpy"))
    earn(studio.course, (2000, "eur"), ref="2")
    answer = signed_in(owner).get(PATH)
    rows = {row.product.name: row for row in answer.context["found"].rows}
    wheel = rows["The Wheel"]
    assert (wheel.published, wheel.holders, wheel.figures.mark) == (3, 1, "sells")
    assert [str(money) for money in wheel.figures.monthly] == ["€44.00", "¥1,000"]
    assert (rows["Glaze Atlas"].figures.mark, rows["Glaze Atlas"].figures.monthly) == ("none", ())
    page = answer.content.decode()
    assert "€44.00" in page
    assert "¥1,000" in page
    assert f"/console/people/?product={studio.course.pk}&amp;state=open" in page


def test_what_cannot_be_bought_is_marked(studio: Studio, owner: User, signed_in: Enter) -> None:
    client = signed_in(owner)
    offer = studio.sell(studio.course)

    def mark() -> str:
        rows = client.get(PATH).context["found"].rows
        return next(str(row.figures.mark) for row in rows if row.product == studio.course)

    assert mark() == "dead"  # its payment link was never made
    Offer.objects.filter(pk=offer.pk).update(url="https://buy.example/1")
    assert mark() == "sells"
    other = studio.sell(studio.course, 9900, interval="year", url="https://buy.example/2")
    assert "€99.00" in client.get(PATH).content.decode()
    Offer.objects.filter(pk=other.pk).update(is_live=False, problem=Offer.Problem.LINK_OFF)
    page = " ".join(client.get(PATH).content.decode().split())
    assert mark() == "partly" and "On sale in part" in page
    assert "€99.00 a year</span>, not sold" in page
    assert [row.product for row in client.get(f"{PATH}?stripe=partly").context["found"].rows] == [studio.course]
    Offer.objects.filter(pk=offer.pk).update(is_live=False, problem=Offer.Problem.LINK_OFF)
    assert mark() == "dead"
    Offer.objects.update(problem="")
    assert mark() == "linked"
    ProductLink.objects.update(is_active_at_stripe=False)
    assert mark() == "dead"
    ProductLink.objects.update(unlinked_at=timezone.now())
    assert mark() == "none"


def test_a_disconnected_account_earns_nothing(studio: Studio, owner: User, signed_in: Enter) -> None:
    studio.sell(studio.course, url="https://buy.example/1")
    earn(studio.course, (2400, "eur"))
    Connection.objects.update(state=Connection.State.OFF)
    row = signed_in(owner).get(f"{PATH}?q=wheel").context["found"].rows[0]
    assert (row.figures.mark, row.figures.monthly) == ("dead", ())


def test_products_are_found_by_name_category_state_and_stripe(studio: Studio, owner: User, signed_in: Enter) -> None:
    live = Category.objects.create(name="Live", slug="live")
    studio.kit.categories.add(live)
    studio.sell(studio.club, url="https://buy.example/1")
    cast.ProductFactory(name="Sketch", is_live=False)
    cast.ProductFactory(name="Old Kiln", archived_at=timezone.now())
    client = signed_in(owner)
    assert names(client) == ["The Wheel", "Glaze Atlas", "Studio Club", "Sketch"]
    assert names(client, "q=ATLAS") == ["Glaze Atlas"]
    assert names(client, f"category={live.pk}") == ["Glaze Atlas"]
    assert names(client, "state=live") == ["The Wheel", "Glaze Atlas", "Studio Club"]
    assert names(client, "state=draft") == ["Sketch"]
    assert names(client, "state=archived") == ["Old Kiln"]
    assert names(client, "stripe=sells") == ["Studio Club"]
    assert names(client, "stripe=none&state=live") == ["The Wheel", "Glaze Atlas"]
    for misread in ("category=x", "state=x&q=wheel", "stripe=x"):
        assert names(client, misread) == []
        assert "Nothing is shown" in client.get(f"{PATH}?{misread}").content.decode()
    page = client.get(f"{PATH}?q=zzz&state=live").content.decode()
    assert "No product matches" in page
    assert "State:" in page


def test_an_empty_list_says_what_to_do(owner: User, signed_in: Enter) -> None:
    assert "Make the first one" in signed_in(owner).get(PATH).content.decode()


def test_support_sees_the_list_and_changes_nothing(studio: Studio, signed_in: Enter) -> None:
    draft = cast.ProductFactory(name="Raku Notes", is_live=False)
    page = signed_in(cast.UserFactory(role=User.Role.SUPPORT)).get(PATH).content.decode()
    assert "The Wheel" in page and "Raku Notes" in page
    assert f'href="{studio.course.get_absolute_url()}"' in page
    assert f'href="{draft.get_absolute_url()}"' not in page, "it would be refused"
    for act in ("New product", "Move The Wheel", f'href="{PATH}{studio.course.pk}/"'):
        assert act not in page


@pytest.mark.parametrize("many", [3, 40])
def test_the_list_asks_the_same_however_many_there_are(
    studio: Studio,
    ada: User,
    owner: User,
    signed_in: Enter,
    django_assert_max_num_queries: DjangoAssertNumQueries,
    many: int,
) -> None:
    category = Category.objects.create(name="Live", slug="live")
    for product in cast.ProductFactory.create_batch(many):
        product.categories.add(category)
        studio.sell(product, url="https://buy.example/1")
        studio.give(ada, product)
        earn(product, (1200, "eur"))
        cast.PageFactory(product=product)
    client = signed_in(owner)
    client.get(PATH)
    with django_assert_max_num_queries(16):
        assert len(client.get(PATH).context["found"].rows) == many + 3


def test_hundreds_come_in_pages_that_miss_none(owner: User, signed_in: Enter) -> None:
    cast.ProductFactory.create_batch(230)
    client, seen, address = signed_in(owner), [], "?state=live"
    while address:
        context = client.get(f"{PATH}{address}").context
        seen += [row.product.pk for row in context["found"].rows]
        address = context["older"]
    assert seen == list(Product.objects.values_list("pk", flat=True))
    assert client.get(f"{PATH}?after=x").status_code == 200
    assert client.get(f"{PATH}?after=99999999999999999999").status_code == 200


def test_products_go_up_and_down_and_where_they_are_dropped(studio: Studio, owner: User, signed_in: Enter) -> None:
    cast.ProductFactory(name="Old Kiln", archived_at=timezone.now())
    last = cast.ProductFactory(name="Sketch")
    client = signed_in(owner)
    answer = client.post(f"{PATH}{last.pk}/move/", {"to": "up"})
    assert (answer.status_code, answer["Location"]) == (303, f"{PATH}#product-{last.pk}-up")
    assert names(client) == ["The Wheel", "Glaze Atlas", "Sketch", "Studio Club"]
    client.post(f"{PATH}{studio.course.pk}/move/", {"to": "up"})
    astray = client.post(f"{PATH}{studio.course.pk}/move/", {"to": "round"})
    assert astray["Location"] == f"{PATH}#product-{studio.course.pk}"
    assert names(client)[0] == "The Wheel"
    dropped = [last.pk, studio.club.pk, studio.course.pk]
    assert client.post(f"{PATH}order/", {"place": dropped}).status_code == 204
    assert names(client) == ["Sketch", "Glaze Atlas", "Studio Club", "The Wheel"]
    assert client.post(f"{PATH}order/", {"place": ["1; drop"]}).status_code == 400
    assert client.get("/").context["shelf"].more[0].product == last
