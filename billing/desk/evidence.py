"""What is known of each question, in words and with the page at Stripe where more is to be read."""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from django.db.models import Count
from django.urls import reverse

from activities.money import format_money
from billing.connection import active_connection
from billing.desk.dashboard import page_of
from billing.desk.failed_events import failed
from billing.models import Attention, Connection
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
    """By question: two queries for all of them."""
    found = list(questions)
    named = (question.details.get(name) for question in found for name in PEOPLE)
    owners = {owner for owner in named if isinstance(owner, int)}
    people = User.objects.in_bulk(owners) if owners else {}
    connection = active_connection()
    return {question.pk: list(_facts(question, people=people, connection=connection)) for question in found}


def day_until(question: Attention) -> str:
    """The day on which a member gave up the address that this is about."""
    return say_day(datetime.fromisoformat(question.details["until"]))


def _facts(question: Attention, *, people: dict[int, User], connection: Connection | None) -> Iterable[Fact]:
    told: dict[str, Any] = question.details
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


def _at_stripe(label: str, ref: str, connection: Connection | None) -> Fact:
    return Fact(label, ref, page_of(ref, connection=connection) if connection else "", is_id=True)
