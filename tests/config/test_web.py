"""What the web server itself refuses: an address longer than it reads has a page of ours."""

import http.client
import os
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import closing, suppress
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="module")
def port(tmp_path_factory: pytest.TempPathFactory) -> Iterator[int]:
    """Where gunicorn listens, started as the guide says."""
    with socket.socket() as free:
        free.bind(("127.0.0.1", 0))
        number: int = free.getsockname()[1]
    about = os.environ | {"FOYER_DEMO": "1", "FOYER_VAR": str(tmp_path_factory.mktemp("var"))}
    command = [sys.executable, "-m", "gunicorn", "config.wsgi", "--bind", f"127.0.0.1:{number}", "--no-control-socket"]
    with subprocess.Popen([*command, "--threads", "2"], cwd=ROOT, env=about, stderr=subprocess.DEVNULL) as process:
        deadline = time.monotonic() + 60
        while _status(number, "/healthz") != 200:
            assert time.monotonic() < deadline and process.poll() is None
            time.sleep(0.1)
        yield number
        process.terminate()


def _status(port: int, address: str) -> int:
    with suppress(OSError):
        return _ask(port, address)[0]
    return 0


def _ask(port: int, address: str) -> tuple[int, str]:
    with closing(http.client.HTTPConnection("127.0.0.1", port, timeout=30)) as asking:
        asking.request("GET", address)
        answer = asking.getresponse()
        return answer.status, answer.read().decode()


def test_an_address_that_is_too_long_says_so_and_leads_back(port: int) -> None:
    status, page = _ask(port, f"/console/people/?q={'a' * 10_000}")
    assert status == 414 and "This address is too long" in page and "/static/css/" in page


def test_a_long_address_is_read_as_far_as_gunicorn_reads(port: int) -> None:
    assert _status(port, f"/healthz?q={'a' * 8_000}") == 200
