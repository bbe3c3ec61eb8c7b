"""Who gains or loses access by other knobs: by settling them, or by comparing what is open with what would be."""

from collections import defaultdict
from collections.abc import Iterable, Iterator
from dataclasses import dataclass
from datetime import datetime
from itertools import islice
from typing import Any

from activities import notices
from activities.models import Delivery
from billing.models import Connection, Order, Subscription
from billing.refreshing import applying
from billing.refreshing.entitling import Rules, entitle_orders, entitle_subscriptions
from hub import grants
from hub.grants import CLOSED, Wanted
from hub.models import Grant, Ledger, Product, User
from hub.reasons import LETTERS

CHUNK = 200
Pair = tuple[int, int]  # a person and a product


@dataclass(frozen=True, slots=True)
class Effect:
    """One person who gains or loses one product; `is_told`: a letter says that it is lost."""

    email: str
    name: str
    product: str
    gains: bool
    reason: str
    until: datetime | None
    is_told: bool


def batched(found: Iterable[Any], *, size: int = CHUNK) -> Iterator[list[Any]]:
    rest = iter(found)
    while step := list(islice(rest, size)):
        yield step


def settle(subjects: list[str], *, connection: Connection, cause: str, now: datetime) -> list[Effect]:
    """Settles the subjects under the knobs in force, and reads what came of it. The caller takes it all back."""
    newest = Ledger.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    newest_letter = Delivery.objects.order_by("-pk").values_list("pk", flat=True).first() or 0
    had = _open_to(subjects)
    for chunk in batched(subjects):
        rows, orders = _bought_by(chunk)
        applying.settle(
            rows,
            orders,
            connection=connection,
            before={row.stripe_id: row for row in rows},
            cause=cause,
            happened_at=now,
            now=now,
        )
    have = _open_to(subjects)
    told = Ledger.objects.filter(pk__gt=newest, cause=cause).select_related("grant__user", "grant__product")
    last = {(row.grant.user_id, row.grant.product_id): row for row in told.order_by("pk")}
    letters = Delivery.objects.filter(pk__gt=newest_letter, notice=notices.ACCESS_ENDED)
    written = set(letters.values_list("user", "product"))
    return [
        _effect(row.grant.user, row.grant.product, pair in have, row.reason, row.until, is_told=pair in written)
        for pair, row in last.items()
        if (pair in had) != (pair in have)
    ]


def project(subjects: list[str], *, rules: Rules) -> list[Effect]:
    """The same for subjects whose people are known, without a write: several times as fast."""
    effects: list[Effect] = []
    for chunk in batched(subjects):
        rows, orders = _bought_by(chunk)
        by_subscription, by_order = entitle_subscriptions(rows, rules=rules), entitle_orders(orders, rules=rules)
        decided = [(row.user_id, found) for row in rows for found in by_subscription[row.stripe_id]]
        decided += [(order.user_id, found) for order in orders for found in by_order[order.key]]
        wanted = [want for user_id, found in decided if user_id and (want := found.wanted(user_id))]
        effects += _effects_of(grants.unlike(wanted))
    return effects


def without_a_person(subjects: list[str]) -> set[str]:
    """Those of whom something is nobody's yet."""
    found: set[str] = set()
    for chunk in batched(subjects):
        found |= set(
            Subscription.objects.filter(customer_id__in=chunk, user=None).values_list("customer_id", flat=True)
        )
        found |= set(Order.objects.filter(subject__in=chunk, user=None).values_list("subject", flat=True))
    return found


def _effects_of(changes: list[Wanted]) -> Iterator[Effect]:
    """What these changes of grants mean for whom: who keeps a product by another grant loses nothing."""
    by_pair: dict[Pair, list[Wanted]] = defaultdict(list)
    for want in changes:
        by_pair[want.user_id, want.product_id].append(want)
    people = User.objects.in_bulk({user_id for user_id, _ in by_pair})
    products = Product.objects.in_bulk({product_id for _, product_id in by_pair})
    is_open: dict[Pair, set[tuple[str, str]]] = defaultdict(set)
    rows = Grant.objects.filter(user_id__in=people, state__in=Grant.OPEN)
    for user_id, product_id, source, ref in rows.values_list("user_id", "product_id", "source", "source_ref"):
        is_open[user_id, product_id].add((source, ref))
    for pair, wants in by_pair.items():
        had = bool(is_open[pair])
        for want in wants:
            (is_open[pair].discard if want.state == CLOSED else is_open[pair].add)((want.source, want.source_ref))
        if had != bool(is_open[pair]):
            last, product = wants[-1], products[pair[1]]
            is_told = had and product.send_access_email and last.reason in LETTERS
            is_told = is_told and not any(want.foreseen or want.batch for want in wants)
            yield _effect(people[pair[0]], product, not had, last.reason, last.until, is_told=is_told)


def _bought_by(subjects: list[str]) -> tuple[list[Subscription], list[Order]]:
    rows = Subscription.objects.filter(customer_id__in=subjects)
    return list(rows), list(Order.objects.filter(subject__in=subjects))


def _open_to(subjects: list[str]) -> set[Pair]:
    """Who of the people behind these subjects has what, whatever gave it to them."""
    pairs: set[Pair] = set()
    for chunk in batched(subjects):
        people = set(
            Subscription.objects.filter(customer_id__in=chunk, user__isnull=False).values_list("user", flat=True)
        )
        people |= set(Order.objects.filter(subject__in=chunk, user__isnull=False).values_list("user", flat=True))
        still_open = Grant.objects.filter(user_id__in=people, state__in=Grant.OPEN)
        pairs |= set(still_open.values_list("user_id", "product_id"))
    return pairs


def _effect(
    person: User, product: Product, gains: bool, reason: str, until: datetime | None, *, is_told: bool
) -> Effect:
    return Effect(person.email, person.name, product.name, gains, reason, until, is_told)
