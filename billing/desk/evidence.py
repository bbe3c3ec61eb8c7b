"""What is known of each question, in words and with the page at Stripe where more is to be read."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.urls import reverse

from activities import clock
from activities.money import format_money
from billing.connection import active_connection
from billing.desk import closings
from billing.desk.dashboard import page_of
from billing.desk.failed_events import failed
from billing.desk.support import what_it_was
from billing.models import Attention, Connection, Order, ProductLink, StripeCustomer, Subscription
from billing.refreshing.happenings import price_text_of
from billing.stripe_objects import products_of
from hub.models import User
from hub.reasons import say_day

# What is kept with a question, and what it is called. What is not here is said elsewhere on the page.
LABELS = {
    "status": "Status at Stripe",
    "subscription": "Subscription",
    "order": "Purchase",
    "paid": "Paid",
    "customer": "Customer",
    "address": "Address at Stripe",
    "belongs_to": "That address is",
    "formerly": "This address was",
    "paid_by": "Address that was typed",
    "opened_for": "Opened for",
    "bought_with": "Bought with",
    "at_stripe": "Address at Stripe",
    "product": "Product",
    "charges": "Charges",
    "why": "Why it is closed",
    "first": "First purchase",
    "last": "Last purchase",
    "error": "Error",
}
PEOPLE = frozenset({"belongs_to", "formerly"})
AT_STRIPE = frozenset({"subscription", "order", "customer", "first", "last"})


@dataclass(frozen=True, slots=True)
class Fact:
    """`url` is empty where there is no page. `is_id`: set as code."""

    label: str
    value: str
    url: str = ""
    is_id: bool = False


def counts() -> dict[str, int]:
    """Open questions of each kind, without a zero: one query."""
    waiting = Attention.objects.filter(resolved_at__isnull=True).order_by().values_list("kind").annotate(Count("pk"))
    return dict(waiting)


def count_all() -> int:
    """Everything that waits for a person: two counts."""
    return Attention.objects.filter(resolved_at__isnull=True).count() + failed().count()


def facts_of(questions: Iterable[Attention]) -> dict[int, list[Fact]]:
    """By question: six queries at most for all of them, and a few more for a list of what would close."""
    found = list(questions)
    named = (question.details.get(name) for question in found for name in PEOPLE)
    owners = {owner for owner in named if isinstance(owner, int)}
    people = User.objects.in_bulk(owners) if owners else {}
    connection, paid = active_connection(), _paid_by([one for one in found if one.kind == Attention.Kind.UNMATCHED])
    return {
        question.pk: [*paid.get(question.pk, []), *_facts(question, people=people, connection=connection)]
        for question in found
    }


def day_until(question: Attention) -> str:
    """The day on which a member gave up the address that this is about."""
    return say_day(datetime.fromisoformat(question.details["until"]))


def _paid_by(unmatched: list[Attention]) -> dict[int, list[Fact]]:
    """What nobody owns, by question: what was bought, for how much, and who Stripe says it was."""
    if not unmatched:
        return {}
    refs = [question.key.partition(":")[2] for question in unmatched]
    names = dict(ProductLink.objects.values_list("stripe_product", "product__name"))
    customers = StripeCustomer.objects.in_bulk([one.subject for one in unmatched], field_name="stripe_id")
    bought: dict[str, tuple[str, str]] = {}
    payers = {subject: (row.name, row.email) for subject, row in customers.items()}
    for row in Subscription.objects.filter(stripe_id__in=refs):
        bought[row.stripe_id] = (what_it_was(products_of(row.data), names), price_text_of(row))
    for order in Order.objects.filter(key__in=refs):
        bought[order.key] = (what_it_was(order.products, names), format_money(order.amount, order.currency))
        name, address = payers.get(order.subject, ("", ""))
        payers[order.subject] = (order.name or name, order.email or address)
    told = {}
    for question, ref in zip(unmatched, refs, strict=True):
        said = (*bought.get(ref, ("", "")), *payers.get(question.subject, ("", "")))
        labels = ("Bought", "For", "Name at Stripe", "Address at Stripe")
        told[question.pk] = [Fact(label, value) for label, value in zip(labels, said, strict=True) if value]
    return told


def _facts(question: Attention, *, people: dict[int, User], connection: Connection | None) -> Iterable[Fact]:
    told: dict[str, Any] = question.details
    if question.kind == Attention.Kind.BRAKE:
        yield from _of_a_stop(question)
    if "amount" in told:
        yield Fact("Refunded", format_money(told["amount"], told.get("currency", "")))
    for name, label in LABELS.items():
        value = told.get(name)
        if value in (None, ""):
            continue
        if name in PEOPLE:
            if person := people.get(value):
                until = f" until {day_until(question)}" if "until" in told else ""
                yield Fact(label, f"{person}’s{until}", reverse("hub:console_person", args=[person.pk]))
        elif name in AT_STRIPE:
            yield _at_stripe(label, str(value), connection)
        else:
            yield Fact(label, str(value))
    if question.subject and question.subject not in told.values():
        yield _at_stripe("About", question.subject, connection)


def _of_a_stop(question: Attention) -> Iterable[Fact]:
    listed, would = len(closings.rows_of(question)), len(closings.open_rows(question, now=clock.now()))
    yield Fact("Would close now", f"{would} of {listed}" if would < listed else str(listed))
    if would < listed:
        yield Fact("Ended meanwhile", str(listed - would))


def _at_stripe(label: str, ref: str, connection: Connection | None) -> Fact:
    return Fact(label, ref, page_of(ref, connection=connection) if connection else "", is_id=True)
