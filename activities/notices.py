"""Who is told what: one function per mail, and the queue they go into.

Queueing only writes rows, in the caller's transaction; the mail is rendered and handed over after the commit
(`activities.letters`, `activities.deliveries`).
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from types import MappingProxyType
from typing import Any

from django.db import transaction
from django.utils import timezone

from activities import doorbell
from activities.inserting import insert_new
from activities.models import Activity, Delivery

ACCESS = "access"
PAYMENT_FAILED = "payment_failed"
ACCESS_ENDED = "access_ended"
PAYMENT_PENDING = "payment_pending"
PAYMENT_BOUNCED = "payment_bounced"
TRIAL_ENDING = "trial_ending"
INVITATION = "invitation"
OWN_ROLE = "own_role"
STAFF_CHANGED = "staff_changed"
STRIPE_CHANGED = "stripe_changed"
ADDRESS_MOVED = "address_moved"
FACTORS_REMOVED = "factors_removed"
KINDS = (
    ACCESS,
    PAYMENT_FAILED,
    ACCESS_ENDED,
    PAYMENT_PENDING,
    PAYMENT_BOUNCED,
    TRIAL_ENDING,
    INVITATION,
    OWN_ROLE,
    STAFF_CHANGED,
    STRIPE_CHANGED,
    ADDRESS_MOVED,
    FACTORS_REMOVED,
)


@dataclass(frozen=True, slots=True, kw_only=True)
class Notice:
    """One mail to one person.

    `key` names it for ever (at most 255 characters): the same key is never mailed twice.
    `context` is plain JSON, read when the mail is rendered; times in it are ISO 8601.
    `to` is where it goes, if not to the person's address of the moment in which it is sent.
    """

    kind: str
    key: str
    user_id: int
    product_id: int | None = None
    activity: Activity | None = None
    context: dict[str, Any] = field(default_factory=dict)
    to: str = ""


def access(
    *,
    key: str,
    user_id: int,
    product_id: int,
    trial_end: datetime | None = None,
    ends_at: datetime | None = None,
    others: Sequence[str] = (),
    ends_of_others: Mapping[str, datetime] = MappingProxyType({}),
    activity: Activity | None = None,
) -> Notice:
    """You have access: where it opens, how to sign in by code, and until when it is a trial, or open.

    `others`: names of further products that opened in the same moment; `ends_of_others` by those names, where known.
    """
    context = {
        "trial_end": trial_end.isoformat() if trial_end else "",
        "ends_at": ends_at.isoformat() if ends_at else "",
        "others": list(others),
        "ends": _plain(ends_of_others),
    }
    return Notice(kind=ACCESS, key=key, user_id=user_id, product_id=product_id, activity=activity, context=context)


def told_of_access(user_ids: Iterable[int | None]) -> set[tuple[int, str]]:
    """Each person with the name of each product that a letter of access told of, or is going to, or perhaps did."""
    letters = Delivery.objects.filter(notice=ACCESS, user__in=user_ids).exclude(state=Delivery.State.FAILED)
    return {
        (user_id, name)
        for user_id, first, context in letters.values_list("user", "product__name", "context")
        for name in [first, *context.get("others", [])]
    }


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
    *, key: str, user_id: int, product_id: int, reason: str = "", step: str = "", activity: Activity | None = None
) -> Notice:
    """Your access has ended: why (a sentence, or nothing), and the way back.

    `step`: account where a card brings it back, pay where an invoice does, ask where only people can, wait where
    time does, or nothing for the product's page.
    """
    return Notice(
        kind=ACCESS_ENDED,
        key=key,
        user_id=user_id,
        product_id=product_id,
        activity=activity,
        context={"reason": reason, "step": step},
    )


def payment_pending(*, key: str, user_id: int, product_id: int, amount: int, currency: str) -> Notice:
    """Your order is in, and the bank takes days: when to expect it. `amount` in minor units."""
    context = {"amount": amount, "currency": currency}
    return Notice(kind=PAYMENT_PENDING, key=key, user_id=user_id, product_id=product_id, context=context)


def payment_bounced(
    *, key: str, user_id: int, product_id: int, amount: int, currency: str, activity: Activity | None = None
) -> Notice:
    """What was bought once, days ago, was not paid in the end: it stays closed. `amount` in minor units."""
    return Notice(
        kind=PAYMENT_BOUNCED,
        key=key,
        user_id=user_id,
        product_id=product_id,
        activity=activity,
        context={"amount": amount, "currency": currency},
    )


def trial_ending(
    *, key: str, user_id: int, product_id: int, trial_end: datetime, price_text: str, has_card: bool
) -> Notice:
    """Your free trial ends in some days: what is charged then, or that a card is missing."""
    context = {"trial_end": trial_end.isoformat(), "price_text": price_text, "has_card": has_card}
    return Notice(kind=TRIAL_ENDING, key=key, user_id=user_id, product_id=product_id, context=context)


def invitation(
    *,
    key: str,
    user_id: int,
    product_id: int | None,
    products: Sequence[str],
    ends: Mapping[str, datetime] = MappingProxyType({}),
    activity: Activity | None = None,
) -> Notice:
    """Somebody of the staff made you an account: what is open, by name, until when, and how to come in by code."""
    return Notice(
        kind=INVITATION,
        key=key,
        user_id=user_id,
        product_id=product_id,
        activity=activity,
        context={"products": list(products), "ends": _plain(ends)},
    )


def own_role(*, key: str, user_id: int, role: str, activity: Activity) -> Notice:
    """You are staff now, of another kind, or no longer. `role` is the new one."""
    return Notice(kind=OWN_ROLE, key=key, user_id=user_id, activity=activity, context={"role": role})


def staff_changed(*, key: str, user_id: int, words: str, activity: Activity) -> Notice:
    """To an owner: who changed whose role, in a sentence."""
    return Notice(kind=STAFF_CHANGED, key=key, user_id=user_id, activity=activity, context={"words": words})


def stripe_changed(*, key: str, user_id: int, words: str, activity: Activity) -> Notice:
    """To an owner: who connected Stripe, took it off or changed a key, in a sentence."""
    return Notice(kind=STRIPE_CHANGED, key=key, user_id=user_id, activity=activity, context={"words": words})


def address_moved(*, key: str, user_id: int, before: str, after: str, to: str, activity: Activity | None) -> Notice:
    """Staff gave the account another address: to that one, or to the one before."""
    context = {"before": before, "after": after}
    return Notice(kind=ADDRESS_MOVED, key=key, user_id=user_id, activity=activity, context=context, to=to)


def factors_removed(*, key: str, user_id: int, activity: Activity) -> Notice:
    """Staff removed passkeys, app and recovery codes: a code by e-mail is enough again."""
    return Notice(kind=FACTORS_REMOVED, key=key, user_id=user_id, activity=activity)


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
                to=notice.to,
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


def _plain(ends: Mapping[str, datetime]) -> dict[str, str]:
    return {name: at.isoformat() for name, at in ends.items()}
