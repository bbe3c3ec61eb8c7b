"""The connection: a restricted key's permissions, another key, who may touch it, and what its page says."""

import json

import pytest
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext
from pytest_django import DjangoAssertNumQueries

from activities.letters import render
from activities.models import Activity, Delivery
from billing.connecting.keys import NEEDS
from billing.console.asking import ASKED_PER_MINUTE
from billing.intake.draining import drain
from billing.models import Connection, Pass, ProductLink
from billing.sweeping.reconcile import catch_up
from hub.models import User
from tests import cast
from tests.counting import counted
from tests.hub.test_reentry import REENTER
from tests.members import signed_in
from tests.sandboxes import KEY, Sandbox
from tests.shops import Shop

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


@pytest.mark.parametrize(
    ("pasted", "words"),
    [
        ("pk_test_51abc", "This is the publishable key"),
        ("whsec_abc123", "This is a webhook’s signing secret"),
        ("a key", "A key begins with sk_ or rk_"),
        (f"sk_test_{'a' * 9_992}", "This is 10,000 letters long, and no key of Stripe’s is"),
        ("sk_test_51\u0430bc", "A key is made of letters, digits and _ alone"),
    ],
)
def test_what_is_pasted_in_the_place_of_a_key_is_named(shop: Shop, desk: Client, pasted: str, words: str) -> None:
    shop.sandbox.forget_calls()
    page = paste(desk, pasted)
    assert words in page and f'value="{pasted}' not in page
    assert shop.sandbox.calls() == []


@pytest.mark.parametrize("act", ["repair/", "roll/", "roll/end/"])
def test_who_came_in_long_ago_touches_neither_endpoint_nor_secret(shop: Shop, owner: User, act: str) -> None:
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


@pytest.mark.parametrize(
    ("address", "given"),
    [
        (STRIPE, {"key": "sk_test_of_nobody_here"}),
        (f"{ENDPOINT}look/", {}),
        (f"{ENDPOINT}repair/", {}),
        (f"{ENDPOINT}roll/", {}),
        (f"{STRIPE}portal/", {"members_may_cancel": "on"}),
    ],
)
def test_stripe_is_asked_about_the_connection_so_often_a_minute(
    shop: Shop, desk: Client, address: str, given: dict[str, str]
) -> None:
    """Twice as often is once too often, even where a minute ends in between."""
    answers = [desk.post(address, given, follow=True).content.decode() for _ in range(2 * ASKED_PER_MINUTE + 1)]
    refused = ["Stripe was asked many times in the last minute. Nothing was changed" in page for page in answers]
    assert any(refused) and not any(refused[:ASKED_PER_MINUTE])


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


def test_every_owner_is_written_to_when_the_connection_changes(sandbox: Sandbox, desk: Client, owner: User) -> None:
    other = cast.UserFactory(email="ole@example.org", role=User.Role.OWNER)
    cast.UserFactory(email="away@example.org", role=User.Role.OWNER, is_active=False)
    cast.UserFactory(email="theo@example.org", role=User.Role.ADMIN)
    paste(desk, KEY)
    paste(desk, restricted(sandbox))
    desk.post(f"{ENDPOINT}secret/", {"secret": "whsec_fromthedashboard1"})
    desk.post(f"{STRIPE}disconnect/")
    letters = Delivery.objects.filter(notice="stripe_changed").select_related("user").order_by("pk")
    assert {letter.user for letter in letters} == {owner, other}
    name = Connection.objects.get().account_name
    for person in (owner, other):
        said = [letter.context["words"] for letter in letters if letter.user == person]
        assert said == [
            f"{owner} {deed}."
            for deed in (
                f"connected the Stripe account {name}",
                f"replaced the key of the Stripe account {name}",
                "pasted a new signing secret for Stripe’s webhooks",
                f"disconnected the Stripe account {name}",
            )
        ]
    letter = render(letters[0])
    assert "connection of" in str(letter.subject) and "next=%2Fconsole%2Fstripe%2F" in str(letter.body)
    assert not any(KEY in str(each.context) or "whsec_" in str(each.context) for each in letters)


# What is for sale, when its webhook never came


def test_what_was_archived_while_no_webhook_came_is_found_within_an_hour(shop: Shop) -> None:
    shop.sandbox.api.products.update(shop.once.link.stripe_product, {"active": False})
    shop.sandbox.take_pending()
    catch_up()
    assert ProductLink.objects.get(pk=shop.once.link.pk).is_active_at_stripe, "not each quarter of an hour"
    shop.sandbox.advance("61m")
    catch_up()
    drain()
    assert not ProductLink.objects.get(pk=shop.once.link.pk).is_active_at_stripe
