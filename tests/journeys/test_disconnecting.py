"""Disconnecting the Stripe account and connecting it again, as the owner does it."""

from datetime import timedelta

import pytest
from django.test import Client
from pytest_django import Settings

from activities import clock
from activities.models import Activity
from billing.intake.draining import drain, sweep
from billing.models import Connection, InboxEvent, Offer, ProductLink, Subject
from billing.sweeping.reconcile import catch_up, differences, full_pass
from hub.models import Grant, SalesPage, User
from tests import cast
from tests.hub.test_reentry import prove
from tests.members import signed_in
from tests.sandboxes import KEY
from tests.shops import Shop, press_unlink, stripe_settings

STRIPE = "/console/stripe/"
DISCONNECT = "/console/stripe/disconnect/"
ADA, BEN = "ada@example.org", "ben@example.org"


@pytest.fixture
def desk(desk: Client, settings: Settings) -> Client:
    """The owner's browser, in which she has just proved that it is her."""
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"
    prove(desk)
    return desk


@pytest.fixture
def off(shop: Shop, desk: Client) -> Shop:
    """Ada subscribes; then the owner disconnects."""
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    assert desk.post(DISCONNECT)["Location"] == STRIPE
    return shop


def test_it_is_asked_first_and_says_what_happens(shop: Shop, desk: Client) -> None:
    page = desk.get(DISCONNECT).content.decode()
    assert "Nobody loses access" in page and "3 payment links stay on at Stripe" in page
    assert Connection.objects.get().state == Connection.State.OK
    desk.post(DISCONNECT)
    row = Connection.objects.get()
    assert (row.state, row.sealed_key, row.key_hint) == (Connection.State.OFF, "", "")
    assert shop.sandbox.api.webhook_endpoints.retrieve(row.webhook_endpoint_id).status == "disabled"
    assert Activity.objects.filter(details__reason__startswith="disconnected ").count() == 1
    assert f"{row.account_name} is disconnected" in desk.get(STRIPE).content.decode()


def test_nobody_loses_access_however_long_it_lasts(off: Shop) -> None:
    for _ in range(40):
        off.sandbox.advance("1d")
        sweep()
        assert off.has(ADA, off.club)
    drain()
    assert off.has(ADA, off.club)


def test_nothing_is_sold(off: Shop, dan: User, desk: Client) -> None:
    SalesPage.objects.create(product=off.club, is_live=True)
    off.sandbox.forget_calls()
    member = signed_in(dan)
    assert off.monthly.url not in Client().get("/buy/studio/").content.decode()
    assert ">Subscribe" not in member.get("/buy/studio/").content.decode()
    assert member.post("/checkout/studio/", {"offer": off.monthly.pk}).status_code == 404
    assert member.get("/").status_code == member.get("/account/").status_code == 200
    assert off.sandbox.calls() == []
    assert Offer.objects.get(pk=off.monthly.pk).is_live, "as Stripe has it: kept for the day it is connected again"


def test_a_link_of_a_disconnected_account_can_be_ended_without_stripe(off: Shop, desk: Client) -> None:
    off.sandbox.forget_calls()
    address = stripe_settings("the-wheel")
    assert "is disconnected: nothing is sold" in desk.get(address).content.decode()
    assert "so Stripe is not asked" in desk.get(f"{address}unlink/").content.decode()
    assert press_unlink(desk, "the-wheel")["Location"] == address
    assert off.sandbox.calls() == []
    assert ProductLink.objects.get(product=off.course).unlinked_at


def test_but_not_while_a_subscription_is_live_on_it(off: Shop, desk: Client) -> None:
    off.sandbox.forget_calls()
    address = stripe_settings("studio")
    assert "Unlink…" not in desk.get(address).content.decode()
    page = desk.get(f"{address}unlink/").content.decode()
    assert "1 subscription is still live" in page and "Its account is disconnected" in page
    assert "1 subscription is still live" in press_unlink(desk, "studio").content.decode()
    assert off.sandbox.calls() == []
    assert ProductLink.objects.get(product=off.club).unlinked_at is None


def test_a_subscription_whose_link_ended_meanwhile_is_heard_when_its_account_is_back(off: Shop, desk: Client) -> None:
    other = off.sandbox.post("/sandbox/accounts", {"live": False})
    desk.post(STRIPE, {"key": other["key"]})
    address = stripe_settings("studio")
    assert "1 subscription there is still live" in desk.get(f"{address}unlink/").content.decode()
    assert press_unlink(desk, "studio")["Location"] == address
    desk.post(DISCONNECT)
    desk.post(STRIPE, {"key": KEY})
    off.sandbox.take_pending()
    bought = off.sandbox.api.subscriptions.list({"limit": 1}).data[0].id
    off.sandbox.api.subscriptions.cancel(bought)
    off.deliver()
    assert not off.has(ADA, off.club)
    assert Grant.objects.get().close_reason == "canceled"
    assert full_pass() is not None
    drain()
    assert list(differences()) == []


@pytest.mark.parametrize("what", ["look", "prices/again"])
def test_a_page_that_was_open_before_says_that_nothing_is_connected(off: Shop, desk: Client, what: str) -> None:
    off.sandbox.forget_calls()
    answer = desk.post(f"{stripe_settings('studio')}{what}/", follow=True)
    assert answer.status_code in {200, 503}
    assert "is disconnected" in answer.content.decode()
    assert off.sandbox.calls() == []


def test_what_is_on_sale_is_not_chosen_among_prices_that_nobody_can_list(off: Shop, desk: Client) -> None:
    answer = desk.get(f"{stripe_settings('studio')}prices/")
    assert answer.status_code == 503 and "is disconnected" in answer.content.decode()
    assert "Connect Stripe" in answer.content.decode() and "Try again" not in answer.content.decode()


def test_webhooks_are_answered_as_for_an_address_that_is_not_ours(shop: Shop, desk: Client) -> None:
    shop.buy(shop.monthly, email=ADA)
    delivery = shop.sandbox.take_pending()[0]
    desk.post(DISCONNECT)
    assert shop.post_webhook(delivery) == 404
    assert not InboxEvent.objects.exists()


def test_a_key_that_stripe_refuses_can_be_disconnected_too(shop: Shop, desk: Client) -> None:
    row = Connection.objects.get()
    row.key = "sk_test_rolled_because_it_leaked"
    row.save()
    assert desk.post(DISCONNECT).status_code == 303
    assert Connection.objects.get().state == Connection.State.OFF


def test_the_same_account_comes_back_with_its_links_and_hears_what_was_missed(off: Shop, desk: Client) -> None:
    before = Connection.objects.get()
    off.buy(off.once, email=BEN)
    assert desk.post(STRIPE, {"key": KEY})["Location"] == STRIPE
    row = Connection.objects.get()
    assert (row.pk, row.webhook_uuid, row.state) == (before.pk, before.webhook_uuid, Connection.State.OK)
    assert shop_endpoint(off, row) == ("enabled", before.webhook_endpoint_id)
    assert ProductLink.objects.filter(connection=row, unlinked_at__isnull=True).count() == 2
    off.sandbox.take_pending()
    assert catch_up()
    drain()
    assert off.has(BEN, off.course) and off.has(ADA, off.club)
    assert Offer.objects.get(pk=off.monthly.pk).sells


def test_an_endpoint_deleted_at_stripe_meanwhile_is_made_again(off: Shop, desk: Client) -> None:
    old = Connection.objects.get().webhook_endpoint_id
    off.sandbox.api.webhook_endpoints.delete(old)
    desk.post(STRIPE, {"key": KEY})
    row = Connection.objects.get()
    assert row.webhook_endpoint_id != old
    assert shop_endpoint(off, row)[0] == "enabled"


def test_a_new_key_for_a_refused_one_is_believed_at_once(shop: Shop, desk: Client) -> None:
    Connection.objects.update(state=Connection.State.REFUSED, last_error="401: Invalid API Key")
    Subject.objects.create(key="cus_waiting", retry_at=clock.now() + timedelta(hours=1), requests=1)
    desk.post(STRIPE, {"key": KEY})
    row = Connection.objects.get()
    assert (row.state, row.last_error) == (Connection.State.OK, "")
    assert Subject.objects.get(key="cus_waiting").retry_at is None
    assert "Invalid API Key" not in desk.get(STRIPE).content.decode()


def test_a_key_of_another_account_is_refused_until_this_one_is_disconnected(shop: Shop, desk: Client) -> None:
    other = shop.sandbox.post("/sandbox/accounts", {"live": False})
    answer = desk.post(STRIPE, {"key": other["key"]})
    assert answer.status_code == 422
    page = answer.content.decode()
    assert f"This key belongs to {other['id']}" in page and "Disconnect first" in page
    assert Connection.objects.get().key == KEY
    desk.post(DISCONNECT)
    assert desk.post(STRIPE, {"key": other["key"]}).status_code == 303
    states = dict(Connection.objects.values_list("account_id", "state"))
    assert states == {shop.connection.account_id: Connection.State.OFF, other["id"]: Connection.State.OK}


def test_who_came_in_long_ago_proves_to_be_there_first(shop: Shop, owner: User) -> None:
    answer = signed_in(owner).post(DISCONNECT)
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, "/accounts/reauthenticate/code/")
    assert Connection.objects.get().state == Connection.State.OK


def test_only_the_owner_disconnects(shop: Shop, client: Client, dan: User) -> None:
    for ask in (client.get, client.post):
        assert ask(DISCONNECT)["Location"].startswith("/accounts/login/")
    staff = [cast.UserFactory(role=role) for role in (User.Role.SUPPORT, User.Role.ADMIN)]
    for person in (dan, *staff):
        client.force_login(person)
        assert client.get(DISCONNECT).status_code == client.post(DISCONNECT).status_code == 403
        assert client.post(STRIPE, {"key": KEY}).status_code == 403
    assert Connection.objects.get().state == Connection.State.OK


def shop_endpoint(shop: Shop, row: Connection) -> tuple[str, str]:
    found = shop.sandbox.api.webhook_endpoints.retrieve(row.webhook_endpoint_id)
    return found.status, found.id
