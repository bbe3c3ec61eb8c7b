"""Rows that one process at a time works on, until a moment in real time."""

from datetime import datetime

from django.db.models import Q


def is_free(*, now: datetime) -> Q:
    """The rows with a `lease_until` that nobody holds, or held too long."""
    return Q(lease_until__isnull=True) | Q(lease_until__lt=now)
