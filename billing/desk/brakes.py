"""A full pass that stopped because too much would close: its list, and what the owner makes of it."""

import json
from dataclasses import dataclass
from datetime import datetime
from hashlib import sha256

from django.db import transaction

from activities.doorbell import ring
from billing.desk import attention
from billing.intake.draining import TASK
from billing.intake.inbox import look_again
from billing.models import Attention
from hub.models import Product, User
from hub.reasons import say

COMPARE = "billing.tasks.full_pass"


class Moved(Exception):
    """The list is not the one that was read: somebody answered, or a later pass brought it up to date."""


@dataclass(frozen=True, slots=True)
class Closing:
    """Who would lose what, and why, in words. `person` is a primary key, None where the address is gone."""

    email: str
    person: int | None
    product: str
    reason: str
    ref: str


def closings_of(question: Attention) -> list[Closing]:
    """The whole list, as the pass kept it: two queries."""
    rows = question.details.get("closing", [])
    people = dict(User.objects.filter(email__in={row["email"] for row in rows}).values_list("email", "pk"))
    names = dict(Product.objects.filter(slug__in={row["product"] for row in rows}).values_list("slug", "name"))
    return [
        Closing(
            email=row["email"],
            person=people.get(row["email"]),
            product=names.get(row["product"], row["product"]),
            reason=say(row["reason"]),
            ref=row.get("source_ref", ""),
        )
        for row in rows
    ]


def fingerprint_of(question: Attention) -> str:
    """Of the list, whatever its order of keys: what is confirmed is what was read."""
    return sha256(json.dumps(question.details.get("closing", []), sort_keys=True).encode()).hexdigest()


@transaction.atomic
def close_them(question: Attention, *, fingerprint: str, actor: User, now: datetime) -> int:
    """Has exactly those on the list looked at again, and returns how many they are. Raises Moved.

    Stripe is asked once more about each, so that whoever has paid meanwhile stays; nobody else is touched.
    """
    asked = _lock(question)
    if fingerprint_of(asked) != fingerprint:
        raise Moved
    rows = asked.details.get("closing", [])
    look_again(*attention.subjects_of(row["source_ref"] for row in rows))
    deed = f"confirmed that access ends: {len(rows)} of a full pass that had stopped"
    attention.settle(asked, actor=actor, now=now, deed=deed)
    transaction.on_commit(lambda: ring(TASK), robust=True)
    return len(rows)


@transaction.atomic
def compare_again(question: Attention, *, actor: User, now: datetime) -> None:
    """Closes nothing, and begins another full pass: if it would still close too much, it asks anew. Raises Moved."""
    asked = _lock(question)
    attention.settle(asked, actor=actor, now=now, deed="had everything compared with Stripe again, and closed nothing")
    transaction.on_commit(lambda: ring(COMPARE), robust=True)


def _lock(question: Attention) -> Attention:
    asked = Attention.objects.select_for_update().get(pk=question.pk)
    if asked.resolved_at is not None:
        raise Moved
    return asked
