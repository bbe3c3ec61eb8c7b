"""Stripe settings of a product: finding a Stripe product among many, what was bought of it, or making a new one."""

import re
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import pytest
from django.db import connections
from django.test import Client
from pytest_django import DjangoAssertNumQueries, Settings

from billing.models import Offer, ProductLink
from hub.models import Product, User
from tests import cast
from tests.counting import counted
from tests.hub.test_pictures import give_cover
from tests.members import Member, signed_in
from tests.shops import Shop, press_unlink, stripe_settings


def kit_page() -> str:
    return stripe_settings("kit")


@pytest.fixture
def kit(shop: Shop) -> Product:
    return cast.ProductFactory(name="Kit", slug="kit", summary="Clay and a wire.", purchase=Product.Purchase.NONE)


def make_products(shop: Shop, *, count: int) -> list[str]:
    return [shop.sandbox.api.products.create({"name": f"Glaze {number:03}"}).id for number in range(count)]


def shown(page: str) -> list[str]:
    return re.findall(r"Glaze \d{3}", page)


def followed(desk: Client, page: str) -> str:
    """What the button for more leads to, as a browser with htmx asks for it."""
    found = re.search(r'hx-get="([^"]+after=[^"]+)"', page)
    assert found, "no button for more"
    return desk.get(found[1].replace("&amp;", "&"), headers={"hx-request": "true"}).content.decode()


# Finding


def test_hundreds_of_products_come_a_page_at_a_time_for_one_call_each(shop: Shop, desk: Client, kit: Product) -> None:
    make_products(shop, count=45)
    with counted(shop.sandbox, at_most=1):
        page = desk.get(kit_page()).content.decode()
    assert shown(page) == [f"Glaze {number:03}" for number in range(44, 24, -1)]
    with counted(shop.sandbox, at_most=1):
        more = followed(desk, page)
    assert shown(more) == [f"Glaze {number:03}" for number in range(24, 4, -1)] and "<html" not in more
    last = followed(desk, more)
    assert shown(last) == [f"Glaze {number:03}" for number in range(4, -1, -1)]
    assert "after=" not in last


def test_a_search_that_stripe_does_not_answer_says_so_in_place_of_what_was_found(
    shop: Shop, desk: Client, kit: Product
) -> None:
    make_products(shop, count=1)
    shop.sandbox.answer_with(500, path="/v1/products")
    away = desk.get(kit_page(), {"q": "glaze"}, headers={"hx-request": "true"})
    page = away.content.decode()
    assert away.status_code == 200, "an error would not be shown"
    assert "Stripe does not answer right now" in page and "Try again" in page
    assert "<html" not in page and not shown(page)
    assert desk.get(kit_page(), {"q": "glaze"}).status_code == 503


def test_without_javascript_more_is_a_page_of_its_own(shop: Shop, desk: Client, kit: Product) -> None:
    make_products(shop, count=21)
    link = re.search(r'href="([^"]+after=[^"]+)"', desk.get(kit_page()).content.decode())
    assert link
    page = desk.get(link[1].replace("&amp;", "&")).content.decode()
    assert "Glaze 000" in page and "<html" in page


def test_a_search_looks_at_names_and_ids_through_the_whole_list(shop: Shop, desk: Client, kit: Product) -> None:
    made = make_products(shop, count=110)
    assert shown(desk.get(kit_page(), {"q": "glaze 003"}).content.decode()) == ["Glaze 003"]
    assert shown(desk.get(kit_page(), {"q": made[5]}).content.decode()) == ["Glaze 005"]
    first = desk.get(kit_page(), {"q": "GLAZE 0"}).content.decode()
    assert len(shown(first)) == 20 and "Search on" in first
    assert len(shown(followed(desk, first))) == 20
    assert "has “enamel” in its name or id" in desk.get(kit_page(), {"q": "enamel"}).content.decode()


def test_a_linked_product_is_marked_with_what_it_opens_and_cannot_be_chosen(
    shop: Shop, desk: Client, kit: Product
) -> None:
    page = desk.get(kit_page()).content.decode()
    assert f'Opens <a href="{stripe_settings("studio")}">Studio Membership</a>' in page
    taken = shop.monthly.link.stripe_product
    assert f"stripe_product={taken}" not in page
    page = desk.get(kit_page(), {"stripe_product": taken}).content.decode()
    assert "opens" in page and "Studio Membership" in page and "disabled" in page
    assert "already opens Studio Membership" in desk.post(kit_page(), {"stripe_product": taken}).content.decode()
    assert not ProductLink.objects.filter(product=kit).exists()


def test_the_queries_of_the_list_do_not_grow(
    shop: Shop,
    desk: Client,
    kit: Product,
    django_assert_num_queries: DjangoAssertNumQueries,
    django_assert_max_num_queries: DjangoAssertNumQueries,
) -> None:
    make_products(shop, count=2)
    page = kit_page()
    desk.get(page)
    with django_assert_max_num_queries(10) as few:
        desk.get(page)
    make_products(shop, count=18)
    with django_assert_num_queries(len(few.captured_queries)):
        desk.get(page)


def test_what_stripe_does_not_know_or_cannot_say_is_told_in_words(shop: Shop, desk: Client, kit: Product) -> None:
    answer = desk.get(kit_page(), {"stripe_product": "prod_nowhere"})
    assert (answer.status_code, "Stripe does not allow it" in answer.content.decode()) == (503, True)
    shop.sandbox.answer_with(500)
    assert "Stripe does not answer right now" in desk.get(kit_page()).content.decode()


# What was bought of it


def test_what_was_bought_is_counted_before_anything_is_saved(
    shop: Shop, desk: Client, kit: Product, member: Member
) -> None:
    """Live subscriptions, on a price made on the spot too; paid checkouts and paid invoices; nothing else."""
    api = shop.sandbox.api
    made = api.products.create({"name": "Kit"}).id
    monthly = api.prices.create(
        {"product": made, "currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
    ).id
    once = api.prices.create({"product": made, "currency": "eur", "unit_amount": 4200}).id
    member.subscribe(monthly)
    inline: Any = {"currency": "eur", "product": made, "unit_amount": 700, "recurring": {"interval": "month"}}
    member.subscribe_to({"price_data": inline})
    api.subscriptions.cancel(member.subscribe(monthly)["id"])
    link = api.payment_links.create({"line_items": [{"price": once, "quantity": 1}]}).id
    shop.sandbox.pay_link(link, email="ben@example.org")
    invoice_for(shop, once)
    shop.buy(shop.once)
    shop.buy(shop.monthly)
    page = desk.get(kit_page(), {"stripe_product": made}).content.decode()
    assert "<b>2 live subscriptions</b> and <b>2 past orders</b> found" in page
    assert "At least" not in page
    assert not ProductLink.objects.filter(product=kit).exists()


def invoice_for(shop: Shop, price: str) -> None:
    """Billed by hand, and paid."""
    api = shop.sandbox.api
    card = "pm_card_visa"
    customer = api.customers.create(
        {"email": "cleo@example.org", "payment_method": card, "invoice_settings": {"default_payment_method": card}}
    ).id
    invoice = api.invoices.create({"customer": customer}).id
    api.invoice_items.create({"customer": customer, "invoice": invoice, "pricing": {"price": price}})
    assert invoice
    api.invoices.pay(invoice)


def test_of_a_large_account_so_many_at_least_are_counted_for_a_bounded_number_of_calls(
    shop: Shop, desk: Client, kit: Product, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr("billing.gateway.PAGE", 1)
    monkeypatch.setattr("billing.shop.counting.PAGES", 2)
    made = shop.sandbox.api.products.create({"name": "Kit"}).id
    once = shop.sandbox.api.prices.create({"product": made, "currency": "eur", "unit_amount": 4200}).id
    link = shop.sandbox.api.payment_links.create({"line_items": [{"price": once, "quantity": 1}]}).id
    for name in "abcdef":
        shop.sandbox.pay_link(link, email=f"{name}@example.org")
    with counted(shop.sandbox, at_most=8):
        page = desk.get(kit_page(), {"stripe_product": made}).content.decode()
    assert "At least <b>0 live subscriptions</b> and <b>2 past orders</b> found" in page


# Checkout


def test_checkout_needs_a_price_and_off_means_none(shop: Shop, desk: Client, kit: Product) -> None:
    made = shop.sandbox.api.products.create({"name": "Kit"}).id
    price = shop.sandbox.api.prices.create({"product": made, "currency": "eur", "unit_amount": 4200}).id
    answer = desk.post(kit_page(), {"stripe_product": made, "checkout": "on"})
    assert answer.status_code == 422
    assert "Choose at least one price, or switch Checkout off." in answer.content.decode()
    assert desk.post(kit_page(), {"stripe_product": made, "prices": [price]}).status_code == 303
    assert not Offer.objects.filter(product=kit).exists()
    kit.refresh_from_db()
    assert kit.purchase == Product.Purchase.NONE


def test_the_default_price_is_chosen_already_and_archived_ones_are_shown_as_such(
    shop: Shop, desk: Client, kit: Product
) -> None:
    api = shop.sandbox.api
    made = api.products.create({"name": "Kit", "default_price_data": {"currency": "eur", "unit_amount": 4200}})
    old = api.prices.create({"product": made.id, "currency": "eur", "unit_amount": 1900}).id
    api.prices.update(old, {"active": False})
    page = desk.get(kit_page(), {"stripe_product": made.id}).content.decode()
    assert re.search(rf'value="{made.default_price}"[^>]*checked', page)
    assert "€19.00 once, archived in Stripe" in page and f'value="{old}"' not in page


# A new one


@pytest.mark.parametrize(
    ("typed", "currency", "billed", "minor"),
    [
        ("24.00", "EUR", "month 1", 2400),
        ("2400", "JPY", "once", 2400),
        ("1,250", "KWD", "year 1", 1250),
        ("180", "ISK", "once", 18000),
        ("60.5", "USD", "month 3", 6050),
    ],
)
def test_a_new_stripe_product_is_made_linked_and_sold(
    shop: Shop, desk: Client, kit: Product, typed: str, currency: str, billed: str, minor: int
) -> None:
    sent = form_of(desk) | {"amount": typed, "currency": currency, "billed": billed, "checkout": "on"}
    assert desk.post(f"{kit_page()}new/", sent)["Location"] == kit_page()
    assert "Import who bought before" not in desk.get(kit_page()).content.decode(), "nobody can have bought it"
    offer = Offer.objects.get(product=kit)
    price = shop.sandbox.api.prices.retrieve(offer.price_id)
    assert (price.unit_amount, price.currency) == (minor, currency.lower())
    assert (f"{price.recurring.interval} {price.recurring.interval_count}" if price.recurring else "once") == billed
    found = shop.sandbox.api.products.retrieve(offer.link.stripe_product)
    assert (found.name, found.description) == ("Kit", "Clay and a wire.")
    assert offer.is_live and offer.url
    kit.refresh_from_db()
    assert kit.purchase == Product.Purchase.CHECKOUT, "what is sold has a way to be bought"


def form_of(desk: Client) -> dict[str, str]:
    """The new product's form as it is shown: its token."""
    found = re.search(r'name="token" value="([^"]+)"', desk.get(f"{kit_page()}new/").content.decode())
    assert found
    return {"token": found[1], "billed": "once"}


@pytest.mark.parametrize(
    ("site", "show_locked", "sent"),
    [("https://foyer.example.org", True, True), ("https://foyer.example.org", False, False), ("", True, False)],
)
def test_a_cover_that_everybody_may_fetch_goes_along(
    shop: Shop, desk: Client, kit: Product, settings: Settings, site: str, show_locked: bool, sent: bool
) -> None:
    settings.SITE_URL = site or settings.SITE_URL
    give_cover(kit)
    Product.objects.filter(pk=kit.pk).update(show_locked=show_locked)
    desk.post(f"{kit_page()}new/", form_of(desk) | {"amount": "42", "currency": "EUR"})
    made = shop.sandbox.api.products.retrieve(ProductLink.objects.get(product=kit).stripe_product)
    assert [image.startswith(f"{site}/pictures/") for image in made.images] == [True] * sent


def test_case_66_a_double_click_in_the_console_makes_one_product_with_one_price(
    shop: Shop, desk: Client, kit: Product
) -> None:
    sent = form_of(desk) | {"amount": "42", "currency": "EUR", "checkout": "on"}
    assert [desk.post(f"{kit_page()}new/", sent)["Location"] for _click in range(2)] == [kit_page(), kit_page()]
    assert "Nothing was saved" not in desk.get(kit_page()).content.decode()
    made = ProductLink.objects.get(product=kit).stripe_product
    assert len(shop.sandbox.api.prices.list({"product": made}).data) == 1
    assert len([found for found in shop.sandbox.api.products.list({"limit": 100}).data if found.name == "Kit"]) == 1


@pytest.mark.parametrize("change", [{"amount": "43"}, {"currency": "USD"}, {"billed": "month 1"}, {"checkout": ""}])
def test_another_price_from_a_second_tab_is_not_swallowed_without_a_word(
    shop: Shop, desk: Client, kit: Product, change: dict[str, str]
) -> None:
    sent = form_of(desk) | {"amount": "42", "currency": "EUR", "checkout": "on"}
    second = form_of(desk) | {"amount": "42", "currency": "EUR", "checkout": "on"} | change
    desk.post(f"{kit_page()}new/", sent)
    shop.sandbox.forget_calls()
    answer = desk.post(f"{kit_page()}new/", second, follow=True)
    assert answer.redirect_chain == [(kit_page(), 303)]
    assert "Nothing was saved: Kit has been linked since that page was opened." in answer.content.decode()
    assert [call for call in shop.sandbox.calls() if call["method"] == "POST"] == []
    assert [offer.price_text for offer in Offer.objects.filter(product=kit)] == ["€42.00 once"]


def test_case_66_clicks_in_the_same_moment_make_one_product_with_one_price_that_opens(
    transactional_shop: Shop, owner: User
) -> None:
    """Four browsers at once, as a mouse that bounces: one product, one price, one link, one way to pay."""
    shop = transactional_shop
    kit = cast.ProductFactory(name="Kit", slug="kit", purchase=Product.Purchase.NONE)
    sent = form_of(signed_in(owner)) | {"amount": "42", "currency": "EUR", "checkout": "on"}

    def click(desk: Client) -> tuple[int, str]:
        try:
            answer = desk.post(f"{kit_page()}new/", sent)
            return answer.status_code, answer["Location"]
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as clicks:
        answers = list(clicks.map(click, [signed_in(owner) for _ in range(4)]))
    assert answers == [(303, kit_page())] * 4
    made = ProductLink.objects.get(product=kit)
    named = [found.id for found in shop.sandbox.api.products.list({"limit": 100}).data if found.name == "Kit"]
    assert named == [made.stripe_product]
    (price,) = shop.sandbox.api.prices.list({"product": made.stripe_product}).data
    offer = Offer.objects.get(link=made)
    assert (offer.price_id, offer.amount, offer.is_live) == (price.id, 4200, True)
    links = [link for link in shop.sandbox.api.payment_links.list({"limit": 100}).data if link.url and link.active]
    assert [link.id for link in links].count(offer.payment_link_id) == 1 and len(links) == 4
    shop.buy(offer)
    shop.deliver()
    assert shop.has("ada@example.org", kit)


def test_a_form_that_stripe_left_half_done_is_pressed_again_without_a_second_product(
    shop: Shop, desk: Client, kit: Product
) -> None:
    sent = form_of(desk) | {"amount": "42", "currency": "EUR", "checkout": "on"}
    shop.sandbox.answer_with(500, path="/v1/prices")
    answer = desk.post(f"{kit_page()}new/", sent)
    assert (answer.status_code, "nothing is made twice" in answer.content.decode()) == (422, True)
    shop.sandbox.behave()
    assert desk.post(f"{kit_page()}new/", sent).status_code == 303
    made = ProductLink.objects.get(product=kit).stripe_product
    assert len(shop.sandbox.api.prices.list({"product": made}).data) == 1


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"amount": "24.005"}, "EUR has two decimals"),
        ({"amount": "1,234.50"}, "Write it in digits"),
        ({"amount": "0"}, "above nothing"),
        ({"amount": "-3"}, "Write it in digits"),
        ({"amount": "24.5", "currency": "JPY"}, "JPY has no decimals"),
        ({"amount": "1.234", "currency": "KWD"}, "only a nought"),
        ({"amount": "9999999"}, "at most €999,999.99"),
        ({"billed": "month 37"}, "Select a valid choice"),
        ({"currency": "XXX"}, "Select a valid choice"),
    ],
)
def test_a_price_that_cannot_be_is_refused_in_words(
    shop: Shop, desk: Client, kit: Product, change: dict[str, str], words: str
) -> None:
    sent = form_of(desk) | {"amount": "42", "currency": "EUR", "checkout": "on"} | change
    answer = desk.post(f"{kit_page()}new/", sent)
    assert answer.status_code == 422
    assert words in answer.content.decode()
    assert not ProductLink.objects.filter(product=kit).exists()


def test_a_draft_gets_its_stripe_product_and_is_not_sold_yet(shop: Shop, desk: Client, kit: Product) -> None:
    Product.objects.filter(pk=kit.pk).update(is_live=False)
    sent = form_of(desk) | {"amount": "42", "currency": "EUR"}
    assert "Publish it first" in desk.post(f"{kit_page()}new/", sent | {"checkout": "on"}).content.decode()
    assert [found.name for found in shop.sandbox.api.products.list().data if found.name == "Kit"] == []
    assert desk.post(f"{kit_page()}new/", sent).status_code == 303
    assert not ProductLink.objects.get(product=kit).offers.exists()


def test_made_again_after_the_link_ended_it_is_on_sale_again_though_it_was_archived(
    shop: Shop, desk: Client, kit: Product
) -> None:
    sent = form_of(desk) | {"amount": "42", "currency": "EUR"}
    desk.post(f"{kit_page()}new/", sent)
    made = ProductLink.objects.get(product=kit).stripe_product
    press_unlink(desk, kit.slug)
    shop.sandbox.api.products.update(made, {"active": False})
    desk.post(f"{kit_page()}new/", form_of(desk) | {"amount": "42", "currency": "EUR", "checkout": "on"})
    assert ProductLink.objects.get(product=kit, unlinked_at=None).stripe_product == made
    assert Offer.objects.get(product=kit, link__unlinked_at=None).is_live


@pytest.mark.parametrize("further", ["", "new/"])
def test_strangers_members_and_support_link_nothing(shop: Shop, kit: Product, dan: User, further: str) -> None:
    address = kit_page() + further
    support = cast.UserFactory(email="support@example.org", role=User.Role.SUPPORT)
    body = {"stripe_product": "prod_1", "amount": "42", "currency": "EUR"}
    assert Client().get(address).status_code == Client().post(address, body).status_code == 302
    for user in (dan, support):
        browser = signed_in(user)
        assert browser.get(address).status_code == browser.post(address, body).status_code == 403
    assert not ProductLink.objects.filter(product=kit).exists()
