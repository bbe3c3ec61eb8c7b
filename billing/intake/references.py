"""What Stripe, receipts and banks call things by, kept with whose they are: whatever id support holds, it is found.

What we see anyway is written down, in one statement for all of it; nothing is asked for, and no access depends on it.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime
from typing import Any

from billing.intake import event_types
from billing.intake.storable import LONGEST, TOO_LATE
from billing.models import Reference
from billing.stripe_objects import expanded, moment, payment_intents_of, required_moment, sid

Json = dict[str, Any]
Named = Mapping[str, datetime | None]  # an id or a number, and when that was made, where it is known

# Ids by how they begin: what staff call it. Customers and subscriptions have rows of their own.
KINDS = {
    "pi": "payment",
    "ch": "payment",
    "py": "payment",
    "in": "invoice",
    "cs": "checkout",
    "re": "refund",
    "pyr": "refund",
    "du": "dispute",
    "dp": "dispute",
    "cn": "credit note",
    "evt": "event",
}
NUMBERS = ("number", "receipt_number")
OTHERS = ("payment_intent", "latest_charge", "charge", "invoice", "latest_invoice")
# Of an object that is stored whole, all that `named_in` reads of it.
READ = ("id", "created", *NUMBERS, *OTHERS)


def named_in(found: Json) -> dict[str, datetime | None]:
    """What one of Stripe's objects is called, and what it names of others, expanded or not."""
    named: dict[str, datetime | None] = {}
    for name in OTHERS:
        other = found.get(name)
        named |= named_in(other) if isinstance(other, dict) else {sid(other): None}
    paid_at = moment((found.get("status_transitions") or {}).get("paid_at"))
    named |= dict.fromkeys(payment_intents_of(found), paid_at)
    made_at = _made_at(expanded(found.get("latest_charge")) or found)  # an intent is older than its payment
    named[sid(found)] = made_at
    kept: dict[str, datetime | None] = {name: at for name, at in named.items() if kind_of(name)}
    numbers = (number for name in NUMBERS if isinstance(number := found.get(name), str) and number)
    return kept | {number.upper(): made_at for number in numbers}  # as they are printed, however they are typed


def named_by(event: Json) -> dict[str, datetime | None]:
    """An event's own id, and what its object names. A payment that succeeded was made just now, whenever it began."""
    now = required_moment(event["created"])
    named = named_in(event["data"]["object"])
    if event["type"] == "payment_intent.succeeded":
        named = dict.fromkeys(named, now)
    return named | {event["id"]: now}


def _made_at(found: Json) -> datetime | None:
    created = found.get("created")
    return moment(created) if type(created) is int and 0 <= created < TOO_LATE else None


def kind_of(ref: str) -> str:
    """What the thing of this id is called; empty for what is no id of any that is kept."""
    start, is_id, _ = ref.partition("_")
    return KINDS.get(start, "") if is_id else ""


def keep(named: Mapping[str, Named]) -> None:
    """By subject, what is named of it. One statement for some hundred; what is known stays as it is."""
    rows = [
        Reference(ref=ref, subject=subject, at=at)
        for subject, refs in named.items()
        for ref, at in refs.items()
        if ref != subject and len(ref) <= LONGEST
    ]
    # Every writer in the same order: two that overlap wait, and never deadlock.
    rows.sort(key=lambda row: (row.ref, row.subject))
    Reference.objects.bulk_create(rows, ignore_conflicts=True)


def keep_told(events: Iterable[Json]) -> None:
    """Of events that ask for no look, and are not stored: all that is ever kept of them."""
    named: dict[str, dict[str, datetime | None]] = {}
    for event in events:
        named.setdefault(event_types.subject_of(event), {}).update(named_by(event))
    keep(named)
