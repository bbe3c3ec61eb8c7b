"""What staff do to many people at once: done person for person, told in the ledger, stopped, gone on with, undone."""

from collections.abc import Callable
from datetime import timedelta

import pytest
from django.db.models.signals import post_save
from django.utils import timezone

from activities import clock
from activities.models import Activity, Delivery
from hub import erasing, grants
from hub.access import can_open
from hub.batches import carrying_out, drafting
from hub.models import Batch, BatchRow, Grant, Ledger, Product, User
from tests import cast
from tests.hub.conftest import Studio

Deed, State, Rows = Batch.Deed, Batch.State, BatchRow.State
Draft = Callable[..., Batch]


@pytest.fixture
def draft(studio: Studio, owner: User) -> Draft:
    def make(deed: str, people: list[User], *, product: Product | None = None, **fields: object) -> Batch:
        batch = Batch.objects.create(
            deed=deed,
            about="test",
            product=product,
            reason="a prize",
            made_by=owner,
            created_at=studio.now,
            **fields,
        )
        BatchRow.objects.bulk_create(BatchRow(batch=batch, user=person) for person in people)
        return batch

    return make


def words(batch: Batch) -> dict[str, tuple[str, str]]:
    return {str(row.user): (row.state, row.words) for row in batch.rows.select_related("user")}


def test_everybody_who_lacks_it_gets_access_once_and_is_told(
    studio: Studio, ada: User, ben: User, dan: User, draft: Draft
) -> None:
    studio.subscribe(ada, studio.course)
    User.objects.filter(pk=dan.pk).update(is_active=False)
    batch = draft(Deed.GIVE, [ada, ben, dan], product=studio.course, writes=True)
    carrying_out.start(batch, now=studio.now)
    carrying_out.start(batch, now=studio.now)
    assert batch.state == State.DONE
    said = words(batch)
    assert said["Ben Kato"] == (Rows.DONE, "Has access now.")
    assert said["Ada Lind"][0] == said["Dan Ruiz"][0] == Rows.LEFT
    assert said["Ada Lind"][1].startswith("Has it already. The subscription is paid")
    given = Grant.objects.get(source=Grant.Source.MANUAL)
    assert (given.user, given.note, given.batch) == (ben, "a prize", batch.name)
    assert Ledger.objects.get(grant=given).batch == batch.name
    told = Activity.objects.get(verb=Activity.Verb.ACCESS_GRANTED, user=ben)
    assert not told.imported
    assert Delivery.objects.filter(user=ben).count() == 1
    assert not Delivery.objects.filter(user=dan).exists()


def test_nobody_is_written_to_where_nobody_is_to_be(studio: Studio, ben: User, draft: Draft) -> None:
    carrying_out.start(draft(Deed.GIVE, [ben], product=studio.course, writes=False), now=studio.now)
    assert can_open(ben, studio.course, now=timezone.now())
    assert not Delivery.objects.exists()


def test_what_is_taken_back_from_many_comes_back_to_them_as_it_was(
    studio: Studio, ada: User, ben: User, cleo: User, dan: User, draft: Draft
) -> None:
    studio.subscribe(ada, studio.kit)
    studio.give(ada, studio.kit)
    studio.give(ben, studio.kit)
    studio.give(cleo, studio.club)
    batch = draft(Deed.TAKE, [ada, ben, cleo, dan], product=studio.kit)
    carrying_out.start(batch, now=studio.now)
    said = words(batch)
    assert said["Cleo Marsh"] == (Rows.LEFT, "Has it through Studio Club: that was not taken.")
    assert said["Dan Ruiz"] == (Rows.LEFT, "Has no access to it.")
    assert Grant.objects.filter(state=Grant.State.REVOKED).count() == 3
    assert not can_open(ada, studio.kit, now=timezone.now())
    grants.restore(Grant.objects.get(user=ben), actor=None, reason="mistake", now=timezone.now())
    carrying_out.undo(batch, actor=batch.made_by, now=clock.now())
    assert batch.state == State.UNDONE
    assert can_open(ada, studio.kit, now=timezone.now())
    said = words(batch)
    assert said["Ada Lind"] == (Rows.UNDONE, "Undone.")
    assert said["Ben Kato"] == (Rows.KEPT, "Something has changed since: it was left as it is.")


def test_what_many_were_given_is_taken_back_by_undoing_and_nothing_else(
    studio: Studio, ada: User, ben: User, draft: Draft
) -> None:
    studio.give(ada, studio.kit)
    batch = draft(Deed.GIVE, [ada, ben], product=studio.kit)
    carrying_out.start(batch, now=studio.now)
    carrying_out.undo(batch, actor=batch.made_by, now=clock.now())
    assert can_open(ada, studio.kit, now=timezone.now())
    assert not can_open(ben, studio.kit, now=timezone.now())
    assert [row.note for row in Ledger.objects.filter(grant__user=ben)] == ["a prize", "Undone: a prize"]


def test_undoing_opens_nothing_for_somebody_who_was_erased_since(
    studio: Studio, owner: User, ada: User, draft: Draft
) -> None:
    studio.give(ada, studio.kit)
    batch = draft(Deed.TAKE, [ada], product=studio.kit)
    carrying_out.start(batch, now=studio.now)
    erasing.erase(ada, actor=owner, now=studio.now)
    carrying_out.undo(batch, actor=owner, now=clock.now())
    assert batch.state == State.UNDONE
    (row,) = batch.rows.all()
    assert (row.state, row.words) == (Rows.KEPT, "This account was erased: nothing is given to it.")
    assert not Grant.objects.filter(state__in=Grant.OPEN).exists()


def test_an_invitation_is_one_e_mail_whatever_is_open_and_is_never_undone(
    studio: Studio, ada: User, dan: User, draft: Draft
) -> None:
    studio.give(ada, studio.course)
    studio.give(ada, studio.kit)
    Delivery.objects.all().delete()
    batch = draft(Deed.INVITE, [ada, dan])
    carrying_out.start(batch, now=studio.now)
    carrying_out.undo(batch, actor=batch.made_by, now=clock.now())
    assert batch.state == State.DONE
    sent = {mail.user: mail for mail in Delivery.objects.all()}
    assert set(sent) == {ada, dan}
    assert sent[ada].context["products"] == ["The Wheel", "Glaze Atlas"]


def test_beyond_fifty_it_is_a_worker_that_does_it_and_it_goes_on_where_it_was_stopped(
    studio: Studio, draft: Draft
) -> None:
    people = cast.UserFactory.create_batch(carrying_out.AT_ONCE + 60, proved=False)
    batch = draft(Deed.GIVE, people, product=studio.course)
    carrying_out.start(batch, now=studio.now)
    assert batch.state == State.RUNNING
    assert carrying_out.count(batch) == {Rows.WAITING: 110}

    def stop_it(**_kwargs: object) -> None:
        carrying_out.stop(Batch.objects.get(pk=batch.pk))

    post_save.connect(stop_it, sender=BatchRow)
    try:
        carrying_out.carry_on_all()
    finally:
        post_save.disconnect(stop_it, sender=BatchRow)
    assert carrying_out.count(batch) == {Rows.WAITING: 109, Rows.DONE: 1}
    carrying_out.carry_on_all()
    assert Grant.objects.count() == 1
    batch.refresh_from_db()
    carrying_out.go_on(batch, actor=batch.made_by, now=studio.now)
    carrying_out.carry_on_all()
    assert carrying_out.count(batch) == {Rows.DONE: 110}
    assert Grant.objects.count() == 110


def test_who_undoes_it_while_it_works_finds_nobody_done_afterwards(
    studio: Studio, ada: User, ben: User, dan: User, draft: Draft
) -> None:
    batch = draft(Deed.GIVE, [ada, ben, dan], product=studio.course)

    def undo_it(**_kwargs: object) -> None:
        post_save.disconnect(undo_it, sender=BatchRow)
        found = Batch.objects.get(pk=batch.pk)
        carrying_out.stop(found)
        carrying_out.undo(found, actor=found.made_by, now=clock.now())

    post_save.connect(undo_it, sender=BatchRow)
    carrying_out.start(batch, now=studio.now)
    assert batch.state == State.UNDONE
    assert carrying_out.count(batch) == {Rows.WAITING: 2, Rows.UNDONE: 1}
    assert not Grant.objects.filter(state__in=Grant.OPEN).exists()


def test_what_was_not_undone_is_not_told_as_undone(studio: Studio, ada: User, owner: User, draft: Draft) -> None:
    batch = draft(Deed.GIVE, [ada], product=studio.course)
    undone = Activity.objects.filter(details__reason="Undid what was done to several people")
    carrying_out.undo(batch, actor=owner, now=clock.now())
    assert (batch.state, undone.exists()) == (State.DRAFT, False)
    carrying_out.start(batch, now=studio.now)
    carrying_out.undo(batch, actor=owner, now=clock.now())
    carrying_out.undo(batch, actor=owner, now=clock.now())
    assert (batch.state, undone.count()) == (State.UNDONE, 1)


def test_whose_deed_fails_is_marked_and_the_others_go_on(studio: Studio, ada: User, ben: User, draft: Draft) -> None:
    batch = draft(Deed.ADD, [])
    for email in ("no address", "new@example.org"):
        BatchRow.objects.create(batch=batch, email=email)
    carrying_out.start(batch, now=studio.now)
    assert batch.state == State.DONE
    assert [row.state for row in batch.rows.all()] == [Rows.FAILED, Rows.DONE]
    assert User.objects.filter(email="new@example.org").exists()


def test_staff_give_nothing_to_themselves_by_the_crowd(studio: Studio, ada: User, draft: Draft) -> None:
    admin = cast.UserFactory(role=User.Role.ADMIN)
    batch = draft(Deed.GIVE, [admin, ada], product=studio.course)
    Batch.objects.update(made_by=admin)
    batch.refresh_from_db()
    carrying_out.start(batch, now=studio.now)
    assert not can_open(admin, studio.course, now=timezone.now())
    assert can_open(ada, studio.course, now=timezone.now())


def test_staff_open_nothing_for_themselves_by_undoing(studio: Studio, owner: User, ada: User, draft: Draft) -> None:
    admin = cast.UserFactory(role=User.Role.ADMIN)
    for person in (admin, ada):
        studio.give(person, studio.course)
    batch = draft(Deed.TAKE, [admin, ada], product=studio.course)
    carrying_out.start(batch, now=studio.now)
    carrying_out.undo(batch, actor=admin, now=clock.now())
    assert {row.user: row.state for row in batch.rows.all()} == {admin: Rows.KEPT, ada: Rows.UNDONE}
    assert not can_open(admin, studio.course, now=timezone.now())
    assert can_open(ada, studio.course, now=timezone.now())


def test_what_nobody_carried_out_is_forgotten_and_so_is_what_a_file_said_of_people_who_are_none(
    studio: Studio, ada: User, draft: Draft
) -> None:
    left, done = draft(Deed.GIVE, [ada], product=studio.course), draft(Deed.INVITE, [ada])
    carrying_out.start(done, now=studio.now)
    BatchRow.objects.create(batch=done, state=Rows.FAILED, email="nobody")
    drafting.forget_old(now=studio.now + timedelta(hours=23))
    assert Batch.objects.count() == 2
    drafting.forget_old(now=studio.now + timedelta(days=2))
    assert not Batch.objects.filter(pk=left.pk).exists()
    assert done.rows.count() == 2
    drafting.forget_old(now=studio.now + timedelta(days=36))
    assert [row.user for row in done.rows.all()] == [ada]
