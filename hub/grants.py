"""The only writer of grants. Each change leaves a ledger row, and activities when access itself changed.

Machines bring what they want (`apply`); people give and take back by hand (`give`, `revoke`, `restore`).
What a person took back no machine gives again, and what a person gave no machine takes.
"""

import uuid
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.db import transaction
from django.db.models import Exists, OuterRef, QuerySet

from activities import notices
from hub import telling
from hub.access import reached
from hub.errors import Refused
from hub.models import Grant, Ledger, Product, User
from hub.reasons import AHEAD, OVER_BY_TIME
from hub.seller import seller
from hub.telling import BY_HAND, Pair

CLOSED = "closed"
IMPORT_UNDONE = "import_undone"
HOLD = timedelta(days=1)


@dataclass(frozen=True, slots=True)
class Wanted:
    """What a grant should be now. `state` is active, grace or closed; a closed one that never was is not made.

    `batch` names the import that brings it: it is told as imported, and nobody is written to.
    `foreseen`: whoever loses it asked for that, or knew the day; no letter tells them.
    """

    user_id: int
    product_id: int
    source: str
    source_ref: str
    state: str
    reason: str
    rule: str
    true_at: datetime
    starts_at: datetime
    policy_version: int = 0
    until: datetime | None = None
    ends_at: datetime | None = None
    batch: str = ""
    foreseen: bool = False

    @property
    def key(self) -> tuple[int, int, str, str]:
        return (self.user_id, self.product_id, self.source, self.source_ref)


def closing(grant: Grant, *, reason: str, now: datetime) -> Wanted:
    """That a person's decision closes a grant; a machine may open it again by what was bought."""
    return Wanted(
        user_id=grant.user_id,
        product_id=grant.product_id,
        source=grant.source,
        source_ref=grant.source_ref,
        state=CLOSED,
        reason=reason,
        rule=BY_HAND,
        true_at=now,
        starts_at=grant.starts_at,
    )


@dataclass(frozen=True, slots=True)
class Change:
    grant: Grant
    from_state: str
    reason: str
    rule: str
    policy_version: int
    true_at: datetime
    batch: str = ""
    foreseen: bool = False


@transaction.atomic
def apply(wanted: Sequence[Wanted], *, cause: str, now: datetime, actor: User | None = None) -> list[Ledger]:
    """Makes the grants as wanted and returns the ledger rows of what changed. A constant number of queries.

    `actor`: the person whose decision it follows from, if it does.
    """
    if not wanted:
        return []
    _lock_people({want.user_id for want in wanted})
    changes = [change for _, change in _changes(wanted)]
    return _write(changes, cause=cause, now=now, actor=actor)


def unlike(wanted: Sequence[Wanted]) -> list[Wanted]:
    """Those that `apply` would do something about. One query, no lock: look again before anything is done."""
    return [want for want, _ in _changes(wanted)]


@transaction.atomic
def give(
    user: User,
    product: Product,
    *,
    actor: User | None,
    reason: str,
    now: datetime,
    ends_at: datetime | None = None,
    batch: str = "",
    writes: bool = True,
) -> Grant:
    """A grant by hand. Stripe never changes it. `batch` names what it is one of; `writes`: the person is told.

    Raises Refused for an erased person.
    """
    _lock_living(user.pk)
    grant = Grant(
        user=user,
        product=product,
        source=Grant.Source.MANUAL,
        source_ref=f"by_hand:{uuid.uuid4()}",
        state=Grant.State.ACTIVE,
        reason="given",
        starts_at=now,
        until=ends_at,
        ends_at=ends_at,
        granted_by=actor,
        note=reason,
        batch=batch,
    )
    change = Change(grant, "", "given", BY_HAND, 0, now, batch)
    _write([change], cause=_by(actor), now=now, actor=actor, note=reason, writes=writes)
    seller().let_in(user, now=now)
    return grant


@transaction.atomic
def revoke(grant: Grant, *, actor: User | None, reason: str, now: datetime, batch: str = "") -> Grant:
    """Takes a grant back, whatever its source. No machine gives it again."""
    _lock_people({grant.user_id})
    grant = Grant.objects.get(pk=grant.pk)
    if grant.state != Grant.State.REVOKED:
        before = grant.state
        grant.state, grant.closed_at, grant.close_reason = Grant.State.REVOKED, now, "revoked"
        change = Change(grant, before, "revoked", BY_HAND, 0, now, batch)
        _write([change], cause=_by(actor), now=now, actor=actor, note=reason)
    return grant


@transaction.atomic
def restore(grant: Grant, *, actor: User | None, reason: str, now: datetime, batch: str = "") -> Grant:
    """Undoes a person's revocation. What was bought is then as its purchase is: a refunded one stays closed.

    Raises Refused for an erased person.
    """
    _lock_living(grant.user_id)
    grant = Grant.objects.get(pk=grant.pk)
    if grant.state == Grant.State.REVOKED:
        want = seller().follow(grant, now=now)
        _write([_reopen(grant, want, now=now, batch=batch)], cause=_by(actor), now=now, actor=actor, note=reason)
        seller().let_in(grant.user, now=now)
    return grant


def given_by_import(batch: str) -> QuerySet[Grant]:
    """What an import opened, where nothing has been written about it since."""
    newer = Ledger.objects.filter(grant=OuterRef("grant"), pk__gt=OuterRef("pk"))
    rows = Ledger.objects.filter(~Exists(newer), batch=batch, to_state__in=Grant.OPEN)
    return Grant.objects.filter(pk__in=rows.exclude(from_state__in=Grant.OPEN).values("grant"))


@transaction.atomic
def undo_import(grants: Iterable[Grant], *, batch: str, actor: User | None, now: datetime) -> list[Ledger]:
    """Takes back what an import gave. Only a person, or another import, gives it again; nobody is written to."""
    ids = {grant.pk: grant.user_id for grant in grants}
    _lock_people(set(ids.values()))
    changes = []
    for grant in given_by_import(batch).filter(pk__in=ids):
        before = grant.state
        grant.state, grant.closed_at, grant.close_reason = Grant.State.REVOKED, now, IMPORT_UNDONE
        changes.append(Change(grant, before, IMPORT_UNDONE, BY_HAND, 0, now, batch))
    return _write(changes, cause=_by(actor), now=now, actor=actor, writes=False)


@transaction.atomic
def close_overdue(grants: Iterable[Grant], *, now: datetime, cause: str = "sweep") -> list[Ledger]:
    """Writes down the end of grants whose gate has closed by time. Looks again under the lock."""
    ids = {grant.pk: grant.user_id for grant in grants}
    _lock_people(set(ids.values()))
    changes = []
    for grant in Grant.objects.filter(pk__in=ids, state__in=Grant.OPEN, ends_at__lte=now):
        reason, before, ended_at = OVER_BY_TIME[grant.source], grant.state, grant.ends_at or now
        grant.state, grant.closed_at, grant.close_reason = Grant.State.ENDED, ended_at, reason
        changes.append(Change(grant, before, reason, "clock", 0, ended_at))
    return _write(changes, cause=cause, now=now)


@transaction.atomic
def hold(grants: Iterable[Grant], *, now: datetime, cause: str, reason: str) -> list[Ledger]:
    """Gives another day to open Stripe grants that would end soon while nobody knows what became of them."""
    ids = {grant.pk: grant.user_id for grant in grants}
    _lock_people(set(ids.values()))
    changes = []
    for grant in Grant.objects.filter(
        pk__in=ids, state__in=Grant.OPEN, source=Grant.Source.SUBSCRIPTION, ends_at__lt=now + HOLD / 2
    ):
        grant.ends_at = now + HOLD
        changes.append(Change(grant, grant.state, reason, "hold", 0, now))
    return _write(changes, cause=cause, now=now)


def _changes(wanted: Sequence[Wanted]) -> list[tuple[Wanted, Change]]:
    refs = {want.source_ref for want in wanted}
    known = {
        (grant.user_id, grant.product_id, grant.source, grant.source_ref): grant
        for grant in Grant.objects.filter(source__in={want.source for want in wanted}, source_ref__in=refs)
    }
    return [(want, change) for want in wanted if (change := _change(known.get(want.key), want))]


def _change(grant: Grant | None, want: Wanted) -> Change | None:
    """The grant brought to what is wanted, with what changed; None where nothing has to.

    The reason of a closed one follows too: the way back in depends on it.
    """
    if grant is None:
        if want.state == CLOSED:
            return None
        grant = Grant(
            user_id=want.user_id,
            product_id=want.product_id,
            source=want.source,
            source_ref=want.source_ref,
            state=want.state,
            reason=want.reason,
            starts_at=want.starts_at,
            until=want.until,
            ends_at=want.ends_at,
            batch=want.batch,
        )
        return Change(grant, "", want.reason, want.rule, want.policy_version, want.true_at, want.batch)
    if grant.source == Grant.Source.MANUAL or (grant.state == Grant.State.REVOKED and not _comes_again(grant, want)):
        return None
    before = grant.state
    if want.state == CLOSED:
        known_until = grant.until if want.reason in AHEAD else want.until
        if not grant.is_open and (grant.close_reason, known_until) == (want.reason, want.until):
            return None
        grant.state, grant.closed_at, grant.close_reason = Grant.State.ENDED, want.true_at, want.reason
        if want.reason in AHEAD:
            grant.until = want.until
    else:
        same = (grant.state, grant.reason, grant.until, grant.ends_at)
        if same == (want.state, want.reason, want.until, want.ends_at):
            return None
        grant.state, grant.reason, grant.until, grant.ends_at = want.state, want.reason, want.until, want.ends_at
        grant.closed_at, grant.close_reason = None, ""
    return Change(grant, before, want.reason, want.rule, want.policy_version, want.true_at, want.batch, want.foreseen)


def _comes_again(grant: Grant, want: Wanted) -> bool:
    """What the end of an import took back, and the next import brings."""
    return bool(want.batch) and want.state != CLOSED and grant.close_reason == IMPORT_UNDONE


def _reopen(grant: Grant, want: Wanted | None, *, now: datetime, batch: str) -> Change:
    """A revoked grant as it should be again: as `want` says, or else as it was before."""
    grant.state, over = Grant.State.ACTIVE, ""
    if want and want.state == CLOSED:
        over = want.reason
    elif want:
        grant.state, grant.reason, grant.until, grant.ends_at = want.state, want.reason, want.until, want.ends_at
    if not over and grant.ends_at is not None and grant.ends_at <= now:
        over = OVER_BY_TIME[grant.source]
    grant.closed_at, grant.close_reason = (now, over) if over else (None, "")
    if over:
        grant.state = Grant.State.ENDED
    return Change(grant, Grant.State.REVOKED, over or "restored", BY_HAND, 0, now, batch)


def _write(
    changes: list[Change],
    *,
    cause: str,
    now: datetime,
    actor: User | None = None,
    note: str = "",
    writes: bool = True,
) -> list[Ledger]:
    if not changes:
        return []
    people = {change.grant.user_id for change in changes}
    had = _open_pairs(people)
    Grant.objects.bulk_create([change.grant for change in changes if change.grant.pk is None], batch_size=500)
    Grant.objects.bulk_update(
        [change.grant for change in changes if change.from_state],
        ["state", "reason", "until", "ends_at", "closed_at", "close_reason"],
        batch_size=200,
    )
    ledger = Ledger.objects.bulk_create(
        [_ledger_row(change, cause=cause, now=now, actor=actor, note=note) for change in changes],
        batch_size=500,
    )
    have = _open_pairs(people)
    foreseen = {(change.grant.user_id, change.grant.product_id) for change in changes if change.foreseen}
    activities = telling.tell(ledger, had=had, have=have, cause=cause, now=now, actor=actor)
    if writes:
        notices.queue(telling.mails(activities, ledger, foreseen=foreseen), now=now)
    return ledger


def _ledger_row(change: Change, *, cause: str, now: datetime, actor: User | None, note: str) -> Ledger:
    grant = change.grant
    return Ledger(
        grant=grant,
        from_state=change.from_state,
        to_state=grant.state,
        reason=change.reason,
        rule=change.rule,
        policy_version=change.policy_version,
        starts_at=grant.starts_at,
        until=grant.until,
        ends_at=grant.ends_at,
        true_at=change.true_at,
        learned_at=now,
        cause=cause,
        actor=actor,
        note=note,
        batch=change.batch,
    )


def _open_pairs(user_ids: set[int]) -> set[Pair]:
    """Whoever keeps a product by a collection loses nothing, and gains nothing by having it twice."""
    held = Grant.objects.filter(user_id__in=user_ids, state__in=Grant.OPEN)
    return reached(held.values_list("user_id", "product_id"))


def _lock_people(user_ids: set[int]) -> None:
    """Two refreshes of one person's customers must not both believe that they opened the door."""
    list(User.objects.select_for_update().filter(pk__in=user_ids).order_by("pk").values_list("pk"))


def _lock_living(user_id: int) -> None:
    """As `_lock_people`, and raises Refused where the person was erased: nobody opens a door for nobody."""
    _lock_people({user_id})
    if User.objects.filter(pk=user_id, erased_at__isnull=False).exists():
        raise Refused("This account was erased: nothing is given to it.")


def _by(actor: User | None) -> str:
    return f"person:{actor.pk}" if actor else "person"
