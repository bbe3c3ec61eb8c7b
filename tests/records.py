"""What became of it all, as tests count it: activities told, mails queued, ledger lines."""

from typing import NamedTuple

from activities.models import Activity, Delivery
from hub.models import Grant, Ledger

Verb = Activity.Verb


class Counts(NamedTuple):
    """Everything that must not grow when the same news comes again."""

    grants: int
    ledger: int
    activities: int
    deliveries: int


def counts() -> Counts:
    return Counts(*(model.objects.count() for model in (Grant, Ledger, Activity, Delivery)))


def told(verb: Verb, *, email: str) -> int:
    """How often the feed says this of a person."""
    return Activity.objects.filter(verb=verb, user__email=email).count()


def mailed(notice: str, *, email: str) -> int:
    return Delivery.objects.filter(notice=notice, user__email=email).count()
