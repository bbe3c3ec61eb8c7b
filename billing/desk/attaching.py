"""A payment that came without a sure person, given to one by somebody of the staff, and taken from them again; one
that went to an address mistyped or out of use, moved to whoever it belongs to.

Nothing is guessed here: who decides has seen the evidence, and stands in the ledger. A Stripe customer is one person,
so all that it bought and nobody owns goes along.
"""

from dataclasses import dataclass
from datetime import datetime
from functools import partial

from django.db import transaction

from activities.doorbell import ring
from activities.marks import newest
from activities.money import format_money
from activities.record import hand_over, record_deed
from billing.desk.dashboard import page_of
from billing.intake.draining import TASK
from billing.intake.inbox import look_again
from billing.models import Attention, Order, ProductLink, StripeCustomer, Subject, Subscription
from billing.refreshing import applying
from billing.refreshing.happenings import price_text_of
from billing.refreshing.look import Look
from billing.stripe_objects import products_of
from hub import grants
from hub.addresses import usable_address
from hub.grants import closing
from hub.joining import add_member
from hub.models import Grant, Ledger, User
from hub.permissions import Permission

NOT_THEIRS = "not_theirs"
BY_STAFF = frozenset({StripeCustomer.Binding.PERSON, StripeCustomer.Binding.SUPPORT})
MOVABLE = frozenset({Attention.Kind.CONFLICT, Attention.Kind.MISTYPED, Attention.Kind.FORMER})


class Taken(Exception):
    """Somebody has decided meanwhile, or the payer became known: came in, where they never had."""


class TooLate(Exception):
    """Something happened since it was attached: to take it away would undo more than that."""


@dataclass(frozen=True, slots=True)
class Evidence:
    """What is known of one purchase of the payer's. `ref` is Stripe's id; `url` shows it there, or is empty."""

    what: str
    amount: str
    at: datetime
    name: str
    address: str
    ref: str
    url: str


def evidence_of(question: Attention) -> list[Evidence]:
    """Every purchase of this payer, the newest first."""
    customer = StripeCustomer.objects.filter(stripe_id=question.subject).first()
    names = dict(ProductLink.objects.values_list("stripe_product", "product__name"))
    found = [
        Evidence(
            what=", ".join(names[sold] for sold in products_of(row.data) if sold in names),
            amount=price_text_of(row),
            at=row.created,
            name=customer.name if customer else "",
            address=customer.email if customer else "",
            ref=row.stripe_id,
            url=page_of(row.stripe_id, connection=row.connection),
        )
        for row in Subscription.objects.filter(customer_id=question.subject).select_related("connection")
    ]
    found += [
        Evidence(
            what=", ".join(names.get(line["product"], line.get("name", "")) for line in order.lines),
            amount=format_money(order.amount, order.currency),
            at=order.paid_at or order.created,
            name=order.name,
            address=order.email,
            ref=order.key,
            url=page_of(order.key, connection=order.connection),
        )
        for order in Order.objects.filter(subject=question.subject).select_related("connection")
    ]
    return sorted(found, key=lambda one: one.at, reverse=True)


@transaction.atomic
def attach(question: Attention, person: User, *, reason: str, actor: User, now: datetime) -> None:
    """Makes the payer this person: access, feed and e-mail follow as from any purchase. Raises Taken."""
    _lock(question.subject)
    asked = Attention.objects.select_for_update().get(pk=question.pk)
    customer = StripeCustomer.objects.filter(stripe_id=asked.subject).first()
    rows, orders = _bought_by(asked.subject)
    free = [row for row in _all(rows, orders) if row.user_id is None]
    if asked.resolved_at is not None or not free or (customer and customer.user_id):
        raise Taken
    refs = [row.ref for row in free]
    hand_over(refs, of=None, to=person.pk)
    if customer:
        customer.user, customer.bound_by = person, _binding_by(actor)
        customer.save(update_fields=["user", "bound_by"])
    for order in orders:
        order.user = order.user or person
    Order.objects.bulk_update(orders, ["user"])
    _settle(asked, person, rows, orders, refs=refs, actor=actor, now=now)
    record_deed("decided whose a payment is", user_id=person.pk, actor_id=actor.pk, note=reason, now=now)
    _look_soon(asked.subject)


def may_move(question: Attention) -> bool:
    """Whether who has it never came in, and nothing of it was taken back by hand; or was chosen wrongly just now."""
    if question.kind not in MOVABLE:
        return False
    if question.resolved_at is not None:
        return may_detach(question)
    person, customer = question.user, StripeCustomer.objects.filter(stripe_id=question.subject).first()
    if person is None or (customer and customer.user_id != person.pk):
        return False
    refs = [row.ref for row in _all(*_bought_by(question.subject)) if row.user_id == person.pk]
    taken_back = Grant.objects.filter(user=person, source_ref__in=refs, state=Grant.State.REVOKED)
    return bool(refs) and person.last_seen is None and not taken_back.exists()


def former_owner(question: Attention) -> User | None:
    """The member who used the address that it was bought with; None where that is not asked, or who was erased."""
    told = question.details.get("formerly")
    return User.objects.filter(pk=told, is_active=True).first() if told and question.user_id != told else None


@transaction.atomic
def move(question: Attention, person: User, *, reason: str, actor: User, now: datetime) -> None:
    """Makes the payer this person instead of who has it: what it opened for them is closed. Raises Taken."""
    _lock(question.subject)
    asked = Attention.objects.select_for_update().get(pk=question.pk)
    before = asked.user
    if before is None or before == person or not may_move(asked):
        raise Taken
    rows, orders = _bought_by(asked.subject)
    theirs = [row for row in _all(rows, orders) if row.user_id == before.pk]
    refs = [row.ref for row in theirs]
    _close(before, refs, actor=actor, now=now)
    hand_over(refs, of=before.pk, to=person.pk)
    StripeCustomer.objects.filter(stripe_id=asked.subject).update(user=person, bound_by=_binding_by(actor))
    for row in theirs:
        row.user = person
    Order.objects.bulk_update(orders, ["user"])
    _settle(asked, person, rows, orders, refs=refs, actor=actor, now=now)
    others = Attention.objects.filter(kind__in=MOVABLE, subject=asked.subject, resolved_at__isnull=True)
    others.update(resolved_at=now)
    there, here = f"to person {person.pk}", f"here from person {before.pk}"
    for whose, way in ((before, there), (person, here)):
        record_deed(f"moved what was bought {way}", user_id=whose.pk, actor_id=actor.pk, note=reason, now=now)
    _look_soon(asked.subject)


def may_detach(question: Attention) -> bool:
    """Whether nothing happened since: no other purchase came to this payer, and access did not change."""
    person = question.details.get("person")
    if question.resolved_at is None or person is None:
        return False
    customer = StripeCustomer.objects.filter(stripe_id=question.subject).first()
    if customer and (customer.user_id != person or customer.bound_by not in BY_STAFF):
        return False
    rows, orders = _bought_by(question.subject)
    theirs = {row.ref for row in _all(rows, orders) if row.user_id == person}
    if theirs != set(question.details["refs"]):
        return False
    since = Ledger.objects.filter(grant__source_ref__in=theirs, grant__user=person, pk__gt=question.details["ledger"])
    return all(line.actor_id is None and line.from_state == line.to_state for line in since)


@transaction.atomic
def detach(question: Attention, *, actor: User, now: datetime) -> None:
    """Takes an attached payment from its person: access it gave is closed, and the question is open again.

    Raises TooLate, with nothing changed.
    """
    _lock(question.subject)
    asked = Attention.objects.select_for_update().get(pk=question.pk)
    if not may_detach(asked):
        raise TooLate
    person, refs = User.objects.get(pk=asked.details["person"]), asked.details["refs"]
    _close(person, refs, actor=actor, now=now)
    StripeCustomer.objects.filter(stripe_id=asked.subject).update(user=None, bound_by=StripeCustomer.Binding.NONE)
    Subscription.objects.filter(stripe_id__in=refs).update(user=None)
    Order.objects.filter(key__in=refs).update(user=None)
    hand_over(refs, of=person.pk, to=None)
    names = [f"{Attention.Kind.UNMATCHED}:{ref}" for ref in refs]
    Attention.objects.filter(key__in=names).update(resolved_at=None)
    asked.details = {}
    asked.user, asked.resolved_at = None, None
    asked.save(update_fields=["details", "user", "resolved_at"])
    record_deed("took back whose a payment is", user_id=person.pk, actor_id=actor.pk, now=now)


def person_of(address: str, *, name: str, actor: User, now: datetime) -> User:
    """Whoever has this address, or a new member with it. Raises ValueError where it is none."""
    if not (usable := usable_address(address)):
        raise ValueError(address)
    person, _ = add_member(usable, name=name, at=now, cause=f"person:{actor.pk}", now=now)
    return person


def _binding_by(actor: User) -> str:
    """Whoever may make people is believed that it is the payer. What support was told opens no portal: anybody may
    sign up and call.
    """
    return StripeCustomer.Binding.PERSON if actor.may(Permission.ADD_PEOPLE) else StripeCustomer.Binding.SUPPORT


def _settle(
    asked: Attention,
    person: User,
    rows: list[Subscription],
    orders: list[Order],
    *,
    refs: list[str],
    actor: User,
    now: datetime,
) -> None:
    """Decides anew about all that the payer bought, and keeps who was chosen with the question."""
    before = newest(Ledger)
    applying.settle(
        rows,
        orders,
        connection=_all(rows, orders)[0].connection,
        look=Look(f"person:{actor.pk}", now=now, actor=actor),
        before={row.stripe_id: row for row in rows},
    )
    asked.refresh_from_db()
    asked.details |= {"person": person.pk, "refs": refs, "ledger": _newest_of(refs, after=before)}
    asked.user, asked.resolved_at = person, now
    asked.save(update_fields=["details", "user", "resolved_at"])


def _close(person: User, refs: list[str], *, actor: User, now: datetime) -> None:
    """What these purchases opened for somebody whose they are not."""
    given = Grant.objects.filter(user=person, source_ref__in=refs).exclude(source=Grant.Source.MANUAL)
    wanted = [closing(grant, reason=NOT_THEIRS, now=now) for grant in given]
    grants.apply(wanted, cause=f"person:{actor.pk}", actor=actor, now=now)


def _lock(subject: str) -> None:
    """Whoever looks at this subject now waits for us, or we for them."""
    Subject.objects.bulk_create([Subject(key=subject)], ignore_conflicts=True)
    Subject.objects.select_for_update().get(key=subject)


def _bought_by(subject: str) -> tuple[list[Subscription], list[Order]]:
    rows = Subscription.objects.filter(customer_id=subject).select_related("connection").order_by("pk")
    orders = Order.objects.filter(subject=subject).select_related("connection").order_by("pk")
    return list(rows), list(orders)


def _all(rows: list[Subscription], orders: list[Order]) -> list[Subscription | Order]:
    return [*rows, *orders]


def _newest_of(refs: list[str], *, after: int) -> int:
    written = Ledger.objects.filter(grant__source_ref__in=refs, pk__gt=after).order_by("-pk")
    return written.values_list("pk", flat=True).first() or after


def _look_soon(subject: str) -> None:
    look_again(subject)
    transaction.on_commit(partial(ring, TASK), robust=True)
