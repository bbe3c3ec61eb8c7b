"""Workers at the same time, and workers killed in the middle: no mail goes out twice."""

import os
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Callable, Iterator
from datetime import UTC, datetime, timedelta
from urllib.parse import quote

import pytest
from django.db import connection, transaction
from pytest_django import Settings

from activities import deliveries, notices
from activities.models import Activity, Delivery
from hub.models import Product, User
from tests.activities.smtpsink import Sink

State = Delivery.State
pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.races]

WORKER = """
import django
django.setup()
from django.utils import timezone
from activities import deliveries
deliveries.deliver_due(now=timezone.now())
"""


@pytest.fixture
def sink(settings: Settings) -> Iterator[Sink]:
    sink = Sink()
    settings.EMAIL_BACKEND = "django.core.mail.backends.smtp.EmailBackend"
    settings.EMAIL_HOST, settings.EMAIL_PORT = "127.0.0.1", sink.port
    yield sink
    sink.close()


def queue_mails(count: int, *, user: User, product: Product) -> list[Delivery]:
    wanted = [notices.access(key=f"access:{n}", user_id=user.pk, product_id=product.pk) for n in range(count)]
    return notices.queue(wanted, now=datetime.now(UTC))


def test_four_workers_send_each_of_twenty_mails_once(
    transactional_db: None, sink: Sink, ada: User, studio: Product
) -> None:
    queue_mails(20, user=ada, product=studio)
    barrier = threading.Barrier(4)

    def work() -> None:
        try:
            barrier.wait()
            deliveries.deliver_due(now=datetime.now(UTC))
        finally:
            connection.close()

    workers = [threading.Thread(target=work) for _ in range(4)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    assert len(sink.raw) == 20
    assert len({message["Message-ID"] for message in sink.messages}) == 20
    assert Delivery.objects.filter(state=State.SENT, attempts=1).count() == 20
    assert Activity.objects.filter(verb=Activity.Verb.EMAIL_SENT).count() == 20


def test_who_overslept_the_lease_finds_the_mail_taken(
    transactional_db: None, sink: Sink, ada: User, studio: Product
) -> None:
    """The first stalls while it connects; the second claims the row after the lease and sends it."""
    queue_mails(1, user=ada, product=studio)
    reached, go_on = threading.Event(), threading.Event()

    def stall_the_first(step: str) -> None:
        if step == "greeting" and not reached.is_set():
            reached.set()
            go_on.wait(10)

    sink.script = stall_the_first
    now = datetime.now(UTC)

    def work() -> None:
        try:
            deliveries.deliver_due(now=now)
        finally:
            connection.close()

    first = threading.Thread(target=work)
    first.start()
    assert reached.wait(10)
    deliveries.deliver_due(now=now + deliveries.TO_RENDER + timedelta(seconds=1))
    go_on.set()
    first.join()
    assert len(sink.raw) == 1
    assert Delivery.objects.get().state == State.SENT


def test_a_slow_hand_over_that_was_given_up_still_tells_the_truth(
    transactional_db: None, sink: Sink, ada: User, studio: Product
) -> None:
    queue_mails(1, user=ada, product=studio)
    now = datetime.now(UTC)
    seen: list[str] = []

    def overtake(step: str) -> None:
        if step == "body":
            deliveries.overtake_the_dead(now=now + deliveries.TO_HAND_OVER + timedelta(seconds=5))
            seen.append(Delivery.objects.get().state)
            connection.close()

    sink.script = overtake
    deliveries.deliver_due(now=now)
    assert seen == [State.UNSURE]
    assert Delivery.objects.get().state == State.SENT


class Worker:
    """A real process that delivers what is due, over the same database, to the same mail server."""

    def __init__(self, sink: Sink) -> None:
        environ = os.environ | {
            "DATABASE_URL": _database_url(),
            "EMAIL_URL": f"smtp://127.0.0.1:{sink.port}",
            "DJANGO_SETTINGS_MODULE": "config.settings",
            "LOG_LEVEL": "CRITICAL",
        }
        self.process = subprocess.Popen([sys.executable, "-c", WORKER], env=environ)

    def kill(self) -> None:
        self.process.send_signal(signal.SIGKILL)
        self.process.wait(10)


@pytest.fixture
def start_worker(sink: Sink) -> Iterator[Callable[[], Worker]]:
    workers: list[Worker] = []

    def start() -> Worker:
        workers.append(Worker(sink))
        return workers[-1]

    yield start
    for worker in workers:
        worker.kill()


def _database_url() -> str:
    config = connection.settings_dict
    if connection.vendor == "sqlite":
        return f"sqlite:///{config['NAME']}"
    host = config["HOST"] or config["OPTIONS"].get("host", "")
    user, password = quote(config["USER"]), quote(config["PASSWORD"])
    if host.startswith("/"):
        return f"postgresql://{user}:{password}@/{config['NAME']}?host={host}"
    return f"postgresql://{user}:{password}@{host}:{config['PORT'] or 5432}/{config['NAME']}"


@pytest.mark.parametrize(
    ("step", "left", "taken"),
    [
        ("greeting", State.WAITING, 0),
        ("mail", State.HANDING_OVER, 0),
        ("data", State.HANDING_OVER, 0),
        ("body", State.HANDING_OVER, 1),
    ],
)
def test_a_worker_killed_at_any_step_never_makes_two_mails(
    transactional_db: None,
    sink: Sink,
    ada: User,
    studio: Product,
    start_worker: Callable[[], Worker],
    step: str,
    left: str,
    taken: int,
) -> None:
    queue_mails(1, user=ada, product=studio)
    reached, killed = threading.Event(), threading.Event()

    def hold(at: str) -> None:
        if at == step and not reached.is_set():
            reached.set()
            killed.wait(30)

    sink.script = hold
    worker = start_worker()
    assert reached.wait(30)
    worker.kill()
    killed.set()
    assert Delivery.objects.get().state == left

    later = datetime.now(UTC)
    for minutes in (0, 10, 20, 600):
        deliveries.deliver_due(now=later + timedelta(minutes=minutes))
    _wait_until(lambda: len(sink.raw) >= taken)
    delivery = Delivery.objects.get()
    if left == State.WAITING:
        assert (delivery.state, delivery.attempts, len(sink.raw)) == (State.SENT, 2, 1)
    else:
        assert (delivery.state, delivery.attempts, len(sink.raw)) == (State.UNSURE, 1, taken)


def test_a_worker_killed_after_the_server_took_the_mail_never_makes_two(
    transactional_db: None, sink: Sink, ada: User, studio: Product, start_worker: Callable[[], Worker]
) -> None:
    """The row is locked while the server answers: the worker hangs in its last UPDATE and dies there."""
    (delivery,) = queue_mails(1, user=ada, product=studio)
    at_body, locked = threading.Event(), threading.Event()

    def hold(step: str) -> None:
        if step == "body":
            at_body.set()
            locked.wait(30)

    sink.script = hold
    worker = start_worker()
    assert at_body.wait(30)
    with transaction.atomic():
        Delivery.objects.filter(pk=delivery.pk).update(error="locked")
        locked.set()
        _wait_until(lambda: len(sink.raw) == 1)
        time.sleep(0.5)
        worker.kill()
    assert Delivery.objects.get().state == State.HANDING_OVER
    for minutes in (0, 10, 600):
        deliveries.deliver_due(now=datetime.now(UTC) + timedelta(minutes=minutes))
    assert Delivery.objects.get().state == State.UNSURE
    assert len(sink.raw) == 1


def _wait_until(true: Callable[[], bool]) -> None:
    deadline = time.monotonic() + 10
    while not true():
        assert time.monotonic() < deadline
        time.sleep(0.02)
