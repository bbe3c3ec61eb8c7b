"""Leases: one looks at a time, and who lost theirs holds nothing and gives nobody else's back."""

from datetime import timedelta

from django.utils import timezone

from billing.intake import leases
from billing.models import Subject


def test_a_lease_that_was_lost_is_not_held_and_gives_back_nobody_elses(db: None) -> None:
    lost = leases.take("cus_1")
    Subject.objects.update(lease_until=timezone.now() - timedelta(seconds=1))
    ours = leases.take("cus_1")
    assert lost is not None and ours is not None
    assert leases.held(lost) is None
    leases.release(lost)
    assert leases.take("cus_1") is None
    leases.release(ours)
    assert leases.take("cus_1") is not None
