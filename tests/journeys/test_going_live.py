"""From one Stripe account to the next, or from test to live: one sells at a time, and is asked of its own alone."""

from importlib import import_module

import pytest
from django.apps import apps
from django.db import IntegrityError, transaction
from django.db import connection as database
from django.test import Client
from pytest_django import Settings

from activities import clock
from billing.intake.draining import drain, sweep
from billing.intake.inbox import look_again
from billing.models import Attention, Connection, InboxEvent, Offer, ProductLink, Subject, Subscription
from billing.refreshing.refresh import Outcome, refresh
from billing.shop.linking import link
from billing.sweeping.reconcile import full_pass
from hub.models import Grant, Ledger, User
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
    member = signed_in(dan)
    assert moved.monthly.url not in Client().get("/p/studio/").content.decode()
    assert member.post("/checkout/studio/", {"offer": moved.monthly.pk}).status_code == 404
    assert not any(offer.sells for offer in Offer.objects.all())
    address = stripe_settings("studio")
    assert press_unlink(desk, "studio")["Location"] == address
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
    member = signed_in(ada)
    assert "Cards and invoices" not in member.get("/account/").content.decode()
    ProductLink.objects.update(unlinked_at=clock.now())
    offer = _sell_where_it_is_connected_now(moved)
    moved.sandbox.forget_calls()
    answer = member.post("/checkout/studio/", {"offer": offer.pk})
    assert answer.status_code == 303
    asked = [(call["method"], call["path"].partition("?")[0]) for call in moved.sandbox.calls()]
    assert asked == [("GET", "/v1/checkout/sessions"), ("POST", "/v1/checkout/sessions")]
    assert Grant.objects.filter(user=ada, state="active").count() == 1


def _sell_where_it_is_connected_now(shop: Shop) -> Offer:
    account = shop.sandbox.client(Connection.objects.get(state=Connection.State.OK).key)
    product = account.products.create({"name": "Studio"})
    price = account.prices.create(
        {"product": product.id, "currency": "eur", "unit_amount": 2400, "recurring": {"interval": "month"}}
    )
    return link(shop.club, stripe_product=product.id, prices=[price.id], actor=None).offers.get()


# What test cards opened


@pytest.fixture
def live(shop: Shop, desk: Client) -> Shop:
    """Ada has bought and subscribed with a test card; then another account is connected, and it is live."""
    for offer in (shop.once, shop.monthly):
        shop.buy(offer, email=ADA)
    shop.deliver()
    desk.post(DISCONNECT)
    other = shop.sandbox.post("/sandbox/accounts", {"live": False})
    desk.post(STRIPE, {"key": other["key"]})
    Connection.objects.exclude(state=Connection.State.OFF).update(livemode=True)
    shop.sandbox.take_pending()
    return shop


def test_test_purchases_are_listed_at_going_live_and_close_where_the_owner_says_so(live: Shop, desk: Client) -> None:
    full_pass()
    question = Attention.objects.get(kind=Attention.Kind.LEFT_BEHIND)
    page = desk.get("/console/decide/").content.decode()
    assert "2 grants would close" in page and "Close them" in page and ADA in page
    assert live.has(ADA, live.club) and live.has(ADA, live.course)
    assert desk.post(f"/console/decide/{question.pk}/close/").status_code == 303
    assert not live.has(ADA, live.club) and not live.has(ADA, live.course)
    assert set(Ledger.objects.filter(to_state="revoked").values_list("note", flat=True)) == {"bought with a test card"}
    full_pass()
    assert not Attention.objects.filter(kind=Attention.Kind.LEFT_BEHIND, resolved_at__isnull=True).exists()


def test_an_owner_who_keeps_them_is_asked_once(live: Shop, desk: Client) -> None:
    full_pass()
    desk.post(f"/console/decide/{Attention.objects.get().pk}/settle/")
    full_pass()
    assert not Attention.objects.filter(resolved_at__isnull=True, kind=Attention.Kind.LEFT_BEHIND).exists()
    assert live.has(ADA, live.course)


@pytest.mark.parametrize("role", ["admin", "support", "member"])
def test_nobody_but_owners_closes_them(live: Shop, role: str) -> None:
    full_pass()
    path = f"/console/decide/{Attention.objects.get().pk}/close/"
    client = Client()
    assert client.post(path)["Location"].startswith("/accounts/login/")
    client.force_login(cast.UserFactory(role=role))
    assert client.post(path).status_code == 403
    assert live.has(ADA, live.course)


def test_a_test_accounts_grants_are_no_question_beside_another_test_account(moved: Shop) -> None:
    full_pass()
    assert not Attention.objects.filter(kind=Attention.Kind.LEFT_BEHIND).exists()


@pytest.mark.parametrize("answer", [None, 500])
def test_a_subscription_of_an_account_not_in_use_ends_with_its_period(live: Shop, answer: int | None) -> None:
    """Even while the account in use does not answer: that holds its own members alone."""
    look_again(Subscription.objects.get().customer_id)
    if answer:
        live.sandbox.answer_with(answer)
        look_again("cus_of_the_live_account")
    for _ in range(3):
        live.sandbox.advance("15d")
        sweep()
    assert not live.has(ADA, live.club)
    grant = Grant.objects.get(source="subscription")
    assert (grant.state, grant.close_reason) == ("ended", "no_word_from_stripe")
    assert live.has(ADA, live.course)


def test_what_the_account_in_use_does_not_know_is_held_for_a_month_and_then_ends(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    other = shop.sandbox.post("/sandbox/accounts", {"live": False})
    used = Connection.objects.get()
    used.key = other["key"]
    used.save()
    look_again(Subscription.objects.get().customer_id)
    held = []
    for _ in range(5):
        shop.sandbox.advance("14d")
        Subject.objects.update(retry_at=None)
        sweep()
        held.append(shop.has(ADA, shop.club))
    assert held[:2] == [True, True]
    assert held[-1] is False
    assert Attention.objects.filter(kind=Attention.Kind.MISSING, resolved_at__isnull=True).exists()
    assert Grant.objects.get().close_reason == "no_word_from_stripe"
