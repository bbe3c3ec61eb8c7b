"""Doorbells and clocks. Every task may run twice, late or never: rows are the truth, and the next one finds them."""

from celery import shared_task

from activities.alone import alone
from billing.importing import working
from billing.intake import draining
from billing.sweeping import reconcile, retention

# Listing takes Stripe about a second a hundred: the limit of the other tasks would kill it at thirty thousand.
HOURS = 6 * 3600


@shared_task
def drain() -> None:
    draining.drain()


@shared_task
def sweep() -> None:
    draining.sweep()


@shared_task(time_limit=HOURS)
@alone
def catch_up() -> None:
    if reconcile.catch_up():
        draining.drain()


@shared_task(time_limit=HOURS)
@alone
def full_pass() -> None:
    reconcile.full_pass()
    draining.drain()


@shared_task(time_limit=HOURS)
@alone
def work_on_imports() -> None:
    working.go_on()


@shared_task
def tidy() -> None:
    retention.tidy()
