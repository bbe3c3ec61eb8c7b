"""Is it well? Three answers: the process is up, it can serve, and what a person should look at.

`/health/` is for monitors (with HEALTH_TOKEN) and staff: JSON, 503 when a section is red. A section that
cannot be computed is red and says why.
"""

import secrets
import time
from collections.abc import Callable
from dataclasses import asdict, dataclass, field
from datetime import datetime, timedelta
from enum import StrEnum
from typing import Any

import structlog
from django.conf import settings
from django.db import DatabaseError, connection
from django.db.models import Count, Max, Min, Q
from django.http import HttpRequest, HttpResponse, HttpResponseForbidden, JsonResponse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from activities import clock, heartbeat
from activities.models import Delivery
from billing.connection import active_connection
from billing.models import Attention, Connection, InboxEvent, Pass, Subject
from hub.permissions import Permission, signed_in

log = structlog.get_logger(__name__)

SLOW = timedelta(minutes=2)
STUCK = timedelta(minutes=15)
SILENT = timedelta(hours=1)
OFTEN_TRIED = 5
# A catch-up runs every quarter of an hour, a full pass every day.
CATCH_UP_LATE = timedelta(hours=1)
FULL_PASS_LATE = timedelta(days=2)


class Level(StrEnum):
    OK = "ok"
    WARN = "warn"
    RED = "red"


@dataclass(frozen=True, slots=True)
class Section:
    """`words` say what is wrong and what to look at; `figures` are JSON, ages in whole seconds."""

    name: str
    level: Level
    words: str = ""
    figures: dict[str, Any] = field(default_factory=dict)


@require_safe
@never_cache
def healthz(_request: HttpRequest) -> HttpResponse:
    """The process answers. Asks nothing of anybody."""
    return HttpResponse("ok\n", content_type="text/plain")


@require_safe
@never_cache
def readyz(_request: HttpRequest) -> HttpResponse:
    """The process can serve: the database answers. 503 while it does not."""
    try:
        _ask_database()
    except DatabaseError as error:
        log.error("database_unreachable", error=repr(error))
        return HttpResponse("the database does not answer\n", status=503, content_type="text/plain")
    return HttpResponse("ready\n", content_type="text/plain")


@require_safe
@never_cache
def report(request: HttpRequest) -> HttpResponse:
    """All sections as JSON: {"level", "at", "sections": [{"name", "level", "words", "figures"}]}."""
    user = signed_in(request)
    if not _has_token(request) and not (user and user.may(Permission.SEE_CONSOLE)):
        if user:
            return HttpResponseForbidden("Staff only.\n", content_type="text/plain")
        return HttpResponse("Sign in, or give the token.\n", status=401, headers={"WWW-Authenticate": "Bearer"})
    now = timezone.now()
    sections = look(now=now)
    level = worst(sections)
    body = {"level": level, "at": now.isoformat(), "sections": [asdict(section) for section in sections]}
    return JsonResponse(body, status=503 if level is Level.RED else 200)


def look(*, now: datetime) -> list[Section]:
    """Every section; `now` is real time."""
    return [_try(name, check, now=now) for name, check in SECTIONS.items()]


def worst(sections: list[Section]) -> Level:
    return max((section.level for section in sections), key=list(Level).index, default=Level.OK)


def _try(name: str, check: Callable[..., Section], *, now: datetime) -> Section:
    try:
        return check(now=now)
    except Exception as error:
        log.exception("health_section_failed", section=name)
        return Section(name, Level.RED, f"Could not be looked at: {type(error).__name__}.")


def _database(*, now: datetime) -> Section:
    started = time.monotonic()
    _ask_database()
    took = round((time.monotonic() - started) * 1000, 1)
    return Section("database", Level.OK, figures={"vendor": connection.vendor, "milliseconds": took})


def _inbox(*, now: datetime) -> Section:
    pending = InboxEvent.objects.filter(state=InboxEvent.State.PENDING)
    waiting = pending.aggregate(count=Count("pk"), oldest=Min("received_at"))
    dead = InboxEvent.objects.filter(state=InboxEvent.State.DEAD).count()
    hard = Subject.objects.filter(attempts__gte=OFTEN_TRIED).exclude(error="").count()
    age = _age(waiting["oldest"], now=now)
    figures = {
        "pending": waiting["count"],
        "oldest_seconds": _seconds(age),
        "dead": dead,
        "often_tried_subjects": hard,
    }
    if dead:
        return Section("inbox", Level.RED, f"Events that need a person: {dead}.", figures)
    if age > STUCK:
        return Section("inbox", Level.RED, "Events are stuck: is the worker running?", figures)
    if age > SLOW or hard:
        return Section("inbox", Level.WARN, "Events take long, or some cannot be worked off.", figures)
    return Section("inbox", Level.OK, figures=figures)


def _stripe(*, now: datetime) -> Section:
    states = Connection.State
    used = active_connection()
    if used is None:
        return Section("stripe", Level.OK, "Not connected.", {"state": states.OFF})
    newest = InboxEvent.objects.order_by("-pk").values_list("received_at", flat=True).first()
    silence = _age(used.last_ok_at or used.created_at, now=now)
    figures = {
        "state": used.state,
        "livemode": used.livemode,
        "last_answer_seconds": _seconds(silence),
        "last_event_at": newest and newest.isoformat(),
    }
    if used.state == states.REFUSED:
        return Section("stripe", Level.RED, "Stripe refuses our key.", figures)
    if used.state == states.UNREACHABLE:
        level = Level.RED if silence > SILENT else Level.WARN
        return Section("stripe", level, "Stripe does not answer. Nobody loses access by this.", figures)
    if not used.webhook_secrets:
        return Section("stripe", Level.RED, "No signing secret: webhooks are refused.", figures)
    if used.endpoint_problems:
        words = f"The webhook endpoint at Stripe: {used.endpoint_problems[0]} The console mends it."
        return Section("stripe", Level.WARN, words, figures)
    return Section("stripe", Level.OK, figures=figures)


def _passes(*, now: datetime) -> Section:
    """The passes over everything, whose times are business times: a sandbox's jump makes them old until the next."""
    at, connected = clock.now(), active_connection()
    brakes = Attention.objects.filter(kind=Attention.Kind.BRAKE, resolved_at__isnull=True)
    catch_up, full = _last_pass("catch_up"), _last_pass("full")
    figures = {
        "open_brakes": brakes.count(),
        "last_catch_up_seconds": catch_up and _seconds(_age(catch_up, now=at)),
        "last_full_pass_seconds": full and _seconds(_age(full, now=at)),
    }
    if brake := brakes.order_by("-opened_at").first():
        words = (
            f"A full pass stopped: it would have closed {len(brake.details.get('closing', []))} grants. Read its list "
            "in the console: an owner closes it, or has everything compared again."
        )
        return Section("passes", Level.RED, words, figures)
    if connected and _age(catch_up or connected.created_at, now=at) > CATCH_UP_LATE:
        return Section("passes", Level.WARN, "No catch-up has ended well for an hour: is beat running?", figures)
    if connected and _age(full or connected.created_at, now=at) > FULL_PASS_LATE:
        return Section("passes", Level.WARN, "No full pass has ended well for two days: is beat running?", figures)
    return Section("passes", Level.OK, figures=figures)


def _last_pass(kind: str) -> datetime | None:
    """When the last one ended that was not stopped."""
    last: datetime | None = Pass.objects.filter(kind=kind, stopped="").aggregate(last=Max("finished_at"))["last"]
    return last


def _deliveries(*, now: datetime) -> Section:
    states = Delivery.State
    counted = Delivery.objects.filter(state=states.WAITING).aggregate(
        waiting=Count("pk"), overdue_since=Min("next_try")
    ) | Delivery.objects.filter(state__in=[states.UNSURE, states.FAILED]).aggregate(
        unsure=Count("pk", filter=Q(state=states.UNSURE)),
        failed=Count("pk", filter=Q(state=states.FAILED, next_try__gte=now - timedelta(days=1))),
    )
    sent = Delivery.objects.filter(sent_at__isnull=False).order_by("-pk").values_list("sent_at", flat=True)
    last_sent = sent.first()
    overdue = _age(counted["overdue_since"], now=now)
    figures = {
        "waiting": counted["waiting"],
        "overdue_seconds": _seconds(overdue),
        "unsure": counted["unsure"],
        "failed_since_yesterday": counted["failed"],
        "last_sent_at": last_sent and last_sent.isoformat(),
    }
    if overdue > STUCK:
        return Section("deliveries", Level.RED, "E-mails are stuck: is the worker running?", figures)
    if overdue > SLOW:
        return Section("deliveries", Level.WARN, "E-mails are late.", figures)
    if counted["unsure"] or counted["failed"]:
        return Section("deliveries", Level.WARN, "Some e-mails failed, or nobody knows: see Deliveries.", figures)
    return Section("deliveries", Level.OK, figures=figures)


def _heartbeat(*, now: datetime) -> Section:
    beaten = heartbeat.last()
    silence = _age(beaten, now=now)
    figures = {"last_beat_seconds": _seconds(silence) if beaten else None}
    if beaten is None:
        return Section("heartbeat", Level.WARN, "No scheduled work was done yet: is beat running?", figures)
    if silence > STUCK:
        return Section("heartbeat", Level.RED, "Scheduled work has stopped: are beat and a worker running?", figures)
    if silence > SLOW:
        return Section("heartbeat", Level.WARN, "Scheduled work is late.", figures)
    return Section("heartbeat", Level.OK, figures=figures)


def _clock(*, now: datetime) -> Section:
    offset = round((clock.now() - timezone.now()).total_seconds())
    figures = {"offset_seconds": offset, "business_time": clock.now().isoformat()}
    if offset and not settings.DEMO:
        return Section("clock", Level.WARN, "The clock is moved by a sandbox.", figures)
    return Section("clock", Level.OK, figures=figures)


SECTIONS: dict[str, Callable[..., Section]] = {
    "database": _database,
    "inbox": _inbox,
    "stripe": _stripe,
    "passes": _passes,
    "deliveries": _deliveries,
    "heartbeat": _heartbeat,
    "clock": _clock,
}


def _ask_database() -> None:
    with connection.cursor() as cursor:
        cursor.execute("SELECT 1")


def _has_token(request: HttpRequest) -> bool:
    scheme, _, given = request.headers.get("Authorization", "").partition(" ")
    expected = settings.HEALTH_TOKEN
    return bool(expected) and scheme == "Bearer" and secrets.compare_digest(given.encode(), expected.encode())


def _age(since: datetime | None, *, now: datetime) -> timedelta:
    """How long ago, nothing for the future or for never."""
    return max(now - since, timedelta()) if since else timedelta()


def _seconds(age: timedelta) -> int:
    return round(age.total_seconds())
