"""The inbox: webhooks are verified, stored and answered here; `drain` then looks again at what they are about.

Receiving costs one statement or two, and no call to Stripe. An event is only a doorbell: `drain` reads which subjects
have pending rows, and each is refreshed once however many events rang.
"""

from collections.abc import Iterable
from datetime import datetime
from enum import Enum
from typing import Any

from django.db.models import F, Q, QuerySet
from django.utils import timezone

from activities.inserting import insert_new
from billing.errors import StripeForbidden, StripePaused, StripeRefused, StripeUnavailable
from billing.intake import event_types, references
from billing.intake.event_types import Facet
from billing.intake.signers import find_signer
from billing.intake.storable import LONGEST, TOO_LATE, read_strictly
from billing.models import Connection, InboxEvent, Order, StripeCustomer, Subject
from billing.stripe_objects import required_moment

Json = dict[str, Any]
MAX_BYTES = 512 * 1024
AT_ONCE = 500  # subjects in a statement
# How the errors begin that are kept with a subject while Stripe cannot be asked.
AWAY = (StripeUnavailable, StripePaused, StripeRefused, StripeForbidden)
UNANSWERED = rf"^({'|'.join(kind.__name__ for kind in AWAY)})\("
BOUGHT = (
    "checkout.session.completed",
    "checkout.session.async_payment_succeeded",
    "customer.subscription.created",
    "customer.subscription.resumed",
)


class Answer(Enum):
    """What becomes of a delivery. The second part of each is the status that Stripe is told."""

    STORED = ("stored", 200)
    NOTED = ("noted", 200)  # nothing to look at: kept is what it names
    IGNORED = ("ignored", 200)
    BAD = ("bad", 400)
    UNKNOWN = ("unknown", 404)
    TOO_LARGE = ("too large", 413)

    @property
    def status(self) -> int:
        return self.value[1]


def receive(body: bytes, *, signature: str, webhook_uuid: Any) -> Answer:
    """Verifies and stores one delivery. Nothing is stored that is not signed for this connection and mode."""
    if len(body) > MAX_BYTES:
        return Answer.TOO_LARGE
    if not signature.isascii():  # the SDK's comparison raises on it
        return Answer.BAD
    try:
        text = body.decode()
    except UnicodeDecodeError:
        return Answer.BAD
    signer, is_signed = find_signer(text, signature=signature, webhook_uuid=str(webhook_uuid))
    if signer is None:
        return Answer.UNKNOWN
    event = _event(text) if is_signed else None
    if event is None:
        return Answer.BAD
    if event["livemode"] != signer.livemode or event.get("account") or not event_types.is_asked_for(event):
        return Answer.IGNORED
    if not event_types.facets_of(event):
        references.keep_told([event])
        return Answer.NOTED
    store([event], connection_id=signer.connection_id)
    return Answer.STORED


def store(events: Iterable[Json], *, connection_id: int, caught_up: bool = False) -> None:
    """Inserts what is new and leaves what is known: one statement."""
    received_at = timezone.now()
    insert_new(
        [
            InboxEvent(
                event_id=event["id"],
                connection_id=connection_id,
                type=event["type"],
                subject=event_types.subject_of(event),
                facets=" ".join(sorted(event_types.facets_of(event))),
                created=required_moment(event["created"]),
                received_at=received_at,
                caught_up=caught_up,
                payload=event,
            )
            for event in events
        ],
        by="event_id",
    )


def buyers(*, limit: int) -> list[str]:
    """The subjects that somebody has bought something as, and is not let in yet: nobody else waits at a door."""
    return list(dict.fromkeys(_rung().filter(type__in=BOUGHT).values_list("subject", flat=True)[:limit]))


def look_again(*keys: str) -> None:
    """Asks for a whole refresh of these subjects by the next drain."""
    for start in range(0, len(keys), AT_ONCE):
        some = keys[start : start + AT_ONCE]
        Subject.objects.bulk_create([Subject(key=key) for key in some], ignore_conflicts=True)
        Subject.objects.filter(key__in=some).update(requests=F("requests") + 1, retry_at=None)


def dirty_subjects(*, business_now: datetime, limit: int, is_listed_elsewhere: bool = False) -> list[str]:
    """The subjects to look at again: buyers, then longest waiting first: rung for, asked for, or past a deadline.

    `is_listed_elsewhere`: without the customers whose events ask for subscriptions alone, because another worker
    lists these.
    """
    asked = (
        Subject.objects.filter(Q(requests__gt=0) | Q(due_at__lte=business_now))
        .exclude(pk__in=put_off().values("pk"))
        .exclude(of_a_disconnected_account())
        .order_by("due_at", "pk")
    )
    rung = _rung()
    if is_listed_elsewhere:
        listed = {"facets": Facet.SUBSCRIPTIONS.value, "subject__startswith": "cus_"}
        pending = InboxEvent.objects.filter(state=InboxEvent.State.PENDING, **listed)
        asked = asked.exclude(requests=0, key__in=pending.values("subject"))
        rung = rung.exclude(**listed)
    keys = asked.values_list("key", flat=True)
    subjects = rung.values_list("subject", flat=True)
    return list(dict.fromkeys([*buyers(limit=limit), *subjects[: limit * 10], *keys[:limit]]))[:limit]


def is_dirty(key: str, *, business_now: datetime) -> bool:
    """Whether a subject is still to be looked at: another one's look may have answered it since it was listed."""
    return is_news(key) or Subject.objects.filter(key=key, due_at__lte=business_now).exists()


def is_news(key: str) -> bool:
    """Whether an event or a request waits that no look has answered."""
    pending = InboxEvent.objects.filter(subject=key, state=InboxEvent.State.PENDING)
    return pending.exists() or Subject.objects.filter(key=key, requests__gt=0).exists()


def _rung() -> QuerySet[InboxEvent]:
    """Events of subjects that nobody looks at just now, and that may be tried again, oldest first."""
    pending = InboxEvent.objects.filter(state=InboxEvent.State.PENDING)
    pending = pending.exclude(connection__state=Connection.State.OFF)
    return pending.exclude(subject__in=put_off().values("key")).order_by("id")


def put_off() -> QuerySet[Subject]:
    """Subjects that somebody looks at just now, or that are not to be tried again yet."""
    now = timezone.now()
    return Subject.objects.filter(Q(retry_at__gt=now) | Q(lease_until__gt=now))


def next_put_off() -> str | None:
    """Whose next try comes first, of those that wait for it because Stripe was away. Payments and customers alone."""
    found = Subject.objects.filter(retry_at__gt=timezone.now(), error__regex=UNANSWERED).exclude(key__contains=":")
    return found.exclude(of_a_disconnected_account()).order_by("retry_at", "pk").values_list("key", flat=True).first()


def belongs_elsewhere(key: str) -> bool:
    """Whether a subject is of an account that is disconnected: no other account's key opens it."""
    return Subject.objects.filter(of_a_disconnected_account(), key=key).exists()


def of_a_disconnected_account() -> Q:
    off = {"connection__state": Connection.State.OFF}
    customers = StripeCustomer.objects.filter(**off).values("stripe_id")
    return Q(key__in=customers) | Q(key__in=Order.objects.filter(**off).values("subject"))


def is_sound(event: Json) -> bool:
    """Whether it can be kept: its ids are short words, its moment is one, and it says where to look."""
    ids = (event.get("id"), event.get("type"))
    created, data = event.get("created"), event.get("data")
    if not all(isinstance(found, str) and 0 < len(found) <= LONGEST for found in ids):
        return False
    if type(created) is not int or not 0 <= created < TOO_LATE:
        return False
    if not isinstance(data, dict) or not isinstance(data.get("object"), dict):
        return False
    try:
        subject = event_types.subject_of(event)
        if not event_types.facets_of(event):
            references.named_by(event)
    except (AttributeError, KeyError, TypeError):
        return False
    return isinstance(subject, str) and 0 < len(subject) <= LONGEST


def _event(text: str) -> Json | None:
    try:
        event = read_strictly(text)
    except ValueError:
        return None
    if not isinstance(event, dict) or event.get("object") != "event" or not isinstance(event.get("livemode"), bool):
        return None
    return event if is_sound(event) else None
