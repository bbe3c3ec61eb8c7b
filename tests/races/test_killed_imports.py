"""An import whose worker is killed again and again ends as one that was left in peace."""

import random
import signal
import subprocess
import sys
from collections.abc import Callable, Iterator
from datetime import timedelta

import pytest
from django.core import mail
from django.utils import timezone

from activities import clock
from activities.deliveries import deliver_due
from activities.models import Activity, Delivery
from billing.importing import asking, carrying_out, turns, working
from billing.importing.asking import Choice
from billing.models import Connection, ImportBatch, Subscription
from hub.models import Grant, Ledger, User
from tests.pasts import Past
from tests.races.processes import environment
from tests.sandboxes import Sandbox

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]
Die = Callable[[ImportBatch, int], tuple[int, int]]
MEMBERS = 48


@pytest.fixture
def die(transactional_db: None, sandbox: Sandbox) -> Iterator[Die]:
    """Sends a worker to the import, to die at the n-th turn (0: to live). Returns its status and how far it counted."""
    process = subprocess.Popen(
        [sys.executable, "-m", "tests.races.doomed_imports"],
        env=environment(STRIPE_API_BASE=sandbox.url),
        stdin=subprocess.PIPE,
        stdout=subprocess.PIPE,
        text=True,
    )

    def send(batch: ImportBatch, last: int) -> tuple[int, int]:
        assert process.stdin is not None and process.stdout is not None
        process.stdin.write(f"{batch.pk} {last}\n")
        process.stdin.flush()
        status, count = process.stdout.readline().split()
        return int(status), int(count)

    yield send
    process.kill()
    process.communicate()


@pytest.mark.timeout(420)
def test_case_60_killed_at_twenty_points_an_import_ends_as_if_it_never_was(sandbox: Sandbox, die: Die) -> None:
    past = Past(sandbox)
    for number in range(MEMBERS):
        past.subscribe(f"member{number}@example.org")
    for number in range(0, MEMBERS, 9):
        past.buy_once(f"member{number}@example.org")
    past.connect()
    status, whole = die(batch := _begin(), 0)
    assert status == 0
    asking.forget(batch)

    chance = random.Random(20)
    batch = _begin()
    _kill(batch, die, times=8, within=whole // 3, chance=chance)
    assert not Delivery.objects.exists() and not Grant.objects.exists()
    working.work(batch)
    asking.ask_for(batch, plan=batch.plan, now=clock.now())
    _kill(batch, die, times=4, within=whole // 3, chance=chance)
    assert not Delivery.objects.exists() and not Grant.objects.exists()
    carrying_out.check(batch, now=clock.now())
    _kill(batch, die, times=8, within=whole // 6, chance=chance)
    assert 0 < Grant.objects.count() < len(_planned(batch)), "nobody was killed half-way"
    working.work(batch)
    _assert_as_planned(batch)


def _begin() -> ImportBatch:
    return asking.begin(Connection.objects.get(), choice=Choice(emails=True), now=clock.now())


def _kill(batch: ImportBatch, die: Die, *, times: int, within: int, chance: random.Random) -> None:
    """Each worker dies on its way; the next one waits for its lease, and goes on."""
    state = batch.state
    for _ in range(times):
        status, _ = die(batch, chance.randrange(1, within))
        assert status == -signal.SIGKILL
        batch.refresh_from_db()
        assert batch.state == state, "nobody came to the end"
        if batch.lease_until is not None:
            assert turns.take(batch) is None
        ImportBatch.objects.update(lease_until=timezone.now() - timedelta(seconds=1))


def _planned(batch: ImportBatch) -> list[list[str]]:
    return sorted(grant for row in batch.rows.all() for grant in row.planned["grants"])


def _assert_as_planned(batch: ImportBatch) -> None:
    """Row for row, and nothing and nobody twice."""
    batch.refresh_from_db()
    assert batch.state == ImportBatch.State.DONE
    assert set(batch.rows.values_list("state", flat=True)) == {"applied"}
    happened = [
        [row.grant.user.email, row.grant.product.slug, row.grant.source_ref, row.from_state, row.to_state, row.reason]
        for row in Ledger.objects.filter(batch=batch.name)
    ]
    assert sorted(happened) == _planned(batch)
    bought = MEMBERS + len(range(0, MEMBERS, 9))
    assert Grant.objects.count() == Ledger.objects.count() == bought
    assert (User.objects.count(), Subscription.objects.count()) == (MEMBERS, MEMBERS)
    assert Activity.objects.filter(verb=Activity.Verb.ACCESS_GRANTED).count() == MEMBERS
    assert Delivery.objects.count() == MEMBERS
    while deliver_due(now=timezone.now()):
        pass
    assert sorted(message.to[0] for message in mail.outbox) == sorted(User.objects.values_list("email", flat=True))
