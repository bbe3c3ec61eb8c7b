"""Leases on subjects: one process at a time looks at a customer, and who lost its lease writes nothing."""

import uuid
from dataclasses import dataclass
from datetime import timedelta

from django.utils import timezone

from activities.leases import is_free
from billing.models import Subject

# Longer than the slowest refresh: a handful of calls of at most STRIPE_TIMEOUT, tried twice.
LENGTH = timedelta(minutes=4)


@dataclass(frozen=True, slots=True)
class Lease:
    key: str
    token: uuid.UUID


def take(key: str) -> Lease | None:
    """The lease on a subject, made when it is new; None while somebody else holds it."""
    now, token = timezone.now(), uuid.uuid4()
    for _ in range(2):
        if Subject.objects.filter(is_free(now=now), key=key).update(lease_token=token, lease_until=now + LENGTH):
            return Lease(key, token)
        if Subject.objects.filter(key=key).exists():
            return None
        Subject.objects.bulk_create([Subject(key=key)], ignore_conflicts=True)
    return None


def held(lease: Lease) -> Subject | None:
    """The subject's row, locked, while the lease is still ours. Call inside the transaction that writes."""
    return Subject.objects.select_for_update().filter(key=lease.key, lease_token=lease.token).first()


def release(lease: Lease) -> None:
    Subject.objects.filter(key=lease.key, lease_token=lease.token).update(lease_token=None, lease_until=None)
