"""Putting a product on sale: its Stripe product, its payment links, its buy buttons."""

from concurrent.futures import ThreadPoolExecutor

import pytest
from django.db import connections
from django.test import Client

from activities.models import Delivery
from billing.errors import StripeInvalid
from billing.models import Offer, Order, ProductLink, StripeCustomer, Subscription
from billing.shop.linking import link
from billing.shop.making import create_stripe_product
from hub.models import Product, User
from tests import cast
from tests.members import press_buy, signed_in
from tests.shops import Json, Shop

ADA = "ada@example.org"


def test_case_66_two_who_ask_at_once_for_a_stripe_product_get_one_with_one_price(transactional_shop: Shop) -> None:
    shop = transactional_shop
    product = cast.ProductFactory(name="Glazing", summary="Colour that lasts.")

    def ask(_number: int) -> tuple[str, str]:
        try:
            return create_stripe_product(product, amount=6000, currency="EUR", interval="month", interval_count=3)
        finally:
            connections.close_all()

    with ThreadPoolExecutor(4) as pool:
        answers = set(pool.map(ask, range(4)))
    assert len(answers) == 1
    stripe_product, price = answers.pop()
    made = shop.sandbox.api.products.retrieve(stripe_product)
    assert (made.name, made.description, made.default_price) == ("Glazing", "Colour that lasts.", price)
    assert made.metadata["foyer_product"] == str(product.pk)
    (only,) = shop.sandbox.api.prices.list({"product": stripe_product}).data
    assert (only.id, only.unit_amount, only.currency) == (price, 6000, "eur")
    assert only.recurring is not None
    assert (only.recurring.interval, only.recurring.interval_count) == ("month", 3)


def test_case_66_while_the_first_click_is_on_its_way_the_second_waits_for_its_answer(shop: Shop) -> None:
    shop.sandbox.answer_with(409, path="/v1/products", times=1)
    stripe_product, price = create_stripe_product(cast.ProductFactory(), amount=100, currency="eur")
    assert shop.sandbox.api.prices.retrieve(price).product == stripe_product


def test_who_asks_again_after_renaming_gets_the_same_product_and_price(shop: Shop) -> None:
    product = cast.ProductFactory(name="Glazing")
    first = create_stripe_product(product, amount=6000, currency="eur")
    product.name = "Glazing for beginners"
    assert create_stripe_product(product, amount=6000, currency="eur") == first


def test_who_asks_for_another_price_gets_it_on_the_same_product(shop: Shop) -> None:
    product = cast.ProductFactory()
    once = create_stripe_product(product, amount=6000, currency="eur")
    monthly = create_stripe_product(product, amount=6000, currency="eur", interval="month")
    assert once[0] == monthly[0] and once[1] != monthly[1]
    assert len(shop.sandbox.api.prices.list({"product": once[0]}).data) == 2


def test_a_price_that_stripe_does_not_take_is_refused_in_its_words(shop: Shop) -> None:
    with pytest.raises(StripeInvalid):
        create_stripe_product(cast.ProductFactory(), amount=-1, currency="eur")


def test_a_product_made_this_way_is_sold_and_opens(shop: Shop) -> None:
    product = cast.ProductFactory()
    stripe_product, price = create_stripe_product(product, amount=6000, currency="eur")
    made = link(product, stripe_product=stripe_product, prices=[price], actor=None)
    shop.buy(made.offers.get(), email=ADA)
    shop.deliver()
    assert shop.has(ADA, product)


def test_case_69_each_kind_of_payment_link_is_sent_its_own_parameters_alone(shop: Shop) -> None:
    sent = shop.sandbox.api.payment_links
    once, monthly = (sent.retrieve(offer.payment_link_id).to_dict() for offer in (shop.once, shop.monthly))
    assert once["payment_intent_data"]["metadata"]["foyer_product"] == str(shop.course.pk)
    assert once["subscription_data"] is None
    assert once["customer_creation"] == "always"
    assert monthly["subscription_data"]["metadata"]["foyer_product"] == str(shop.club.pk)
    assert monthly["payment_intent_data"] is None


def test_a_member_is_sent_to_a_checkout_of_their_own(shop: Shop, ada: User) -> None:
    answer = press_buy(ada, shop.once)
    assert answer.status_code == 303
    session = _open_session(shop)
    assert answer["Location"] == session["url"]
    assert (session["customer_email"], session["mode"]) == (ada.email, "payment")
    shop.sandbox.pay_session(session["id"])
    shop.deliver()
    assert shop.has(ADA, shop.course)


def test_a_double_click_on_buy_is_one_checkout(shop: Shop, ada: User) -> None:
    first, second = press_buy(ada, shop.once), press_buy(ada, shop.once)
    assert first["Location"] == second["Location"]
    assert len(shop.sandbox.api.checkout.sessions.list().data) == 1


def test_what_is_a_draft_or_linked_no_more_is_not_sold(shop: Shop, ada: User) -> None:
    """Though its price is still on sale at Stripe, and somebody kept the page with the button."""
    Product.objects.filter(pk=shop.course.pk).update(is_live=False)
    ProductLink.objects.filter(product=shop.club).update(unlinked_at=shop.now())
    shop.sandbox.forget_calls()
    assert press_buy(ada, shop.once).status_code == press_buy(ada, shop.monthly).status_code == 404
    assert shop.sandbox.calls() == []


def test_a_first_payment_that_was_never_made_stands_in_nobodys_way(shop: Shop, ada: User) -> None:
    """The subscription waits at Stripe, known to us, until it expires: the member may begin anew."""
    bought = shop.buy(shop.once, email=ADA)
    shop.sandbox.api.subscriptions.create(
        {
            "customer": bought["customer"],
            "items": [{"price": shop.monthly.price_id}],
            "payment_behavior": "default_incomplete",
        }
    )
    shop.deliver()
    assert Subscription.objects.get(user=ada).status == "incomplete"
    answer = press_buy(ada, shop.monthly)
    assert answer.status_code == 303 and answer["Location"] == _open_session(shop)["url"]


def test_what_is_bought_again_in_the_same_half_minute_is_a_checkout_of_its_own(shop: Shop, ada: User) -> None:
    """Ninety days, and at once ninety more: the first session is finished, and leads nowhere."""
    Product.objects.filter(pk=shop.course.pk).update(access_days=90)
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    first = press_buy(ada, shop.once)["Location"]
    shop.sandbox.pay_session(_open_session(shop)["id"])
    shop.deliver()
    second = press_buy(ada, shop.once)["Location"]
    assert second == _open_session(shop)["url"] != first
    assert Order.objects.filter(user=ada).count() == 2


def test_a_double_click_that_meets_the_first_on_its_way_still_leads_to_checkout(shop: Shop, ada: User) -> None:
    shop.sandbox.answer_with(409, path="/v1/checkout/sessions", method="POST", times=1)
    assert press_buy(ada, shop.once).status_code == 303


def test_a_member_who_bought_before_buys_as_the_same_stripe_customer(shop: Shop, ada: User) -> None:
    bought = shop.buy(shop.once, email=ADA)
    shop.deliver()
    press_buy(ada, shop.monthly)
    assert _open_session(shop)["customer"] == bought["customer"]


def test_a_member_whose_customer_was_deleted_at_stripe_buys_as_a_new_one(shop: Shop, ada: User) -> None:
    gone = shop.buy(shop.once, email=ADA)["customer"]
    shop.deliver()
    shop.sandbox.api.customers.delete(gone)
    shop.sandbox.take_pending()  # the webhook is lost
    for offer in (shop.once, shop.monthly):
        assert press_buy(ada, offer).status_code == 303
    shop.deliver()
    assert StripeCustomer.objects.get(stripe_id=gone).deleted_at is not None


def test_case_72_a_subscriber_is_sent_to_the_portal_instead_of_a_second_subscription(shop: Shop, ada: User) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    answer = press_buy(ada, shop.yearly)
    assert answer.status_code == 303
    assert "/p/session/" in answer["Location"] or "portal" in answer["Location"]
    assert _open_sessions(shop) == []


def test_case_72_a_subscription_that_we_have_not_heard_of_counts_too(shop: Shop, ada: User) -> None:
    customer = shop.buy(shop.once, email=ADA)["customer"]
    shop.deliver()
    api = shop.sandbox.api
    card = api.payment_methods.attach("pm_card_visa", {"customer": customer}).id
    api.subscriptions.create(
        {"customer": customer, "items": [{"price": shop.monthly.price_id}], "default_payment_method": card}
    )
    assert not Subscription.objects.exists()
    assert press_buy(ada, shop.monthly).status_code == 303
    assert _open_sessions(shop) == []


def test_what_is_bought_already_is_not_sold_again_from_a_second_tab(shop: Shop, ada: User) -> None:
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    browser = signed_in(ada)
    answer = browser.post(f"/checkout/{shop.course.slug}/", {"offer": shop.once.pk})
    assert (answer.status_code, answer["Location"]) == (303, shop.course.get_absolute_url())
    assert "This is yours already" in browser.get(answer["Location"], follow=True).content.decode()
    assert _open_sessions(shop) == []


def test_what_is_being_paid_for_is_not_sold_again(shop: Shop, ada: User) -> None:
    """From a tab that was open before: the page itself offers nothing now."""
    shop.buy(shop.once, email=ADA, card="sepa_debit")
    shop.deliver()
    browser = signed_in(ada)
    answer = browser.post(f"/checkout/{shop.course.slug}/", {"offer": shop.once.pk})
    assert (answer.status_code, answer["Location"]) == (303, shop.course.get_absolute_url())
    page = browser.get(answer["Location"]).content.decode()
    assert "Nothing more was charged" in page
    assert "Your payment is on its way</h2>" in page
    assert "you need not pay again" in page
    assert "€180.00" not in page
    assert _open_sessions(shop) == []
    library = browser.get("/").content.decode()
    assert "<b>Payment on its way</b></span>" in library
    assert "€180.00" not in library


def test_who_paid_by_a_debit_that_bounced_may_try_again(shop: Shop, ada: User) -> None:
    shop.buy(shop.once, email=ADA, card="sepa_debit", outcome="fail")
    shop.deliver()
    shop.advance("4d")
    press_buy(ada, shop.once)
    assert _open_session(shop)["mode"] == "payment"


@pytest.mark.parametrize("returns_first", [True, False])
def test_a_members_second_subscription_is_mailed_as_the_first_was(shop: Shop, ada: User, returns_first: bool) -> None:
    glaze = cast.ProductFactory(name="Glaze Atlas", slug="glaze-atlas")
    more = shop.sell(glaze, {"unit_amount": 900, "recurring": {"interval": "month"}})[0]
    for offer in (shop.monthly, more):
        session = shop.buy(offer, email=ADA)
        if returns_first:
            assert Client().get("/checkout/return", {"session_id": session["id"]}).status_code == 200
        shop.deliver()
    assert {row.product for row in Delivery.objects.filter(user=ada, notice="access")} == {shop.club, glaze}


def test_what_is_open_for_some_days_may_be_bought_again(shop: Shop, ada: User) -> None:
    Product.objects.filter(pk=shop.course.pk).update(access_days=90)
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    press_buy(ada, shop.once)
    assert _open_session(shop)["mode"] == "payment"


def test_case_72_who_has_ended_may_subscribe_again(shop: Shop, ada: User) -> None:
    bought = shop.buy(shop.monthly, email=ADA)
    shop.sandbox.api.subscriptions.cancel(bought["subscription"])
    shop.deliver()
    press_buy(ada, shop.monthly)
    assert _open_session(shop)["mode"] == "subscription"


@pytest.mark.parametrize("answer", [401, 500, "cut"])
def test_a_checkout_that_stripe_does_not_open_says_so_kindly(shop: Shop, ada: User, answer: int | str) -> None:
    shop.sandbox.answer_with(answer)
    page = press_buy(ada, shop.once)
    assert page.status_code == 503
    assert "Nothing was charged" in page.content.decode()


def test_a_price_archived_a_moment_ago_says_so_kindly(shop: Shop, ada: User) -> None:
    shop.sandbox.api.prices.update(shop.once.price_id, {"active": False})
    assert press_buy(ada, shop.once).status_code == 503


@pytest.mark.parametrize("offer", ["", "abc", "²", "-1", "9" * 40, "9" * 5_000, "0"])
def test_an_offer_that_does_not_exist_is_not_found(shop: Shop, ada: User, offer: str) -> None:
    client = signed_in(ada)
    assert client.post(f"/checkout/{shop.course.slug}/", {"offer": offer}).status_code == 404


def test_an_offer_of_another_product_or_off_sale_is_not_found(shop: Shop, ada: User) -> None:
    client = signed_in(ada)
    assert client.post(f"/checkout/{shop.course.slug}/", {"offer": shop.monthly.pk}).status_code == 404
    Offer.objects.filter(pk=shop.once.pk).update(is_live=False)
    assert press_buy(ada, shop.once).status_code == 404
    assert shop.sandbox.calls() == []


def test_a_stranger_is_asked_to_sign_in_before_a_session_is_made(shop: Shop) -> None:
    answer = Client().post(f"/checkout/{shop.course.slug}/", {"offer": shop.once.pk})
    assert answer.status_code == 302
    assert shop.sandbox.calls() == []


def _open_sessions(shop: Shop) -> list[Json]:
    found: list[Json] = [row.to_dict() for row in shop.sandbox.api.checkout.sessions.list({"status": "open"}).data]
    return found


def _open_session(shop: Shop) -> Json:
    (only,) = _open_sessions(shop)
    return only
