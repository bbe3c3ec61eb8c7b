"""From whatever id or number support holds to whose it is."""

import re
from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet

from activities.naming import named
from billing.connection import active_connection
from billing.desk.dashboard import page_of
from billing.desk.forgetting import subjects_of
from billing.intake.event_types import NOBODYS
from billing.intake.references import KINDS, kind_of
from billing.models import InboxEvent, Order, Reference, StripeCustomer, Subscription
from billing.refreshing.mirror import MODELS
from hub.models import User
from hub.payments import Lead, Ref
from hub.reasons import say_day

WITH_ROWS = {"cus": "customer", "sub": "subscription"}
STRIPE_ID = re.compile(rf"\b(?:{'|'.join([*WITH_ROWS, *KINDS])})_\w+", re.ASCII)
NUMBER = re.compile(r"(?=.*\d)[\w./-]{4,40}", re.ASCII)
RECEIPT = re.compile(r"\d{4}-\d{4}")
AROUND = "\"'`<>()[]{}.,;:#\u200b\ufeff"  # what is copied along
# What is written before a number where it is copied from: "Invoice number 6AXZKDO0-0001".
SAID_BEFORE = frozenset(
    {
        "charge",
        "checkout",
        "credit",
        "customer",
        "dispute",
        "event",
        "id",
        "invoice",
        "no",
        "note",
        "nr",
        "number",
        "order",
        "payment",
        "receipt",
        "ref",
        "reference",
        "refund",
        "session",
        "stripe",
        "subscription",
    }
)
SECRET = "_secret_"  # noqa: S105  in the address of a page after a payment: an id goes before it
MOST_WORDS = 6
BOUGHT = frozenset({"payment", "invoice", "checkout"})  # what an order itself is called by


@dataclass(frozen=True, slots=True)
class Rows:
    """What Stripe told, whosever it is."""

    customers: QuerySet[StripeCustomer]
    subscriptions: QuerySet[Subscription]
    orders: QuerySet[Order]

    def owners(self) -> set[int]:
        found: set[int] = set()
        for rows in (self.customers, self.subscriptions, self.orders):
            found.update(rows.filter(user__isnull=False).values_list("user_id", flat=True))
        return found


def read_ref(pasted: str) -> str:
    """The id or number in what was pasted: alone, behind what it is, or in the address of a page at Stripe. Empty where
    there is none.

    Not every number is one on an invoice: whatever has a digit may be.
    """
    text = _without_what_it_is(pasted).strip(AROUND)
    if "/" in text and (ids := STRIPE_ID.findall(text.partition("#")[0])):
        text = ids[-1]
    text = text.partition(SECRET)[0]
    if STRIPE_ID.fullmatch(text):
        return text
    return text.upper() if NUMBER.fullmatch(text) else ""


def rows_of_id(ref: str) -> Rows:
    """What a customer, a subscription or an order is called, or anything that Stripe told of them."""
    keys = [ref, *subjects_of_ref(ref)]
    names = ("key", "session_id", "payment_intent", "invoice_id", "charge_id")
    of_order = Q(customer_id__in=keys) | Q(subject__in=keys)
    for name in names:
        of_order |= Q(**{name: ref})
    return Rows(
        StripeCustomer.objects.filter(stripe_id__in=keys),
        Subscription.objects.filter(Q(stripe_id=ref) | Q(customer_id__in=keys)),
        Order.objects.filter(of_order),
    )


def find_people(pasted: str) -> Iterator[int]:
    """The owners of what an id or a number leads to."""
    if ref := read_ref(pasted):
        yield from rows_of_id(ref).owners()


def lead_of(pasted: str) -> Lead | None:
    """What an id or a number is, and whose; None where it leads to nobody here."""
    ref = read_ref(pasted)
    people = rows_of_id(ref).owners() if ref else set()
    if not people:
        return None
    connection = active_connection()
    page = page_of(ref, connection=connection) if connection else ""
    return Lead(Ref(say_kind(ref), ref, page), tell(ref), frozenset(people))


def tell(ref: str) -> str:
    """ "payment of 22 November 2026": what it is, and when that was made where it is known."""
    at = _made_at(ref)
    return f"{say_kind(ref)} of {say_day(at)}" if at else say_kind(ref)


def say_kind(ref: str) -> str:
    if kind := kind_of(ref) or WITH_ROWS.get(ref.partition("_")[0], ""):
        return kind
    if RECEIPT.fullmatch(ref):
        return "receipt"
    return "credit note" if "-CN-" in ref.upper() else "invoice"


def subjects_of_ref(ref: str) -> list[str]:
    """By what Stripe told: customers, and guests' payments. Where a payment turned out to be a customer's, both."""
    found = set(Reference.objects.filter(ref=ref).values_list("subject", flat=True))
    if ref.startswith("evt_"):
        found.update(InboxEvent.objects.filter(event_id=ref).values_list("subject", flat=True))
    if ref.startswith("in_"):
        found.update(MODELS["invoice"].objects.filter(id=ref).values_list("customer_id", flat=True))
    if payments := [subject for subject in found if not subject.startswith("cus_")]:
        found.update(Reference.objects.filter(ref__in=payments).values_list("subject", flat=True))
    return sorted(subject for subject in found if subject and not subject.startswith(NOBODYS))


def subjects_named(ref: str) -> set[str]:
    """What is looked at again to know more of whoever an id or a number leads to."""
    found = rows_of_id(ref)
    subjects = set(found.customers.values_list("stripe_id", flat=True))
    return subjects | set(found.subscriptions.values_list("customer_id", flat=True)) | subjects_of(found.orders)


def called_at_stripe(words: str) -> Q:
    """A condition on customers and orders: all the words stand in name or address there. Empty for none."""
    said = Q()
    for word in words.split()[:MOST_WORDS]:
        said &= Q(email__icontains=word) | Q(name__icontains=word)
    return said


def known_as(words: str, *, field: str) -> Q:
    """A condition on rows whose `field` is a subject: somebody's whose name and address, here or at Stripe, have all
    the words.
    """
    people, said = Q(), called_at_stripe(words)
    for word in words.split()[:MOST_WORDS]:
        people &= named(word)
    if not said:
        return Q(pk__in=[])
    theirs = Q(user__in=User.objects.filter(people)) | said
    customers, orders = StripeCustomer.objects.filter(theirs), Order.objects.filter(theirs)
    return Q(**{f"{field}__in": customers.values("stripe_id")}) | Q(**{f"{field}__in": orders.values("subject")})


def _without_what_it_is(pasted: str) -> str:
    words = pasted.split()
    while len(words) > 1 and words[0].strip(AROUND).casefold() in SAID_BEFORE | {""}:
        del words[0]
    return " ".join(words)


def _made_at(ref: str) -> datetime | None:
    if ref.startswith("sub_"):
        return Subscription.objects.filter(stripe_id=ref).values_list("created", flat=True).first()
    if ref.startswith("evt_") and (event := InboxEvent.objects.filter(event_id=ref).first()):
        return event.created
    if at := Reference.objects.filter(ref=ref, at__isnull=False).values_list("at", flat=True).first():
        return at
    if kind_of(ref) not in BOUGHT:
        return None
    named = Q(key=ref) | Q(session_id=ref) | Q(payment_intent=ref) | Q(invoice_id=ref) | Q(charge_id=ref)
    order = Order.objects.filter(named).first()
    return (order.paid_at or order.created) if order else None
