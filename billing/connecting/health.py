"""How the connection is, for the owner's page: from our own rows, without asking Stripe."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Min

from billing.desk.failed_events import failed
from billing.models import Attention, InboxEvent, Pass

SEVERAL = 3


@dataclass(frozen=True, slots=True)
class Health:
    """`last_event`: the newest that came. `missing_often`: each of the last catch-ups found events that never came."""

    last_event: InboxEvent | None
    waiting: int
    waiting_since: datetime | None
    failed: int
    to_decide: int
    catch_up: Pass | None
    full_pass: Pass | None
    missing_often: bool


def health_of_connection() -> Health:
    waiting = InboxEvent.objects.filter(state=InboxEvent.State.PENDING).aggregate(
        count=Count("pk"), since=Min("created")
    )
    catch_ups = list(Pass.objects.filter(kind="catch_up").order_by("-pk")[:SEVERAL])
    return Health(
        last_event=InboxEvent.objects.filter(caught_up=False).order_by("-pk").defer("payload").first(),
        waiting=waiting["count"],
        waiting_since=waiting["since"],
        failed=failed().count(),
        to_decide=Attention.objects.filter(resolved_at__isnull=True).count(),
        catch_up=catch_ups[0] if catch_ups else None,
        full_pass=Pass.objects.filter(kind="full").order_by("-pk").first(),
        missing_often=len(catch_ups) == SEVERAL and all(run.found for run in catch_ups),
    )
