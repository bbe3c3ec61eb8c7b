"""What waits for a person: raised once, with its evidence."""

from collections.abc import Iterable
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import QuerySet
from django.db.models.functions import Coalesce

from activities.models import Activity
from activities.record import Happening, record_one
from billing.models import Attention, Order, StripeCustomer, Subscription
from billing.rules.policy import MISSING_IS_HELD
from hub.models import Grant, User


def raise_unmatched(key: str, *, subject: str, now: datetime) -> None:
    """Somebody paid and nobody is sure who: nothing is granted by guess."""
    _raise(Attention.Kind.UNMATCHED, key, subject=subject, now=now)


def settle_unmatched(keys: Iterable[str], *, now: datetime) -> None:
    names = [f"{Attention.Kind.UNMATCHED}:{key}" for key in keys]
    Attention.objects.filter(key__in=names, resolved_at__isnull=True).update(resolved_at=now)


def raise_missing(ref: str, *, user: User | None = None, now: datetime, **details: Any) -> None:
    """What Stripe does not know: of another account, another mode, or never there. `ref`: its id at Stripe."""
    _raise(Attention.Kind.MISSING, ref, subject=ref, user=user, now=now, **details)


def missing() -> QuerySet[Attention]:
    """What Stripe did not know when it was asked last, whether or not somebody has answered that."""
    return Attention.objects.filter(kind=Attention.Kind.MISSING, over_at__isnull=True)


def given_up(*, now: datetime) -> QuerySet[Attention]:
    """What Stripe has not known for so long that nobody's access is held for it any more."""
    return missing().filter(opened_at__lte=now - MISSING_IS_HELD)


def settle_missing(refs: Iterable[str], *, now: datetime) -> None:
    """Stripe knows these."""
    _end(missing().filter(key__in=[f"{Attention.Kind.MISSING}:{ref}" for ref in refs]), now=now)


def settle_missing_among(names: set[str], *, now: datetime) -> None:
    """Stripe named all these just now: one query where nothing is asked about."""
    asked = set(missing().values_list("subject", flat=True))
    if known := asked & names:
        settle_missing(known, now=now)


def raise_for_another(ref: str, *, paid_by: str, opened_for: User, subject: str, now: datetime) -> None:
    details = {"paid_by": paid_by, "opened_for": opened_for.email}
    _raise(Attention.Kind.FOR_ANOTHER, ref, subject=subject, user=opened_for, now=now, **details)


def raise_unreadable(event: str, *, error: Exception | None, now: datetime) -> None:
    """An event that no row can keep. What it is about is looked at by the full pass."""
    _raise(Attention.Kind.UNREADABLE, event, subject=event, now=now, error=repr(error) if error else "malformed")


def raise_unknown_status(row: Subscription, *, now: datetime) -> None:
    key = f"{row.stripe_id}:{row.status}"
    details = {"status": row.status, "subscription": row.stripe_id}
    _raise(Attention.Kind.UNKNOWN_STATUS, key, subject=row.customer_id, user=row.user, now=now, **details)


def settle_unknown_status(subscriptions: Iterable[str], *, now: datetime) -> None:
    """Stripe reports a status of these that we know."""
    asked = Attention.objects.filter(kind=Attention.Kind.UNKNOWN_STATUS, over_at__isnull=True)
    _end(asked.filter(details__subscription__in=list(subscriptions)), now=now)


def raise_partial_refund(order: Order, *, now: datetime) -> None:
    details = {"amount": order.amount_refunded, "currency": order.currency, "order": order.key}
    key = f"{order.key}:{order.amount_refunded}"
    _raise(Attention.Kind.PARTIAL_REFUND, key, subject=order.subject, user=order.user, now=now, **details)


def raise_shut_out(ref: str, *, about: dict[str, str], paid: str, person: User, now: datetime) -> None:
    """Money of somebody whose account is shut. `about`: the subscription or the purchase, as evidence names it."""
    _raise(Attention.Kind.SHUT_OUT, ref, subject=ref, user=person, now=now, paid=paid, **about)


def raise_no_product(order: Order, *, now: datetime) -> None:
    _raise(Attention.Kind.NO_PRODUCT, order.key, subject=order.subject, user=order.user, now=now)


def raise_twice(grants: list[Grant], *, key: str, now: datetime) -> None:
    """Grants of one person to one product, the oldest first: each is paid for."""
    last = grants[-1]
    details = {"product": last.product.name, "first": grants[0].source_ref, "last": last.source_ref}
    _raise(Attention.Kind.TWICE, key, subject=last.source_ref, user=last.user, now=now, **details)


def settle_twice(people: Iterable[int], *, but: Iterable[str], now: datetime) -> None:
    """What these people no longer pay for twice. `but`: the subjects that they still do."""
    doubles = Attention.objects.filter(kind=Attention.Kind.TWICE, user_id__in=people, over_at__isnull=True)
    _end(doubles.exclude(subject__in=list(but)), now=now)


def raise_charged(row: Subscription, *, products: dict[int, str], price: str, why: str, now: datetime) -> None:
    """`products`: ours that it was bought for, by id, all of them shut. `price` and `why` in words."""
    details = {
        "subscription": row.stripe_id,
        "product": ", ".join(products.values()),
        "products": list(products),
        "charges": price,
        "why": why,
    }
    _raise(Attention.Kind.CHARGED, row.stripe_id, subject=row.stripe_id, user=row.user, now=now, **details)


def settle_charged(subscriptions: Iterable[str], *, now: datetime) -> None:
    """These have ended, are to end, or open again what they charge for."""
    asked = Attention.objects.filter(kind=Attention.Kind.CHARGED, over_at__isnull=True)
    _end(asked.filter(subject__in=list(subscriptions)), now=now)


def raise_conflict(customer: StripeCustomer, *, other: User, now: datetime) -> None:
    details = {"customer": customer.stripe_id, "address": customer.email, "belongs_to": other.pk}
    key = f"{customer.stripe_id}:{other.pk}"
    _raise(Attention.Kind.CONFLICT, key, subject=customer.stripe_id, user=customer.user, now=now, **details)


def raise_mistyped(customer: StripeCustomer, *, bought_with: User, now: datetime) -> None:
    details = {"bought_with": bought_with.email, "at_stripe": customer.email}
    key = f"{customer.stripe_id}:{sha256(customer.email.encode()).hexdigest()[:32]}"
    _raise(Attention.Kind.MISTYPED, key, subject=customer.stripe_id, user=bought_with, now=now, **details)


def raise_former(subject: str, *, bought_by: User, other: User, until: datetime, now: datetime) -> None:
    """`other` used the address until then; who bought has an account of their own with it."""
    details = {"formerly": other.pk, "until": until.isoformat()}
    _raise(Attention.Kind.FORMER, f"{subject}:{other.pk}", subject=subject, user=bought_by, now=now, **details)


def was_moved(customer: StripeCustomer, *, to: User) -> bool:
    """Whether staff said that the address it was bought with was this person's before: it differs for good."""
    moved = Attention.objects.filter(kind=Attention.Kind.FORMER, subject=customer.stripe_id, resolved_at__isnull=False)
    return moved.filter(details__person=to.pk).exists()


def raise_brake(closing: list[dict[str, Any]], *, run: int, now: datetime) -> None:
    """A pass that would close too much: its list, for the owner. One waits, and the next night brings it up to date.

    `run`: the pass's primary key.
    """
    waiting = Attention.objects.filter(kind=Attention.Kind.BRAKE, resolved_at__isnull=True)
    if not waiting.update(details={"closing": closing, "run": run}):
        _raise(Attention.Kind.BRAKE, str(run), subject="", now=now, closing=closing, run=run)


def raise_left_behind(closing: list[dict[str, Any]], *, key: str, now: datetime) -> None:
    _raise(Attention.Kind.LEFT_BEHIND, key, subject="", now=now, closing=closing)


def subjects_of(refs: Iterable[Any]) -> list[str]:
    """The customers, and the payments of guests, that these subscriptions and orders are of."""
    names = [str(ref) for ref in refs]
    found: set[str] = set()
    for start in range(0, len(names), 500):
        some = names[start : start + 500]
        found |= set(Subscription.objects.filter(stripe_id__in=some).values_list("customer_id", flat=True))
        found |= set(Order.objects.filter(key__in=some).values_list("subject", flat=True))
    return sorted(found)


@transaction.atomic
def settle(found: Attention, *, actor: User, now: datetime, deed: str = "") -> None:
    """A person has dealt with it; who, and perhaps what they did, is kept in the feed."""
    if not Attention.objects.filter(pk=found.pk, resolved_at__isnull=True).update(resolved_at=now):
        return
    record_one(
        Happening(
            verb=Activity.Verb.STAFF_ACTION,
            key=f"settled:{found.pk}",
            at=now,
            user_id=found.user_id,
            actor_id=actor.pk,
            details={"reason": deed or f"settled: {found.get_kind_display().lower()}"},
        ),
        now=now,
    )


def _end(found: QuerySet[Attention], *, now: datetime) -> None:
    """What these ask about is no more."""
    found.update(resolved_at=Coalesce("resolved_at", now), over_at=now)


def _raise(kind: str, key: str, *, subject: str, now: datetime, user: User | None = None, **details: Any) -> None:
    Attention.objects.bulk_create(
        [Attention(kind=kind, key=f"{kind}:{key}", subject=subject, user=user, details=details, opened_at=now)],
        ignore_conflicts=True,
    )
