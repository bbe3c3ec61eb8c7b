"""The sandbox as a process: its memory, its clock, its bad moods."""

import json
import subprocess
import sys
import urllib.error
import urllib.request
from pathlib import Path

import pytest
import stripe

from tests.sandbox.serving import address, client, control, serve, serving
from tests.sandbox.shelf import DAY, Shelf
from tests.sandboxes import KEY, ROOT, Sandbox


def test_a_restart_forgets_nothing(tmp_path: Path) -> None:
    process = serve(tmp_path)
    try:
        api = client(address(tmp_path))
        product = api.products.create({"name": "Club"})
        price = api.prices.create(
            {"product": product.id, "currency": "eur", "unit_amount": 2400, "recurring": {"interval": "month"}}
        )
        link = api.payment_links.create({"line_items": [{"price": price.id, "quantity": 1}]})
        control(address(tmp_path), f"links/{link.id}/pay", {"email": "ada@example.org"})
        control(address(tmp_path), "clock", {"advance": "20d"})
        before = api.subscriptions.list().data[0].to_dict()
        events = [event.id for event in api.events.list({"limit": 100}).data]
    finally:
        process.terminate()
        process.wait(10)
    process = serve(tmp_path)
    try:
        url = address(tmp_path)
        api = client(url)
        assert api.subscriptions.list().data[0].to_dict() == before
        assert [event.id for event in api.events.list({"limit": 100}).data] == events
        assert control(url, "clock", {"advance": "12d"})["done"] >= 1
        assert len(api.invoices.list({"subscription": before["id"]}).data) == 2
        api.prices.update(price.id, {"nickname": "renamed"})
        assert api.subscriptions.list().data[0].to_dict()["items"]["data"][0]["price"]["nickname"] == "renamed"
        assert api.customers.create({"email": "new@example.org"}).id not in {before["customer"]}
    finally:
        process.terminate()
        process.wait(10)


def test_the_command_line_moves_the_clock_and_empties_the_account(sandbox: Sandbox) -> None:
    sandbox.api.customers.create({"email": "ada@example.org"})
    before = sandbox.get("/sandbox/clock")["now"]
    said = run(sandbox, "advance", "2d")
    assert said.startswith("It is now ")
    assert said.count("\n") == 1
    assert sandbox.get("/sandbox/clock")["now"] - before >= 2 * DAY
    assert json.loads(sandbox.clock_file.read_text()) == {"offset": sandbox.get("/sandbox/clock")["offset"]}
    run(sandbox, "reset")
    assert sandbox.api.customers.list().data == []
    assert json.loads(sandbox.clock_file.read_text()) == {"offset": 0}


def test_without_a_sandbox_the_command_line_says_so_in_one_line() -> None:
    command = [sys.executable, "-m", "sandbox", "advance", "1d", "--url", "http://127.0.0.1:9"]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=30)
    assert (done.returncode, done.stdout) == (1, "")
    assert done.stderr == "No sandbox answers on http://127.0.0.1:9. Start one: make demo, or make sandbox.\n"


def test_the_command_line_finds_a_sandbox_by_its_port(sandbox: Sandbox) -> None:
    command = [sys.executable, "-m", "sandbox", "advance", "1h", "--port", sandbox.url.rpartition(":")[2]]
    before = sandbox.get("/sandbox/clock")["now"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=30)
    assert done.stdout.startswith("It is now ")
    assert sandbox.get("/sandbox/clock")["now"] - before >= 3_600


def test_one_sandbox_at_a_time_has_a_state(tmp_path: Path) -> None:
    with serving(tmp_path) as url:
        command = [sys.executable, "-m", "sandbox", "serve", "--port", "0", "--state", str(tmp_path / "s.sqlite3")]
        done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=30)
        assert (done.returncode, done.stdout) == (1, "")
        assert "is the state of a sandbox that runs" in done.stderr
        assert client(url).customers.list().data == []
    with serving(tmp_path) as url:
        assert client(url).customers.list().data == []


def test_a_span_that_is_none_is_refused_in_one_line(sandbox: Sandbox) -> None:
    command = [sys.executable, "-m", "sandbox", "advance", "soon", "--url", sandbox.url]
    done = subprocess.run(command, cwd=ROOT, check=False, capture_output=True, text=True, timeout=30)
    assert done.returncode == 1
    assert done.stderr.startswith("The sandbox refuses: ")
    assert done.stderr.count("\n") == 1


def run(sandbox: Sandbox, *words: str) -> str:
    command = [sys.executable, "-m", "sandbox", *words, "--url", sandbox.url]
    return subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True, timeout=30).stdout


def test_time_does_not_go_back(sandbox: Sandbox) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        sandbox.post("/sandbox/clock", {"to": 1})
    assert refused.value.code == 400
    refused.value.close()


JSON = {"Content-Type": "application/json"}


def status_of(sandbox: Sandbox, path: str, *, data: bytes | None = None, **headers: str) -> int:
    request = urllib.request.Request(
        f"{sandbox.url}{path}", data=data, headers={name.replace("_", "-"): value for name, value in headers.items()}
    )
    try:
        with urllib.request.urlopen(request, timeout=20) as answer:
            return int(answer.status)
    except urllib.error.HTTPError as refused:
        with refused:
            return refused.code


@pytest.mark.parametrize(
    "said",
    [
        {"Origin": "https://elsewhere.example"},
        {"Sec-Fetch-Site": "cross-site"},
        {"Sec-Fetch-Site": "same-site"},
    ],
)
def test_a_web_page_cannot_reach_the_controls(sandbox: Sandbox, said: dict[str, str]) -> None:
    assert status_of(sandbox, "/sandbox/reset", data=b"{}", **JSON, **said) == 403
    assert status_of(sandbox, "/sandbox/log", **said) == 403


def test_a_form_cannot_reach_the_controls(sandbox: Sandbox) -> None:
    for kind in ("text/plain", "application/x-www-form-urlencoded"):
        assert status_of(sandbox, "/sandbox/reset", data=b"{}", Content_Type=kind) == 415
    assert status_of(sandbox, "/sandbox/reset", data=b"[]", **JSON) == 400


@pytest.mark.parametrize(
    ("path", "body"),
    [
        ("/sandbox/clock", b"[" * 50_000),
        ("/sandbox/settings", b'{"display_name": "' + b"x" * 3_000_000 + b'"}'),
        ("/sandbox/chaos", b"\xff"),
        ("/sandbox/clock", b'{"to": Infinity}'),
        ("/sandbox/seed", b'{"subscribers": Infinity}'),
        ("/sandbox/keys", b'{"permissions": 7}'),
    ],
)
def test_what_the_controls_cannot_read_is_refused_in_json(sandbox: Sandbox, path: str, body: bytes) -> None:
    request = urllib.request.Request(f"{sandbox.url}{path}", data=body, headers=JSON)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request, timeout=20)
    with refused.value:
        assert (refused.value.code, "message" in json.load(refused.value)["error"]) == (400, True)


def test_a_get_changes_nothing(sandbox: Sandbox) -> None:
    paths = ("/sandbox/settings", "/sandbox/chaos", "/sandbox/clock")
    settings, chaos, clock = (sandbox.get(path) for path in paths)
    assert sandbox.get("/sandbox/settings?after_retries=unpaid") == settings
    assert sandbox.get("/sandbox/chaos?latency=5") == chaos
    assert sandbox.get("/sandbox/clock?advance=31d")["offset"] == clock["offset"]


@pytest.mark.parametrize(
    "wrong",
    [
        {"retry_days": "3"},
        {"retry_days": [3, "5"]},
        {"after_retries": "perhaps"},
        {"debit_days": True},
        {"debit_days": -1},
        {"embedded_items": "20"},
        {"display_name": 7},
        {"colour": "red"},
    ],
)
def test_a_setting_takes_its_own_kind_of_value(sandbox: Sandbox, wrong: dict[str, object]) -> None:
    before = sandbox.get("/sandbox/settings")
    with pytest.raises(urllib.error.HTTPError) as refused:
        sandbox.post("/sandbox/settings", wrong)
    assert refused.value.code == 400
    refused.value.close()
    assert sandbox.get("/sandbox/settings") == before


@pytest.mark.parametrize("path", ["/sandbox/", "/sandbox/mail/", "/sandbox/mail/?format=json", "/sandbox/health"])
def test_a_foreign_name_for_this_machine_is_refused(sandbox: Sandbox, path: str) -> None:
    assert status_of(sandbox, path) == 200
    assert status_of(sandbox, path, Host="elsewhere.example") == 400


# Misbehaviour


@pytest.mark.parametrize(
    ("status", "error"),
    [
        (429, stripe.RateLimitError),
        (500, stripe.APIError),
        (401, stripe.AuthenticationError),
        (403, stripe.PermissionError),
        ("cut", stripe.APIConnectionError),
    ],
)
def test_answers_fail_as_often_as_wished(sandbox: Sandbox, status: int | str, error: type[Exception]) -> None:
    sandbox.answer_with(status, path="/v1/customers", times=2)
    for _ in range(2):
        with pytest.raises(error):
            sandbox.api.customers.list()
    assert sandbox.api.customers.list().data == []
    assert sandbox.api.products.list().data == []


def test_a_hanging_answer_meets_the_clients_patience(sandbox: Sandbox) -> None:
    sandbox.answer_with("hang", path="/v1/customers", times=1, seconds=2)
    hasty = stripe.StripeClient(
        KEY,
        base_addresses={"api": sandbox.url},
        max_network_retries=0,
        http_client=stripe.RequestsClient(timeout=0.3),
    )
    with pytest.raises(stripe.APIConnectionError):
        hasty.v1.customers.list()
    assert sandbox.api.customers.list().data == []


def test_requests_are_counted_by_route(sandbox: Sandbox) -> None:
    customer = sandbox.api.customers.create({"email": "ada@example.org"})
    sandbox.forget_calls()
    sandbox.api.customers.retrieve(customer.id)
    sandbox.api.customers.retrieve(customer.id)
    seen = sandbox.get("/sandbox/log")
    assert seen["counts"] == {"GET /v1/customers/{id}": 2}
    assert [call["path"] for call in sandbox.calls()] == [f"/v1/customers/{customer.id}"] * 2


def test_forced_states_reach_lists_and_events(sandbox: Sandbox) -> None:
    shelf = Shelf.stock(sandbox)
    subscription = shelf.subscribe()
    moved = sandbox.set_fields(subscription["id"], emit="customer.subscription.updated", status="past_due")
    assert moved["status"] == "past_due"
    assert [row.id for row in sandbox.api.subscriptions.list({"status": "past_due"}).data] == [subscription["id"]]
    assert shelf.events()[-1] == "customer.subscription.updated"


# Test clocks


def test_a_test_clock_moves_only_its_own_customers(sandbox: Sandbox) -> None:
    shelf, api = Shelf.stock(sandbox), sandbox.api
    others = shelf.subscribe()
    start = 1_800_000_000
    clock = api.test_helpers.test_clocks.create({"frozen_time": start})  # type: ignore[attr-defined]
    customer = api.customers.create({"email": "clock@example.org", "test_clock": clock.id})
    method = api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    made = api.subscriptions.create(
        {"customer": customer.id, "items": [{"price": shelf.monthly}], "default_payment_method": method.id}
    )
    assert (customer.created, made.created) == (start, start)
    assert made.id not in [row.id for row in api.subscriptions.list({"status": "all"}).data]
    assert [row.id for row in api.subscriptions.list({"customer": customer.id}).data] == [made.id]
    moved = sandbox.advance_clock(clock.id, to=start + 32 * DAY)
    assert (moved.status, moved.frozen_time) == ("ready", start + 32 * DAY)
    assert len(api.invoices.list({"subscription": made.id}).data) == 2
    assert len(api.invoices.list({"subscription": others["id"]}).data) == 1
    api.test_helpers.test_clocks.delete(clock.id)  # type: ignore[attr-defined]
    assert api.subscriptions.retrieve(made.id).status == "canceled"
