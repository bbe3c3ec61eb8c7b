"""A sandbox process for the tests, and a hand on its controls."""

import json
import os
import signal
import subprocess
import sys
import tempfile
import time
import urllib.error
import urllib.request
from pathlib import Path
from typing import Any

import stripe

ROOT = Path(__file__).resolve().parent.parent
KEY = "sk_test_foyertests0000000000000000"
Json = dict[str, Any]


class Declined(Exception):
    """The hosted page said no."""


class Sandbox:
    """A running sandbox. `api` is the official SDK's client; the rest moves its people, cards, clock and deliveries."""

    def __init__(self, folder: Path, *, mail: Path | None = None, freeze: int | None = None) -> None:
        self.folder = folder
        self.port_file = folder / "sandbox.port"
        self.port_file.unlink(missing_ok=True)
        self.clock_file = folder / "clock.json"
        self.exchanges = recording_in(folder)
        command = [
            sys.executable, "-m", "sandbox", "serve", "--port", "0", "--state", ":memory:", "--seed", "1", "--key", KEY,
            "--port-file", str(self.port_file), "--clock-file", str(self.clock_file),
            "--exchanges", str(self.exchanges),
        ]  # fmt: skip
        if mail is not None:
            command += ["--mail", str(mail)]
        if freeze is not None:
            command += ["--freeze", str(freeze)]
        self.log = (folder / "sandbox.log").open("wb")
        self.process = subprocess.Popen(
            command, cwd=ROOT, stdout=self.log, stderr=self.log, start_new_session=True, env=_plain_environment()
        )
        self.url = f"http://127.0.0.1:{self._wait_for_port()}"
        self._wait_until_healthy()
        self.api = stripe.StripeClient(
            KEY, base_addresses={"api": self.url}, max_network_retries=0, http_client=stripe.RequestsClient(timeout=20)
        ).v1

    def stop(self) -> None:
        os.killpg(self.process.pid, signal.SIGTERM)
        try:
            self.process.wait(10)
        except subprocess.TimeoutExpired:
            os.killpg(self.process.pid, signal.SIGKILL)
            self.process.wait(10)
        self.log.close()

    # The account

    def reset(self) -> None:
        self.post("/sandbox/reset")
        self.post("/sandbox/chaos", {"deliveries": {"hold": True}})

    def advance(self, by: str) -> None:
        """Moves the account's time: "31d", "2h"."""
        self.post("/sandbox/clock", {"advance": by})

    def advance_clock(self, clock: str, *, to: int) -> Any:
        """Moves a test clock and waits until it is ready, as one has to at Stripe."""
        self.api.test_helpers.test_clocks.advance(clock, {"frozen_time": to})
        for _ in range(600):
            found = self.api.test_helpers.test_clocks.retrieve(clock)
            if found.status == "ready":
                return found
            time.sleep(0.05)
        raise AssertionError("the test clock does not get ready")

    def client(self, key: str) -> Any:
        """The SDK's client with another key."""
        return stripe.StripeClient(key, base_addresses={"api": self.url}, max_network_retries=0).v1

    def set_fields(self, object_id: str, *, emit: str = "", **fields: Any) -> Json:
        """Raw fields that no API call could bring about."""
        return self.post(f"/sandbox/objects/{object_id}", {"set": fields, **({"emit": emit} if emit else {})})

    # People

    def pay_link(self, payment_link: str, *, email: str, card: str = "4242424242424242", **more: Any) -> Json:
        """A person pays on a payment link's page: `{"session": …, "redirect_url": …}`. Raises Declined."""
        return self._pay(f"/sandbox/links/{payment_link}/pay", email=email, card=card, **more)

    def pay_session(self, session: str, *, card: str = "4242424242424242", **more: Any) -> Json:
        return self._pay(f"/sandbox/checkout/{session}/pay", card=card, **more)

    def in_portal(self, url: str, action: str, **more: Any) -> Json:
        session = url.rstrip("/").rpartition("/")[2].partition("?")[0]
        return self.post(f"/sandbox/portal/{session}/{action}", more)

    # Deliveries and calls

    def pending(self) -> list[Json]:
        """Deliveries that are held: `[{"event", "body", "headers"}]`, oldest first."""
        found: list[Json] = self.get("/sandbox/deliveries/pending")["data"]
        return found

    def take_pending(self) -> list[Json]:
        """The held deliveries; the sandbox forgets them."""
        found = self.pending()
        self.post("/sandbox/deliveries/discard", {"ids": [delivery["id"] for delivery in found]})
        return found

    def calls(self) -> list[Json]:
        """The requests to /v1 since the log was cleared."""
        found = self.get("/sandbox/log")["data"]
        return [call for call in found if call["path"].startswith("/v1/")]

    def forget_calls(self) -> None:
        self.post("/sandbox/log")

    def answer_with(self, status: int | str, *, path: str = "/v1/", times: int | None = None, **more: Any) -> None:
        """Makes Stripe's API answer so: a status, "hang" or "cut"."""
        rule = {"path": path, "status": status, **({"times": times} if times else {}), **more}
        self.post("/sandbox/chaos", {"deliveries": {"hold": True}, "answers": [rule]})

    def behave(self) -> None:
        self.post("/sandbox/chaos", {"deliveries": {"hold": True}, "answers": []})

    # HTTP

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.url + path, timeout=30) as answer:
            return json.load(answer)

    def post(self, path: str, data: Any = None) -> Any:
        request = urllib.request.Request(
            self.url + path,
            data=json.dumps(data if data is not None else {}).encode(),
            headers={"content-type": "application/json"},
            method="POST",
        )
        with urllib.request.urlopen(request, timeout=60) as answer:
            return json.load(answer)

    def _pay(self, path: str, **data: Any) -> Json:
        try:
            paid: Json = self.post(path, data)
        except urllib.error.HTTPError as error:
            if error.code == 402:
                raise Declined(error.read().decode()) from error
            raise AssertionError(f"{path}: {error.code} {error.read().decode()}") from error
        return paid

    def _wait_for_port(self) -> int:
        for _ in range(300):
            if self.process.poll() is not None:
                raise AssertionError(f"the sandbox did not start:\n{(self.folder / 'sandbox.log').read_text()}")
            if self.port_file.is_file() and (text := self.port_file.read_text().strip()):
                return int(text)
            time.sleep(0.05)
        raise AssertionError("the sandbox named no port")

    def _wait_until_healthy(self) -> None:
        for _ in range(200):
            try:
                self.get("/sandbox/health")
                return
            except (urllib.error.URLError, ConnectionError):
                time.sleep(0.05)
        raise AssertionError(f"the sandbox is not healthy:\n{(self.folder / 'sandbox.log').read_text()}")


def recording_in(folder: Path) -> Path:
    """A new file for what a sandbox is asked and says. Where FOYER_EXCHANGES names a folder, all are kept there."""
    kept = os.environ.get("FOYER_EXCHANGES")
    if kept:
        Path(kept).mkdir(parents=True, exist_ok=True)
    handle, name = tempfile.mkstemp(prefix="exchanges-", suffix=".jsonl", dir=kept or folder)
    os.close(handle)
    return Path(name)


def _plain_environment() -> dict[str, str]:
    """Ours, without the site's settings, and without the name of the test, in which a live key may stand."""
    left_out = ("DJANGO_", "DATABASE_", "PYTEST_")
    return {name: value for name, value in os.environ.items() if not name.startswith(left_out)}
