"""What is on sale: changed by the owner, left half done by Stripe, and finished all the same."""

import sys
from functools import partial

import pytest
from django.test import Client

from activities.models import Activity
from billing.intake.draining import drain
from billing.models import Offer, ProductLink, Subscription
from billing.shop import linking
from hub.models import Product, User
from tests import cast
from tests.members import signed_in
from tests.races.steps import at_step
from tests.shops import Json, Shop, press_unlink, stripe_settings

ADA = "ada@example.org"
LINKS = "/v1/payment_links"


def club_page() -> str:
    return stripe_settings("studio")


@pytest.fixture
def kit(shop: Shop) -> Json:
    """The choice of a Stripe product with two prices, for a product of ours that is not linked yet."""
    cast.ProductFactory(name="Kit", slug="kit")
    made = shop.sandbox.api.products.create({"name": "Kit"})
    prices = [
        shop.sandbox.api.prices.create({"product": made.id, "currency": "eur", "unit_amount": amount}).id
        for amount in (4200, 8400)
    ]
    return {"stripe_product": made.id, "prices": prices}


def club_price(shop: Shop, amount: int) -> str:
    """A further monthly price of the club's."""
    made = shop.sandbox.api.prices.create(
        {
            "product": shop.monthly.link.stripe_product,
            "currency": "eur",
            "unit_amount": amount,
            "recurring": {"interval": "month"},
        }
    )
    return str(made.id)


def on_sale(slug: str) -> set[str]:
    return set(Offer.objects.filter(product__slug=slug, is_live=True).values_list("price_id", flat=True))


def wrote(shop: Shop) -> list[str]:
    """What was asked of payment links, in order: "made", or the id of the one that was changed."""
    calls = [call for call in shop.sandbox.calls() if call["method"] == "POST" and call["path"].startswith(LINKS)]
    return [call["path"].removeprefix(LINKS).strip("/") or "made" for call in calls]


# Left half done


@pytest.mark.parametrize("mended_by", ["worker", "button"])
def test_a_link_that_stripe_left_half_done_is_finished(shop: Shop, desk: Client, kit: Json, mended_by: str) -> None:
    shop.sandbox.answer_with(500, path=LINKS)
    page = desk.post(stripe_settings("kit"), kit | {"checkout": "on"}, follow=True).content.decode()
    shop.sandbox.behave()
    assert "Nothing was changed" not in page
    assert "what is missing is made in a moment" in page and "Its payment link is not made yet" in page
    assert on_sale("kit") == set()
    if mended_by == "worker":
        drain()
    else:
        page = desk.post(stripe_settings("kit") + "prices/again/", follow=True).content.decode()
        assert "Kit is on sale" in page
    assert on_sale("kit") == set(kit["prices"])
    assert all(offer.url for offer in Offer.objects.filter(product__slug="kit"))


def test_the_second_of_two_links_missing_is_made_and_the_first_stays(shop: Shop, desk: Client, kit: Json) -> None:
    made = linking.link(Product.objects.get(slug="kit"), **kit, actor=None)
    first = made.offers.order_by("pk")[0].payment_link_id
    made.offers.exclude(payment_link_id=first).update(payment_link_id="", url="", is_live=False)
    desk.post(stripe_settings("kit") + "prices/again/")
    assert {first} < set(made.offers.values_list("payment_link_id", flat=True))
    assert len(shop.sandbox.api.payment_links.list({"limit": 100}).data) == 5, "asked again, Stripe gives the same link"


@pytest.mark.parametrize("faster", ["the same product", "another product"])
def test_two_tabs_that_link_at_once_are_told_so(shop: Shop, desk: Client, kit: Json, faster: str) -> None:
    """The other tab is done in the moment in which this one has looked and found both free."""
    cast.ProductFactory(name="Circle", slug="circle")
    slug = "kit" if faster == "the same product" else "circle"
    other = partial(desk.post, stripe_settings(slug), kit | {"checkout": "on"})
    sys.setprofile(at_step("billing.shop.linking:_refuse_taken:return", other))
    try:
        answer = desk.post(stripe_settings("kit"), kit | {"checkout": "on"})
    finally:
        sys.setprofile(None)
    assert answer.status_code == 422
    assert "Somebody was faster: one of the two is linked already." in answer.content.decode()
    made = ProductLink.objects.get(stripe_product=kit["stripe_product"])
    assert made.product.slug == slug and on_sale(slug) == set(kit["prices"])


@pytest.mark.parametrize(("answer", "words"), [(400, "Stripe does not allow it"), (500, "did not answer to the end")])
def test_unlinking_that_stripe_refuses_says_so_and_leaves_the_link(
    shop: Shop, desk: Client, answer: int, words: str
) -> None:
    shop.sandbox.answer_with(answer, path=LINKS)
    assert words in press_unlink(desk, "the-wheel", follow=True).content.decode()
    assert ProductLink.objects.get(product=shop.course).unlinked_at is None


AGAIN = "Stripe did not answer to the end. This is what you wanted: save it again."
AWAY = "Stripe does not answer right now. Nothing was changed; try again in a minute."
LATER = "Stripe did not answer to the end: what is missing is made in a moment, or when you try again."
HALF = "Stripe did not answer to the end: it is still linked, and some payment links may be off. Try again."
UNKNOWN, GONE = "400: An unknown error occurred.", "404: No such object: &#x27;chaos&#x27;"
PRICES, SUBSCRIPTIONS = "/v1/prices", "/v1/subscriptions"


@pytest.mark.parametrize(
    ("address", "path", "silent", "refused"),
    [
        ("prices/", LINKS, (422, AGAIN), (422, "")),
        ("prices/", PRICES, (503, AWAY), (503, "Stripe does not allow it: ")),
        ("prices/again/", LINKS, (200, LATER), (200, "Stripe does not allow it: ")),
        ("unlink/", LINKS, (200, HALF), (200, "Stripe does not allow it, and it is still linked: ")),
        ("unlink/", SUBSCRIPTIONS, (200, HALF), (200, "Stripe does not allow it, and it is still linked: ")),
    ],
)
@pytest.mark.parametrize("answer", [400, 401, 404, 429, 500, "cut"])
def test_whatever_stripe_answers_is_told_in_words(
    shop: Shop,
    desk: Client,
    address: str,
    path: str,
    silent: tuple[int, str],
    refused: tuple[int, str],
    answer: int | str,
) -> None:
    """Silent is who answers nothing that could be told: the key, the pace, the wire. Refused is what it says no to."""
    Offer.objects.filter(pk=shop.monthly.pk).update(payment_link_id="", url="", is_live=False)
    shop.sandbox.answer_with(answer, path=path)
    body = {"checkout": "on", "prices": [shop.monthly.price_id], "link": shop.monthly.link_id}
    told = desk.post(club_page() + address, body, follow=True)
    shop.sandbox.behave()
    page = told.content.decode()
    if (address, path, answer) == ("unlink/", LINKS, 404):
        assert "Studio Membership is no longer linked" in page, "a payment link that is gone sells nothing"
        return
    why = {400: UNKNOWN, 404: GONE}.get(answer) if isinstance(answer, int) else None
    status, words = refused if why else silent
    assert (told.status_code, words + (why or "") in page) == (status, True), page
    assert ProductLink.objects.get(product=shop.club).unlinked_at is None


# Counting what lives


def test_unlinking_counts_what_lives_and_lists_nothing_at_stripe(shop: Shop, desk: Client) -> None:
    for name in ("ada", "ben"):
        shop.buy(shop.monthly, email=f"{name}@example.org")
    shop.deliver()
    shop.sandbox.forget_calls()
    page = press_unlink(desk, "studio", follow=True).content.decode()
    assert "2 subscriptions are still live" in page
    assert shop.sandbox.calls() == []


def test_unlinking_counts_no_further_than_a_thousand(shop: Shop, desk: Client) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    one = Subscription.objects.get()
    for number in range(1_001):
        one.pk, one.stripe_id = None, f"sub_copy{number}"
        one._state.adding = True
        one.save()
    page = press_unlink(desk, "studio", follow=True).content.decode()
    assert "More than 1,000 subscriptions are still live" in page


def test_a_subscription_that_nobody_told_us_of_keeps_the_link(shop: Shop, desk: Client) -> None:
    shop.buy(shop.monthly, email=ADA)
    assert "1 subscription is still live" in press_unlink(desk, "studio", follow=True).content.decode()


def test_who_switched_to_another_product_does_not_keep_the_link(shop: Shop, desk: Client) -> None:
    circle = cast.ProductFactory(name="Circle", slug="circle")
    (other,) = shop.sell(circle, {"unit_amount": 900, "recurring": {"interval": "month"}})
    bought = shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    api = shop.sandbox.api
    item = api.subscription_items.list({"subscription": bought["subscription"]}).data[0].id
    api.subscriptions.update(bought["subscription"], {"items": [{"id": item, "price": other.price_id}]})
    shop.deliver()
    assert "is no longer linked" in press_unlink(desk, "studio", follow=True).content.decode()


# Changing what is on sale


def test_another_price_is_put_on_sale_before_the_old_one_is_taken_off(shop: Shop, desk: Client) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    dearer = club_price(shop, 2900)
    old = shop.monthly.payment_link_id
    shop.sandbox.forget_calls()
    body = {"checkout": "on", "prices": [dearer, shop.yearly.price_id]}
    assert desk.post(f"{club_page()}prices/", body).status_code == 303
    assert on_sale("studio") == {dearer, shop.yearly.price_id}
    assert wrote(shop) == ["made", old], "the new link first"
    assert not shop.sandbox.api.payment_links.retrieve(old).active
    shop.deliver()
    assert shop.has(ADA, shop.club), "who subscribes keeps access, and their price"
    told = Activity.objects.filter(verb=Activity.Verb.STAFF_ACTION).latest("pk")
    assert told.details["reason"] == "put on sale: €240.00 a year, €29.00 a month"


def test_a_change_that_stripe_breaks_off_takes_nothing_off_sale(shop: Shop, desk: Client) -> None:
    dearer = club_price(shop, 2900)
    shop.sandbox.answer_with(500, path=LINKS)
    answer = desk.post(f"{club_page()}prices/", {"checkout": "on", "prices": [dearer]})
    shop.sandbox.behave()
    assert answer.status_code == 422
    assert "save it again" in answer.content.decode()
    assert on_sale("studio") == {shop.monthly.price_id, shop.yearly.price_id}
    assert desk.post(f"{club_page()}prices/", {"checkout": "on", "prices": [dearer]}).status_code == 303
    assert on_sale("studio") == {dearer}


@pytest.mark.parametrize(
    ("page_is_live", "way", "words"),
    [(True, "sales_page", "lead to its sales page"), (False, "checkout", "lead straight to checkout")],
)
def test_what_is_put_on_sale_is_bought_by_its_sales_page_where_one_is_live(
    shop: Shop, desk: Client, kit: Json, page_is_live: bool, way: str, words: str
) -> None:
    product = Product.objects.get(slug="kit")
    Product.objects.filter(pk=product.pk).update(purchase=Product.Purchase.NONE)
    cast.SalesPageFactory(product=product, is_live=page_is_live)
    page = desk.post(stripe_settings("kit"), kit | {"checkout": "on"}, follow=True).content.decode()
    assert Product.objects.get(slug="kit").purchase == way
    assert words in page


def test_free_days_reach_the_payment_link_and_checkout(shop: Shop, desk: Client, dan: User) -> None:
    body = {"checkout": "on", "prices": [shop.monthly.price_id, shop.yearly.price_id], "trial_0": "14"}
    page = desk.get(f"{club_page()}prices/").content.decode()
    assert "before €24.00 a month" in page and 'name="trial_0"' in page
    assert desk.post(f"{club_page()}prices/", body).status_code == 303
    sent = shop.sandbox.api.payment_links.retrieve(shop.monthly.payment_link_id).subscription_data
    assert sent is not None and sent.trial_period_days == 14
    assert "after 14 free days" in desk.get(club_page()).content.decode()

    shop.buy(shop.monthly, email=ADA)
    member = signed_in(dan)
    assert "14 days free first" in member.get("/products/studio/").content.decode()
    member.post("/checkout/studio/", {"offer": shop.monthly.pk})
    (session,) = shop.sandbox.api.checkout.sessions.list({"status": "open"}).data
    shop.sandbox.pay_session(session.id)
    shop.deliver()
    assert set(Subscription.objects.values_list("status", flat=True)) == {"trialing"}
    assert Subscription.objects.count() == 2

    assert desk.post(f"{club_page()}prices/", {**body, "trial_0": ""}).status_code == 303
    sent = shop.sandbox.api.payment_links.retrieve(shop.monthly.payment_link_id).subscription_data
    assert sent is None or sent.trial_period_days is None
    assert Offer.objects.get(pk=shop.monthly.pk).trial_days == 0


def test_free_days_may_be_given_while_linking(shop: Shop, desk: Client) -> None:
    cast.ProductFactory(name="Circle", slug="circle")
    made = shop.sandbox.api.products.create({"name": "Circle"})
    monthly: Json = {"product": made.id, "currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
    price = shop.sandbox.api.prices.create(monthly).id  # type: ignore[arg-type]
    body = {"stripe_product": made.id, "checkout": "on", "prices": [price], "trial_0": "7"}
    assert desk.post(stripe_settings("circle"), body).status_code == 303
    offer = Offer.objects.get(price_id=price)
    sent = shop.sandbox.api.payment_links.retrieve(offer.payment_link_id).subscription_data
    assert offer.trial_days == 7 and sent is not None and sent.trial_period_days == 7


@pytest.mark.parametrize("days", ["-1", "731", "two"])
def test_free_days_that_stripe_would_not_take_are_refused(shop: Shop, desk: Client, days: str) -> None:
    body = {"checkout": "on", "prices": [shop.monthly.price_id], "trial_0": days}
    assert desk.post(f"{club_page()}prices/", body).status_code == 422
    assert Offer.objects.get(pk=shop.monthly.pk).trial_days == 0
    assert on_sale("studio") == {shop.monthly.price_id, shop.yearly.price_id}


def test_everything_may_be_taken_off_sale_and_nothing_foreign_put_on(shop: Shop, desk: Client) -> None:
    assert desk.post(f"{club_page()}prices/", {"checkout": "on", "prices": [shop.once.price_id]}).status_code == 422
    assert desk.post(f"{club_page()}prices/", {}).status_code == 303
    assert on_sale("studio") == set()
    assert "No price is on sale here" in desk.get(club_page()).content.decode()
    assert "ook everything off sale" in desk.get("/console/activity/").content.decode()


def test_a_draft_is_not_put_on_sale_here_either(shop: Shop, desk: Client) -> None:
    Product.objects.filter(pk=shop.club.pk).update(is_live=False)
    answer = desk.post(f"{club_page()}prices/", {"checkout": "on", "prices": [shop.monthly.price_id]})
    assert (answer.status_code, on_sale("studio")) == (422, {shop.monthly.price_id, shop.yearly.price_id})


def test_nobody_fills_in_a_price_for_a_draft(shop: Shop, desk: Client) -> None:
    Product.objects.filter(pk=shop.club.pk).update(is_live=False)
    page = desk.get(f"{club_page()}prices/new/").content.decode()
    assert "is a draft: publish it first" in page and "It is linked, and stays so." in page
    assert 'name="amount"' not in page and f'href="/console/products/{shop.club.pk}/"' in page
    assert 'name="prices"' in desk.get(f"{club_page()}prices/").content.decode(), "what is on sale can be taken off"
    Offer.objects.filter(product=shop.club).delete()
    assert "is a draft: publish it first" in desk.get(f"{club_page()}prices/").content.decode()


def test_the_first_price_takes_no_others_place(shop: Shop, desk: Client) -> None:
    Offer.objects.filter(product=shop.club).delete()
    page = desk.get(f"{club_page()}prices/new/").content.decode()
    assert 'name="amount"' in page and "Archive the old price" not in page and "In place of" not in page
    sent = {"amount": "29", "currency": "EUR", "billed": "month 1", "token": "first", "archive": "on"}
    assert desk.post(f"{club_page()}prices/new/", sent).status_code == 303
    assert [offer.price_text for offer in Offer.objects.filter(product=shop.club)] == ["€29.00 a month"]


@pytest.mark.parametrize("address", ["prices/", "prices/again/"])
def test_strangers_members_and_support_change_nothing(shop: Shop, dan: User, address: str) -> None:
    support = cast.UserFactory(email="support@example.org", role=User.Role.SUPPORT)
    assert Client().post(club_page() + address).status_code == 302
    for user in (dan, support):
        assert signed_in(user).post(club_page() + address, {"prices": []}).status_code == 403
    assert on_sale("studio") == {shop.monthly.price_id, shop.yearly.price_id}
