"""Carrying a plan out, a hundred rows a transaction: what was shown happens, and nothing else.

A row's state is the cursor. Who dies between two chunks has lost nothing, and whoever goes on repeats nothing.
"""

from datetime import datetime

import structlog
from django.db import transaction
from django.utils import timezone

from activities import clock
from activities.leases import is_free
from billing.importing import rehearsing
from billing.importing.asking import FRESH, Moved
from billing.importing.turns import Note, unnoted
from billing.intake import draining
from billing.models import ImportBatch, ImportRow, Subject
from billing.sweeping import reconcile

log = structlog.get_logger(__name__)
State = ImportRow.State


class _Differs(Exception):
    def __init__(self, subjects: set[str]) -> None:
        super().__init__()
        self.subjects = subjects


def check(batch: ImportBatch, *, now: datetime, note: Note = unnoted) -> None:
    """Lets the plan be carried out, after what happened meanwhile was heard. Raises Moved, with nothing applied."""
    if batch.state != ImportBatch.State.CHECKING:
        return
    note(done=0)
    reconcile.catch_up()
    draining.drain()
    before = dict(batch.rows.values_list("subject", "planned"))
    rows = rehearsing.rehearse(batch, now=now, note=note)
    if rehearsing.fingerprint_of(batch, rows) != batch.fingerprint:
        changed = sorted(row.subject for row in rows if row.planned != before[row.subject])
        rehearsing.keep(batch, rows, changed=changed)
        raise Moved(changed)
    begun = FRESH | {"total": sum(row.state == State.WAITING for row in rows)}
    checked = ImportBatch.objects.filter(pk=batch.pk, state=ImportBatch.State.CHECKING)
    checked.update(state=ImportBatch.State.APPLYING, **begun)
    batch.refresh_from_db()


def carry_on(batch: ImportBatch, *, note: Note = unnoted) -> bool:
    """Applies what waits. Returns whether nothing does any more: what somebody else looks at just now is left."""
    if batch.state != ImportBatch.State.APPLYING:
        return batch.state == ImportBatch.State.DONE
    while True:
        waiting = batch.rows.filter(state=State.WAITING).count()
        for chunk in rehearsing.chunks(batch, state=State.WAITING):
            _apply(batch, chunk)
            note(done=batch.total - batch.rows.filter(state=State.WAITING).count(), total=batch.total)
        still = batch.rows.filter(state=State.WAITING).count()
        if not still:
            batch.state, batch.finished_at = ImportBatch.State.DONE, clock.now()
            batch.save(update_fields=["state", "finished_at"])
            batch.rows.filter(state=State.SKIPPED).update(snapshot={})
            return True
        if still == waiting:
            return False


def _apply(batch: ImportBatch, rows: list[ImportRow]) -> None:
    """Rows that would do something else than planned, or cannot be applied, are marked; the others go on alone."""
    if not rows:
        return
    try:
        _apply_together(batch, rows, now=clock.now())
    except _Differs as differs:
        people = {row.who for row in rows if row.subject in differs.subjects}
        batch.rows.filter(who__in=people, state=State.WAITING).update(state=State.LEFT)
        _apply(batch, [row for row in rows if row.who not in people])
    except Exception as error:
        people_rows = rehearsing.by_person(rows)
        if len(people_rows) > 1:
            for mine in people_rows:
                _apply(batch, mine)
            return
        log.exception("import_row_failed", subject=rows[0].subject)
        failed = batch.rows.filter(pk__in=[row.pk for row in rows], state=State.WAITING)
        failed.update(state=State.FAILED, error=f"{type(error).__name__}: {error}"[:500])


@transaction.atomic
def _apply_together(batch: ImportBatch, rows: list[ImportRow], *, now: datetime) -> None:
    """One transaction. Locked are the rows, against another applier, and their subjects, against a refresh."""
    waiting = batch.rows.select_for_update().filter(pk__in=[row.pk for row in rows], state=State.WAITING)
    found = list(waiting.order_by("pk"))
    subjects = _lock_subjects([row.subject for row in found])
    free = [row for row in found if row.subject in subjects]
    if not free:
        return
    outcomes, deadlines = rehearsing.bring(batch, free, now=now)
    if differing := {row.subject for row in free if outcomes[row.subject] != row.planned}:
        raise _Differs(differing)
    for key, subject in subjects.items():
        subject.due_at = deadlines.get(key)
    Subject.objects.bulk_update(subjects.values(), ["due_at"], batch_size=200)
    batch.rows.filter(pk__in=[row.pk for row in free]).update(state=State.APPLIED, snapshot={})


def _lock_subjects(keys: list[str]) -> dict[str, Subject]:
    """Those that nobody holds a lease on. Whoever takes one now waits for us, and then fetches what is newer."""
    Subject.objects.bulk_create([Subject(key=key) for key in sorted(keys)], ignore_conflicts=True)
    found = Subject.objects.select_for_update().filter(is_free(now=timezone.now()), key__in=keys).order_by("key")
    return {subject.key: subject for subject in found}
