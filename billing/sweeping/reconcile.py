"""Keeping true without being told: catch-up from Stripe's event list, and the full pass that finds drift."""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from dataclasses import asdict
from datetime import datetime, timedelta
from typing import Any

import structlog
from django.db import DatabaseError, transaction
from django.utils import timezone

from activities import clock
from billing.connecting import endpoint
from billing.connection import active_connection
from billing.desk import attention, closings
from billing.errors import NotConnected, StripeUnavailable
from billing.gateway import Gateway, gateway_for
from billing.intake import event_types, inbox, references
from billing.intake.event_types import ACCESS_TYPES, OTHER_TYPES
from billing.intake.inbox import look_again
from billing.models import Connection, InboxEvent, Pass, Subject
from billing.refreshing import projection
from billing.refreshing.deciding_links import ever_linked
from billing.refreshing.refresh import note_answer, note_unavailable
from billing.rules.rehearsal import Difference, rehearse
from billing.stripe_objects import required_moment
from billing.sweeping import left_behind
from billing.sweeping.everything import Survey, fetch_whole
from hub.models import Grant

log = structlog.get_logger(__name__)
Json = dict[str, Any]

OVERLAP = timedelta(minutes=15)  # clocks, and events that become visible late
SURELY_VISIBLE = timedelta(hours=1)
TOO_OLD = timedelta(days=25)  # Stripe keeps events for thirty days
PATIENCE = 120.0  # seconds of Stripe's pauses that a pass sits out, because it would have to begin anew
AT_MOST = 5 * 3600.0  # seconds that a pass reads: over before the next one of its kind takes it for lost
OTHERS_EVERY = timedelta(hours=1)
BRAKE_GRANTS = 20
BRAKE_SHARE = 0.05


def catch_up(*, at_most: float = AT_MOST) -> int:
    """Stores the events that never reached us, and returns how many. After a long absence, a full pass before that.

    The cursor moves only when the whole window is listed and stored; where nothing happened it follows the clock,
    so that a quiet account does not look like a long absence.
    """
    connection = active_connection()
    if connection is None:
        return 0
    now = clock.now()
    newest = connection.cursor or connection.created_at
    if now - newest > TOO_OLD:
        full_pass()
    run = Pass.objects.create(kind="catch_up", started_at=now)
    missed = 0
    with _kept_on(run, connection=connection):
        gateway = gateway_for(connection, patience=PATIENCE, at_most=at_most)
        for page in _event_pages(gateway, types=ACCESS_TYPES, since=newest - OVERLAP):
            run.looked_at += len(page)
            newest = max([newest, *(required_moment(event["created"]) for event in page if inbox.is_sound(event))])
            missed += _store_missed(page, connection=connection, run=run)
        Connection.objects.filter(pk=connection.pk).update(cursor=max(newest, now - SURELY_VISIBLE))
        missed += _catch_up_with_the_others(connection, gateway, run=run, now=now)
        note_answer(connection)
        endpoint.tend(connection, gateway, now=timezone.now())
    return missed


def _catch_up_with_the_others(connection: Connection, gateway: Gateway, *, run: Pass, now: datetime) -> int:
    """What no access depends on, once an hour: what is for sale, and news of payments that have other news too."""
    since = connection.other_cursor or connection.created_at
    if now - since < OTHERS_EVERY:
        return 0
    missed = 0
    for page in _event_pages(gateway, types=OTHER_TYPES, since=since - OVERLAP):
        run.looked_at += len(page)
        missed += _store_missed(page, connection=connection, run=run)
    Connection.objects.filter(pk=connection.pk).update(other_cursor=now)
    return missed


def full_pass(*, confirmed: bool = False, at_most: float = AT_MOST) -> Pass | None:
    """Compares everything with Stripe and mends what drifted. Lets in, silently, who bought before the link.

    A pass that would close more than 20 grants, or more than 5 % of the open ones, leaves everybody alone for whom it
    would close something: it keeps their list and asks, until it is run `confirmed`. Everybody else who paid is let in.
    `at_most`: seconds after which it is broken off, with nothing changed.
    """
    connection = active_connection()
    if connection is None:
        return None
    now, began = clock.now(), timezone.now()
    run = Pass.objects.create(kind="full", started_at=now)
    with _kept_on(run, connection=connection):
        gateway = gateway_for(connection, patience=PATIENCE, at_most=at_most)
        survey = Survey(gateway, connection=connection, now=now)
        drifted = list(_drifted(survey, connection=connection, now=now))
        unknown = [Difference.unknown(grant) for grant in survey.unknown_grants()]
        run.looked_at = len(survey.subjects)
        run.found = [_as_json(difference) for _, found in drifted for difference in found if not difference.is_past]
        run.found += [_as_json(difference) for difference in unknown]
        _note_missing({difference.source_ref for difference in unknown}, survey=survey, asked_at=began, now=now)
        left_behind.ask_about_them(now=now)
        _mend(drifted, others=survey.stale | survey.unread, run=run, confirmed=confirmed, now=now)
        Connection.objects.filter(pk=connection.pk).update(full_pass_at=timezone.now())
    return run


def differences(subjects: Iterable[str] | None = None) -> Iterator[Difference]:
    """What is not as Stripe's present state and the policy want it; of some subjects alone, where they are named.

    Writes nothing. Raises billing.errors.
    """
    connection = active_connection()
    if connection is None:
        raise NotConnected("No Stripe account is connected.")
    now, gateway = clock.now(), gateway_for(connection, patience=PATIENCE)
    if subjects is not None:
        linked = ever_linked(connection)
        for subject in subjects:
            snapshot = fetch_whole(gateway, subject, linked=linked)
            yield from rehearse(snapshot, subject=subject, connection=connection, now=now)
        return
    survey = Survey(gateway, connection=connection, now=now)
    for _, found in _drifted(survey, connection=connection, now=now, leased_too=True):
        yield from found
    for subject in sorted(survey.unread):
        yield Difference.unread(subject)
    for grant in survey.unknown_grants():
        yield Difference.unknown(grant)


@contextmanager
def _kept_on(run: Pass, *, connection: Connection) -> Iterator[None]:
    """Whatever stops a pass is kept on it. A Stripe that is away is no surprise; everything else is raised again."""
    try:
        yield
    except StripeUnavailable as error:
        note_unavailable(connection, error)
        run.stopped = str(error)[:240]
    except Exception as error:
        run.stopped = repr(error)[:240]
        raise
    finally:
        run.finished_at = clock.now()
        run.save()


def _note_missing(refs: set[str], *, survey: Survey, asked_at: datetime, now: datetime) -> None:
    """Puts before a person what opens something and Stripe does not know; what it knows again is no question."""
    if refs:  # before they are asked about: what is not marked is no question
        projection.mark_missing(refs, asked_at=asked_at, now=now)
    for ref in sorted(refs):
        attention.raise_missing(ref, now=now)
    attention.settle_missing_among(survey.names - refs, now=now)


def _mend(
    drifted: list[tuple[str, list[Difference]]], *, others: set[str], run: Pass, confirmed: bool, now: datetime
) -> None:
    """Has them looked at again, unless too much would close: then those for whom something would wait for the owner.

    What events have closed since it was compared counts no more.
    """
    would = [(subject, difference) for subject, found in drifted for difference in found if difference.closes]
    still_open = closings.open_among((difference.grant for _, difference in would), now=now)
    would = [(subject, difference) for subject, difference in would if difference.grant in still_open]
    waiting: set[str] = set()
    if not confirmed and _is_too_much(len(would)):
        run.stopped = f"{len(would)} grants would close: waiting for the owner."
        attention.raise_brake([_as_json(difference) for _, difference in would], run=run.pk, now=now)
        waiting = {subject for subject, _ in would}
    else:
        closings.settle_overtaken(now=now)
    look_again(*sorted((others | {subject for subject, _ in drifted}) - waiting))


def _drifted(
    survey: Survey, *, connection: Connection, now: datetime, leased_too: bool = False
) -> Iterator[tuple[str, list[Difference]]]:
    """Who is not as they should be, and how. Who could not be compared is in `survey.unread`."""
    for subject, snapshot in survey.suspects():
        if not leased_too and Subject.objects.filter(key=subject, lease_until__gt=timezone.now()).exists():
            continue  # being looked at right now: newer than what was listed
        try:
            found = rehearse(snapshot, subject=subject, connection=connection, now=now)
        except Exception:  # looked at alone, it keeps its error with its row, and holds nobody else up
            log.exception("not_compared", subject=subject)
            survey.unread.add(subject)
        else:
            if found:
                yield subject, found


def _is_too_much(closing: int) -> bool:
    still_open = Grant.objects.filter(state__in=Grant.OPEN).count()
    return closing > BRAKE_GRANTS or (closing > 1 and closing > still_open * BRAKE_SHARE)


def _as_json(difference: Difference) -> Json:
    return {
        name: value.isoformat() if isinstance(value, datetime) else value for name, value in asdict(difference).items()
    }


def _event_pages(gateway: Gateway, *, types: Iterable[str], since: datetime) -> Iterator[list[Json]]:
    after, more = "", True
    while more:
        page, more = gateway.event_page(types=sorted(types), created_from=int(since.timestamp()), after=after)
        if page:
            after = page[-1]["id"]
            yield page


def _store_missed(page: list[Json], *, connection: Connection, run: Pass) -> int:
    """Stores what is not in the inbox, and says why it was not. What cannot be kept is put before a person."""
    for event in page:
        if not inbox.is_sound(event):
            attention.raise_unreadable(str(event.get("id"))[:200], error=None, now=clock.now())
    page = [event for event in page if inbox.is_sound(event)]
    known = set(
        InboxEvent.objects.filter(event_id__in=[event["id"] for event in page]).values_list("event_id", flat=True)
    )
    missed = [event for event in page if event["id"] not in known and event_types.facets_of(event)]
    run.found += [{"event": event["id"], "type": event["type"], "why": "its webhook never came"} for event in missed]
    try:
        with transaction.atomic():
            inbox.store(missed, connection_id=connection.pk, caught_up=True)
            references.keep_told(event for event in page if not event_types.facets_of(event))
    except DatabaseError:  # one of them: the others are kept
        return sum(_store_alone(event, connection=connection) for event in missed)
    return len(missed)


def _store_alone(event: Json, *, connection: Connection) -> bool:
    try:
        with transaction.atomic():
            inbox.store([event], connection_id=connection.pk, caught_up=True)
    except DatabaseError as error:
        log.exception("event_not_kept", event=event["id"])
        attention.raise_unreadable(event["id"], error=error, now=clock.now())
        return False
    return True
