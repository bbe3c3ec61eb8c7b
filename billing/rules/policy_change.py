"""Changing the owner's knobs: who would gain or lose access, and then the change, but only as it was shown.

The preview compares what is open with what would be, from what was last seen at Stripe; whose people are not known yet
is settled under the new knobs, and that is taken back.
Saving asks Stripe about the same people again, by the one path that everything takes.
"""

import json
from collections.abc import Iterable, Iterator
from dataclasses import dataclass, replace
from datetime import datetime
from hashlib import sha256
from typing import Any

from django.db import transaction
from django.db.models import Q

from activities.marks import rehearsed
from activities.models import Activity
from activities.record import Happening, record_one
from billing.intake.inbox import look_again
from billing.models import AccessPolicy, Connection, Order, Subscription
from billing.refreshing.deciding_links import links_of
from billing.refreshing.entitling import Entitlement, Rules, entitle_orders, entitle_subscriptions
from billing.rules import effects, policies
from billing.rules.effects import Effect, batched
from billing.rules.knobs import DEFAULTS, say_differences
from hub.models import Product, User

CAUSE = "policy_preview"
CHUNK = 200
# The subscriptions that a knob can speak of: nothing else is read when it is turned.
TOUCHED = {
    "trial_access": Q(status="trialing"),
    "past_due_policy": Q(status="past_due"),
    "past_due_grace_days": Q(status="past_due"),
    "paused_collection_access": Q(status="active", data__pause_collection__has_key="behavior"),
    "require_first_payment": Q(status="active", last_paid_at=None),
    "immediate_cancel": Q(status="canceled"),
    "sub_full_refund": ~Q(refunded_invoices=[]),
    "dispute_policy": ~Q(disputes={}),
    "restore_on_won": ~Q(disputes={}),
}
TOUCHED_ORDERS = {
    "order_full_refund": Q(fully_refunded=True),
    "order_partial_refund_percent": Q(amount_refunded__gt=0),
    "dispute_policy": ~Q(disputes={}),
    "restore_on_won": ~Q(disputes={}),
}


class Moved(Exception):
    """What would happen now is not what was shown. `preview` is how it stands."""

    def __init__(self, preview: "Preview") -> None:
        super().__init__("This has changed since you looked.")
        self.preview = preview


@dataclass(frozen=True, slots=True)
class Change:
    """The knobs of the site (no product), or those in which one product differs from the site."""

    product: Product | None
    knobs: dict[str, Any]


@dataclass(frozen=True, slots=True)
class Preview:
    """`words` says what changes; `effects` for whom; `subjects` are looked at again; `fingerprint` is of it all."""

    words: list[str]
    effects: list[Effect]
    subjects: list[str]
    fingerprint: str

    @property
    def gaining(self) -> int:
        return sum(effect.gains for effect in self.effects)

    @property
    def losing(self) -> int:
        return len(self.effects) - self.gaining

    @property
    def letters(self) -> int:
        """To whom loses access by it."""
        return sum(effect.is_told for effect in self.effects)


def preview(change: Change, *, connection: Connection | None, now: datetime) -> Preview:
    """What the change would do now. Writes nothing."""
    before = {row.product_id: row for row in AccessPolicy.objects.all()}
    mine = before.get(_key(change))
    after = before | {_key(change): AccessPolicy(product=change.product, knobs=change.knobs, version=_next(mine))}
    old, new = policies.build(before.values()), policies.build(after.values())
    subjects: list[str] = []
    found: list[Effect] = []
    if connection is not None:
        rules = Rules(connection, links_of(connection), new, now)
        subjects = sorted(_affected(replace(rules, policies=old), rules))
        found = _effects(change, rules, subjects) if subjects else []
    return Preview(
        words=_words(change, mine),
        effects=found,
        subjects=subjects,
        fingerprint=_fingerprint(change, version=_next(mine), found=found),
    )


@transaction.atomic
def save(
    change: Change, *, fingerprint: str, connection: Connection | None, actor: User | None, now: datetime
) -> Preview:
    """Saves what was shown, and asks for another look at everybody whom it concerns.

    Raises Moved, with nothing changed, where it would do something else by now.
    """
    list(AccessPolicy.objects.select_for_update().filter(product=change.product))
    shown = preview(change, connection=connection, now=now)
    if shown.fingerprint != fingerprint:
        raise Moved(shown)
    row = _write(change, actor=actor)
    record_one(
        Happening(
            verb=Activity.Verb.STAFF_ACTION,
            key=f"policy:{row.pk}:{row.version}",
            at=now,
            product_id=row.product_id,
            actor_id=actor.pk if actor else None,
            details={"reason": f"changed the access rules: {'; '.join(shown.words)}", "version": row.version},
        ),
        now=now,
    )
    look_again(*shown.subjects)
    return shown


def _write(change: Change, *, actor: User | None) -> AccessPolicy:
    row = AccessPolicy.objects.filter(product=change.product).first()
    row, version = row or AccessPolicy(product=change.product), _next(row)
    row.knobs, row.version, row.changed_by = change.knobs, version, actor
    row.save()
    return row


def _affected(old: Rules, new: Rules) -> set[str]:
    """The subjects about which the two decide differently."""
    turned = {name for name in DEFAULTS if _turned(name, old.policies, new.policies)}
    connection = new.connection
    found: set[str] = set()
    for subscriptions in _chunks(Subscription, connection, (TOUCHED[name] for name in turned & TOUCHED.keys())):
        was = entitle_subscriptions(subscriptions, rules=old)
        becomes = entitle_subscriptions(subscriptions, rules=new)
        found |= {row.customer_id for row in subscriptions if _differs(was[row.stripe_id], becomes[row.stripe_id])}
    for orders in _chunks(Order, connection, (TOUCHED_ORDERS[name] for name in turned & TOUCHED_ORDERS.keys())):
        was = entitle_orders(orders, rules=old)
        becomes = entitle_orders(orders, rules=new)
        found |= {row.subject for row in orders if _differs(was[row.key], becomes[row.key])}
    return found


def _turned(name: str, old: policies.Policies, new: policies.Policies) -> bool:
    products = old.by_product.keys() | new.by_product.keys()
    pairs = [(old.site, new.site), *((old.of(product), new.of(product)) for product in products)]
    return any(getattr(was, name) != getattr(becomes, name) for was, becomes in pairs)


def _chunks(model: Any, connection: Connection, conditions: Iterable[Q]) -> Iterator[list[Any]]:
    """The rows that meet any of the conditions."""
    either = Q()
    for condition in conditions:
        either |= condition
    if either:
        rows = model.objects.filter(either, connection=connection).order_by("pk").iterator(chunk_size=CHUNK)
        yield from batched(rows, size=CHUNK)


def _differs(was: list[Entitlement], becomes: list[Entitlement]) -> bool:
    return [found.decision for found in was] != [found.decision for found in becomes]


def _effects(change: Change, rules: Rules, subjects: list[str]) -> list[Effect]:
    unbound = effects.without_a_person(subjects)
    bound = [subject for subject in subjects if subject not in unbound]
    with rehearsed():
        _write(change, actor=None)
        settled = effects.settle(sorted(unbound), connection=rules.connection, cause=CAUSE, now=rules.now)
        found = effects.project(bound, rules=rules)  # beside what has just opened for the same people
    found += effects.of_settled(settled, now=rules.now)
    return sorted(found, key=lambda effect: (effect.gains, effect.product, effect.email))


def _words(change: Change, mine: AccessPolicy | None) -> list[str]:
    was = policies.known(mine.knobs) if mine else {}
    if change.product is None:
        return say_differences(DEFAULTS | was, DEFAULTS | change.knobs)
    return say_differences(was, change.knobs, unset="as the site")


def _fingerprint(change: Change, *, version: int, found: list[Effect]) -> str:
    rows = [[effect.email, effect.product, effect.gains, effect.reason] for effect in found]
    said = json.dumps([_key(change), change.knobs, version, rows], sort_keys=True)
    return sha256(said.encode()).hexdigest()


def _key(change: Change) -> int | None:
    return change.product.pk if change.product else None


def _next(row: AccessPolicy | None) -> int:
    return row.version + 1 if row else 1
