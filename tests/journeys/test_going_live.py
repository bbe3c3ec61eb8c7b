"""From one Stripe account to the next, or from test to live: one sells at a time, and is asked of its own alone."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.test import Client

from activities import clock
from billing.draining import drain, sweep
from billing.inbox import look_again
from billing.linking import link
from billing.models import Attention, Connection, InboxEvent, Offer, ProductLink, Subscription
from billing.refresh import Outcome, refresh
from hub.models import Grant, User
from tests.sandboxes import KEY
from tests.shops import Shop

STRIPE = "/console/stripe/"
DISCONNECT = "/console/stripe/disconnect/"
ADA, BEN = "ada@example.org", "ben@example.org"


@pytest.fixture
def desk(owner: User) -> Client:
    client = Client()
    client.force_login(owner)
    return client


@pytest.fixture
def moved(shop: Shop, desk: Client) -> Shop:
    """Ada subscribes; then the owner disconnects, and connects another account."""
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    desk.post(DISCONNECT)
    other = shop.sandbox.post("/sandbox/accounts", {"live": False})
    assert desk.post(STRIPE, {"key": other["key"]})["Location"] == STRIPE
    shop.sandbox.take_pending()
    shop.sandbox.forget_calls()
    return shop


def test_a_key_of_the_other_mode_waits_until_this_one_is_disconnected(shop: Shop, desk: Client) -> None:
    Connection.objects.update(livemode=True)
    answer = desk.post(STRIPE, {"key": KEY})
    page = answer.content.decode()
    assert answer.status_code == 422
    assert "This is a test key" in page and "in live mode" in page and "Disconnect first" in page
    assert Connection.objects.get().livemode
    assert "Disconnect" in desk.get(DISCONNECT).content.decode()
    desk.post(DISCONNECT)
    assert desk.post(STRIPE, {"key": KEY}).status_code == 303
    assert list(Connection.objects.order_by("pk").values_list("livemode", "state")) == [(True, "off"), (False, "ok")]


def test_two_accounts_are_never_in_use_at_once(shop: Shop) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        Connection.objects.create(account_id="acct_second", livemode=True)
    Connection.objects.create(account_id="acct_third", state=Connection.State.OFF)
    Connection.objects.create(account_id="acct_fourth", state=Connection.State.OFF)


def test_a_test_account_that_was_connected_beside_a_live_one_is_disconnected(shop: Shop) -> None:
    migration = import_module("billing.migrations.0008_one_connection_in_use")
    with database.cursor() as cursor:
        cursor.execute("DROP INDEX one_connection_in_use")
    migration.disconnect_test_beside_live(apps, None)
    assert Connection.objects.get().state == Connection.State.OK
    Connection.objects.create(account_id="acct_live", livemode=True)
    migration.disconnect_test_beside_live(apps, None)
    states = dict(Connection.objects.values_list("account_id", "state"))
    assert states == {shop.connection.account_id: Connection.State.OFF, "acct_live": Connection.State.OK}
    assert Connection.objects.get(pk=shop.connection.pk).sealed_key == ""


def test_only_the_account_in_use_sells(moved: Shop, dan: User, desk: Client) -> None:
    member = Client()
    member.force_login(dan)
    assert moved.monthly.url not in Client().get("/p/studio/").content.decode()
    assert member.post("/checkout/studio/", {"offer": moved.monthly.pk}).status_code == 404
    assert not any(offer.sells for offer in Offer.objects.all())
    address = "/console/products/studio/stripe/"
    assert desk.post(f"{address}unlink/")["Location"] == address
    assert ProductLink.objects.get(product=moved.club).unlinked_at
    assert moved.sandbox.calls() == []


def test_nothing_of_the_other_account_is_asked_for_with_this_key(shop: Shop, desk: Client) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    customer = Subscription.objects.get().customer_id
    shop.buy(shop.once, email=BEN)
    for delivery in shop.sandbox.take_pending():
        assert shop.post_webhook(delivery) == 200
    desk.post(DISCONNECT)
    other = shop.sandbox.post("/sandbox/accounts", {"live": False})
    desk.post(STRIPE, {"key": other["key"]})
    shop.sandbox.forget_calls()
    shop.sandbox.advance("32d")
    look_again(customer)
    sweep()
    assert drain() == 0
    assert refresh(customer) is Outcome.LATER
    assert shop.sandbox.calls() == []
    assert not Attention.objects.exists()
    assert InboxEvent.objects.filter(state=InboxEvent.State.PENDING).exists()
    desk.post(DISCONNECT)
    desk.post(STRIPE, {"key": KEY})
    drain()
    assert not InboxEvent.objects.filter(state=InboxEvent.State.PENDING).exists()
    assert shop.has(BEN, shop.course)
    assert Subscription.objects.get().period_end > clock.now()  # type: ignore[operator]


def test_a_member_of_the_other_account_buys_as_a_new_customer(moved: Shop) -> None:
    ada = User.objects.get(email=ADA)
    member = Client()
    member.force_login(ada)
    assert "Cards, invoices, changes" not in member.get("/account/").content.decode()
    ProductLink.objects.update(unlinked_at=clock.now())
    offer = _sell_where_it_is_connected_now(moved)
    moved.sandbox.forget_calls()
    answer = member.post("/checkout/studio/", {"offer": offer.pk})
    assert answer.status_code == 303
    asked = [call["path"].partition("?")[0] for call in moved.sandbox.calls()]
    assert asked == ["/v1/checkout/sessions"]
    assert Grant.objects.filter(user=ada, state="active").count() == 1


def _sell_where_it_is_connected_now(shop: Shop) -> Offer:
    account = shop.sandbox.client(Connection.objects.get(state=Connection.State.OK).key)
    product = account.products.create({"name": "Studio"})
    price = account.prices.create(
        {"product": product.id, "currency": "eur", "unit_amount": 2400, "recurring": {"interval": "month"}}
    )
    return link(shop.club, stripe_product=product.id, prices=[price.id], actor=None).offers.get()
