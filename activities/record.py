"""The only writer of activities: what happened is written once, in the transaction that made it so."""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from uuid import uuid4

from django.db.models import Q

from activities.folding import begun, fold_of
from activities.inserting import insert_new
from activities.models import Activity


@dataclass(frozen=True, slots=True, kw_only=True)
class Happening:
    """Something that happened, before it is written.

    `key` is the natural key of the happening (for instance "payment_failed:in_1:2"), at most 255 characters:
    the same key is the same happening, whoever learns of it, and however often. `details` is plain JSON;
    known entries: amount (minor units) and currency, invoice, subscription, order, failure, attempt,
    ends_at (ISO 8601), reason, price_text, ip, from and to (addresses), note (somebody's own words).
    `deed`: what makes this and others like it at once, at most 40 characters without a colon; the feed shows them as
    one line.
    """

    verb: Activity.Verb
    key: str
    at: datetime
    user_id: int | None = None
    product_id: int | None = None
    actor_id: int | None = None
    cause: str = ""
    details: dict[str, Any] = field(default_factory=dict)
    imported: bool = False
    deed: str = ""


def record(happenings: Sequence[Happening], *, now: datetime) -> list[Activity]:
    """Write what is not written yet, inside the caller's transaction; return only what this call wrote.

    One statement however many happenings there are (up to SQLite's limit of parameters), one more where a deed is
    named, and one writer wins where several record the same key at the same time. `now` becomes `recorded_at`.
    """
    folds = [fold_of(happening) for happening in happenings]
    known, rows = begun(folds), []
    for happening, fold in zip(happenings, folds, strict=True):
        rows.append(_row(happening, fold=fold, is_folded=fold in known, now=now))
        known |= {fold} - {""}
    return insert_new(rows)


def _row(happening: Happening, *, fold: str, is_folded: bool, now: datetime) -> Activity:
    return Activity(
        verb=happening.verb,
        key=happening.key,
        at=happening.at,
        recorded_at=now,
        user_id=happening.user_id,
        product_id=happening.product_id,
        actor_id=happening.actor_id,
        cause=happening.cause,
        details=happening.details,
        imported=happening.imported,
        fold=fold,
        is_folded=is_folded,
    )


def hand_over(refs: Sequence[str], *, of: int | None, to: int | None) -> None:
    """What was told of these purchases turns out to be another person's; None where nobody knows whose."""
    about = Q(details__order__in=refs) | Q(details__subscription__in=refs)
    Activity.objects.filter(about, user=of).update(user=to)


def record_one(happening: Happening, *, now: datetime) -> Activity | None:
    """Write one happening; None when it was written before."""
    return next(iter(record([happening], now=now)), None)


def record_deed(
    words: str,
    *,
    actor_id: int | None,
    now: datetime,
    user_id: int | None = None,
    product_id: int | None = None,
    note: str = "",
    cause: str = "",
) -> Activity:
    """What somebody of the staff did, each time it is done: "made somebody an admin", without who did it.

    What can be done once only has a key of its own, and is a Happening as any other.
    """
    (written,) = record(
        [
            Happening(
                verb=Activity.Verb.STAFF_ACTION,
                key=f"deed:{uuid4()}",
                at=now,
                user_id=user_id,
                product_id=product_id,
                actor_id=actor_id,
                cause=cause,
                details={"reason": words, "note": note} if note else {"reason": words},
            )
        ],
        now=now,
    )
    return written
