"""The sandbox stays on this machine: where it listens, whom it calls, and which keys it will not sit beside."""

import json
import os
import socket
import subprocess
import sys
import urllib.request
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import psutil
import pytest

from tests.sandbox.listener import Listener, wait_until
from tests.sandbox.serving import client, serve, serving
from tests.sandboxes import ROOT

ELSEWHERE = "127.1"  # a name for this machine that is not known to be one


@pytest.fixture
def listener() -> Iterator[Listener]:
    listener = Listener()
    yield listener
    listener.stop()


def start(*options: str, **environment: str) -> "subprocess.CompletedProcess[bytes]":
    """Try to serve; fails where it goes on for twenty seconds."""
    command = [sys.executable, "-m", "sandbox", "serve", "--port", "0", "--state", ":memory:", *options]
    return subprocess.run(
        command, cwd=ROOT, env={**os.environ, **environment}, capture_output=True, timeout=20, check=False
    )


@pytest.mark.parametrize(
    ("options", "environment"),
    [
        ([], {"STRIPE_SECRET_KEY": "rk_live_secretish"}),
        ([], {"SOMETHING_ELSE": " sk_live_secretish"}),
        ([], {"SOMETHING_ELSE": '{"key": "sk_live_secretish"}'}),
        (["--key", "sk_live_secretish"], {}),
    ],
)
def test_it_does_not_start_beside_a_live_key(options: list[str], environment: dict[str, str]) -> None:
    done = start(*options, **environment)
    assert done.returncode != 0
    assert b"live Stripe key" in done.stderr
    assert b"secretish" not in done.stderr + done.stdout


def test_a_port_that_is_taken_is_said_so_at_once() -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        done = start("--port", str(taken.getsockname()[1]))
    assert done.returncode == 1
    assert b"already, perhaps a sandbox. Choose another port" in done.stderr


def test_it_listens_on_loopback_unless_told(tmp_path: Path) -> None:
    process = serve(tmp_path)
    try:
        family = [psutil.Process(process.pid), *psutil.Process(process.pid).children(recursive=True)]
        found = {socket.laddr.ip for one in family for socket in one.net_connections() if socket.status == "LISTEN"}
        assert found == {"127.0.0.1"}
    finally:
        process.terminate()
        process.wait(10)


def newest_delivery(url: str, target: str) -> Any:
    """The delivery of an event to `target`, once it was tried."""
    api = client(url)
    api.webhook_endpoints.create({"url": target, "enabled_events": ["customer.created"]})
    api.customers.create({"email": "ada@example.org"})

    def rows() -> Any:
        with urllib.request.urlopen(f"{url}/sandbox/deliveries", timeout=10) as answer:
            return json.load(answer)["data"]

    wait_until(lambda: bool(rows()[0]["attempts"]))
    return rows()[0]


def test_no_other_machine_is_called(tmp_path: Path, listener: Listener) -> None:
    with serving(tmp_path) as url:
        delivery = newest_delivery(url, listener.url.replace("127.0.0.1", ELSEWHERE))
    assert delivery["attempts"][0]["status"] is None
    assert f"{ELSEWHERE} is not a loopback address" in delivery["attempts"][0]["body"]
    assert listener.bodies == []


def test_another_machine_is_called_where_its_name_is_allowed(tmp_path: Path, listener: Listener) -> None:
    with serving(tmp_path, "--allow-hosts", f"other.example,{ELSEWHERE}") as url:
        delivery = newest_delivery(url, listener.url.replace("127.0.0.1", ELSEWHERE))
    assert delivery["state"] == "delivered"
    assert len(listener.bodies) == 1
