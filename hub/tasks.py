"""Doorbells and clocks of the portal. The work is in rows: a task that runs twice or late finds what is left."""

from celery import shared_task

from activities import clock
from activities.alone import alone
from hub import engagement
from hub.batches import carrying_out

HOURS = 6 * 3600


@shared_task(time_limit=HOURS)
@alone
def carry_on() -> None:
    carrying_out.carry_on_all()


@shared_task(time_limit=HOURS)
@alone
def note_absences() -> None:
    engagement.note_absences(now=clock.now())
