"""What a snapshot would change, by doing it and taking it back: a preview cannot differ from the real thing."""

from dataclasses import dataclass
from datetime import datetime

from activities.marks import Mark, rehearsed
from billing.models import Connection
from billing.refreshing import applying
from billing.refreshing.look import Look
from billing.refreshing.snapshots import Snapshot
from hub.models import Grant, Ledger

CAUSE = "rehearsal"


@dataclass(frozen=True, slots=True)
class Difference:
    """One grant that is not as it should be. States are those of Grant, or empty where there is none.

    `is_past`: bought before its product was linked, and not brought in yet. Nothing went wrong. `grant`: its primary
    key, None where there is none yet.
    """

    email: str
    product: str
    source_ref: str
    is_state: str
    should_be: str
    reason: str
    is_ends_at: datetime | None
    should_end_at: datetime | None
    is_past: bool = False
    grant: int | None = None

    @classmethod
    def unknown(cls, grant: Grant) -> "Difference":
        """An open grant of something that Stripe does not know: for a person to look at, never closed by itself."""
        return cls(
            email=grant.user.email,
            product=grant.product.slug,
            source_ref=grant.source_ref,
            is_state=grant.state,
            should_be=grant.state,
            reason="unknown_at_stripe",
            is_ends_at=grant.ends_at,
            should_end_at=grant.ends_at,
            grant=grant.pk,
        )

    @classmethod
    def unread(cls, subject: str) -> "Difference":
        """A customer or payment that could not be compared. Nothing is said of its grants."""
        return cls("", "", subject, "", "", "not_compared", None, None)

    @property
    def closes(self) -> bool:
        return self.is_state in Grant.OPEN and self.should_be not in Grant.OPEN


def rehearse(snapshot: Snapshot, *, subject: str, connection: Connection, now: datetime) -> list[Difference]:
    """The grants that applying the snapshot would change. Nothing is left behind."""
    with rehearsed(Ledger) as mark:
        look = Look(CAUSE, now=now)
        applying.apply_snapshot(snapshot, subject=subject, connection=connection, look=look)
        # By cause: what others commit meanwhile is newer too, and no rehearsal but this one can be seen from here.
        rows = list(mark.newer(Ledger).filter(cause=CAUSE).select_related("grant__user", "grant__product"))
        before = _ends_before(rows, mark=mark)
    return [
        Difference(
            email=row.grant.user.email,
            product=row.grant.product.slug,
            source_ref=row.grant.source_ref,
            is_state=row.from_state,
            should_be=row.to_state,
            reason=row.reason,
            is_ends_at=before.get(row.grant_id),
            should_end_at=row.ends_at,
            is_past=bool(row.batch),
            grant=row.grant_id if row.from_state else None,
        )
        for row in rows
    ]


def _ends_before(rows: list[Ledger], *, mark: Mark) -> dict[int, datetime | None]:
    """Where each grant ended before: its newest ledger row of then."""
    earlier = mark.older(Ledger).filter(grant__in=[row.grant_id for row in rows]).order_by("pk")
    return dict(earlier.values_list("grant_id", "ends_at"))
