"""A price that takes another's place, and what somebody archived or switched off in Stripe: found, said, mended."""

import re

import pytest
from django.test import Client

from billing.models import Offer, ProductLink
from billing.shop import selling
from hub.models import Product, User
from tests import cast
from tests.members import Member, signed_in
from tests.shops import Shop, stripe_settings


def club_page() -> str:
    return stripe_settings("studio")


def new_price() -> str:
    return f"{club_page()}prices/new/"


def form_of(desk: Client, *, instead_of: str = "") -> dict[str, str]:
    """The form for another price, as it is shown."""
    page = desk.get(new_price(), {"instead_of": instead_of}).content.decode()
    token = re.search(r'name="token" value="([^"]+)"', page)
    billed = re.search(r'value="([^"]+)" selected>Every', page)
    assert token and billed
    assert not instead_of or f'value="{instead_of}" selected' in page
    return {"token": token[1], "billed": billed[1], "currency": "EUR", "instead_of": instead_of, "archive": "on"}


def writes(shop: Shop) -> list[str]:
    return [call["path"].removeprefix("/v1/") for call in shop.sandbox.calls() if call["method"] == "POST"]


def sold(shop: Shop) -> list[str]:
    return [offer.price_text for offer in Offer.objects.filter(product=shop.club, is_live=True)]


def told(desk: Client) -> str:
    return desk.get("/console/").content.decode()


# Another price


def test_case_67_a_price_is_changed_so_that_nobody_finds_a_closed_door(
    shop: Shop, desk: Client, member: Member
) -> None:
    api, old = shop.sandbox.api, shop.monthly
    api.products.update(old.link.stripe_product, {"default_price": old.price_id})
    shop.buy(old, email=member.email)
    shop.deliver()
    sent = form_of(desk, instead_of=old.price_id) | {"amount": "29"}
    shop.sandbox.forget_calls()
    assert desk.post(new_price(), sent)["Location"] == club_page()
    new = Offer.objects.get(product=shop.club, amount=2900)
    assert writes(shop) == [
        "prices",
        f"products/{old.link.stripe_product}",
        "payment_links",
        f"payment_links/{old.payment_link_id}",
        f"prices/{old.price_id}",
    ]
    assert api.products.retrieve(old.link.stripe_product).default_price == new.price_id
    assert not api.payment_links.retrieve(old.payment_link_id).active
    assert not api.prices.retrieve(old.price_id).active
    assert sorted(sold(shop)) == ["€240.00 a year", "€29.00 a month"]
    shop.buy(new, email="ben@example.org")
    shop.deliver()
    assert shop.has("ben@example.org", shop.club)
    shop.advance("32d")
    assert shop.has(member.email, shop.club), "who subscribes renews at the old price, and stays"


def test_case_67_what_stripe_broke_off_is_finished_by_the_same_button(shop: Shop, desk: Client) -> None:
    old = shop.monthly
    sent = form_of(desk, instead_of=old.price_id) | {"amount": "29"}
    shop.sandbox.answer_with(500, path="/v1/payment_links")
    answer = desk.post(new_price(), sent)
    assert (answer.status_code, "save it again" in answer.content.decode()) == (422, True)
    assert Offer.objects.get(pk=old.pk).is_live, "the old one sells until the new one does"
    shop.sandbox.behave()
    assert desk.post(new_price(), sent).status_code == 303
    assert sorted(sold(shop)) == ["€240.00 a year", "€29.00 a month"]
    prices = shop.sandbox.api.prices.list({"product": old.link.stripe_product}).data
    assert sorted(price.unit_amount or 0 for price in prices if price.active) == [2900, 24000]


def test_case_67_an_old_price_that_stripe_does_not_archive_is_named_and_the_rest_stands(
    shop: Shop, desk: Client
) -> None:
    old = shop.monthly.price_id
    sent = form_of(desk, instead_of=old) | {"amount": "29"}
    shop.sandbox.answer_with(500, path=f"/v1/prices/{old}")
    answer = desk.post(new_price(), sent, follow=True)
    page = answer.content.decode()
    assert answer.redirect_chain == [(club_page(), 303)]
    assert "archive it in Stripe" in page and "this is how Studio Membership is sold now" in page
    assert sorted(sold(shop)) == ["€240.00 a year", "€29.00 a month"]


def test_free_days_go_over_to_the_price_that_takes_the_place(shop: Shop, desk: Client) -> None:
    Offer.objects.filter(pk=shop.monthly.pk).update(trial_days=14)
    desk.post(new_price(), form_of(desk, instead_of=shop.monthly.price_id) | {"amount": "29"})
    assert Offer.objects.get(product=shop.club, amount=2900).trial_days == 14


def test_a_further_price_is_sold_beside_the_others_and_nothing_is_archived(shop: Shop, desk: Client) -> None:
    sent = form_of(desk) | {"amount": "70", "billed": "month 3"}
    assert desk.post(new_price(), sent).status_code == 303
    assert sorted(sold(shop)) == ["€24.00 a month", "€240.00 a year", "€70.00 every 3 months"]
    assert shop.sandbox.api.prices.retrieve(shop.monthly.price_id).active


@pytest.mark.parametrize(
    ("change", "words"), [({"amount": "24"}, "It costs that already"), ({"amount": ""}, "required")]
)
def test_a_change_that_changes_nothing_is_refused(shop: Shop, desk: Client, change: dict[str, str], words: str) -> None:
    answer = desk.post(new_price(), form_of(desk, instead_of=shop.monthly.price_id) | change)
    assert (answer.status_code, words in answer.content.decode()) == (422, True)
    assert shop.sandbox.api.prices.retrieve(shop.monthly.price_id).active


# Archived and switched off in Stripe


def test_case_68_an_archived_product_is_sold_no_more_and_the_owner_told(
    shop: Shop, desk: Client, member: Member
) -> None:
    shop.buy(shop.monthly, email=member.email)
    shop.deliver()
    assert "not for sale as it should be" not in told(desk)
    shop.sandbox.api.products.update(shop.monthly.link.stripe_product, {"active": False})
    shop.deliver()
    assert "Studio Membership is not for sale as it should be: it is archived in Stripe." in told(desk)
    assert "Unarchive it in Stripe, then look again" in desk.get(club_page()).content.decode()
    assert "€24.00" not in Client().get("/products/studio/").content.decode()
    assert shop.has(member.email, shop.club)
    shop.sandbox.api.products.update(shop.monthly.link.stripe_product, {"active": True})
    shop.sandbox.take_pending()
    desk.post(f"{club_page()}look/")
    assert "Its payment link is switched off in Stripe" in desk.get(club_page()).content.decode()
    desk.post(f"{club_page()}prices/again/")
    assert sorted(sold(shop)) == ["€24.00 a month", "€240.00 a year"]
    assert Offer.objects.get(pk=shop.monthly.pk).url == shop.monthly.url, "wherever it was published it leads on"
    assert "not for sale as it should be" not in told(desk)


def test_an_archived_price_is_found_and_another_put_in_its_place(shop: Shop, desk: Client) -> None:
    shop.sandbox.api.prices.update(shop.monthly.price_id, {"active": False})
    shop.deliver()
    page = desk.get(club_page()).content.decode()
    assert "Its price is archived in Stripe. Nobody can buy at it: put another price in its place." in page
    assert "its price is archived in Stripe" in told(desk)
    assert desk.post(new_price(), form_of(desk, instead_of=shop.monthly.price_id) | {"amount": "29"}).status_code == 303
    assert sorted(sold(shop)) == ["€240.00 a year", "€29.00 a month"]
    assert "archived in Stripe" not in desk.get(club_page()).content.decode()


def test_a_payment_link_that_was_switched_off_is_found_and_switched_on(shop: Shop, desk: Client) -> None:
    shop.sandbox.api.payment_links.update(shop.monthly.payment_link_id, {"active": False})
    shop.deliver()
    assert "Switch it on" in desk.get(club_page()).content.decode()
    desk.post(f"{club_page()}prices/again/")
    assert shop.sandbox.api.payment_links.retrieve(shop.monthly.payment_link_id).active
    assert Offer.objects.get(pk=shop.monthly.pk).problem == ""


def test_a_payment_link_that_is_gone_from_stripe_is_found_and_made_anew(shop: Shop, desk: Client) -> None:
    """As after an account's test data were deleted."""
    Offer.objects.filter(pk=shop.monthly.pk).update(payment_link_id="plink_gone")
    desk.post(f"{club_page()}look/")
    assert "Make a new link" in desk.get(club_page()).content.decode()
    desk.post(f"{club_page()}prices/again/")
    offer = Offer.objects.get(pk=shop.monthly.pk)
    assert shop.sandbox.api.payment_links.retrieve(offer.payment_link_id).active
    assert (offer.is_live, offer.problem) == (True, "")


def test_looking_again_while_stripe_is_away_says_so(shop: Shop, desk: Client) -> None:
    shop.sandbox.answer_with(500)
    answer = desk.post(f"{club_page()}look/")
    assert (answer.status_code, "Stripe does not answer right now" in answer.content.decode()) == (503, True)


@pytest.mark.parametrize("further", ["prices/new/", "look/"])
def test_strangers_members_and_support_change_no_price(shop: Shop, dan: User, further: str) -> None:
    address = club_page() + further
    support = cast.UserFactory(email="support@example.org", role=User.Role.SUPPORT)
    assert Client().post(address).status_code == 302
    for user in (dan, support):
        assert signed_in(user).post(address, {"amount": "1", "currency": "EUR"}).status_code == 403
    assert Product.objects.get(pk=shop.club.pk).offers.count() == 2


def test_what_is_on_sale_is_not_made_a_draft(shop: Shop, browser: Client) -> None:
    """Its payment links would go on taking money for a page that nobody can open."""
    path = f"/console/products/{shop.course.pk}/live/"
    page = browser.get(path).content.decode()
    assert "Take its prices off sale" in page
    assert "Make it a draft</button>" not in page
    refused = browser.post(path, {"live": "0"}, follow=True)
    assert "whoever paid would find nothing" in refused.content.decode()
    shop.course.refresh_from_db()
    assert shop.course.is_live

    link = ProductLink.objects.get(product=shop.course)
    assert shop.sandbox.api.payment_links.retrieve(shop.once.payment_link_id).active
    selling.change_offers(link, prices=[], trial_days={}, actor=None)
    assert not shop.sandbox.api.payment_links.retrieve(shop.once.payment_link_id).active
    browser.post(path, {"live": "0"})
    shop.course.refresh_from_db()
    assert not shop.course.is_live


def test_staff_are_told_that_a_payer_has_a_draft(shop: Shop, browser: Client) -> None:
    shop.buy(shop.once, email="ada@example.org")
    shop.deliver()
    selling.change_offers(ProductLink.objects.get(product=shop.course), prices=[], trial_days={}, actor=None)
    browser.post(f"/console/products/{shop.course.pk}/live/", {"live": "0"})
    person = User.objects.get(email="ada@example.org")
    page = browser.get(f"/console/people/{person.pk}/").content.decode()
    assert "It is a draft: members do not see it until it is published." in page
