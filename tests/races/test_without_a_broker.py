"""The broker is down: webhooks are answered at once, and access arrives by the sweep that beat does itself."""

import json
import socket
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager

import pytest

from tests.races.processes import ROOT, environment
from tests.shops import Shop

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]
ADA = "ada@example.org"
CLOSED = "amqp://127.0.0.1:1//"

POST = """
import json, sys, time
import django
django.setup()
from django.test import Client
client = Client()
client.get("/healthz")
asked = json.load(sys.stdin)
found = []
for delivery in asked["deliveries"]:
    started = time.monotonic()
    answer = client.post(asked["path"], data=delivery["body"].encode(), content_type="application/json",
                         headers={"stripe-signature": delivery["headers"]["Stripe-Signature"]})
    found.append([answer.status_code, time.monotonic() - started])
print(json.dumps(found))
"""


@contextmanager
def beat(**more: str) -> Iterator[subprocess.Popen[bytes]]:
    """A real beat, and no worker."""
    command = [sys.executable, "-m", "celery", "-A", "config", "beat", "-s", f"{more.pop('schedule')}", "-l", "ERROR"]
    process = subprocess.Popen(command, cwd=ROOT, env=environment(**more))
    try:
        yield process
    finally:
        process.kill()
        process.wait(10)


@contextmanager
def silent_server() -> Iterator[int]:
    """Takes every connection and says nothing; its port."""
    with socket.create_server(("127.0.0.1", 0)) as listening:
        port: int = listening.getsockname()[1]
        yield port  # the system accepts on its behalf, as many as stand in the queue


@pytest.mark.parametrize("broker", [CLOSED, "amqp://127.0.0.1:{silent}//", "redis://127.0.0.1:{silent}/0"])
def test_a_webhook_is_answered_quickly_and_access_arrives_by_the_sweep(
    transactional_shop: Shop, tmp_path_factory: pytest.TempPathFactory, broker: str
) -> None:
    with silent_server() as port:
        answer_and_sweep(
            transactional_shop, broker.format(silent=port), schedule=str(tmp_path_factory.mktemp("beat") / "schedule")
        )


def answer_and_sweep(shop: Shop, broker: str, *, schedule: str) -> None:
    shop.buy(shop.monthly, email=ADA)
    asked = {"path": f"/stripe/webhook/{shop.connection.webhook_uuid}/", "deliveries": shop.sandbox.take_pending()}
    posted = subprocess.run(
        [sys.executable, "-c", POST],
        input=json.dumps(asked).encode(),
        stdout=subprocess.PIPE,
        env=environment(CELERY_BROKER_URL=broker, ALLOWED_HOSTS="testserver"),
        timeout=60,
        check=True,
    )
    answers = json.loads(posted.stdout)
    assert len(answers) == len(asked["deliveries"]) > 2
    assert {status for status, _ in answers} == {200}
    assert max(seconds for _, seconds in answers) < 1
    assert not shop.has(ADA, shop.club)

    with beat(schedule=schedule, SWEEP_SECONDS="1", CELERY_BROKER_URL=broker) as process:
        until = time.monotonic() + 45
        while not shop.has(ADA, shop.club):
            assert process.poll() is None
            assert time.monotonic() < until
            time.sleep(0.2)
