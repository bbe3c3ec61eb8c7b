"""Who is told what: one function per mail, and the queue they go into.

Queueing only writes rows, in the caller's transaction; the mail is rendered and handed over after the commit
(`activities.letters`, `activities.deliveries`).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import Any

from django.db import transaction
from django.utils import timezone

from activities import doorbell
from activities.inserting import insert_new
from activities.models import Activity, Delivery

ACCESS = "access"
PAYMENT_FAILED = "payment_failed"
ACCESS_ENDED = "access_ended"
KINDS = (ACCESS, PAYMENT_FAILED, ACCESS_ENDED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One mail to one person.

    `key` names it for ever (at most 255 characters): the same key is never mailed twice.
    `context` is plain JSON, read when the mail is rendered; times in it are ISO 8601.
    """

    kind: str
    key: str
    user_id: int
    product_id: int | None = None
    activity: Activity | None = None
    context: dict[str, Any] = field(default_factory=dict)


def access(*, key: str, user_id: int, product_id: int, activity: Activity | None = None) -> Notice:
    """You have access: where it opens, and how to sign in by code."""
    return Notice(kind=ACCESS, key=key, user_id=user_id, product_id=product_id, activity=activity)


def payment_failed(
    *,
    key: str,
    user_id: int,
    product_id: int,
    keep_until: datetime | None,
    amount: int | None = None,
    currency: str = "",
    failure: str = "",
    activity: Activity | None = None,
) -> Notice:
    """Your payment failed: until when access stays, and where to change the card. `amount` in minor units."""
    context = {
        "keep_until": keep_until.isoformat() if keep_until else "",
        "amount": amount,
        "currency": currency,
        "failure": failure,
    }
    return Notice(
        kind=PAYMENT_FAILED,
        key=key,
        user_id=user_id,
        product_id=product_id,
        activity=activity,
        context=context,
    )


def access_ended(
    *, key: str, user_id: int, product_id: int, reason: str = "", activity: Activity | None = None
) -> Notice:
    """Your access has ended: why (a sentence, or nothing), and the way back."""
    return Notice(
        kind=ACCESS_ENDED,
        key=key,
        user_id=user_id,
        product_id=product_id,
        activity=activity,
        context={"reason": reason},
    )


def queue(notices: Sequence[Notice], *, now: datetime) -> list[Delivery]:
    """Queue what was never queued, inside the caller's transaction; return only what this call queued.

    One statement however many there are. `now` is business time; when to try is real time, so that a moved
    sandbox clock delays no mail. The worker is woken after the commit.
    """
    for notice in notices:
        if notice.kind not in KINDS:
            raise ValueError(f"No such notice: {notice.kind}")
    due = timezone.now()
    queued = insert_new(
        [
            Delivery(
                notice=notice.kind,
                key=notice.key,
                user_id=notice.user_id,
                product_id=notice.product_id,
                activity=notice.activity,
                context=notice.context,
                next_try=due,
                created_at=now,
            )
            for notice in notices
        ]
    )
    if queued:
        transaction.on_commit(partial(doorbell.ring, "activities.tasks.deliver"), robust=True)
    return queued


def queue_one(notice: Notice, *, now: datetime) -> Delivery | None:
    """Queue one notice; None when its key was queued before."""
    return next(iter(queue([notice], now=now)), None)
