"""Many subscribers at once: as true as those that the API makes."""

import json
import subprocess
import sys
from collections import Counter
from pathlib import Path

from tests.sandbox.serving import client, control, serving
from tests.sandbox.shelf import DAY, Shelf
from tests.sandboxes import ROOT, Json, Sandbox

EXPANSIONS = ["data.customer", "data.latest_invoice.payments", "data.default_payment_method"]


def seed(sandbox: Sandbox, *, subscribers: int, events: bool = False) -> None:
    sandbox.post("/sandbox/seed", {"subscribers": subscribers, "seed": 5, "events": events})


def subscriptions(sandbox: Sandbox) -> list[Json]:
    page = sandbox.api.subscriptions.list({"limit": 100, "status": "all", "expand": EXPANSIONS})
    return [row.to_dict() for row in page.auto_paging_iter()]


def test_seeded_subscribers_hang_together(sandbox: Sandbox) -> None:
    seed(sandbox, subscribers=300)
    rows = subscriptions(sandbox)
    assert len({row["id"] for row in rows}) == len({row["customer"]["id"] for row in rows}) == 300
    assert len({row["customer"]["email"] for row in rows}) == 300
    assert Counter(row["status"] for row in rows).keys() == {"active", "trialing"}
    assert [row["created"] for row in rows] == sorted((row["created"] for row in rows), reverse=True)
    assert rows[0]["created"] - rows[-1]["created"] > 26 * DAY
    for row in rows:
        invoice = row["latest_invoice"]
        assert row["default_payment_method"]["customer"] == row["customer"]["id"] == invoice["customer"]
        assert invoice["parent"]["subscription_details"]["subscription"] == row["id"]
        assert invoice["number"] == f"{row['customer']['invoice_prefix']}-0001"
        assert invoice["amount_paid"] == (0 if row["status"] == "trialing" else invoice["amount_due"])
    paid = next(row for row in rows if row["status"] == "active")["latest_invoice"]
    intent = sandbox.api.payment_intents.retrieve(paid["payments"]["data"][0]["payment"]["payment_intent"])
    assert intent.amount_received == paid["amount_paid"]
    assert not sandbox.pending()


def test_seeded_subscribers_live_on(sandbox: Sandbox) -> None:
    seed(sandbox, subscribers=200)
    sandbox.advance("35d")
    rows = subscriptions(sandbox)
    assert Counter(row["status"] for row in rows).keys() >= {"active", "canceled"}
    monthly = [row for row in rows if row["items"]["data"][0]["price"]["recurring"]["interval"] == "month"]
    renewed = [row for row in monthly if row["status"] == "active"]
    assert renewed
    assert all(row["latest_invoice"]["billing_reason"] == "subscription_cycle" for row in renewed)
    sandbox.api.subscriptions.cancel(renewed[0]["id"])
    assert sandbox.api.subscriptions.retrieve(renewed[0]["id"]).status == "canceled"


def test_events_may_be_seeded_too(sandbox: Sandbox) -> None:
    seed(sandbox, subscribers=20, events=True)
    events = list(sandbox.api.events.list({"limit": 100}).auto_paging_iter())
    kinds = Counter(event.type for event in events)
    assert kinds["customer.created"] == kinds["customer.subscription.created"] == kinds["invoice.paid"] == 20
    times = [event.created for event in events]
    assert times == sorted(times, reverse=True)
    made = next(event for event in events if event.type == "customer.subscription.created")
    assert sandbox.api.subscriptions.retrieve(made.data.object["id"]).customer == made.data.object["customer"]


def test_seeding_goes_on_where_others_are(sandbox: Sandbox) -> None:
    shelf = Shelf.stock(sandbox)
    before = shelf.subscribe()
    seed(sandbox, subscribers=10)
    assert len(subscriptions(sandbox)) == 11
    assert shelf.subscription(before["id"])["status"] == "active"


def test_the_command_line_seeds_and_a_restart_keeps_it(tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        command = [sys.executable, "-m", "sandbox", "seed", "--subscribers", "60", "--seed", "3", "--url", url]
        done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, timeout=60)
        assert json.loads(done.stdout)["subscribers"] == 60
        before = [row.to_dict() for row in client(url).subscriptions.list({"limit": 100}).data]
    with serving(tmp_path) as url:
        assert [row.to_dict() for row in client(url).subscriptions.list({"limit": 100}).data] == before
        assert control(url, "clock", {"advance": "31d"})["done"] > 40
