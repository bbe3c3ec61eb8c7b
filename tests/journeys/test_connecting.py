"""The connection: a restricted key's permissions, the webhook endpoint as Stripe sees it, secrets that are rolled."""

import json
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.db import connection
from django.db.models.signals import post_save
from django.test import Client
from django.test.utils import CaptureQueriesContext
from django.utils import timezone
from pytest_django import DjangoAssertNumQueries

from activities.models import Activity
from billing.connecting.keys import NEEDS
from billing.intake import event_types
from billing.intake.draining import drain
from billing.models import Connection, InboxEvent, Pass
from billing.sweeping.reconcile import catch_up
from hub.models import User
from tests import cast
from tests.counting import counted
from tests.hub.test_reentry import REENTER
from tests.members import signed_in
from tests.sandboxes import KEY, Sandbox
from tests.shops import Shop, post_webhook

STRIPE = "/console/stripe/"
ENDPOINT = f"{STRIPE}endpoint/"
ACTS = ["look/", "repair/", "roll/", "roll/end/", "secret/"]
ALL = {
    "accounts_kyc_basic": "read",
    "product": "write",
    "plan": "write",
    "payment_link": "write",
    "checkout_session": "write",
    "customer_portal": "write",
    "subscription": "write",
    "customer": "read",
    "invoice": "read",
    "coupon": "read",
    "payment_intent": "read",
    "charge": "read",
    "dispute": "read",
    "event": "read",
    "webhook": "write",
}


@pytest.fixture
def desk(browser: Client) -> Client:
    return browser


def restricted(sandbox: Sandbox, **changes: str) -> str:
    """A restricted key of the account with all that is needed; what is empty in `changes` it lacks."""
    permissions = {name: level for name, level in (ALL | changes).items() if level}
    key: str = sandbox.post("/sandbox/keys", {"permissions": permissions})["key"]
    return key


def paste(desk: Client, key: str) -> str:
    return desk.post(STRIPE, {"key": key}, follow=True).content.decode()


def read(desk: Client) -> str:
    return desk.get(STRIPE).content.decode()


def endpoint(sandbox: Sandbox) -> Any:
    return sandbox.api.webhook_endpoints.retrieve(Connection.objects.get().webhook_endpoint_id)


# Permissions


def test_a_restricted_key_with_all_that_is_needed_connects(sandbox: Sandbox, desk: Client) -> None:
    assert "Connected to" in paste(desk, restricted(sandbox))
    made = Connection.objects.get()
    assert made.webhook_secrets and made.portal_configuration_id and made.key.startswith("rk_test_")
    assert f"…{made.key_hint}" in read(desk) and made.key not in read(desk)


@pytest.mark.parametrize(
    ("lacks", "named"),
    [
        ({"product": ""}, ["Products: Write"]),
        ({"product": "read"}, ["Products: Write"]),
        ({"plan": ""}, ["Prices: Write"]),
        ({"payment_link": "read"}, ["Payment Links: Write"]),
        ({"checkout_session": ""}, ["Checkout Sessions: Write"]),
        ({"customer_portal": ""}, ["Customer portal: Write"]),
        ({"subscription": ""}, ["Subscriptions: Read", "Subscriptions: Write"]),
        ({"customer": ""}, ["Customers: Read"]),
        ({"invoice": ""}, ["Invoices: Read"]),
        ({"coupon": ""}, ["Coupons: Read"]),
        ({"payment_intent": ""}, ["PaymentIntents: Read"]),
        ({"charge": ""}, ["Charges and Refunds: Read"]),
        ({"dispute": ""}, ["Disputes: Read"]),
        ({"event": ""}, ["Events: Read"]),
        ({"event": "", "dispute": "", "webhook": ""}, ["Disputes: Read", "Events: Read", "Webhook Endpoints: Write"]),
    ],
)
def test_each_missing_permission_is_named_and_nothing_is_kept(
    sandbox: Sandbox, desk: Client, lacks: dict[str, str], named: list[str]
) -> None:
    page = paste(desk, restricted(sandbox, **lacks)).partition("What a restricted key needs")[0]
    assert "may not do all that is needed. Nothing was changed." in page
    assert [str(need) for need in NEEDS if f"<b>{need}</b>" in page] == named
    assert not Connection.objects.exists()
    assert sandbox.api.webhook_endpoints.list().data == []


def test_what_can_be_done_by_hand_keeps_nobody_from_connecting(sandbox: Sandbox, desk: Client) -> None:
    assert "Connected to" in paste(desk, restricted(sandbox, subscription="read", webhook="read"))


def test_trying_a_key_changes_nothing_at_stripe(sandbox: Sandbox, desk: Client) -> None:
    sandbox.forget_calls()
    paste(desk, restricted(sandbox, event=""))
    assert {call["status"] for call in sandbox.calls() if call["method"] != "GET"} <= {403, 404}


def test_a_key_that_may_not_name_its_account_is_known_by_stripes_refusal(sandbox: Sandbox, desk: Client) -> None:
    assert "Connected to" in paste(desk, restricted(sandbox, accounts_kyc_basic=""))
    made = Connection.objects.get()
    assert made.account_id == made.account_name == sandbox.api.accounts.retrieve_current().id
    sandbox.post("/sandbox/settings", {"display_name": "Hillside"})
    paste(desk, KEY)
    assert Connection.objects.get().account_name == "Hillside", "a key that may read it brings the name"


def test_whether_a_key_is_kept_the_page_lists_what_one_needs(sandbox: Sandbox, desk: Client) -> None:
    page = read(desk)
    assert all(str(need) in page and need.use in page for need in NEEDS)


# Another key


def test_a_new_key_of_the_same_account_takes_the_place_of_the_old_one(shop: Shop, desk: Client) -> None:
    before = Connection.objects.get()
    key = restricted(shop.sandbox)
    assert "Connected to" in paste(desk, key)
    now = Connection.objects.get()
    assert (now.pk, now.key) == (before.pk, key)
    assert (now.webhook_endpoint_id, now.webhook_secrets) == (before.webhook_endpoint_id, before.webhook_secrets)
    shop.buy(shop.monthly)
    shop.deliver()
    assert shop.has("ada@example.org", shop.club)


def test_another_accounts_key_is_refused_with_the_reason_before_it_is_tried(shop: Shop, desk: Client) -> None:
    other = shop.sandbox.post("/sandbox/accounts", {"live": False})
    with counted(shop.sandbox, at_most=1):
        page = paste(desk, other["key"])
    assert f"This key belongs to {other['id']}, but this site is connected to" in page
    assert Connection.objects.get().key == KEY


# The endpoint


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"disabled": True}, "It is switched off in Stripe."),
        ({"url": "https://old.example.org/hook"}, "It leads to https://old.example.org/hook"),
        (
            {"enabled_events": sorted(event_types.TYPES.keys() - {"charge.refunded"})},
            "It does not tell of charge.refunded.",
        ),
    ],
)
def test_what_is_wrong_with_the_endpoint_is_said_and_repaired(
    shop: Shop, desk: Client, change: dict[str, Any], words: str
) -> None:
    before = Connection.objects.get()
    shop.sandbox.api.webhook_endpoints.update(before.webhook_endpoint_id, change)  # type: ignore[arg-type]
    assert words not in read(desk)
    assert words in desk.post(f"{ENDPOINT}look/", follow=True).content.decode()
    assert f"Stripe’s webhook endpoint: {words}" in desk.get("/console/").content.decode()
    page = desk.post(f"{ENDPOINT}repair/", follow=True).content.decode()
    assert "Mended" in page and words not in page and "Heard" in page
    found = endpoint(shop.sandbox)
    assert (found.id, found.status) == (before.webhook_endpoint_id, "enabled")
    assert set(found.enabled_events) == event_types.TYPES.keys() and str(before.webhook_uuid) in found.url
    assert Connection.objects.get().webhook_secrets == before.webhook_secrets


def test_an_endpoint_that_is_gone_is_made_anew(shop: Shop, desk: Client) -> None:
    shop.sandbox.api.webhook_endpoints.delete(Connection.objects.get().webhook_endpoint_id)
    assert "It is gone from Stripe." in desk.post(f"{ENDPOINT}look/", follow=True).content.decode()
    desk.post(f"{ENDPOINT}repair/")
    assert endpoint(shop.sandbox).status == "enabled"
    shop.buy(shop.once)
    shop.deliver()
    assert shop.has("ada@example.org", shop.course), "its new secret is known"


def test_a_catch_up_looks_at_the_endpoint_once_a_day(shop: Shop) -> None:
    path = f"/v1/webhook_endpoints/{Connection.objects.get().webhook_endpoint_id}"
    catch_up()
    catch_up()
    assert [call["path"] for call in shop.sandbox.calls()].count(path) == 1
    Connection.objects.update(endpoint_seen_at=timezone.now() - timedelta(hours=25))
    catch_up()
    assert [call["path"] for call in shop.sandbox.calls()].count(path) == 2


def test_looking_while_stripe_is_away_says_so(shop: Shop, desk: Client) -> None:
    shop.sandbox.answer_with(500)
    assert "Stripe does not answer right now" in desk.post(f"{ENDPOINT}look/", follow=True).content.decode()


# An endpoint of the owner's own


def test_without_the_permission_the_owner_makes_the_endpoint_and_pastes_its_secret(
    sandbox: Sandbox, desk: Client
) -> None:
    key = restricted(sandbox, webhook="")
    page = paste(desk, key)
    assert "Stripe tells this site nothing yet." in page and "customer.subscription.updated" in page
    made = Connection.objects.get()
    url = f"http://testserver.example/stripe/webhook/{made.webhook_uuid}/"
    secret = sandbox.api.webhook_endpoints.create({"url": url, "enabled_events": ["customer.updated"]}).secret
    assert secret
    page = desk.post(f"{ENDPOINT}secret/", {"secret": f" {secret} "}, follow=True).content.decode()
    assert "Kept." in page and f"…{secret[-4:]}" in page and secret not in page
    assert heard(secret) == 200
    paste(desk, key)
    assert Connection.objects.get().webhook_secrets == [secret], "the owner's endpoint stays theirs"
    assert "lacks “Webhook Endpoints: Write”" in desk.post(f"{ENDPOINT}roll/", follow=True).content.decode()


@pytest.mark.parametrize("secret", ["", "whsec_", "sk_test_1234567", "whsec_a b c d e f"])
def test_what_is_no_signing_secret_is_refused(shop: Shop, desk: Client, secret: str) -> None:
    before = Connection.objects.get().webhook_secrets
    page = desk.post(f"{ENDPOINT}secret/", {"secret": secret}, follow=True).content.decode()
    assert "A signing secret begins with whsec_" in page
    assert Connection.objects.get().webhook_secrets == before


# Rolling


def heard(secret: str) -> int:
    """How a delivery that is signed with this secret is answered. It is of the other mode, so nothing comes of it."""
    found = {"object": "customer", "id": "cus_1"}
    event = {"object": "event", "id": "evt_1", "type": "customer.updated", "livemode": True, "created": 1}
    body = json.dumps(event | {"data": {"object": found}})
    signature = stripe.WebhookSignature.generate_signature_header(body, secret)
    return post_webhook(Connection.objects.get(), {"body": body, "headers": {"Stripe-Signature": signature}})


def test_while_a_secret_is_rolled_both_are_good_and_each_event_is_kept_once(shop: Shop, desk: Client) -> None:
    (old,) = Connection.objects.get().webhook_secrets
    page = desk.post(f"{ENDPOINT}roll/", follow=True).content.decode()
    new, kept = Connection.objects.get().webhook_secrets
    assert kept == old != new and "The one before it is good until" in page and f"…{new[-4:]}" in page
    assert [heard(secret) for secret in (old, new)] == [200, 200]
    shop.buy(shop.once)
    told = shop.deliver()
    assert told.count("checkout.session.completed") == 2, "both endpoints hear of it"
    assert InboxEvent.objects.filter(type="checkout.session.completed").count() == 1
    assert shop.has("ada@example.org", shop.course)
    done = Activity.objects.filter(verb=Activity.Verb.STAFF_ACTION).latest("pk")
    assert "rolled the signing secret" in done.details["reason"]


def test_the_old_secret_is_good_at_every_moment_of_a_roll(shop: Shop, desk: Client) -> None:
    before = Connection.objects.get()
    (old,) = before.webhook_secrets
    kept: list[tuple[list[str], str]] = []

    def look(**_: object) -> None:
        now = Connection.objects.get()
        kept.append((now.valid_secrets(now=timezone.now()), now.old_endpoint_id))

    post_save.connect(look, sender=Connection, weak=False)
    try:
        desk.post(f"{ENDPOINT}roll/")
    finally:
        post_save.disconnect(look, sender=Connection)
    assert kept and all(old in secrets for secrets, _ in kept)
    assert {endpoint for _, endpoint in kept} == {before.webhook_endpoint_id}, "or nobody would ever delete it"


def test_when_the_overlap_is_over_the_old_secret_is_refused_and_its_endpoint_gone(shop: Shop, desk: Client) -> None:
    before = Connection.objects.get()
    desk.post(f"{ENDPOINT}roll/")
    Connection.objects.update(old_secret_until=timezone.now())
    (old,) = before.webhook_secrets
    assert heard(old) == 400, "at once, not at the next catch-up"
    catch_up()
    assert [found.id for found in shop.sandbox.api.webhook_endpoints.list().data] == [endpoint(shop.sandbox).id]
    assert len(Connection.objects.get().webhook_secrets) == 1
    shop.sandbox.take_pending()
    shop.buy(shop.once)
    shop.deliver()
    assert shop.has("ada@example.org", shop.course)


def test_a_secret_that_leaked_is_ended_at_once(shop: Shop, desk: Client) -> None:
    (old,) = Connection.objects.get().webhook_secrets
    desk.post(f"{ENDPOINT}roll/")
    page = desk.post(f"{ENDPOINT}roll/end/", follow=True).content.decode()
    assert "good no longer" in page and "The one before it" not in page
    assert heard(old) == 400
    assert len(shop.sandbox.api.webhook_endpoints.list().data) == 1


def test_a_secret_that_was_rolled_in_stripe_is_pasted_and_the_old_one_is_good_for_a_day(
    shop: Shop, desk: Client
) -> None:
    (old,) = Connection.objects.get().webhook_secrets
    rolled = shop.sandbox.post(f"/sandbox/webhook_endpoints/{shop.connection.webhook_endpoint_id}/roll")["secret"]
    desk.post(f"{ENDPOINT}secret/", {"secret": rolled})
    made = Connection.objects.get()
    assert made.webhook_secrets == [rolled, old]
    assert made.valid_secrets(now=timezone.now() + timedelta(hours=25)) == [rolled]
    assert [heard(secret) for secret in (old, rolled)] == [200, 200]


# The page


def test_the_page_says_how_well_everything_is_known_without_asking_stripe(
    shop: Shop, desk: Client, django_assert_num_queries: DjangoAssertNumQueries
) -> None:
    shop.buy(shop.once)
    shop.deliver()
    Pass.objects.create(kind="full", started_at=shop.now(), looked_at=3, found=[drift("ada")])
    read(desk)
    with counted(shop.sandbox, at_most=0), CaptureQueriesContext(connection) as few:
        page = read(desk)
    assert len(few) <= 18
    assert "Last event" in page and "3 customers, 1 drifted" in page and "ada@example.org" in page
    for _number in range(3):
        Pass.objects.create(kind="catch_up", started_at=shop.now(), found=[{"event": "evt_1"}])
    Pass.objects.create(kind="full", started_at=shop.now(), looked_at=30, found=[drift(f"m{n}") for n in range(30)])
    with django_assert_num_queries(len(few)):
        page = read(desk)
    assert "Each of the last three catch-ups found events that never came." in page
    assert "The first 20 of 30." in page


def drift(name: str) -> dict[str, str]:
    return {
        "email": f"{name}@example.org",
        "product": "studio",
        "is_state": "",
        "should_be": "active",
        "reason": "active",
    }


@pytest.mark.parametrize("address", ["", "products/", "people/", "activity/", "decide/", "stripe/"])
def test_every_page_of_the_console_says_which_mode_it_is(shop: Shop, desk: Client, address: str) -> None:
    assert "Test mode" in desk.get(f"/console/{address}").content.decode()
    Connection.objects.update(livemode=True)
    assert "Live mode" in desk.get(f"/console/{address}").content.decode()


@pytest.mark.parametrize("role", [None, User.Role.MEMBER, User.Role.SUPPORT, User.Role.ADMIN])
def test_only_owners_touch_the_connection(shop: Shop, role: User.Role | None) -> None:
    browser = Client() if role is None else signed_in(cast.UserFactory(role=role))
    before = Connection.objects.get()
    shop.sandbox.forget_calls()
    for act in ACTS:
        answer = browser.post(f"{ENDPOINT}{act}", {"secret": "whsec_evil123"})
        assert answer.status_code == (302 if role is None else 403)
    assert Connection.objects.get().webhook_secrets == before.webhook_secrets
    assert shop.sandbox.calls() == []


@pytest.mark.parametrize("act", ["roll/", "roll/end/"])
def test_who_came_in_long_ago_rolls_no_secret(shop: Shop, owner: User, act: str) -> None:
    before = Connection.objects.get().webhook_secrets
    shop.sandbox.forget_calls()
    answer = signed_in(owner).post(f"{ENDPOINT}{act}")
    assert (answer.status_code, answer["Location"].partition("?")[0]) == (302, REENTER)
    assert Connection.objects.get().webhook_secrets == before and shop.sandbox.calls() == []


@pytest.mark.parametrize(("address", "name"), [(STRIPE, "key"), (f"{ENDPOINT}secret/", "secret")])
def test_who_came_in_long_ago_pastes_nothing_and_nothing_of_it_is_kept(
    shop: Shop, owner: User, address: str, name: str
) -> None:
    before, pasted = Connection.objects.values().get(), {"key": KEY, "secret": "whsec_evil123"}[name]
    shop.sandbox.forget_calls()
    browser = signed_in(owner)
    answer = browser.post(address, {name: pasted})
    assert (answer.status_code, answer["Location"]) == (303, f"{REENTER}?next=%2Fconsole%2Fstripe%2F")
    assert Connection.objects.values().get() == before and shop.sandbox.calls() == []
    assert pasted not in json.dumps(dict(browser.session.items()))
    assert "paste it again: it was not kept" in browser.get(answer["Location"]).content.decode()


def test_whoever_has_a_password_is_asked_for_that_before_a_key_is_taken(shop: Shop, owner: User) -> None:
    owner.set_password("a pot of blue clay")
    owner.save()
    answer = signed_in(owner).post(STRIPE, {"key": restricted(shop.sandbox)})
    assert answer["Location"].startswith("/accounts/reauthenticate/?")
    assert Connection.objects.get().key == KEY


def test_looking_at_the_page_asks_nothing(shop: Shop, owner: User) -> None:
    assert signed_in(owner).get(STRIPE).status_code == 200


def test_the_feed_says_who_connected_and_who_replaced_the_key(sandbox: Sandbox, desk: Client, owner: User) -> None:
    paste(desk, KEY)
    paste(desk, restricted(sandbox))
    paste(desk, "sk_test_of_nobody_here")
    told = Activity.objects.filter(verb=Activity.Verb.STAFF_ACTION, actor=owner).order_by("pk")
    name = Connection.objects.get().account_name
    deeds = [deed["reason"] for deed in told.values_list("details", flat=True)]
    assert deeds == [f"connected the Stripe account {name}", f"replaced the key of the Stripe account {name}"]
    assert f"Connected the Stripe account {name}" in desk.get("/console/activity/").content.decode()


# What is for sale, when its webhook never came


def test_what_was_archived_while_no_webhook_came_is_found_within_an_hour(shop: Shop) -> None:
    shop.sandbox.api.products.update(shop.once.link.stripe_product, {"active": False})
    shop.sandbox.take_pending()
    catch_up()
    assert shop.once.link.__class__.objects.get(pk=shop.once.link.pk).is_active_at_stripe, "not each quarter of an hour"
    shop.sandbox.advance("61m")
    catch_up()
    drain()
    assert not shop.once.link.__class__.objects.get(pk=shop.once.link.pk).is_active_at_stripe
