"""Sandbox processes with a state of their own: to be stopped and started again, or compared."""

import json
import subprocess
import sys
import time
import urllib.request
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import stripe

from tests.sandboxes import KEY, ROOT, recording_in


def serve(folder: Path, *options: str) -> "subprocess.Popen[bytes]":
    """A sandbox that keeps its state in `folder`."""
    port_file = folder / "port"
    port_file.unlink(missing_ok=True)
    command = [sys.executable, "-m", "sandbox", "serve", "--port", "0", "--state", str(folder / "s.sqlite3")]
    command += ["--key", KEY, "--port-file", str(port_file), "--exchanges", str(recording_in(folder)), *options]
    process = subprocess.Popen(command, cwd=ROOT, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL)
    for _ in range(300):
        if port_file.is_file() and port_file.read_text().strip():
            break
        time.sleep(0.05)
    return process


def address(folder: Path) -> str:
    return f"http://127.0.0.1:{(folder / 'port').read_text().strip()}"


def client(url: str) -> Any:
    return stripe.StripeClient(KEY, base_addresses={"api": url}, max_network_retries=3).v1


def control(url: str, path: str, wishes: dict[str, Any]) -> Any:
    body = json.dumps(wishes).encode()
    request = urllib.request.Request(f"{url}/sandbox/{path}", data=body, headers={"Content-Type": "application/json"})
    with urllib.request.urlopen(request, timeout=20) as answer:
        return json.load(answer)


@contextmanager
def serving(folder: Path, *options: str) -> Iterator[str]:
    """The address of a sandbox that keeps its state in `folder`, and is stopped afterwards."""
    process = serve(folder, *options)
    try:
        yield address(folder)
    finally:
        process.terminate()
        process.wait(10)
