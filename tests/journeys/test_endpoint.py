"""Where Stripe sends its events: the endpoint as Stripe sees it, one of the owner's own, secrets that are rolled."""

import json
from datetime import timedelta
from typing import Any

import pytest
import stripe
from django.db.models.signals import post_save
from django.test import Client
from django.utils import timezone

from activities.models import Activity
from billing.intake import event_types
from billing.models import Connection, InboxEvent
from billing.sweeping.reconcile import catch_up
from tests.journeys.test_connecting import ENDPOINT, paste, read, restricted
from tests.sandboxes import Sandbox
from tests.shops import Shop, post_webhook


@pytest.fixture
def desk(browser: Client) -> Client:
    return browser


def endpoint(sandbox: Sandbox) -> Any:
    return sandbox.api.webhook_endpoints.retrieve(Connection.objects.get().webhook_endpoint_id)


# The endpoint


def test_it_is_ready_once_an_event_has_come_and_not_by_having_been_made(shop: Shop, desk: Client) -> None:
    assert "Nothing heard yet" in read(desk)
    shop.buy(shop.once, email="ada@example.org")
    shop.deliver()
    assert "Nothing heard yet" not in read(desk) and "Ready" in read(desk)


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
    assert "Mended" in page and words not in page and "Nothing heard yet" in page
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
