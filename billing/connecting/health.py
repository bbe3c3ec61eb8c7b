"""How the connection is, for the owner's page: from our own rows, without asking Stripe."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count, Min

from billing.desk import closings
from billing.desk.failed_events import failed
from billing.models import Attention, InboxEvent, Pass
from hub.models import Grant

SEVERAL = 3
LISTED = 20


@dataclass(frozen=True, slots=True)
class Health:
    """`last_event`: the newest that came. `missing_often`: each of the last catch-ups found events that never came.

    Of the last full pass: what it asked an owner, what `became` of that in words, and the first that had `drifted`,
    with the shape of `billing.rules.rehearsal.Difference` and, as `now`, the state that each has by now, in a word.
    """

    last_event: InboxEvent | None
    waiting: int
    waiting_since: datetime | None
    failed: int
    to_decide: int
    catch_up: Pass | None
    full_pass: Pass | None
    missing_often: bool
    asked: Attention | None
    became: str
    drifted: list[dict[str, Any]]


def health_of_connection() -> Health:
    waiting = InboxEvent.objects.filter(state=InboxEvent.State.PENDING).aggregate(
        count=Count("pk"), since=Min("created")
    )
    full_pass = Pass.objects.filter(kind="full").order_by("-pk").first()
    asked = closings.of_pass(full_pass) if full_pass and full_pass.stopped else None
    catch_ups = list(Pass.objects.filter(kind="catch_up").order_by("-pk")[:SEVERAL])
    return Health(
        last_event=InboxEvent.objects.filter(caught_up=False).order_by("-pk").defer("payload").first(),
        waiting=waiting["count"],
        waiting_since=waiting["since"],
        failed=failed().count(),
        to_decide=Attention.objects.filter(resolved_at__isnull=True).count(),
        catch_up=catch_ups[0] if catch_ups else None,
        full_pass=full_pass,
        missing_often=len(catch_ups) == SEVERAL and all(run.found for run in catch_ups),
        asked=asked,
        became=closings.told(asked) if asked else "",
        drifted=_drifted(full_pass) if full_pass else [],
    )


def _drifted(run: Pass) -> list[dict[str, Any]]:
    rows = run.found[:LISTED]
    grants = Grant.objects.in_bulk([row["grant"] for row in rows if row.get("grant")])
    return [
        row | {"now": grants[pk].get_state_display().lower() if (pk := row.get("grant")) in grants else ""}
        for row in rows
    ]
