"""What was bought goes on as it was bought, whatever the owner changes, ends or links again later."""

from importlib import import_module
from io import StringIO

import pytest
from django.apps import apps
from django.core.management import call_command
from django.test import Client

from activities import clock
from billing.intake.draining import drain
from billing.intake.inbox import look_again
from billing.models import AccessPolicy, Attention, Offer, Order, ProductLink
from billing.shop import linking
from billing.sweeping.reconcile import catch_up, full_pass
from hub import grants
from hub.access import can_open, explain
from hub.models import Grant, Product, User
from tests import cast
from tests.importing import begin, press_import, undo
from tests.members import Member, signed_in
from tests.pasts import Past
from tests.shops import Shop

ADA, BEN = "ada@example.org", "ben@example.org"


def night() -> None:
    """Everything is compared, and nothing differs afterwards."""
    assert full_pass() is not None
    drain()
    out = StringIO()
    call_command("verify", stdout=out)
    assert out.getvalue().endswith(", 0 differences\n"), out.getvalue()


def opens(product: Product, email: str = ADA) -> bool:
    return can_open(User.objects.get(email=email), product, now=clock.now())


def why(product: Product, email: str = ADA) -> str:
    """As the person's page says it."""
    now = clock.now()
    return explain(User.objects.get(email=email), product, at=now, now=now).sentence


def end_link(product: Product) -> str:
    """Returns the Stripe product that it was linked with."""
    made = ProductLink.objects.get(product=product, unlinked_at__isnull=True)
    linking.unlink(made, actor=None)
    return made.stripe_product


def link_anew(shop: Shop, product: Product) -> Offer:
    """Links it with another Stripe product."""
    end_link(product)
    return shop.sell(product, {"unit_amount": 900, "recurring": {"interval": "month"}})[0]


def type_days(browser: Client, product: Product, days: str) -> None:
    address = f"/console/products/{product.pk}/settings/"
    form = browser.get(address).context["form"]
    sent = {name: form[name].value() for name in form.fields} | {"access_days": days}
    assert browser.post(address, {name: value for name, value in sent.items() if value}).status_code == 303


def look_at(order: Order) -> None:
    look_again(order.subject)
    drain()


# The days for which it opens


def test_days_that_the_owner_types_later_shut_out_nobody(shop: Shop, browser: Client) -> None:
    shop.buy(shop.once)
    shop.deliver()
    shop.advance("400d")
    type_days(browser, shop.course, "10")
    look_at(Order.objects.get())
    night()
    assert opens(shop.course) and why(shop.course) == "Bought, with no end."
    assert not Attention.objects.exists()
    shop.buy(shop.once, email=BEN)
    shop.deliver()
    shop.advance("11d")
    night()
    assert not opens(shop.course, BEN)


def test_days_that_the_owner_clears_let_nobody_back_in(shop: Shop, browser: Client) -> None:
    type_days(browser, shop.course, "30")
    shop.buy(shop.once)
    shop.deliver()
    shop.advance("31d")
    over = why(shop.course)
    type_days(browser, shop.course, "")
    look_at(Order.objects.get())
    night()
    assert not opens(shop.course) and why(shop.course) == over


def test_a_debit_on_its_way_opens_for_the_days_that_were_promised(shop: Shop, browser: Client) -> None:
    type_days(browser, shop.course, "30")
    shop.buy(shop.once, card="sepa_debit")
    shop.deliver()
    type_days(browser, shop.course, "5")
    shop.advance("8d")
    grant = Grant.objects.get()
    assert grant.until is not None and (grant.until - grant.starts_at).days == 30


def test_each_of_two_purchases_has_its_own_days(shop: Shop, browser: Client) -> None:
    type_days(browser, shop.course, "30")
    shop.buy(shop.once)
    shop.deliver()
    shop.advance("10d")
    type_days(browser, shop.course, "60")
    shop.buy(shop.once)
    shop.deliver()
    first, second = Grant.objects.order_by("pk")
    assert first.until and second.until
    assert ((first.until - first.starts_at).days, (second.until - first.until).days) == (30, 60)
    night()


def test_who_has_it_for_ever_is_not_sold_it_for_a_while(shop: Shop, browser: Client) -> None:
    shop.buy(shop.once)
    shop.deliver()
    type_days(browser, shop.course, "30")
    answer = signed_in(User.objects.get(email=ADA)).post("/checkout/the-wheel/", {"offer": shop.once.pk})
    assert answer.status_code == 303 and answer["Location"].startswith("/products/the-wheel/")


def test_orders_from_before_keep_the_days_that_their_grants_show(shop: Shop) -> None:
    shop.buy(shop.once)
    shop.deliver()
    Product.objects.filter(pk=shop.course.pk).update(access_days=30)
    for _ in range(2):
        shop.buy(shop.once, email=BEN)
        shop.deliver()
    kept = list(Order.objects.order_by("pk").values_list("access_days", flat=True))
    key = str(shop.course.pk)
    assert kept == [{key: None}, {key: 30}, {key: 30}]
    Order.objects.update(access_days={})
    Product.objects.filter(pk=shop.course.pk).update(access_days=7)
    import_module("billing.migrations.0025_days_as_bought").keep_days_as_bought(apps, None)
    assert list(Order.objects.order_by("pk").values_list("access_days", flat=True)) == kept


def test_time_that_was_bought_twice_over_two_stripe_products_is_added_up(shop: Shop) -> None:
    Product.objects.filter(pk=shop.course.pk).update(access_days=365)
    shop.buy(shop.once)
    shop.deliver()
    shop.advance("100d")
    end_link(shop.course)
    again = shop.sell(shop.course, {"unit_amount": 900})[0]
    shop.advance("1h")
    shop.buy(again)
    shop.deliver()
    first, second = Grant.objects.order_by("pk")
    assert first.until and second.until
    assert (second.until - first.starts_at).days == 2 * 365
    night()


# Orders from before the link


@pytest.fixture
def imported(past: Past, browser: Client) -> Product:
    """Ada bought once, before her product was linked, and was imported."""
    past.buy_once(ADA)
    club = past.connect()
    press_import(browser, begin(browser))
    assert opens(club)
    past.sandbox.advance("1h")
    return club


def refund(past: Past) -> None:
    past.api.refunds.create({"payment_intent": Order.objects.get().payment_intent})
    catch_up()
    drain()


def test_an_imported_order_that_is_refunded_after_the_links_end_is_closed(past: Past, imported: Product) -> None:
    end_link(imported)
    night()
    assert opens(imported)
    refund(past)
    assert not opens(imported) and "refunded" in why(imported)
    night()


def test_an_imported_order_whose_dispute_is_lost_after_another_link_is_closed(past: Past, imported: Product) -> None:
    end_link(imported)
    linking.link(imported, stripe_product=past.other, prices=[past.unlinked], actor=None)
    night()
    disputed = past.sandbox.post(
        f"/sandbox/charges/{Order.objects.get().charge_id}/dispute", {"status": "needs_response"}
    )
    past.sandbox.set_fields(disputed["id"], status="lost", emit="charge.dispute.closed")
    catch_up()
    drain()
    assert not opens(imported) and "disputed" in why(imported)
    night()


def test_an_imported_order_whose_stripe_product_opens_another_product_by_now_is_closed_in_both(
    past: Past, imported: Product
) -> None:
    stripe_product = end_link(imported)
    second = cast.ProductFactory(name="Club II", slug="club-2")
    linking.link(second, stripe_product=stripe_product, prices=[], actor=None)
    night()
    assert opens(imported) and opens(second)
    refund(past)
    assert not opens(imported) and not opens(second)
    night()


def test_an_imported_order_is_given_back_after_the_links_end(past: Past, imported: Product, owner: User) -> None:
    end_link(imported)
    taken = grants.revoke(Grant.objects.get(), actor=owner, reason="shared the login", now=clock.now())
    grants.restore(taken, actor=owner, reason="a mistake", now=clock.now())
    assert opens(imported)
    night()
    assert opens(imported)


@pytest.mark.parametrize("looked_at", [False, True])
def test_what_an_undone_import_brought_comes_back_by_no_link_and_no_night(
    past: Past, browser: Client, looked_at: bool
) -> None:
    past.buy_once(ADA)
    club = past.connect()
    page = begin(browser)
    press_import(browser, page)
    undo(browser, page)
    stripe_product = end_link(club)
    if looked_at:
        look_at(Order.objects.get())
    linking.link(club, stripe_product=stripe_product, prices=[past.monthly], actor=None)
    night()
    assert not opens(club)
    press_import(browser, begin(browser))
    assert opens(club)


def test_who_pays_for_what_an_undone_import_brought_is_told_whom_to_ask(past: Past, browser: Client) -> None:
    past.subscribe(ADA)
    club = past.connect()
    page = begin(browser)
    press_import(browser, page)
    undo(browser, page)
    shown = signed_in(User.objects.get(email=ADA)).get(f"/products/{club.slug}/").content.decode()
    assert "taken back by the people who run this site" in shown
    assert "Subscribe for" not in shown


# Subscriptions under a link that has ended


def test_a_paid_year_that_was_cancelled_outlives_its_link(shop: Shop, member: Member) -> None:
    AccessPolicy.objects.create(knobs={"immediate_cancel": "end_of_paid_period"})
    bought = member.subscribe(shop.yearly.price_id)
    shop.deliver()
    shop.advance("3d")
    shop.sandbox.api.subscriptions.cancel(bought["id"])
    shop.deliver()
    before = why(shop.club)
    link_anew(shop, shop.club)
    night()
    assert opens(shop.club) and why(shop.club) == before
    charge = shop.sandbox.api.charges.list({"limit": 1}).data[0]
    shop.sandbox.api.refunds.create({"charge": charge.id})
    shop.deliver()
    assert not opens(shop.club)
    night()


def test_a_former_subscribers_why_outlives_its_link(shop: Shop, member: Member) -> None:
    bought = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    shop.sandbox.api.subscriptions.cancel(bought["id"])
    shop.deliver()
    before = why(shop.club)
    assert "ended" in before
    offer = link_anew(shop, shop.club)
    night()
    assert why(shop.club) == before
    assert [reason for *_, reason in member.steps(shop.club)] == ["active", "canceled"]
    shop.advance("1h")
    member.subscribe(offer.price_id)
    shop.deliver()
    assert opens(shop.club)
    night()


def test_a_subscription_that_moved_away_before_the_links_end_is_let_in_no_more_by_it(
    shop: Shop, member: Member
) -> None:
    bought = member.subscribe(shop.monthly.price_id)
    shop.deliver()
    other = shop.sandbox.api.products.create({"name": "Elsewhere"})
    price = shop.sandbox.api.prices.create(
        {"product": other.id, "currency": "eur", "unit_amount": 900, "recurring": {"interval": "month"}}
    )
    item = bought["items"]["data"][0]["id"]
    member.change(bought, items=[{"id": item, "price": price.id}])
    assert not opens(shop.club)
    end_link(shop.club)
    member.change(bought, items=[{"id": item, "price": shop.monthly.price_id}])
    assert not opens(shop.club)
    night()
