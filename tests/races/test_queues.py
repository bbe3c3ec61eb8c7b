"""Access waits for no e-mail: neither in a worker of all queues, nor in a beat that works while the broker is away."""

import json
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest
from django.utils import timezone

from activities import notices
from activities.models import Delivery
from tests import cast
from tests.activities.smtpsink import Sink
from tests.races.processes import ROOT, environment
from tests.shops import Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]
ADA = "ada@example.org"
MAILS = 120
RING = """
import django
django.setup()
from celery import current_app
for _ in range(6):
    current_app.send_task("activities.tasks.deliver")
current_app.send_task("billing.tasks.drain")
"""


@pytest.fixture
def slow_mail() -> Iterator[Sink]:
    """A mail server that takes a second for each mail."""
    sink = Sink()

    def slowly(step: str) -> None:
        time.sleep(1 if step == "body" else 0)

    sink.script = slowly
    yield sink
    sink.close()


@pytest.fixture
def busy_shop(transactional_shop: Shop) -> Shop:
    """Ada has paid, and many e-mails wait before hers."""
    shop, dan = transactional_shop, cast.dan()
    wanted = [notices.access(key=f"access:{n}", user_id=dan.pk, product_id=shop.club.pk) for n in range(MAILS)]
    notices.queue(wanted, now=timezone.now())
    shop.buy(shop.monthly, email=ADA)
    for delivery in shop.sandbox.take_pending():
        assert shop.post_webhook(delivery) == 200
    return shop


@contextmanager
def process(*command: str, **more: str) -> Iterator[None]:
    running = subprocess.Popen([sys.executable, "-m", *command], cwd=ROOT, env=environment(**more))
    try:
        yield
    finally:
        running.kill()
        running.wait(10)


def wait_for_access(shop: Shop, sink: Sink) -> None:
    until = time.monotonic() + 60
    while not shop.has(ADA, shop.club):
        assert time.monotonic() < until
        time.sleep(0.1)
    assert len(sink.raw) < MAILS / 4, "most of the mails wait still"
    assert Delivery.objects.filter(state="waiting").count() > MAILS / 2


def test_a_worker_of_all_queues_lets_people_in_while_mails_go_out(
    busy_shop: Shop, slow_mail: Sink, tmp_path_factory: pytest.TempPathFactory
) -> None:
    folder = tmp_path_factory.mktemp("site")
    about = {"FOYER_VAR": str(folder), "EMAIL_URL": f"smtp://127.0.0.1:{slow_mail.port}", "DATABASE_POOL": "6"}
    subprocess.run([sys.executable, "-c", RING], cwd=ROOT, env=environment(**about), check=True, timeout=60)
    queued = [json.loads(path.read_text())["properties"] for path in (folder / "broker" / "messages").iterdir()]
    assert sorted(found["delivery_info"]["routing_key"] for found in queued) == ["access"] + ["mail"] * 6
    worker = ("celery", "-A", "config", "worker", "--pool", "threads", "-c", "4", "-l", "ERROR", "--without-mingle")
    with process(*worker, **about):
        wait_for_access(busy_shop, slow_mail)


def test_a_beat_without_a_broker_lets_people_in_while_mails_go_out(
    busy_shop: Shop, slow_mail: Sink, tmp_path_factory: pytest.TempPathFactory
) -> None:
    schedule: Path = tmp_path_factory.mktemp("beat") / "schedule"
    with process(
        *("celery", "-A", "config", "beat", "-s", str(schedule), "-l", "ERROR"),
        CELERY_BROKER_URL="amqp://127.0.0.1:1//",
        EMAIL_URL=f"smtp://127.0.0.1:{slow_mail.port}",
        SWEEP_SECONDS="1",
        DATABASE_POOL="6",
    ):
        wait_for_access(busy_shop, slow_mail)
