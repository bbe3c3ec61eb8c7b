"""What Stripe told of an address or an id that leads to nobody here, in sentences for staff."""

from collections.abc import Iterator

from django.db.models import Q
from django.urls import reverse

from activities.money import format_money
from billing.connection import active_connection
from billing.desk.support import tell_disputes, tell_refunded_invoices, what_it_was
from billing.desk.tracing import (
    STRIPE_ID,
    Rows,
    called_at_stripe,
    read_ref,
    rows_of_id,
    say_kind,
    subjects_of_ref,
    tell,
)
from billing.models import Attention, Order, ProductLink, StripeCustomer, Subscription
from billing.refreshing.happenings import price_text_of
from billing.stripe_objects import products_of
from hub.addresses import normalise_email
from hub.models import User
from hub.payments import Told
from hub.reasons import say_day

MOST_TOLD = 5  # of each kind, the newest
MOST_ALIKE = 50
NOT_PAID = {
    "incomplete": "whose first payment has not gone through",
    "incomplete_expired": "whose first payment did not go through",
}


def tell_of(word: str) -> Iterator[Told]:
    """A sentence for each purchase, and for each customer without one; nothing where nothing is known. By name, of what
    nobody owns alone.

    What waits for somebody to say whose it is leads there.
    """
    ref = "" if "@" in word else read_ref(word)
    if ref:
        known, found = "id" if STRIPE_ID.fullmatch(ref) else "number", rows_of_id(ref)
    elif "@" in word:
        known, found = "address", _rows_of_address(word)
    else:
        known, found = "name", _rows_of_name(word)
    customers = list(found.customers.select_related("user").order_by("-pk")[:MOST_TOLD])
    rows = list(found.subscriptions.select_related("user").order_by("-pk")[:MOST_TOLD])
    orders = list(found.orders.select_related("user").order_by("-pk")[:MOST_TOLD])
    names = dict(ProductLink.objects.values_list("stripe_product", "product__name"))
    asked = _asked_about([*(order.key for order in orders), *(row.stripe_id for row in rows)])

    def say(words: str, name: str = "", *, owner: int | None = None) -> Told:
        return Told(f"Stripe knows this {known}: {words}", asked.get(name, ""), owner)

    told = [
        *(
            say(f"{_of_order(one, names)}, {_whose_order(one, is_asked=one.key in asked)}", one.key, owner=one.user_id)
            for one in orders
        ),
        *(
            say(_of_subscription(row, names, is_asked=row.stripe_id in asked), row.stripe_id, owner=row.user_id)
            for row in rows
        ),
    ]
    bought = {order.customer_id for order in orders} | {row.customer_id for row in rows}
    for customer in customers:
        if customer.stripe_id not in bought:
            whose = _whose(customer.user, is_asked=False)
            told.append(
                say(
                    f"customer {customer.stripe_id} without a purchase that is known here, {whose}.",
                    owner=customer.user_id,
                )
            )
    if ref and not told:
        told = [say(f"{tell(ref)}, by {payer}, of whom nothing is known here.") for payer in subjects_of_ref(ref)]
    if known == "id" and not told and active_connection() is not None:
        told = [Told(f"Stripe has told of no such {say_kind(ref)} here.", ask=ref)]
    yield from told


def _rows_of_address(word: str) -> Rows:
    """Customers have it in the form that we compare, or as it is at Stripe; orders as it was typed there."""
    address = normalise_email(word)
    customers = StripeCustomer.objects.filter(email__in=[address, word.strip()])
    ids = list(customers.values_list("stripe_id", flat=True)[:MOST_TOLD])
    alike = Order.objects.filter(email__iexact=address).order_by("-pk").values_list("key", "email")[:MOST_ALIKE]
    theirs = [key for key, email in alike if normalise_email(email) == address]  # a database takes ı for I
    return Rows(
        customers,
        Subscription.objects.filter(customer_id__in=ids),
        Order.objects.filter(Q(key__in=theirs) | Q(customer_id__in=ids)),
    )


def _rows_of_name(words: str) -> Rows:
    """Whoever owns something is found by their own name; this is what nobody owns."""
    called = called_at_stripe(words) if words else Q(pk__in=[])
    customers = StripeCustomer.objects.filter(called, user=None)
    ids = list(customers.values_list("stripe_id", flat=True)[:MOST_TOLD])
    return Rows(
        customers,
        Subscription.objects.filter(customer_id__in=ids, user=None),
        Order.objects.filter(called | Q(customer_id__in=ids), user=None),
    )


def _asked_about(refs: list[str]) -> dict[str, str]:
    """Those that wait for somebody to say whose they are, and where that is said."""
    keys = {f"{Attention.Kind.UNMATCHED}:{ref}": ref for ref in refs}
    waiting = Attention.objects.filter(key__in=keys, resolved_at__isnull=True).values_list("key", "pk")
    return {keys[key]: reverse("billing:payer", args=[pk]) for key, pk in waiting}


def _of_order(order: Order, names: dict[str, str]) -> str:
    amount, what = format_money(order.amount, order.currency), what_it_was(order.products, names)
    day = say_day(order.paid_at or order.created)
    match order.state:
        case Order.State.PAID:
            refunded = f" ({format_money(order.amount_refunded, order.currency)} refunded)"
            return f"order {order.key} paid {amount} on {day} for {what}{refunded if order.amount_refunded else ''}"
        case Order.State.PENDING:
            return f"order {order.key} of {amount} on {day} for {what}, whose payment is still being processed"
    return f"order {order.key} of {amount} on {day} for {what}, whose payment did not go through"


def _of_subscription(row: Subscription, names: dict[str, str], *, is_asked: bool) -> str:
    """What was never paid for waits for nobody: whose it is, is said where that is known."""
    what, day = what_it_was(products_of(row.data), names), say_day(row.created)
    how = NOT_PAID.get(row.status, f"which is {row.status.replace('_', ' ')}")
    told = f"subscription {row.stripe_id} of {day} for {what}, {price_text_of(row)}, {how}"
    became = " ".join(["", *tell_refunded_invoices(row), *tell_disputes(row.disputes)])
    if row.status in NOT_PAID and row.user is None:
        return f"{told}.{became}"
    return f"{told}, {_whose(row.user, is_asked=is_asked)}.{became}"


def _whose_order(order: Order, *, is_asked: bool) -> str:
    return " ".join([f"{_whose(order.user, is_asked=is_asked)}.", *tell_disputes(order.disputes)])


def _whose(user: User | None, *, is_asked: bool) -> str:
    if user is not None:
        return f"given to {user.email}"
    return "not given to anybody: see To decide" if is_asked else "not given to anybody"
