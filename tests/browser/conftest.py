"""The whole demo as a person meets it: sandbox, site, worker and beat as processes, and a browser before them."""

import json
import os
import re
import shutil
import signal
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import pytest
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

ROOT = Path(__file__).resolve().parents[2]
T = TypeVar("T")
Json = dict[str, Any]


def eventually(look: Callable[[], T], *, seconds: float = 20) -> T:
    """What `look` says as soon as it says something; fails with its last answer."""
    deadline = time.monotonic() + seconds
    while not (found := look()):
        assert time.monotonic() < deadline, f"still {found!r} after {seconds} s"
        time.sleep(0.1)
    return found


@dataclass
class Stack:
    """A running demo."""

    folder: Path
    site: str
    sandbox: str
    environment: dict[str, str]

    def mails_to(self, address: str) -> list[Json]:
        found: list[Json] = self.get(f"/sandbox/mail/?format=json&to={address}")
        return found

    def code_for(self, address: str, *, beside: int = 0) -> str:
        """The newest sign-in code sent to an address, once there are more than `beside` codes."""

        def newest() -> str:
            codes = [
                found[1]
                for mail in self.mails_to(address)
                if (found := re.search(r"^\s*([A-Z0-9]{4}-[A-Z0-9]{4})\s*$", mail["text"], re.MULTILINE))
            ]
            return codes[0] if len(codes) > beside else ""

        return eventually(newest)

    def why(self, address: str, product: str) -> Json:
        """What `manage.py why` says of a person and a product; nothing while nobody has the address."""
        said = self.manage("why", address, "--product", product, "--json", check=False)
        explained: Json = json.loads(said.stdout)["products"][0] if said.returncode == 0 else {}
        return explained

    def manage(self, *words: str, check: bool = True) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "manage.py", *words],
            cwd=ROOT,
            env=self.environment,
            capture_output=True,
            text=True,
            check=check,
            timeout=60,
        )

    def advance(self, span: str) -> None:
        subprocess.run(
            [sys.executable, "-m", "sandbox", "advance", span, "--url", self.sandbox],
            cwd=ROOT,
            check=True,
            capture_output=True,
            timeout=120,
        )

    def get(self, path: str) -> Any:
        with urllib.request.urlopen(self.sandbox + path, timeout=30) as answer:
            return json.load(answer)


@pytest.fixture(scope="module")
def stack(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Stack]:
    folder = tmp_path_factory.mktemp("demo")
    port = _free_pair_of_ports()
    plain = {
        name: value
        for name, value in os.environ.items()
        if not name.startswith(("FOYER_", "DJANGO_", "DATABASE_", "CACHE_", "STRIPE_", "SITE_", "SECRET_"))
    }
    log = (folder / "demo.log").open("wb")
    demo = subprocess.Popen(
        [sys.executable, "-m", "demo"],
        cwd=ROOT,
        env=plain | {"PORT": str(port), "FOYER_DEMO_DIR": str(folder)},
        stdout=log,
        stderr=log,
        start_new_session=True,
    )
    try:
        handover = folder / "demo.json"
        eventually(lambda: handover.is_file() or demo.poll() is not None, seconds=180)
        assert handover.is_file(), (folder / "demo.log").read_text()
        facts = json.loads(handover.read_text())
        from demo.place import Place

        place = Place(port=port, folder=folder / "demo")
        yield Stack(folder, facts["site"], facts["sandbox"], place.environment())
    finally:
        demo.send_signal(signal.SIGTERM)
        demo.wait(30)
        log.close()


@pytest.fixture(scope="module")
def chromium() -> Iterator[Browser]:
    """The system's Chromium, else the one that Playwright installed."""
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=shutil.which("chromium"), args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def visitor(chromium: Browser) -> Iterator[BrowserContext]:
    """A browser that has never been here."""
    context = chromium.new_context(viewport={"width": 1360, "height": 900})
    yield context
    context.close()


@pytest.fixture
def page(visitor: BrowserContext) -> Page:
    return visitor.new_page()


def _free_pair_of_ports() -> int:
    for _ in range(50):
        with socket.socket() as first, socket.socket() as second:
            first.bind(("127.0.0.1", 0))
            port: int = first.getsockname()[1]
            try:
                second.bind(("127.0.0.1", port + 1))
            except (OSError, OverflowError):
                continue
            return port
    raise AssertionError("no two free ports side by side")
