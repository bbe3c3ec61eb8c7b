"""What comes to the webhook's address: taken only if Stripe signed these very bytes, just now, for this connection."""

import json
import time
from typing import Any

import pytest
import stripe
from django.db import connection
from django.test import Client
from django.test.utils import CaptureQueriesContext

from billing.intake.draining import drain
from billing.intake.inbox import MAX_BYTES, Answer, receive
from billing.intake.signers import KEPT_SECONDS
from billing.models import Connection, InboxEvent, Subject
from tests.shops import Json, Shop, post_webhook

ADA = "ada@example.org"


@pytest.fixture
def delivery(shop: Shop) -> Json:
    """A purchase's webhook, as Stripe would post it now."""
    shop.buy(shop.once, email=ADA)
    return next(held for held in shop.sandbox.take_pending() if held["event"]["type"] == "checkout.session.completed")


def test_a_signed_event_is_stored_once_however_often_it_comes(shop: Shop, delivery: Json) -> None:
    assert [shop.post_webhook(delivery) for _ in range(5)] == [200] * 5
    assert InboxEvent.objects.count() == 1


@pytest.mark.parametrize(
    "signature",
    [
        "",
        "nonsense",
        "t=,v1=",
        "t=abc,v1=00",
        "v1=" + "0" * 64,
        "t={now}",
        "t={now},v1=\u00e9",
    ],
)
def test_case_53_a_missing_or_malformed_signature_is_refused(shop: Shop, delivery: Json, signature: str) -> None:
    signature = signature.replace("{now}", str(int(time.time())))
    assert shop.post_webhook(delivery, signature=signature) == 400
    assert not InboxEvent.objects.exists()


def test_case_53_a_forged_signature_is_refused(shop: Shop, delivery: Json) -> None:
    assert shop.post_webhook(delivery, signature=_sign(delivery["body"], secret="whsec_somebody_elses")) == 400
    assert not InboxEvent.objects.exists()


@pytest.mark.parametrize(("age", "status"), [(290, 200), (360, 400)])
def test_case_53_a_signature_is_good_for_five_minutes(shop: Shop, delivery: Json, age: int, status: int) -> None:
    signature = _sign(delivery["body"], secret=_secret(shop), at=int(time.time()) - age)
    assert shop.post_webhook(delivery, signature=signature) == status
    assert InboxEvent.objects.exists() is (status == 200)


def test_case_53_while_a_secret_is_rolled_the_old_and_the_new_one_are_good(shop: Shop) -> None:
    rolled = shop.sandbox.post(f"/sandbox/webhook_endpoints/{shop.connection.webhook_endpoint_id}/roll")
    shop.buy(shop.once, email=ADA)
    old_here, *rest = shop.sandbox.take_pending()
    assert old_here["headers"]["Stripe-Signature"].count("v1=") == 2
    assert shop.post_webhook(old_here) == 200

    old = _secret(shop)
    shop.connection.webhook_secrets = [rolled["secret"]]
    shop.connection.save()
    assert [shop.post_webhook(held) for held in rest] == [200] * len(rest)

    shop.connection.webhook_secrets = [old, rolled["secret"]]
    shop.connection.save()
    body = rest[0]["body"]
    for secret in (old, rolled["secret"]):
        assert shop.post_webhook(rest[0], signature=_sign(body, secret=secret)) == 200
    drain()
    assert shop.has(ADA, shop.course)


def test_case_54_the_same_event_written_otherwise_is_refused(shop: Shop, delivery: Json) -> None:
    rewritten = json.dumps(json.loads(delivery["body"])).encode()
    assert rewritten != delivery["body"].encode()
    assert shop.post_webhook(delivery, body=rewritten) == 400
    assert not InboxEvent.objects.exists()


def test_case_55_an_event_of_the_other_mode_is_answered_and_ignored(shop: Shop, delivery: Json) -> None:
    assert _post(shop, {**delivery["event"], "livemode": True}) == 200
    assert not InboxEvent.objects.exists()


def test_case_55_a_test_event_at_a_live_address_is_answered_and_ignored(shop: Shop, delivery: Json) -> None:
    Connection.objects.update(livemode=True)
    assert shop.post_webhook(delivery) == 200
    assert not InboxEvent.objects.exists()


def test_an_event_of_a_connected_account_is_answered_and_ignored(shop: Shop, delivery: Json) -> None:
    assert _post(shop, {**delivery["event"], "account": "acct_1Other"}) == 200
    assert not InboxEvent.objects.exists()


@pytest.mark.parametrize("type", ["invoice.created", "payout.paid", "something.that.does.not.exist"])
def test_an_event_that_nobody_asked_for_is_answered_and_ignored(shop: Shop, delivery: Json, type: str) -> None:
    assert _post(shop, {**delivery["event"], "type": type}) == 200
    assert not InboxEvent.objects.exists()


@pytest.mark.parametrize("answer", [500, "hang"])
def test_case_56_the_door_answers_at_once_while_stripe_is_down_and_the_work_is_done_later(
    shop: Shop, delivery: Json, answer: int | str
) -> None:
    shop.sandbox.forget_calls()
    shop.sandbox.answer_with(answer)
    started = time.monotonic()
    assert shop.post_webhook(delivery) == 200
    assert time.monotonic() - started < 1
    assert shop.sandbox.calls() == []
    if answer == 500:
        drain()
        assert not shop.has(ADA, shop.course)
        assert InboxEvent.objects.get().state == InboxEvent.State.PENDING

    shop.sandbox.behave()
    Subject.objects.update(retry_at=None)
    drain()
    assert shop.has(ADA, shop.course)
    assert InboxEvent.objects.get().state == InboxEvent.State.DONE


@pytest.mark.parametrize(
    "body",
    [
        b"",
        b"not JSON",
        b"\xff\xfe",
        b"null",
        b"[]",
        b'"event"',
        b"{}",
        b'{"object": "event"}',
        b'{"object": "v2.core.event", "id": "evt_1", "type": "invoice.paid"}',
        b'{"object": "event", "id": "evt_1", "type": "invoice.paid", "created": 1, "livemode": false, "data": []}',
        b'{"object": "event", "id": "evt_1", "type": "invoice.paid", "created": "1", "livemode": false}',
        b'{"object": "event", "id": ["evt_1"], "type": {}, "created": 1, "livemode": false, "data": {"object": {}}}',
    ],
)
def test_what_is_no_event_is_refused_though_it_is_signed(shop: Shop, body: bytes) -> None:
    signature = _sign(body.decode(errors="replace"), secret=_secret(shop))
    assert shop.post_webhook({"headers": {}, "body": ""}, body=body, signature=signature) == 400
    assert not InboxEvent.objects.exists()


def test_a_body_that_is_too_large_is_refused_before_it_is_read(shop: Shop) -> None:
    body = b" " * (MAX_BYTES + 1)
    signature = _sign(body.decode(), secret=_secret(shop))
    assert shop.post_webhook({"headers": {}, "body": ""}, body=body, signature=signature) == 413
    assert not InboxEvent.objects.exists()


def test_a_body_that_does_not_tell_its_length_is_refused_too(shop: Shop) -> None:
    answer = receive(b" " * (MAX_BYTES + 1), signature="", webhook_uuid=shop.connection.webhook_uuid)
    assert answer is Answer.TOO_LARGE


def test_the_address_of_no_connection_is_unknown(shop: Shop, delivery: Json) -> None:
    stranger = Connection(webhook_uuid="6ba7b810-9dad-11d1-80b4-00c04fd430c8")
    assert post_webhook(stranger, delivery) == 404
    Connection.objects.update(state=Connection.State.OFF)
    assert shop.post_webhook(delivery) == 404
    assert not InboxEvent.objects.exists()


def test_the_door_takes_posts_alone_and_asks_for_no_token(shop: Shop, delivery: Json) -> None:
    address = f"/stripe/webhook/{shop.connection.webhook_uuid}/"
    assert Client().get(address).status_code == 405
    answer = Client(enforce_csrf_checks=True).post(
        address,
        data=delivery["body"],
        content_type="application/json",
        headers={"stripe-signature": delivery["headers"]["Stripe-Signature"]},
    )
    assert answer.status_code == 200


def test_a_host_that_is_not_ours_is_refused(shop: Shop, delivery: Json) -> None:
    answer = Client(headers={"host": "elsewhere.example.org"}).post(
        f"/stripe/webhook/{shop.connection.webhook_uuid}/",
        data=delivery["body"],
        content_type="application/json",
        headers={"stripe-signature": delivery["headers"]["Stripe-Signature"]},
    )
    assert answer.status_code == 400
    assert not InboxEvent.objects.exists()


def test_the_answer_is_empty_says_so_and_sets_no_cookie(shop: Shop, delivery: Json) -> None:
    answer = Client().post(
        f"/stripe/webhook/{shop.connection.webhook_uuid}/",
        data=delivery["body"],
        content_type="application/json",
        headers={"stripe-signature": delivery["headers"]["Stripe-Signature"]},
    )
    assert (answer.content, answer.headers["Content-Length"], answer.cookies) == (b"", "0", {})


def test_within_a_second_the_connection_is_read_once(shop: Shop) -> None:
    shop.buy(shop.monthly, email=ADA)
    first, *rest = shop.sandbox.take_pending()
    assert shop.post_webhook(first) == 200
    for delivery in rest:
        with CaptureQueriesContext(connection) as captured:
            assert shop.post_webhook(delivery) == 200
        assert "billing_connection" not in "".join(query["sql"] for query in captured.captured_queries)


def test_a_new_secret_is_good_at_once_and_withdraws_the_old_one(shop: Shop, delivery: Json) -> None:
    old = _secret(shop)
    assert shop.post_webhook(delivery) == 200
    shop.connection.webhook_secrets = ["whsec_new"]
    shop.connection.save()
    assert shop.post_webhook(delivery, signature=_sign(delivery["body"], secret="whsec_new")) == 200
    assert shop.post_webhook(delivery, signature=_sign(delivery["body"], secret=old)) == 400


def test_a_disconnected_account_is_unknown_after_a_second(shop: Shop, delivery: Json) -> None:
    assert shop.post_webhook(delivery) == 200
    Connection.objects.update(state=Connection.State.OFF)
    time.sleep(KEPT_SECONDS)
    assert shop.post_webhook(delivery) == 404


def _secret(shop: Shop) -> str:
    return shop.connection.webhook_secrets[0]


def _sign(body: str, *, secret: str, at: int | None = None) -> str:
    return str(stripe.WebhookSignature.generate_signature_header(body, secret, at))


def _post(shop: Shop, event: dict[str, Any]) -> int:
    """Posts an event that Stripe did sign, though the test wrote it."""
    body = json.dumps(event)
    return shop.post_webhook({"headers": {}, "body": body}, signature=_sign(body, secret=_secret(shop)))
