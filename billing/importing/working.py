"""The work of imports, in whatever process: rows say what is left, so that anybody goes on where somebody died."""

import structlog
from django.db.models import Q

from activities import clock
from billing.connection import active_connection
from billing.errors import StripeUnavailable
from billing.importing import carrying_out, reading, rehearsing, turns, undoing
from billing.importing.asking import Moved
from billing.importing.turns import Interrupted, Note
from billing.models import ImportBatch

log = structlog.get_logger(__name__)
State = ImportBatch.State
TASK = "billing.tasks.work_on_imports"


def go_on() -> None:
    """Works on what is under way until it is done, stopped, or Stripe is away: then the next sweep tries again."""
    reachable = Q(connection=active_connection()) | Q(state=State.UNDOING)
    for batch in ImportBatch.objects.filter(reachable, state__in=ImportBatch.AT_WORK, stopped_at=None):
        try:
            work(batch)
        except (Interrupted, Moved, StripeUnavailable):
            continue
        except Exception:
            log.exception("import_stopped", batch=batch.pk)


def work(batch: ImportBatch) -> None:
    """Does what waits, in a turn of our own. Raises Interrupted, Moved and billing.errors, with the reason kept."""
    turn = turns.take(batch)
    if turn is None:
        raise Interrupted
    try:
        _work(batch, note=turn.note)
    except (Interrupted, Moved):
        turn.end()
        raise
    except StripeUnavailable as error:
        turn.end(trouble=f"Stripe does not answer: {error}")
        raise
    except Exception as error:
        turn.end(trouble=f"{type(error).__name__}: {error}"[:500], is_stuck=True)
        raise
    turn.end()


def _work(batch: ImportBatch, *, note: Note) -> None:
    if batch.state == State.READING:
        reading.read(batch, note=note)
        rehearsing.plan(batch, now=clock.now(), note=note)
    if batch.state == State.CHECKING:
        carrying_out.check(batch, now=clock.now(), note=note)
    if batch.state == State.APPLYING:
        carrying_out.carry_on(batch, note=note)
    if batch.state == State.UNDOING:
        undoing.carry_on(batch, now=clock.now(), note=note)
