"""One odd customer, event or answer holds nobody else up."""

import json
import time
from typing import Any

import pytest
import stripe

from billing.intake.draining import drain, sweep
from billing.intake.storable import read_strictly, storable
from billing.models import Attention, InboxEvent, Order, StripeCustomer, Subject, Subscription
from billing.sweeping.reconcile import catch_up, differences, full_pass
from hub.models import User
from tests.shops import Json, Shop

ADA, BEN, MAL = "ada@example.org", "ben@example.org", "mal@example.org"
TOO_LONG = "a" * 60 + "@" + ".".join(["b" * 60] * 4) + ".com"
EVENT = {
    "id": "evt_1",
    "object": "event",
    "type": "customer.updated",
    "created": 1_790_000_000,
    "livemode": False,
    "data": {"object": {"id": "cus_1", "object": "customer"}},
}


def post(shop: Shop, body: str) -> int:
    """Posts what Stripe did sign, though the test wrote it."""
    signature = stripe.WebhookSignature.generate_signature_header(body, shop.connection.webhook_secrets[0], None)
    return shop.post_webhook({"headers": {}, "body": body}, signature=str(signature))


def test_an_address_longer_than_an_account_can_have_waits_for_a_person_alone(shop: Shop) -> None:
    shop.buy(shop.monthly, email=TOO_LONG)
    shop.buy(shop.once, email=TOO_LONG)
    shop.deliver()
    shop.buy(shop.monthly, email=ADA)
    shop.deliver()
    assert [user.email for user in User.objects.all()] == [ADA]
    assert shop.has(ADA, shop.club)
    assert not Subject.objects.exclude(error="").exists()
    assert Attention.objects.filter(kind=Attention.Kind.UNMATCHED).count() == 2
    run = full_pass()
    assert run is not None and run.finished_at is not None
    assert list(differences()) == []


@pytest.mark.parametrize("name", ["A\x00da", "\x00"])
def test_a_name_that_no_database_keeps_stops_nothing(shop: Shop, name: str) -> None:
    for email in (MAL, ADA):
        shop.buy(shop.monthly, email=email)
    shop.deliver()
    mal = StripeCustomer.objects.get(email=MAL)
    shop.sandbox.api.customers.update(mal.stripe_id, {"name": name})
    assert shop.deliver() == ["customer.updated"]
    shop.sandbox.api.subscriptions.cancel(Subscription.objects.get(customer_id=mal.stripe_id).stripe_id)
    shop.sandbox.take_pending()
    catch_up()
    sweep()
    assert not shop.has(MAL, shop.club)
    assert shop.has(ADA, shop.club)
    assert StripeCustomer.objects.get(email=MAL).name == name.replace("\x00", "")
    run = full_pass()
    assert run is not None and run.finished_at is not None and not run.stopped


@pytest.mark.parametrize(
    "odd",
    [
        {"created": 10**30},
        {"created": -1},
        {"created": True},
        {"id": "evt_" + "x" * 300},
        {"id": ""},
        {"type": "x" * 300},
        {"data": {"object": {"object": "customer"}}},
        {"data": {"object": {"id": "cus_" + "x" * 300, "object": "customer"}}},
        {"data": {"object": {"id": float("nan"), "object": "customer"}}},
        {"type": "invoice.paid", "data": {"object": {"id": "in_1", "object": "invoice", "parent": "x"}}},
    ],
)
def test_what_cannot_be_kept_is_refused_though_it_is_signed(shop: Shop, odd: Json) -> None:
    assert post(shop, json.dumps(EVENT | odd)) == 400
    assert not InboxEvent.objects.exists()


@pytest.mark.parametrize(("depth", "answer"), [(900, 200), (70_000, 400)])
def test_what_is_nested_beyond_reason_breaks_nothing(shop: Shop, depth: int, answer: int) -> None:
    body = json.dumps(EVENT)[:-1] + ',"z":' + "[" * depth + "]" * depth + "}"
    assert post(shop, body) == answer
    assert InboxEvent.objects.count() == (answer == 200)


@pytest.mark.parametrize("thing", [{"a": 1}, ["x"], 7])
def test_a_field_of_another_kind_leads_nowhere(shop: Shop, thing: Any) -> None:
    found = {"id": "sub_1", "object": "subscription", "customer": thing}
    assert post(shop, json.dumps(EVENT | {"type": "customer.subscription.updated", "data": {"object": found}})) == 200
    assert InboxEvent.objects.get().subject == "sub_1"
    drain()


def test_half_characters_and_nuls_are_left_out_and_the_rest_is_kept(shop: Shop) -> None:
    body = json.dumps(
        EVENT | {"data": {"object": {"id": "cus_\ud8001", "object": "customer", "name": "A\x00\U0001f600"}}}
    )
    assert post(shop, body) == 200
    assert InboxEvent.objects.get().payload["data"]["object"] == {
        "id": "cus_1",
        "object": "customer",
        "name": "A\U0001f600",
    }


def test_an_odd_event_in_stripes_list_is_put_before_a_person_and_the_others_are_kept(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    odd = shop.sandbox.api.customers.create({"email": MAL})
    shop.sandbox.set_fields(odd.id, emit="customer.updated", id="cus_" + "x" * 300)
    shop.buy(shop.monthly, email=BEN)
    shop.sandbox.take_pending()
    assert catch_up() > 1
    drain()
    assert shop.has(ADA, shop.club) and shop.has(BEN, shop.club)
    assert Attention.objects.get().kind == Attention.Kind.UNREADABLE
    assert catch_up() == 0
    assert Attention.objects.count() == 1


def test_who_cannot_be_compared_is_named_and_the_others_are_mended(shop: Shop) -> None:
    odd = shop.buy(shop.once, email=MAL)
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    shop.sandbox.api.refunds.create({"charge": Order.objects.get(email=ADA).charge_id})
    shop.sandbox.set_fields(odd["id"], amount_total=10**30)
    shop.sandbox.take_pending()
    assert {(found.reason, found.source_ref or found.email) for found in differences()} == {
        ("not_compared", odd["customer"]),
        ("refunded", Order.objects.get(email=ADA).key),
    }
    full_pass()
    drain()
    assert not shop.has(ADA, shop.course)
    assert shop.has(MAL, shop.course)
    assert Subject.objects.get(key=odd["customer"]).error


def test_a_text_without_such_things_is_not_walked_through() -> None:
    found = {"name": "A\x00"}
    assert storable(found, text=b'{"name": "A"}') is found
    assert storable(found, text=r'{"name": "A\u0000"}') == {"name": "A"}


def test_a_large_body_is_read_in_no_time() -> None:
    text = json.dumps({"data": [{"name": "\ud83d\ude00" * 50}] * 500})
    started = time.monotonic()
    read_strictly(text)
    assert time.monotonic() - started < 1
