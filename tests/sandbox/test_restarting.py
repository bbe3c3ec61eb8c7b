"""What survives a restart, and what the same seed makes again."""

import json
import sqlite3
import urllib.request
from pathlib import Path
from typing import Any

import pytest
import stripe

from tests.sandbox.listener import Listener, wait_until
from tests.sandbox.serving import client, control, serving
from tests.sandboxes import KEY, Json

FROZEN = 1_800_000_000


def once(url: str) -> Any:
    """A client that does not retry by itself."""
    return stripe.StripeClient(KEY, base_addresses={"api": url}, max_network_retries=0).v1


def test_idempotency_keys_survive_a_restart(tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        with pytest.raises(stripe.InvalidRequestError):
            once(url).customers.create({"shoe_size": 44}, {"idempotency_key": "freed"})
        freed = once(url).customers.create({"email": "ben@example.org"}, {"idempotency_key": "freed"})
        made = once(url).customers.create({"email": "ada@example.org"}, {"idempotency_key": "once"})
    with serving(tmp_path) as url:
        api = once(url)
        again = api.customers.create({"email": "ada@example.org"}, {"idempotency_key": "once"})
        assert again.id == made.id
        assert again.last_response.headers["Idempotent-Replayed"] == "true"
        assert api.customers.create({"email": "ben@example.org"}, {"idempotency_key": "freed"}).id == freed.id
        with pytest.raises(stripe.IdempotencyError):
            api.customers.create({"email": "eve@example.org"}, {"idempotency_key": "once"})
        assert len(api.customers.list().data) == 2


def test_the_delivery_log_survives_a_restart_and_what_waited_is_sent(tmp_path: Path) -> None:
    listener = Listener()
    try:
        with serving(tmp_path) as url:
            api = client(url)
            api.webhook_endpoints.create({"url": listener.url, "enabled_events": ["customer.created"]})
            api.customers.create({"email": "ada@example.org"})
            listener.wait_for(1)
            wait_until(lambda: states(url) == ["delivered"])
            control(url, "chaos", {"deliveries": {"hold": True}})
            api.customers.create({"email": "ben@example.org"})
            api.customers.create({"email": "eve@example.org"})
            control(url, "deliveries/discard", {"ids": [log(url)[0]["id"]]})
            before = log(url)
            assert states(url) == ["delivered", "held", "delivered"]
        with serving(tmp_path) as url:
            assert log(url) == before
            pending = client(url).events.retrieve(before[1]["event"])
            assert pending.pending_webhooks == 1
            control(url, "deliveries/flush", {})
            listener.wait_for(2)
            wait_until(lambda: states(url) == ["delivered"] * 3)
    finally:
        listener.stop()


def spoil_row(folder: Path, kind: str, object_id: str, **parts: Any) -> None:
    """Put into the store what no endpoint takes."""
    with sqlite3.connect(folder / "s.sqlite3") as store:
        which = (kind, object_id)
        (body,) = store.execute("select body from row where kind = ? and id = ?", which).fetchone()
        spoilt = json.dumps(json.loads(body) | parts)
        store.execute("update row set body = ? where kind = ? and id = ?", (spoilt, *which))
    store.close()


def test_an_address_that_cannot_be_called_stops_no_other_delivery(tmp_path: Path) -> None:
    listener = Listener()
    try:
        with serving(tmp_path) as url:
            wrong = client(url).webhook_endpoints.create({"url": listener.url, "enabled_events": ["*"]})
        spoil_row(tmp_path, "webhook_endpoint", wrong.id, url="http://127.0.0.1:99999/x")
        with serving(tmp_path) as url:
            for at in range(5):  # more than there are workers
                client(url).customers.create({"email": f"p{at}@example.org"})
            wait_until(lambda: all(row["attempts"] for row in log(url)))
            assert "ValueError" in log(url)[0]["attempts"][0]["body"]
            client(url).webhook_endpoints.create({"url": listener.url, "enabled_events": ["product.created"]})
            client(url).products.create({"name": "Club"})
            listener.wait_for(1)
    finally:
        listener.stop()


def test_an_appointment_that_fails_stops_no_other(tmp_path: Path) -> None:
    with serving(tmp_path, "--freeze", str(FROZEN)) as url:
        api = client(url)
        price = {"currency": "eur", "unit_amount": 2400, "recurring": {"interval": "month"}}
        monthly = api.prices.create({**price, "product_data": {"name": "Club"}})
        link = api.payment_links.create({"line_items": [{"price": monthly.id, "quantity": 1}]})
        for name in ("ada", "ben"):
            control(url, f"links/{link.id}/pay", {"email": f"{name}@example.org"})
        good, bad = (row.id for row in api.subscriptions.list().data)
    spoil_row(tmp_path, "subscription", bad, customer="cus_gone")
    with serving(tmp_path, "--freeze", str(FROZEN)) as url:
        control(url, "clock", {"advance": "33d"})
        assert len(client(url).invoices.list({"subscription": good}).data) == 2
        assert len(client(url).invoices.list({"subscription": bad}).data) == 1


def log(url: str) -> list[Json]:
    """The deliveries, newest first."""
    with urllib.request.urlopen(f"{url}/sandbox/deliveries", timeout=20) as answer:
        found: list[Json] = json.load(answer)["data"]
    return found


def states(url: str) -> list[str]:
    return [row["state"] for row in log(url)]


def four_months(folder: Path, *, seed: str) -> list[Json]:
    """Everything that happened in four months of a small account."""
    folder.mkdir()
    events: list[Json] = []
    with serving(folder, "--seed", seed, "--freeze", str(FROZEN)) as url:
        api = client(url)
        product = api.products.create({"name": "Club"})
        price = api.prices.create(
            {"product": product.id, "currency": "eur", "unit_amount": 2400, "recurring": {"interval": "month"}}
        )
        link = api.payment_links.create({"line_items": [{"price": price.id, "quantity": 1}]})
        control(url, f"links/{link.id}/pay", {"email": "ada@example.org"})
        control(url, f"links/{link.id}/pay", {"email": "ben@example.org", "card": "4000000000000341"})
        for _ in range(5):
            events += [without_address(event.to_dict(), url) for event in api.events.list({"limit": 100}).data]
            control(url, "clock", {"advance": "29d"})
    return events


def without_address(event: Json, url: str) -> Json:
    """The event, apart from what differs between any two runs: the port and the SDK's own random keys."""
    shown: Json = json.loads(json.dumps(event, default=str).replace(url, "http://sandbox"))
    shown["request"].pop("idempotency_key", None)
    return shown


def test_the_same_seed_and_requests_make_the_same_objects_at_the_same_times(tmp_path: Path) -> None:
    first = four_months(tmp_path / "first", seed="7")
    assert first == four_months(tmp_path / "again", seed="7")
    assert len(first) > 40
    assert not {event["id"] for event in first} & {event["id"] for event in four_months(tmp_path / "other", seed="8")}


def test_time_stands_still_until_it_is_moved(tmp_path: Path) -> None:
    with serving(tmp_path, "--freeze", str(FROZEN)) as url:
        api = client(url)
        assert api.customers.create({"email": "ada@example.org"}).created == FROZEN
        control(url, "clock", {"advance": "2d"})
        assert api.customers.create({"email": "ben@example.org"}).created == FROZEN + 2 * 86_400
    with serving(tmp_path, "--freeze", str(FROZEN)) as url:
        assert client(url).customers.create({"email": "eve@example.org"}).created == FROZEN + 2 * 86_400
