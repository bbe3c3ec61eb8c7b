"""Doorbells and clocks. Every task may run twice, late or never: rows are the truth, and the next one finds them."""

from celery import shared_task

from billing import draining


@shared_task
def drain() -> None:
    draining.drain()


@shared_task
def sweep() -> None:
    draining.sweep()
