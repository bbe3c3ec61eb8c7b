"""Stripe's official command line against the sandbox; docs/sandbox.md has the results, which are checked here."""

import json
import re
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.check import violations_in
from tests.sandbox.listener import Listener, wait_until
from tests.sandboxes import KEY, ROOT, Json, Sandbox
from tests.stripe_cli import CommandLine

pytestmark = pytest.mark.cli

FAMILIES = (
    "billing_portal.", "charge.", "checkout.session.", "coupon.", "credit_note.", "customer.", "invoice.",
    "payment_intent.payment_failed", "payment_intent.succeeded", "payment_link.", "payment_method.", "price.",
    "product.", "promotion_code.", "setup_intent.", "subscription.payment_", "test_helpers.test_clock.",
)  # fmt: skip
COMPLETES = "completes"
PATIENCE = 15  # seconds until an event that comes by itself has come


def documented() -> dict[str, str]:
    """event → result, from the table of docs/sandbox.md."""
    text = (ROOT / "docs" / "sandbox.md").read_text().partition("## The official command line")[2]
    rows = re.findall(r"^\| (`.+`) \| (.+) \|$", text.partition("\n## ")[0], re.MULTILINE)
    return {event: result for events, result in rows for event in re.findall(r"`([^`]+)`", events)}


@pytest.fixture(scope="module")
def cli_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox that the command line has for itself; all that was said must be Stripe's language."""
    sandbox = Sandbox(tmp_path_factory.mktemp("cli"))
    yield sandbox
    sandbox.stop()
    assert violations_in(sandbox.exchanges) == []


@pytest.fixture
def sandbox(cli_sandbox: Sandbox) -> Sandbox:
    """An empty account, whose owner has saved the portal's settings once, and whose deliveries go out."""
    cli_sandbox.reset()
    cli_sandbox.post("/sandbox/chaos", {"deliveries": {}})
    cli_sandbox.post("/sandbox/settings", {"portal_saved": True})
    return cli_sandbox


@pytest.fixture
def cli(sandbox: Sandbox, tmp_path: Path) -> CommandLine:
    return CommandLine(sandbox.url, KEY, home=tmp_path)


def happened(sandbox: Sandbox, event: str) -> bool:
    """Whether the event is there, or comes while one waits; some follow from time alone."""
    until = time.monotonic() + PATIENCE
    while time.monotonic() < until:
        if sandbox.api.events.list({"type": event}).data:
            return True
        time.sleep(0.2)
    return False


def test_the_documents_table_has_every_event_that_concerns_foyer(cli: CommandLine) -> None:
    assert sorted(documented()) == sorted(event for event in cli.offered() if event.startswith(FAMILIES))


@pytest.mark.parametrize("event", [event for event, result in documented().items() if result == COMPLETES])
def test_a_trigger_completes_and_its_event_happens(cli: CommandLine, sandbox: Sandbox, event: str) -> None:
    done = cli.run("trigger", event)
    assert done.returncode == 0, done.stdout + done.stderr
    assert happened(sandbox, event.replace("subscription.payment_", "invoice.payment_", 1))


@pytest.mark.parametrize("event", [event for event, result in documented().items() if result != COMPLETES])
def test_a_trigger_with_a_parameter_that_stripe_has_no_more_is_refused(cli: CommandLine, event: str) -> None:
    done = cli.run("trigger", event)
    assert done.returncode == 1
    assert "Received unknown parameter: coupon" in done.stdout + done.stderr


def test_get_post_and_delete(cli: CommandLine) -> None:
    made: Json = json.loads(cli.run("post", "/v1/customers", "-d", "email=ada@example.org").stdout)
    path = f"/v1/customers/{made['id']}"
    assert json.loads(cli.run("get", path).stdout)["email"] == "ada@example.org"
    assert json.loads(cli.run("delete", path, "--confirm").stdout)["deleted"] is True
    assert json.loads(cli.run("get", path).stdout)["deleted"] is True


def test_fixtures_build_on_one_another(cli: CommandLine, sandbox: Sandbox, tmp_path: Path) -> None:
    product = {"name": "club", "path": "/v1/products", "method": "post", "params": {"name": "Club"}}
    terms = {"product": "${club:id}", "currency": "eur", "unit_amount": 500}
    price = {"name": "price", "path": "/v1/prices", "method": "post", "params": terms}
    script = tmp_path / "club.json"
    script.write_text(json.dumps({"_meta": {"template_version": 0}, "fixtures": [product, price]}))
    done = cli.run("fixtures", str(script))
    assert done.returncode == 0, done.stdout + done.stderr
    assert [row.unit_amount for row in sandbox.api.prices.list().data] == [500]


# Listening


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.stop()


def read_until(process: "subprocess.Popen[str]", words: str) -> str:
    """The line with these words; fails where the command line ends without saying them."""
    assert process.stdout is not None
    said = []
    for line in process.stdout:
        said.append(line)
        if words in line:
            return line
    raise AssertionError("".join(said))


def secret_in(line: str) -> str:
    found = re.search(r"whsec_\w+", line)
    assert found, line
    return found[0]


def test_listen_forwards_what_was_chosen_signed_with_the_secret_it_prints(
    cli: CommandLine, sandbox: Sandbox, listener: Listener
) -> None:
    chosen = "customer.created,customer.deleted"
    with cli.running("listen", "--events", chosen, "--forward-to", listener.url) as listening:
        secret = secret_in(read_until(listening, "Ready!"))
        customer = sandbox.api.customers.create({"email": "ada@example.org"})
        sandbox.api.customers.update(customer.id, {"name": "Ada"})
        sandbox.api.customers.delete(customer.id)
        listener.wait_for(2)
        heard = sorted(event.type for event in listener.events(secret))
        assert heard == ["customer.created", "customer.deleted"]
        assert secret_in(cli.run("listen", "--print-secret").stdout) == secret


def test_what_a_forwarded_delivery_was_answered_is_in_the_log(
    cli: CommandLine, sandbox: Sandbox, listener: Listener
) -> None:
    listener.statuses = [500]
    with cli.running("listen", "--all-snapshot", "--latest", "--forward-to", listener.url) as listening:
        read_until(listening, "Ready!")
        sandbox.api.customers.create({"email": "ada@example.org"})
        read_until(listening, "[500]")
        wait_until(lambda: sandbox.get("/sandbox/deliveries")["data"][0]["state"] == "failed")
    told = sandbox.get("/sandbox/deliveries")["data"][0]
    assert (told["type"], told["url"], told["attempts"][0]["status"]) == ("customer.created", listener.url, 500)


def test_an_event_is_resent(cli: CommandLine, sandbox: Sandbox, listener: Listener) -> None:
    sandbox.api.customers.create({"email": "ada@example.org"})
    event = sandbox.api.events.list().data[0].id
    with cli.running("listen", "--all-snapshot", "--forward-to", listener.url) as listening:
        secret = secret_in(read_until(listening, "Ready!"))
        assert cli.run("events", "resend", event).returncode == 0
        listener.wait_for(1)
    assert [heard.id for heard in listener.events(secret)] == [event]


def test_the_tail_of_the_log_shows_the_requests_that_pass_its_filters(cli: CommandLine, sandbox: Sandbox) -> None:
    with cli.running(
        "logs", "tail", "--filter-request-status", "FAILED", "--filter-status-code-type", "4XX"
    ) as following:
        read_until(following, "Ready!")
        sandbox.api.customers.create({"email": "ada@example.org"})
        cli.run("post", "/v1/customers", "-d", "colour=red")
        assert "[400] POST /v1/customers" in read_until(following, "POST /v1")
        assert "parameter_unknown" in read_until(following, "Code:")
