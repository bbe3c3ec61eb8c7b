"""Two workers carry one batch out at once: nobody is done twice, and nobody is left out."""

import threading

import pytest
from django.db import connections
from django.utils import timezone

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


def test_two_workers_give_each_person_one_grant() -> None:
    owner, course = cast.owner(), cast.ProductFactory()
    cast.UserFactory.create_batch(PEOPLE, proved=False)
    now = timezone.now()
    everybody = User.objects.filter(role=User.Role.MEMBER)
    batch = drafting.draft_for(everybody, deed=Batch.Deed.GIVE, about="test", actor=owner, now=now)
    batch.product, batch.reason = course, "party"
    batch.save()
    carrying_out.start(batch, now=now)
    workers = [threading.Thread(target=work) for _ in range(2)]
    for worker in workers:
        worker.start()
    for worker in workers:
        worker.join()
    batch.refresh_from_db()
    assert batch.state == Batch.State.DONE
    assert carrying_out.count(batch) == {BatchRow.State.DONE: PEOPLE}
    assert Grant.objects.count() == Ledger.objects.count() == PEOPLE
