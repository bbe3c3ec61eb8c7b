"""Doorbells and clocks. Every task may run twice, late or never: rows are the truth, and the next one finds them."""

from celery import shared_task

from billing import draining, reconcile, retention


@shared_task
def drain() -> None:
    draining.drain()


@shared_task
def sweep() -> None:
    draining.sweep()


@shared_task
def catch_up() -> None:
    if reconcile.catch_up():
        draining.drain()


@shared_task
def full_pass() -> None:
    reconcile.full_pass()
    draining.drain()


@shared_task
def tidy() -> None:
    retention.tidy()
