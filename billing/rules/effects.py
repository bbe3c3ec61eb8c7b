"""Who gains or loses access by other knobs: by comparing what is open with what would be, and by settling those
whose people are not known yet.
"""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from django.db.models import QuerySet

from activities import notices
from activities.marks import Mark
from activities.models import Delivery
from billing.models import Connection, Order, Subscription
from billing.refreshing import applying
from billing.refreshing.earlier_payments import may_have_been_paid
from billing.refreshing.entitling import (
    Rules,
    count_from_each_other,
    entitle_orders,
    entitle_subscriptions,
    with_other_purchases,
)
from billing.refreshing.look import Look
from billing.refreshing.since import AWAITING
from hub import grants
from hub.access import open_grants, reached
from hub.grants import CLOSED, Wanted
from hub.models import Grant, Ledger, Product, User
from hub.reasons import LETTERS

CHUNK = 200
Pair = tuple[int, int]  # a person and a product
Key = tuple[int, int, str, str]  # and the source and reference of the grant


@dataclass(frozen=True, slots=True)
class Effect:
    """One person who gains or loses one product; `is_told`: a letter says that it is lost.

    `is_unsure`: for want of a payment that may have been made before Stripe was first asked; it is asked again.
    """

    email: str
    name: str
    product: str
    gains: bool
    reason: str
    until: datetime | None
    is_told: bool
    is_unsure: bool


@dataclass(frozen=True, slots=True)
class Settled:
    """The newest ledger row of each that changed; what these people have by it; whom a letter told of which end."""

    last: dict[Pair, Ledger]
    have: set[Pair]
    written: set[Pair]


def batched(found: Iterable[Any], *, size: int) -> Iterator[list[Any]]:
    rest = iter(found)
    while step := list(islice(rest, size)):
        yield step


def settle(subjects: list[str], *, connection: Connection, cause: str, now: datetime) -> Settled:
    """Settles the subjects under the knobs in force, and reads what came of it. The caller takes it all back."""
    mark = Mark(Ledger, Delivery)
    for chunk in batched(subjects, size=CHUNK):
        rows, orders = _bought_by(chunk)
        applying.settle(
            rows,
            orders,
            connection=connection,
            look=Look(cause, now=now),
            before={row.stripe_id: row for row in rows},
        )
    told = mark.newer(Ledger).filter(cause=cause).select_related("grant__user", "grant__product")
    last = {(row.grant.user_id, row.grant.product_id): row for row in told.order_by("pk")}
    letters = mark.newer(Delivery).filter(notice=notices.ACCESS_ENDED)
    return Settled(last, _open_to(last, now=now), set(letters.values_list("user", "product")))


def of_settled(found: Settled, *, now: datetime) -> list[Effect]:
    """Beside what is open again, now that it was taken back."""
    had = _open_to(found.last, now=now)
    unsure = _unsure_among((row.reason, row.grant.source_ref) for row in found.last.values())
    return [
        _effect(
            row.grant.user,
            row.grant.product,
            pair in found.have,
            row.reason,
            row.until,
            is_told=pair in found.written,
            is_unsure=row.grant.source_ref in unsure,
        )
        for pair, row in found.last.items()
        if (pair in had) != (pair in found.have) and row.grant.user.is_active
    ]


def project(subjects: list[str], *, rules: Rules) -> list[Effect]:
    """The same for subjects whose people are known, without a write: several times as fast."""
    changes: list[Wanted] = []
    for chunk in batched(subjects, size=CHUNK):
        rows, orders = _bought_by(chunk)
        found = entitle_subscriptions(rows, rules=rules) | entitle_orders(orders, rules=rules)
        if count_from_each_other(found):
            orders = with_other_purchases(orders)
            found |= entitle_orders(orders, rules=rules)
        bought: list[Subscription | Order] = [*rows, *orders]
        owned = [(purchase.user_id, ent) for purchase in bought for ent in found[purchase.ref]]
        changes += grants.unlike([want for user_id, ent in owned if user_id and (want := ent.wanted(user_id))])
    return list(_effects_of(changes, now=rules.now))


def without_a_person(subjects: list[str]) -> set[str]:
    """Those of whom something is nobody's yet."""
    found: set[str] = set()
    for chunk in batched(subjects, size=CHUNK):
        found |= set(
            Subscription.objects.filter(customer_id__in=chunk, user=None).values_list("customer_id", flat=True)
        )
        found |= set(Order.objects.filter(subject__in=chunk, user=None).values_list("subject", flat=True))
    return found


def _effects_of(changes: list[Wanted], *, now: datetime) -> Iterator[Effect]:
    """What these changes of grants mean for whom: who keeps a product by another grant loses nothing."""
    by_pair: dict[Pair, list[Wanted]] = defaultdict(list)
    for want in changes:
        by_pair[want.user_id, want.product_id].append(want)
    people = User.objects.filter(is_active=True).in_bulk({user_id for user_id, _ in by_pair})
    products = Product.objects.in_bulk({product_id for _, product_id in by_pair})
    before: set[Key] = set()
    noted: set[Key] = set()
    for chunk in batched(people, size=CHUNK):
        before |= _keys(open_grants(now=now).filter(user_id__in=chunk))
        noted |= _keys(Grant.objects.filter(user_id__in=chunk, state__in=Grant.OPEN))
    changed = {want.key for want in changes}
    after = before - changed | {want.key for want in changes if _opens(want, now=now)}
    noted = noted - changed | {want.key for want in changes if want.state != CLOSED}
    had, have, still_noted = (reached((key[0], key[1]) for key in keys) for keys in (before, after, noted))
    unsure = _unsure_among((want.reason, want.source_ref) for want in changes)
    for pair, wants in by_pair.items():
        if pair[0] in people and (pair in had) != (pair in have):
            first, last, product = min(wants, key=_is_imported), wants[-1], products[pair[1]]
            is_told = pair in had and product.send_access_email and first.reason in LETTERS and not _is_imported(first)
            # No letter while another grant is written down as open, though its own time is over.
            is_told = is_told and pair not in still_noted and not any(want.foreseen for want in wants)
            is_unsure = last.source_ref in unsure
            yield _effect(
                people[pair[0]], product, pair in have, last.reason, last.until, is_told=is_told, is_unsure=is_unsure
            )


def _unsure_among(closed: Iterable[tuple[str, str]]) -> set[str]:
    """Of reasons and subscriptions: those that wait for a first payment, and may have had one that is unknown here."""
    refs = [ref for reason, ref in closed if reason in AWAITING]
    found: set[str] = set()
    for chunk in batched(refs, size=CHUNK):
        rows = Subscription.objects.filter(stripe_id__in=chunk).only("stripe_id", "data")
        found |= {row.stripe_id for row in rows if may_have_been_paid(row.data)}
    return found


def _opens(want: Wanted, *, now: datetime) -> bool:
    return want.state != CLOSED and (want.ends_at is None or want.ends_at > now)


def _keys(found: QuerySet[Grant]) -> set[Key]:
    return set(found.values_list("user_id", "product_id", "source", "source_ref"))


def _is_imported(want: Wanted) -> bool:
    return bool(want.batch)


def _bought_by(subjects: list[str]) -> tuple[list[Subscription], list[Order]]:
    rows = Subscription.objects.filter(customer_id__in=subjects).order_by("pk")
    return list(rows), list(Order.objects.filter(subject__in=subjects).order_by("pk"))


def _open_to(pairs: Iterable[Pair], *, now: datetime) -> set[Pair]:
    """What these people can open at the gate, whatever gave it to them: gifts, other purchases, collections."""
    people = {user_id for user_id, _ in pairs}
    found: set[Pair] = set()
    for chunk in batched(people, size=CHUNK):
        found |= set(open_grants(now=now).filter(user_id__in=chunk).values_list("user_id", "product_id"))
    return reached(found)


def _effect(
    person: User, product: Product, gains: bool, reason: str, until: datetime | None, *, is_told: bool, is_unsure: bool
) -> Effect:
    return Effect(person.email, person.name, product.name, gains, reason, until, is_told, is_unsure)
