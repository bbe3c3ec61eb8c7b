"""What Stripe told of people who were erased: names and addresses go, what was paid stays."""

from collections.abc import Iterator
from typing import Any

from django.db.models import Q, QuerySet

from billing.models import Attention, ImportRow, InboxEvent, Order, Pass, Reference, StripeCustomer, Subscription
from billing.refreshing.mirror import MODELS
from billing.stripe_objects import moment, subscription_of_invoice
from hub.erasing import nobodys_address
from hub.models import User
from hub.own_data import AT_ONCE, Rows, rows_of

Json = dict[str, Any]


def forget(people: set[int]) -> None:
    """Inside the caller's transaction, and again whenever Stripe has told anew of what they bought."""
    customers = set(StripeCustomer.objects.filter(user__in=people).values_list("stripe_id", flat=True))
    subjects = customers | subjects_of(Order.objects.filter(user__in=people))
    StripeCustomer.objects.filter(user__in=people).update(email="", name="")
    Order.objects.filter(user__in=people).update(email="", name="", reference="", receipt_url="")
    rows = list(Subscription.objects.filter(user__in=people))
    for row in rows:
        row.data = _without_payer(row.data)
    Subscription.objects.bulk_update(rows, ["data"], batch_size=200)
    waiting = InboxEvent.State.PENDING
    InboxEvent.objects.filter(subject__in=subjects).exclude(state=waiting).update(payload={})
    Attention.objects.filter(Q(user__in=people) | Q(subject__in=subjects)).update(details={})
    Attention.objects.filter(kind=Attention.Kind.FORMER, details__formerly__in=people).delete()
    Reference.objects.filter(subject__in=subjects).delete()
    ImportRow.objects.filter(subject__in=subjects).update(who="", snapshot={}, planned={})
    _forget_mirrored(customers)
    _forget_listed(people)


def subjects_of(orders: QuerySet[Order]) -> set[str]:
    """What events about these purchases are kept under: not all of a customer's name the customer."""
    names = orders.values_list("subject", "payment_intent", "session_id")
    return {name for order in names for name in order if name}


def _forget_listed(people: set[int]) -> None:
    """Lists of grants are kept with questions, and with the passes that found them drifted."""
    told = User.objects.filter(pk__in=people).values_list("email", "pk")
    nobody = {email: nobodys_address(pk) for email, pk in told if email != nobodys_address(pk)}
    if not nobody:
        return
    kinds = (Attention.Kind.BRAKE, Attention.Kind.LEFT_BEHIND)
    for question in Attention.objects.select_for_update().filter(kind__in=kinds):
        question.details["closing"] = _renamed(question.details.get("closing", []), nobody)
        question.save(update_fields=["details"])
    for run in Pass.objects.select_for_update().filter(kind="full").exclude(found=[]):
        run.found = _renamed(run.found, nobody)
        run.save(update_fields=["found"])


def _renamed(rows: list[Json], nobody: dict[str, str]) -> list[Json]:
    return [row | {"email": nobody[row["email"]]} if row.get("email") in nobody else row for row in rows]


def _without_payer(data: Json) -> Json:
    invoice = data.get("latest_invoice")
    if isinstance(invoice, dict):
        invoice = {**invoice, "customer_email": None, "hosted_invoice_url": None}
    return {**data, "latest_invoice": invoice, "description": None, "metadata": {}}


def _forget_mirrored(customers: set[str]) -> None:
    """Staff browse the mirror: of these customers and their invoices it keeps the ids."""
    found = [*MODELS["customer"].objects.filter(id__in=customers)]
    for row in found:
        row.email, row.metadata, row.stripe_data = "", {}, {"id": row.id, "object": "customer"}
    MODELS["customer"].objects.bulk_update(found, ["email", "metadata", "stripe_data"], batch_size=200)
    for kind in ("subscription", "invoice"):
        rows = [*MODELS[kind].objects.filter(customer_id__in=customers)]
        for row in rows:
            kept = ("id", "object", "customer", "status", "currency", "amount_due", "amount_paid", "created")
            row.metadata = {}
            row.stripe_data = {name: row.stripe_data[name] for name in kept if name in row.stripe_data}
        MODELS[kind].objects.bulk_update(rows, ["metadata", "stripe_data"], batch_size=200)


def _customers(person: User) -> Rows:
    return rows_of(StripeCustomer.objects.filter(user=person), "stripe_id", "email", "name", "bound_by", "deleted_at")


def _subscriptions(person: User) -> Rows:
    fields = ("stripe_id", "customer_id", "status", "created", "period_end", "cancel_at", "canceled_at", "ended_at")
    return rows_of(Subscription.objects.filter(user=person), *fields, "data")


def _orders(person: User) -> Rows:
    fields = ("key", "customer_id", "email", "name", "state", "lines", "amount", "currency", "amount_refunded")
    return rows_of(Order.objects.filter(user=person), *fields, "receipt_url", "paid_at", "created")


def _invoices(person: User) -> Iterator[Json]:
    """Each invoice of theirs that was ever seen, in minor units, with what its lines say it is for."""
    given_back = {
        invoice
        for refunded in Subscription.objects.filter(user=person).values_list("refunded_invoices", flat=True)
        for invoice in refunded
    }
    customers = StripeCustomer.objects.filter(user=person).values("stripe_id")
    found = MODELS["invoice"].objects.filter(customer_id__in=customers).order_by("created", "id")
    fields = ("number", "status", "currency", "amount_due", "amount_paid", "hosted_invoice_url")
    for invoice in found.values_list("stripe_data", flat=True).iterator(chunk_size=AT_ONCE):
        lines = (invoice.get("lines") or {}).get("data") or []
        yield {
            "id": invoice["id"],
            "created": moment(invoice.get("created")),
            **{name: invoice.get(name) for name in fields},
            "subscription": subscription_of_invoice(invoice),
            "what_for": [line["description"] for line in lines if line.get("description")],
            "refunded": invoice["id"] in given_back,
        }


# Sections of a person's own data.
TOLD = {
    "stripe_customers": _customers,
    "subscriptions": _subscriptions,
    "purchases": _orders,
    "invoices": _invoices,
}
