"""Events that could not be worked off: why, what working them off would change, once more, or no more."""

from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Count, Min, QuerySet
from django.utils import timezone

from activities.doorbell import ring
from activities.record import record_deed
from billing.connection import active_connection
from billing.errors import NotConnected
from billing.gateway import gateway_for
from billing.intake.draining import TASK
from billing.intake.event_types import EVERYTHING, NOBODYS
from billing.models import InboxEvent, Order, StripeCustomer, Subject
from billing.refreshing.deciding_links import ever_linked
from billing.refreshing.refresh import Outcome, refresh
from billing.refreshing.snapshots import Ask, Snapshot, fetch_customer, fetch_guest
from billing.rules.rehearsal import Difference, rehearse
from hub.models import User

State = InboxEvent.State
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Batch:
    """The events that failed alike. `sample` is the first of them; types are Stripe's."""

    fault: str
    sample: int
    oldest: datetime
    count: int
    types: list[str]


def failed() -> QuerySet[InboxEvent]:
    return InboxEvent.objects.filter(state=State.DEAD)


def batches() -> list[Batch]:
    """By what went wrong, the most frequent first: two queries, counted by the database."""
    types: dict[str, list[str]] = {}
    for fault, kind in failed().values_list("fault", "type").distinct().order_by("type"):
        types.setdefault(fault, []).append(kind)
    alike = failed().values("fault").annotate(sample=Min("pk"), oldest=Min("received_at"), count=Count("pk"))
    return [Batch(types=types.get(row["fault"], []), **row) for row in alike.order_by("-count", "fault")]


def beside(event: InboxEvent) -> QuerySet[InboxEvent]:
    """All that failed as this one did, the oldest first; this one too."""
    return failed().filter(fault=event.fault).order_by("received_at", "pk")


def rehearse_replay(event: InboxEvent, *, now: datetime) -> list[Difference]:
    """The access that working it off would change, by Stripe's present state. Writes nothing.

    None for what is for sale: its names and prices open nothing. Raises billing.errors, and whatever made it fail.
    """
    connection = active_connection()
    if connection is None:
        raise NotConnected("No Stripe account is connected.")
    if event.subject.startswith(NOBODYS):
        return []
    gateway, linked = gateway_for(connection, waiting=True), ever_linked(connection)
    subject, asked_at = _owner_of(event.subject), timezone.now()
    snapshot: Snapshot | None = None
    if not subject.startswith("cus_"):
        snapshot, customer = fetch_guest(gateway, subject, asked_at=asked_at)
        subject, snapshot = (customer, None) if customer else (subject, snapshot)
    if snapshot is None:
        snapshot = fetch_customer(gateway, subject, ask=Ask(EVERYTHING), linked=linked, asked_at=asked_at)
    return rehearse(snapshot, subject=subject, connection=connection, now=now)


def replay(event: InboxEvent, *, actor: User, now: datetime) -> Outcome:
    """Works it off now, with all that failed of the same subject, while somebody waits."""
    with transaction.atomic():
        again = list(failed().filter(subject=event.subject).values_list("pk", flat=True))
        if not _wait_again(again):
            return Outcome.BUSY
        _record(f"replayed a failed event, {event.type}", event, person=person_of(event), actor=actor, now=now)
    return refresh(event.subject, waiting=True)


def replay_all(event: InboxEvent, *, actor: User, now: datetime) -> int:
    """Has all that failed with the same error worked off in the background, and returns how many they are."""
    return replay_some(list(beside(event).values_list("pk", flat=True)), actor=actor, now=now)


@transaction.atomic
def replay_some(keys: list[int], *, reason: str = "", actor: User, now: datetime) -> int:
    """Those of these events that failed, in the background; returns how many they are. Without a reason that somebody
    gave, the feed keeps the error.
    """
    first, count = None, 0
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        first = first or failed().filter(pk__in=some).order_by("pk").first()
        count += _wait_again(some)
    if first is not None:
        _record(f"replayed {count} failed events", first, note=reason or first.fault, actor=actor, now=now)
        transaction.on_commit(lambda: ring(TASK), robust=True)
    return count


@transaction.atomic
def dismiss(event: InboxEvent, *, reason: str, actor: User, now: datetime) -> bool:
    """Nobody has to look at it any more. What it was about is compared with Stripe every night all the same."""
    changed = failed().filter(pk=event.pk).update(state=State.DISMISSED, done_at=timezone.now())
    if changed:
        deed, person = f"dismissed a failed event, {event.type}", person_of(event)
        _record(deed, event, person=person, note=reason, actor=actor, now=now)
    return bool(changed)


def person_of(event: InboxEvent) -> User | None:
    """Whose customer or payment it is about, where that is known."""
    bound = StripeCustomer.objects.filter(stripe_id=event.subject, user__isnull=False).select_related("user").first()
    order = Order.objects.filter(subject=event.subject, user__isnull=False).select_related("user").first()
    found = bound or order
    return found.user if found else None


def _owner_of(subject: str) -> str:
    """Where a guest's payment is known to belong to a customer by now."""
    known = Order.objects.filter(payment_intent=subject).values_list("subject", flat=True).first()
    return known or subject


def _wait_again(keys: list[int]) -> int:
    """They wait as if they had just come, and how many they are; one more failure brings them back here."""
    chosen = failed().filter(pk__in=keys)
    Subject.objects.filter(key__in=list(chosen.values_list("subject", flat=True))).update(retry_at=None)
    return chosen.update(state=State.PENDING)


def _record(
    deed: str, event: InboxEvent, *, actor: User, now: datetime, person: User | None = None, note: str = ""
) -> None:
    about = person.pk if person else None
    record_deed(deed, actor_id=actor.pk, user_id=about, cause=event.event_id, note=note[:240], now=now)
