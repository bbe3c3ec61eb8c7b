"""The websocket of Stripe's command line: who may open it, and what becomes of deliveries that nobody answers."""

import http.client
import json
from collections.abc import Iterator
from contextlib import ExitStack, contextmanager
from typing import Any
from urllib.parse import quote, urlsplit

import pytest
from simple_websocket import Client

from sandbox.listening import MOST
from tests.sandbox.listener import wait_until
from tests.sandboxes import KEY, Json, Sandbox

UPGRADE = {
    "Connection": "Upgrade",
    "Upgrade": "websocket",
    "Sec-WebSocket-Version": "13",
    "Sec-WebSocket-Key": "dGhlIHNhbXBsZSBub25jZQ==",
}


def ask(sandbox: Sandbox, method: str, path: str, body: str = "", headers: Json | None = None) -> tuple[int, Json]:
    where = urlsplit(sandbox.url)
    connection = http.client.HTTPConnection(where.hostname or "", where.port, timeout=10)
    try:
        connection.request(method, path, body, {"Authorization": f"Bearer {KEY}", **(headers or {})})
        answer = connection.getresponse()
        return answer.status, json.loads(answer.read())
    finally:
        connection.close()


def open_session(sandbox: Sandbox, **more: str) -> tuple[int, Json]:
    fields = {"device_name": "desk", "websocket_features[]": "webhooks", **more}
    form = {"Content-Type": "application/x-www-form-urlencoded"}
    body = "&".join(f"{name}={value}" for name, value in fields.items())
    return ask(sandbox, "POST", "/v1/stripecli/sessions", body, form)


@contextmanager
def connected(sandbox: Sandbox) -> Iterator[Any]:
    """A websocket that hears of webhooks, as they happen."""
    sandbox.post("/sandbox/chaos", {"deliveries": {}})
    session = open_session(sandbox)[1]
    client = Client(session["websocket_url"], subprotocols=["stripecli-devproxy-v1"])
    try:
        # The sandbox hears a moment after it has shaken hands.
        wait_until(lambda: session["websocket_id"] in sandbox.get("/sandbox/health")["listeners"])
        yield client
    finally:
        client.close()


def newest_delivery(sandbox: Sandbox) -> Json:
    """Nothing is written of it before the listener has it: until then there may be none."""
    found: list[Json] = sandbox.get("/sandbox/deliveries")["data"]
    return found[0] if found else {"state": ""}


def test_a_device_keeps_its_secret_and_another_has_another(sandbox: Sandbox) -> None:
    first, again = open_session(sandbox)[1], open_session(sandbox)[1]
    other = open_session(sandbox, device_name="lap")[1]
    assert first["secret"] == again["secret"] != other["secret"]
    assert first["websocket_id"] != again["websocket_id"]


def test_what_the_session_cannot_be_is_refused(sandbox: Sandbox) -> None:
    assert open_session(sandbox, **{"websocket_features[]": "payments"})[0] == 400
    for filters in ("[]", "{", '{"filter_ip_address":["127.0.0.1"]}'):
        assert open_session(sandbox, filters=quote(filters))[1]["error"]["param"] == "filters"


def test_the_websocket_is_for_a_session_that_is_known(sandbox: Sandbox) -> None:
    status, told = ask(sandbox, "GET", "/stripecli/subscribe/cliws_gone", headers=UPGRADE)
    assert (status, told["error"]["message"]) == (404, "Unknown WebSocket ID.")


def test_the_websocket_is_not_for_web_pages(sandbox: Sandbox) -> None:
    path = urlsplit(open_session(sandbox)[1]["websocket_url"]).path
    assert ask(sandbox, "GET", path, headers={**UPGRADE, "Origin": "http://evil.example"})[0] == 403
    assert ask(sandbox, "GET", path)[0] == 400


def test_an_event_comes_for_either_version_and_counts_when_acknowledged(sandbox: Sandbox) -> None:
    with connected(sandbox) as client:
        sandbox.api.customers.create({"email": "ada@example.org"})
        told = [json.loads(client.receive(timeout=5)) for _ in range(2)]
        assert [message["endpoint"]["api_version"] for message in told] == [None, "2026-08-26.dahlia"]
        wait_until(lambda: newest_delivery(sandbox)["state"] == "sending")
        ack = {"type": "event_ack", "webhook_conversation_id": told[0]["webhook_conversation_id"]}
        client.send("no JSON")
        client.send(json.dumps(ack))
        wait_until(lambda: newest_delivery(sandbox)["state"] == "delivered")


def test_what_was_never_acknowledged_has_failed_when_the_listener_is_gone(sandbox: Sandbox) -> None:
    with connected(sandbox) as client:
        sandbox.api.customers.create({"email": "ada@example.org"})
        client.receive(timeout=5)
    wait_until(lambda: newest_delivery(sandbox)["state"] == "failed")
    made = len(sandbox.get("/sandbox/deliveries")["data"])
    sandbox.api.customers.create({"email": "ben@example.org"})
    assert len(sandbox.get("/sandbox/deliveries")["data"]) == made


def test_many_listeners_leave_room_for_requests_and_too_many_are_refused(sandbox: Sandbox) -> None:
    with ExitStack() as listening:
        for _ in range(20):
            listening.enter_context(connected(sandbox))
        assert ask(sandbox, "GET", "/v1/customers")[0] == 200
        for _ in range(MOST - 20):
            listening.enter_context(connected(sandbox))
        assert ask(sandbox, "GET", "/v1/customers")[0] == 200
        path = urlsplit(open_session(sandbox)[1]["websocket_url"]).path
        status, told = ask(sandbox, "GET", path, headers=UPGRADE)
        assert (status, told["error"]["message"]) == (503, "64 command lines listen already.")
    with connected(sandbox):
        assert ask(sandbox, "GET", "/v1/customers")[0] == 200


@pytest.mark.parametrize(("chaos", "count"), [({"drop": 1}, 1), ({"duplicate": 1}, 2)])
def test_misbehaviour_is_for_listeners_too(sandbox: Sandbox, chaos: Json, count: int) -> None:
    with connected(sandbox) as client:
        sandbox.post("/sandbox/chaos", {"deliveries": chaos})
        sandbox.api.customers.create({"email": "ada@example.org"})
        rows = sandbox.get("/sandbox/deliveries")["data"]
        assert len(rows) == count
        assert (client.receive(timeout=1) is None) == ("drop" in chaos)
