"""Two hands at one batch: nobody is done twice, nobody is left out, and nobody after it was undone."""

import threading
import time

import pytest
from django.db import connections
from django.db.models.signals import post_save
from django.utils import timezone

from activities import clock
from hub.batches import carrying_out, drafting
from hub.models import Batch, BatchRow, Grant, Ledger, User
from tests import cast

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]
PEOPLE = 120


def work() -> None:
    try:
        carrying_out.carry_on_all()
    finally:
        connections.close_all()


def party() -> Batch:
    owner, course = cast.owner(), cast.ProductFactory()
    cast.UserFactory.create_batch(PEOPLE, proved=False)
    now = timezone.now()
    everybody = User.objects.filter(role=User.Role.MEMBER)
    batch = drafting.draft_for(everybody, deed=Batch.Deed.GIVE, about="test", actor=owner, now=now)
    batch.product, batch.reason = course, "party"
    batch.save()
    carrying_out.start(batch, now=now)
    return batch


def test_two_workers_give_each_person_one_grant() -> None:
    batch = party()
    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    batch.refresh_from_db()
    assert batch.state == Batch.State.DONE
    assert carrying_out.count(batch) == {BatchRow.State.DONE: PEOPLE}
    assert Grant.objects.count() == Ledger.objects.count() == PEOPLE


def test_undoing_waits_for_the_person_at_work_and_leaves_nobody_with_access() -> None:
    batch, at_work = party(), threading.Event()

    def say_so(**_kwargs: object) -> None:
        if not at_work.is_set():
            at_work.set()
            time.sleep(0.5)  # so that the others ask while the first person's deed is not committed

    post_save.connect(say_so, sender=BatchRow)
    worker = threading.Thread(target=work)
    try:
        worker.start()
        assert at_work.wait(timeout=20)
        carrying_out.stop(batch)
        carrying_out.undo(batch, actor=batch.made_by, now=clock.now())
        worker.join()
        carrying_out.carry_on_all()
    finally:
        post_save.disconnect(say_so, sender=BatchRow)
    batch.refresh_from_db()
    assert batch.state == Batch.State.UNDONE
    assert BatchRow.State.DONE not in carrying_out.count(batch)
    assert not Grant.objects.filter(state__in=Grant.OPEN).exists()
