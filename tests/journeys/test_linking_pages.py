"""The owner's pages that link a product with Stripe, and end the link."""

from datetime import timedelta
from typing import Any

import pytest
from django.test import Client

from activities.models import Activity
from billing.intake.draining import drain
from billing.models import Connection, Pass, ProductLink, Subscription
from billing.shop import linking
from billing.sweeping.reconcile import catch_up, full_pass
from hub import grants
from hub.models import Grant, Product, User
from tests import cast
from tests.members import Member
from tests.shops import Shop, press_unlink


@pytest.fixture
def glazing(db: None) -> Product:
    return cast.ProductFactory(name="Glazing", slug="glazing")


def test_stripe_products_of_one_name_are_told_apart_by_price_and_id(shop: Shop, desk: Client, glazing: Product) -> None:
    sold, bare = _stripe_product(shop, 4500), _stripe_product(shop)
    page = desk.get(_address(glazing)).content.decode()
    assert sold in page and bare in page and "€45.00 once" in page and "no default price" in page


def test_a_stripe_product_without_prices_says_what_to_do_and_can_be_linked(
    shop: Shop, desk: Client, glazing: Product
) -> None:
    bare = _stripe_product(shop)
    page = desk.get(_address(glazing), {"stripe_product": bare}).content.decode()
    assert "No price can be put on sale yet: make one in Stripe." in page
    assert desk.post(_address(glazing), {"stripe_product": bare}).status_code == 303
    assert not ProductLink.objects.get(product=glazing).offers.exists()


def test_a_draft_is_not_put_on_sale(shop: Shop, desk: Client, glazing: Product) -> None:
    Product.objects.update(is_live=False)
    sold = _stripe_product(shop, 4500)
    (price,) = shop.sandbox.api.prices.list({"product": sold}).data
    assert "is a draft" in desk.get(_address(glazing), {"stripe_product": sold}).content.decode()
    answer = desk.post(_address(glazing), {"stripe_product": sold, "checkout": "on", "prices": [price.id]})
    assert answer.status_code == 422
    assert "Publish it first: buyers would see nothing" in answer.content.decode()
    assert not ProductLink.objects.filter(product=glazing).exists()
    assert desk.post(_address(glazing), {"stripe_product": sold}).status_code == 303


def test_a_second_tab_that_links_otherwise_is_told_that_it_came_too_late(
    shop: Shop, desk: Client, glazing: Product
) -> None:
    first, other = _stripe_product(shop, 4500), _stripe_product(shop, 5000)
    (price,) = shop.sandbox.api.prices.list({"product": first}).data
    sent = {"stripe_product": first, "checkout": "on", "prices": [price.id]}
    assert desk.post(_address(glazing), sent).status_code == 303
    late = "Nothing was saved: Glazing has been linked since that page was opened."
    assert late not in desk.post(_address(glazing), sent, follow=True).content.decode(), "a second click"
    for wish in ({"stripe_product": other}, {"stripe_product": first}):
        answer = desk.post(_address(glazing), wish, follow=True)
        assert answer.redirect_chain == [(_address(glazing), 303)] and late in answer.content.decode()
    made = ProductLink.objects.get(product=glazing)
    assert (made.stripe_product, made.offers.count()) == (first, 1)


@pytest.mark.parametrize(
    ("visibility", "words"),
    [
        ("public", "Everyone reads Glazing without buying it."),
        ("members", "Every signed-in member reads Glazing"),
        ("access", ""),
    ],
)
def test_what_is_read_without_being_bought_is_said_before_it_is_sold(
    shop: Shop, desk: Client, glazing: Product, visibility: str, words: str
) -> None:
    Product.objects.filter(pk=glazing.pk).update(visibility=visibility)
    sold, address = _stripe_product(shop, 4500), _address(glazing)
    before = [desk.get(address, {"stripe_product": sold}), desk.get(f"{address}new/")]
    desk.post(address, {"stripe_product": sold})
    after = [desk.get(f"{address}{page}") for page in ("", "prices/", "prices/new/")]
    for page in [*before, *after]:
        said = page.content.decode()
        assert page.status_code == 200 and (words or "card") in said
        assert ("without buying it" in said) == bool(words)


def test_unlinking_asks_first_and_names_what_cannot_be_revived(shop: Shop, desk: Client) -> None:
    page = desk.get(f"{_address(shop.club)}unlink/").content.decode()
    assert "2 payment links will be switched off" in page and "They cannot be revived" in page
    made = ProductLink.objects.get(product=shop.club)
    assert made.unlinked_at is None
    assert press_unlink(desk, "studio").status_code == 303
    made.refresh_from_db()
    assert made.unlinked_at is not None
    assert not shop.sandbox.api.payment_links.retrieve(shop.monthly.payment_link_id).active


def test_the_feed_says_what_was_linked(shop: Shop, owner: User, glazing: Product) -> None:
    linking.link(glazing, stripe_product=_stripe_product(shop), prices=[], actor=owner)
    told: Any = Activity.objects.get(verb=Activity.Verb.STAFF_ACTION, product=glazing)
    assert told.details["reason"] == "linked the Stripe product “Glazing” with our product"


@pytest.mark.parametrize("again", [False, True])
def test_what_was_bought_while_a_link_stood_is_given_back_after_its_end(
    shop: Shop, desk: Client, owner: User, again: bool
) -> None:
    shop.buy(shop.once, email="ada@example.org")
    shop.deliver()
    grant = grants.revoke(Grant.objects.get(), actor=owner, reason="shared the login", now=shop.now())
    made = ProductLink.objects.get(product=shop.course)
    shop.advance("1h")
    linking.unlink(made, actor=owner)
    if again:
        linking.link(shop.course, stripe_product=made.stripe_product, prices=[], actor=owner)
    desk.post(f"/console/grants/{grant.pk}/restore/", {"reason": "a mistake"})
    drain()
    assert shop.has("ada@example.org", shop.course)
    assert full_pass() is not None
    drain()
    assert shop.has("ada@example.org", shop.course)


def test_a_subscription_that_ended_before_its_product_was_unlinked_is_not_given_back(shop: Shop, owner: User) -> None:
    bought = shop.buy(shop.monthly, email="ada@example.org")
    shop.deliver()
    grant = grants.revoke(Grant.objects.get(), actor=owner, reason="shared the login", now=shop.now())
    shop.sandbox.api.subscriptions.cancel(bought["subscription"])
    shop.deliver()
    linking.unlink(ProductLink.objects.get(product=shop.club), actor=owner)
    assert grants.restore(grant, actor=owner, reason="", now=shop.now()).close_reason == "canceled"


@pytest.mark.parametrize("state", ["ending", "past_due"])
def test_case_65_a_link_stays_while_a_subscription_ends_or_is_past_due(shop: Shop, desk: Client, state: str) -> None:
    member = Member(shop)
    if state == "ending":
        bought = member.subscribe(shop.monthly.price_id)
        shop.deliver()
        member.change(bought, cancel_at_period_end=True)
    else:
        bought = member.subscribe(shop.monthly.price_id, card="pm_card_chargeCustomerFail", trial_period_days=1)
        shop.advance("2d")
    assert "1 subscription is still live" in press_unlink(desk, "studio", follow=True).content.decode()
    assert shop.club.stripe_links.get().unlinked_at is None
    if state == "ending":
        shop.advance("32d")
    else:
        shop.sandbox.api.subscriptions.cancel(bought["id"])
        shop.deliver()
    assert press_unlink(desk, "studio").status_code == 303
    assert shop.club.stripe_links.get().unlinked_at is not None


def test_a_page_that_was_opened_for_an_earlier_link_does_not_end_the_new_one(shop: Shop, desk: Client) -> None:
    unlink = f"{_address(shop.course)}unlink/"
    opened = ProductLink.objects.get(product=shop.course)
    assert f'name="link" value="{opened.pk}"' in desk.get(unlink).content.decode()
    linking.unlink(opened, actor=None)
    shop.sell(shop.course, {"unit_amount": 500})
    answer = desk.post(unlink, {"link": opened.pk}, follow=True)
    assert "has been linked anew" in answer.content.decode()
    assert shop.course.stripe_links.filter(unlinked_at__isnull=True).count() == 1


def test_a_subscription_at_a_price_made_on_the_spot_keeps_its_link_before_anybody_heard_of_it(
    shop: Shop, desk: Client
) -> None:
    spot = {"currency": "eur", "unit_amount": 999, "recurring": {"interval": "month"}}
    Member(shop).subscribe_to({"price_data": {**spot, "product": shop.monthly.link.stripe_product}})
    answer = press_unlink(desk, "studio")
    assert "1 subscription is still live" in answer.content.decode()
    shop.deliver()
    assert shop.has("ada@example.org", shop.club)


def test_what_keeps_a_link_is_listed_with_whom_it_is_of_and_where_it_is_at_stripe(shop: Shop, desk: Client) -> None:
    api, live = shop.sandbox.api, f"{_address(shop.club)}live/"
    assert "None that we know of" in desk.get(live).content.decode()
    ada, ben = Member(shop), Member(shop, email="ben@example.org")
    mine = ada.subscribe(shop.monthly.price_id)
    ended = ben.subscribe(shop.monthly.price_id)
    shop.buy(shop.once, email="ben@example.org")
    nobody = api.customers.create({"name": "Nobody"})
    shop.sandbox.post(f"/sandbox/customers/{nobody.id}/card", {"card": "4242424242424242", "retry": False})
    nameless = api.subscriptions.create({"customer": nobody.id, "items": [{"price": shop.monthly.price_id}]})
    api.subscriptions.cancel(ended["id"])
    shop.deliver()
    refused = press_unlink(desk, "studio", follow=True).content.decode()
    assert "2 subscriptions are still live" in refused and f'href="{live}"' in refused
    page = desk.get(live).content.decode()
    assert "ada@example.org" in page and "Nobody’s yet" in page and "ben@example.org" not in page
    assert all(f"/sandbox/subscriptions/{ref}" in page for ref in (mine["id"], nameless.id)) and ended["id"] not in page
    first = Subscription.objects.order_by("pk").first()
    assert first and mine["id"] not in desk.get(live, {"after": str(first.pk)}).content.decode()
    linking.unlink(ProductLink.objects.get(product=shop.course), actor=None)
    assert desk.get(f"{_address(shop.course)}live/").status_code == 404


def test_a_page_that_names_no_link_ends_none(shop: Shop, desk: Client) -> None:
    answer = desk.post(f"{_address(shop.club)}unlink/", follow=True)
    assert "Nothing was ended" in answer.content.decode()
    assert ProductLink.objects.get(product=shop.club).unlinked_at is None
    assert shop.sandbox.api.payment_links.retrieve(shop.monthly.payment_link_id).active


@pytest.fixture
def large(shop: Shop, monkeypatch: pytest.MonkeyPatch) -> Shop:
    """More subscriptions than the pages that are read while somebody waits, none of them on the club."""
    monkeypatch.setattr("billing.gateway.PAGE", 1)
    monkeypatch.setattr("billing.shop.counting.PAGES", 3)
    return shop


def subscribe_others(shop: Shop) -> None:
    """Newer than whatever was sold before."""
    made = shop.sandbox.api.products.create({"name": "Clay"})
    price = {"currency": "eur", "unit_amount": 100, "recurring": {"interval": "month"}, "product": made.id}
    for _ in range(4):
        Member(shop, "dan@example.org").subscribe_to({"price_data": price})


def sell_on_the_spot(shop: Shop) -> None:
    spot = {"currency": "eur", "unit_amount": 999, "recurring": {"interval": "month"}}
    Member(shop).subscribe_to({"price_data": {**spot, "product": shop.monthly.link.stripe_product}})


def club_is_linked() -> bool:
    return ProductLink.objects.filter(product__slug="studio", unlinked_at=None).exists()


@pytest.mark.parametrize("night", [None, {"hours": -1}, {"hours": 1, "stopped": "Stripe was away"}])
def test_of_a_large_account_that_no_night_has_read_nothing_is_unlinked(
    large: Shop, desk: Client, night: dict[str, Any] | None
) -> None:
    """One before the link, or one that was broken off, has read nothing of it, and the events are long listed."""
    sell_on_the_spot(large)
    subscribe_others(large)
    large.sandbox.advance("2h")
    Connection.objects.update(cursor=large.now())
    if night is not None:
        at = large.monthly.link.created_at + timedelta(hours=night["hours"])
        Pass.objects.create(kind="full", started_at=at, finished_at=at, stopped=night.get("stopped", ""))
    page = desk.get(f"{_address(large.club)}unlink/").content.decode()
    assert "more subscriptions than can be read while you wait" in page and "Unlink</button>" not in page
    answer = press_unlink(desk, "studio", follow=True).content.decode()
    assert "Nothing was ended. This Stripe account has more subscriptions" in answer and club_is_linked()


def test_of_a_large_account_what_a_night_has_read_keeps_its_link_or_lets_it_go(large: Shop, desk: Client) -> None:
    subscribe_others(large)
    full_pass()
    large.advance("2h")
    catch_up()
    assert "Unlink</button>" in desk.get(f"{_address(large.club)}unlink/").content.decode()
    press_unlink(desk, "studio")
    assert not club_is_linked()


@pytest.mark.parametrize("heard", ["nowhere but in Stripe's events", "by a webhook that waits"])
def test_of_a_large_account_what_was_sold_since_the_night_keeps_its_link(
    large: Shop, desk: Client, heard: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    subscribe_others(large)
    large.deliver()
    full_pass()
    large.advance("2h")
    sell_on_the_spot(large)
    if heard != "nowhere but in Stripe's events":
        for delivery in large.sandbox.take_pending():
            assert large.post_webhook(delivery) == 200
        large.sandbox.advance("2h")
        Connection.objects.update(cursor=large.now())
    subscribe_others(large)
    monkeypatch.setattr("billing.gateway.PAGE", 2)
    assert "1 subscription is still live" in press_unlink(desk, "studio").content.decode() and club_is_linked()


def _address(product: Product) -> str:
    return f"/console/products/{product.pk}/stripe/"


def _stripe_product(shop: Shop, *amounts: int) -> str:
    made = shop.sandbox.api.products.create({"name": "Glazing"})
    for amount in amounts:
        price = shop.sandbox.api.prices.create({"product": made.id, "currency": "eur", "unit_amount": amount})
        shop.sandbox.api.products.update(made.id, {"default_price": price.id})
    return str(made.id)
