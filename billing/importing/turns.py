"""One process's turn at an import: leased, measured, and over as soon as somebody says stop."""

import time
import uuid
from datetime import timedelta
from typing import Protocol

from django.utils import timezone

from activities.leases import is_free
from billing.models import ImportBatch

# Longer than the slowest step: a page of Stripe's lists, or catching up with what happened meanwhile.
LENGTH = timedelta(minutes=4)


class Interrupted(Exception):
    """A person stopped the import, or another process works on it."""


class Note(Protocol):
    """Says how far the work has come. Raises Interrupted where it is not to go on."""

    def __call__(self, *, done: int, total: int = 0) -> None: ...


def unnoted(*, done: int, total: int = 0) -> None:
    """For who works without a turn."""


class Turn:
    def __init__(self, batch: ImportBatch, token: uuid.UUID) -> None:
        self._batch, self._token = batch, token
        self._since = time.monotonic()

    def note(self, *, done: int, total: int = 0) -> None:
        """Keeps the measure, which `done=0` begins anew, and the lease."""
        now = time.monotonic()
        self._batch.seconds = self._batch.seconds + now - self._since if done else 0.0
        self._batch.done, self._batch.total, self._since = done, total, now
        mine = ImportBatch.objects.filter(pk=self._batch.pk, lease_token=self._token)
        mine.update(
            done=done, total=total, seconds=self._batch.seconds, lease_until=timezone.now() + LENGTH, trouble=""
        )
        if not mine.filter(stopped_at=None).exists():
            raise Interrupted

    def end(self, *, trouble: str = "", is_stuck: bool = False) -> None:
        """Lets the next one in. `trouble`: why this one could not go on; `is_stuck`: a person has to say when to."""
        changes = {"trouble": trouble} | ({"stopped_at": timezone.now()} if is_stuck else {})
        mine = ImportBatch.objects.filter(pk=self._batch.pk, lease_token=self._token)
        mine.update(lease_token=None, lease_until=None, **changes)


def take(batch: ImportBatch) -> Turn | None:
    """A turn at what is to be done, with the batch as it stands now; None while somebody else has it, or it stopped."""
    now, token = timezone.now(), uuid.uuid4()
    waiting = ImportBatch.objects.filter(is_free(now=now), pk=batch.pk, state__in=ImportBatch.AT_WORK, stopped_at=None)
    if not waiting.update(lease_token=token, lease_until=now + LENGTH):
        return None
    batch.refresh_from_db()
    return Turn(batch, token)
