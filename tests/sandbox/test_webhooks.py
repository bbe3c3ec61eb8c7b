from collections.abc import Iterator
from typing import Any

import pytest
import stripe

from tests.sandbox.listener import Listener, wait_until
from tests.sandbox.shelf import Shelf
from tests.sandboxes import Sandbox


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.stop()


@pytest.fixture
def secret(sandbox: Sandbox, listener: Listener) -> str:
    """The signing secret of an endpoint that hears of customers and products; nothing is held."""
    sandbox.post("/sandbox/chaos", {"deliveries": {}})
    endpoint = sandbox.api.webhook_endpoints.create(
        {
            "url": listener.url,
            "enabled_events": ["customer.created", "customer.updated", "product.created"],
            "api_version": "2026-08-26.dahlia",
        }
    )
    assert endpoint.secret
    return endpoint.secret


def test_only_the_chosen_events_arrive_signed(sandbox: Sandbox, listener: Listener, secret: str) -> None:
    customer = sandbox.api.customers.create({"email": "ada@example.org"})
    sandbox.api.coupons.create({"percent_off": 5})
    sandbox.api.customers.update(customer.id, {"email": "new@example.org"})
    listener.wait_for(2)
    by_type = {event.type: event for event in listener.events(secret)}
    assert set(by_type) == {"customer.created", "customer.updated"}
    changed = by_type["customer.updated"]
    assert changed.data.object["email"] == "new@example.org"
    assert changed.data.to_dict()["previous_attributes"] == {"email": "ada@example.org"}
    assert changed.api_version == "2026-08-26.dahlia"
    assert changed.to_dict()["request"]["id"].startswith("req_")


@pytest.mark.parametrize("wrong", ["customer.creatd", "customer.*", "nope", ""])
def test_an_endpoint_asks_for_types_that_there_are(sandbox: Sandbox, secret: str, wrong: str) -> None:
    endpoint = sandbox.api.webhook_endpoints.list().data[0]
    events: Any = ["customer.created", wrong]
    for attempt in (
        lambda: sandbox.api.webhook_endpoints.create({"url": endpoint.url, "enabled_events": events}),
        lambda: sandbox.api.webhook_endpoints.update(endpoint.id, {"enabled_events": events}),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            attempt()
        assert (refused.value.http_status, refused.value.param) == (400, "enabled_events[1]")
    assert [row.enabled_events for row in sandbox.api.webhook_endpoints.list().data] == [endpoint.enabled_events]


def test_the_secret_is_shown_only_at_creation(sandbox: Sandbox, secret: str) -> None:
    endpoint = sandbox.api.webhook_endpoints.list().data[0]
    assert "secret" not in endpoint.to_dict()


def test_a_refused_delivery_is_tried_again(sandbox: Sandbox, listener: Listener, secret: str) -> None:
    listener.statuses = [500]
    customer = sandbox.api.customers.create({"email": "ada@example.org"})
    listener.wait_for(2)
    first, second = listener.events(secret)
    assert first.id == second.id

    def delivered() -> bool:
        row = sandbox.get("/sandbox/deliveries")["data"][0]
        return row["state"] == "delivered" and [attempt["status"] for attempt in row["attempts"]] == [500, 200]

    wait_until(delivered)
    event = sandbox.api.events.retrieve(first.id)
    assert event.pending_webhooks == 0
    assert event.data.object["id"] == customer.id


def test_an_address_with_foreign_letters_is_reached(sandbox: Sandbox, listener: Listener) -> None:
    sandbox.post("/sandbox/chaos", {"deliveries": {}})
    address = listener.url.replace("/hook", "/Käse")
    sandbox.api.webhook_endpoints.create({"url": address, "enabled_events": ["customer.created"]})
    sandbox.api.customers.create({"email": "ada@example.org"})
    listener.wait_for(1)


def test_a_rolled_secret_signs_beside_the_old_one(sandbox: Sandbox, listener: Listener, secret: str) -> None:
    endpoint = sandbox.api.webhook_endpoints.list().data[0].id
    fresh = sandbox.post(f"/sandbox/webhook_endpoints/{endpoint}/roll")["secret"]
    sandbox.api.customers.create({"email": "ada@example.org"})
    listener.wait_for(1)
    assert listener.events(secret)[0].id == listener.events(fresh)[0].id


def test_a_disabled_endpoint_hears_nothing(sandbox: Sandbox, listener: Listener, secret: str) -> None:
    api = sandbox.api
    endpoint = api.webhook_endpoints.list().data[0].id
    assert api.webhook_endpoints.update(endpoint, {"disabled": True}).status == "disabled"
    api.customers.create({"email": "ada@example.org"})
    assert sandbox.get("/sandbox/deliveries")["data"] == []


def test_held_deliveries_can_be_posted_by_hand(sandbox: Sandbox, listener: Listener, secret: str) -> None:
    sandbox.post("/sandbox/chaos", {"deliveries": {"hold": True}})
    sandbox.api.customers.create({"email": "ada@example.org"})
    held = sandbox.take_pending()
    assert [row["event"]["type"] for row in held] == ["customer.created"]
    signature = held[0]["headers"]["Stripe-Signature"]
    assert stripe.Webhook.construct_event(held[0]["body"], signature, secret).id == held[0]["event"]["id"]  # type: ignore[no-untyped-call]
    assert sandbox.pending() == []


def test_flushing_in_a_chosen_order_doubles_and_drops(sandbox: Sandbox, listener: Listener, secret: str) -> None:
    sandbox.post("/sandbox/chaos", {"deliveries": {"hold": True}})
    for name in "abc":
        sandbox.api.products.create({"name": name})
    events = [row["event"]["id"] for row in sandbox.pending()]
    wanted = [events[2], events[0]]
    assert sandbox.post("/sandbox/deliveries/flush", {"order": wanted})["sent"] == wanted
    assert len(sandbox.post("/sandbox/deliveries/flush", {"duplicate": 1})["sent"]) == 2
    listener.wait_for(4)
    assert sorted(event.id for event in listener.events(secret)) == sorted([*events, events[1]])


def test_what_is_dropped_is_lost_for_good_until_it_is_resent(sandbox: Sandbox, listener: Listener, secret: str) -> None:
    sandbox.post("/sandbox/chaos", {"deliveries": {"drop": 1}})
    sandbox.api.customers.create({"email": "ada@example.org"})
    row = sandbox.get("/sandbox/deliveries")["data"][0]
    assert (row["state"], row["attempts"]) == ("dropped", [])
    assert sandbox.api.events.retrieve(row["event"]).pending_webhooks == 0
    listener.statuses = [500]
    assert sandbox.post(f"/sandbox/deliveries/{row['id']}/resend")["state"] == "waiting"
    listener.wait_for(1)
    assert sandbox.api.events.retrieve(row["event"]).pending_webhooks == 1
    listener.wait_for(2)
    wait_until(lambda: sandbox.api.events.retrieve(row["event"]).pending_webhooks == 0)


def test_an_event_waits_for_the_copy_of_it_that_is_not_dropped(
    sandbox: Sandbox, listener: Listener, secret: str
) -> None:
    sandbox.post("/sandbox/chaos", {"deliveries": {"duplicate": 1, "hold": True}})
    sandbox.api.products.create({"name": "A"})
    event = sandbox.pending()[0]["event"]["id"]
    listener.statuses = [500, 500, 500]
    sandbox.post("/sandbox/chaos", {"seed": 1})  # by which the first of the two is lost, the second is not
    assert len(sandbox.post("/sandbox/deliveries/flush", {"drop": 0.5})["sent"]) == 1
    states = [row["state"] for row in sandbox.get("/sandbox/deliveries")["data"]]
    assert states.count("dropped") == 1
    assert sandbox.api.events.retrieve(event).pending_webhooks == 1


def test_an_event_does_not_wait_for_an_endpoint_that_is_gone(sandbox: Sandbox, secret: str) -> None:
    sandbox.post("/sandbox/chaos", {"deliveries": {"hold": True}})
    sandbox.api.customers.create({"email": "ada@example.org"})
    event = sandbox.pending()[0]["event"]["id"]
    assert sandbox.api.events.retrieve(event).pending_webhooks == 1
    sandbox.api.webhook_endpoints.delete(sandbox.api.webhook_endpoints.list().data[0].id)
    sandbox.post("/sandbox/deliveries/flush")
    wait_until(lambda: sandbox.api.events.retrieve(event).pending_webhooks == 0)


def test_an_endpoint_elsewhere_is_never_called(sandbox: Sandbox) -> None:
    sandbox.post("/sandbox/chaos", {"deliveries": {}})
    sandbox.api.webhook_endpoints.create({"url": "https://shop.example/hook", "enabled_events": ["*"]})
    sandbox.api.customers.create({"email": "ada@example.org"})

    def refused() -> bool:
        attempts = sandbox.get("/sandbox/deliveries")["data"][0]["attempts"]
        return bool(attempts) and "not a loopback address" in attempts[0]["body"]

    wait_until(refused)


# The event log


def test_events_are_listed_by_types_and_time_for_thirty_days(sandbox: Sandbox) -> None:
    api = sandbox.api
    early = api.customers.create({"email": "a@example.org"})
    sandbox.advance("10d")
    api.products.create({"name": "A"})
    late = api.customers.create({"email": "b@example.org"})
    rows = api.events.list({"types": ["customer.created", "customer.deleted"]}).data
    assert [row.data.object["id"] for row in rows] == [late.id, early.id]
    recent = api.events.list({"created": {"gte": late.created}}).data
    assert [row.type for row in recent] == ["customer.created", "product.created"]
    assert [row.type for row in api.events.list({"type": "product.*"}).data] == ["product.created"]
    gone = rows[1].id
    sandbox.advance("21d")
    assert [row.data.object["id"] for row in api.events.list({"type": "customer.created"}).data] == [late.id]
    with pytest.raises(stripe.InvalidRequestError, match="No such event"):
        api.events.retrieve(gone)


def test_at_most_twenty_types(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.api.events.list({"types": [f"a.b{n}" for n in range(21)]})


def test_undelivered_events_can_be_asked_for(sandbox: Sandbox) -> None:
    sandbox.api.webhook_endpoints.create({"url": "http://127.0.0.1:9/hook", "enabled_events": ["product.created"]})
    sandbox.api.products.create({"name": "A"})
    sandbox.api.customers.create({"email": "a@example.org"})
    assert [row.type for row in sandbox.api.events.list({"delivery_success": False}).data] == ["product.created"]


def test_an_event_shows_its_object_as_it_was(sandbox: Sandbox) -> None:
    shelf = Shelf.stock(sandbox)
    subscription = shelf.subscribe()
    sandbox.api.subscriptions.cancel(subscription["id"])
    created = sandbox.api.events.list({"type": "customer.subscription.created"}).data[0]
    assert created.data.object["status"] == "active"
    assert "previous_attributes" not in created.data.to_dict()
