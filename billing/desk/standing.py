"""What a person is to Stripe: its customers, what goes on charging them, and the questions that are open about them."""

from collections.abc import Iterator, Sequence

from django.db.models import OuterRef, Subquery
from django.urls import reverse

from activities import clock
from billing.desk.dashboard import page_of
from billing.desk.support import what_it_was
from billing.models import Attention, Order, ProductLink, StripeCustomer, Subscription
from billing.refreshing.charged import charged_for_nothing
from billing.refreshing.happenings import price_text_of
from billing.stripe_objects import products_of
from hub.getting_in import Fact
from hub.models import User
from hub.payments import Bill, Payer, Ref

# A paused one makes no invoices; an unpaid one makes them still.
CHARGING = ("incomplete", "trialing", "active", "past_due", "unpaid")


def payers(user: User) -> Iterator[Payer]:
    """Every Stripe customer of theirs, the newest first: two queries.

    Of a customer that was never fetched, because nothing but a checkout told of it, the address is the one typed there.
    """
    typed = Order.objects.filter(customer_id=OuterRef("stripe_id")).exclude(email="").order_by("-created", "-pk")
    found = StripeCustomer.objects.filter(user=user).select_related("connection").order_by("-pk")
    rows = list(found.annotate(typed=Subquery(typed.values("email")[:1])))
    cards = _cards_of_subscriptions(rows)
    for row in rows:
        yield Payer(
            ref=Ref("Customer", row.stripe_id, page_of(row.stripe_id, connection=row.connection)),
            address=row.email or row.typed or "",
            notes=tuple(_notes(row, cards=cards[row.stripe_id])),
        )


def bills(user: User) -> Iterator[Bill]:
    """Every subscription that charges them again unless it is cancelled at Stripe."""
    names = dict(ProductLink.objects.values_list("stripe_product", "product__name"))
    rows = Subscription.objects.filter(user=user, status__in=CHARGING, cancel_at=None, ended_at=None)
    for row in rows.select_related("connection").order_by("created"):
        if row.data.get("cancel_at_period_end") or row.data.get("pause_collection"):
            continue
        yield Bill(
            words=what_it_was(products_of(row.data), names),
            amount=price_text_of(row),
            next_at=row.period_end,
            ref=Ref("Subscription", row.stripe_id, page_of(row.stripe_id, connection=row.connection)),
        )


def charged(user: User) -> Iterator[int]:
    """Our products on subscriptions that charge them for what is shut."""
    for products in charged_for_nothing(user, now=clock.now()).values():
        yield from products


def facts(user: User) -> Iterator[Fact]:
    """What waits for a decision about this person."""
    waiting = Attention.objects.filter(user=user, resolved_at__isnull=True).order_by("opened_at")
    for question in waiting[:5]:
        words, place = question.get_kind_display(), reverse("billing:decide")
        yield Fact("warn", f"{words}: it waits for a decision.", f"{place}?kind={question.kind}", "Decide")


def _cards_of_subscriptions(customers: Sequence[StripeCustomer]) -> dict[str, list[bool]]:
    """To each customer's id: of whatever charges them, whether it names a card of its own."""
    cards: dict[str, list[bool]] = {row.stripe_id: [] for row in customers}
    for subscription in Subscription.objects.filter(customer_id__in=cards, status__in=CHARGING):
        cards[subscription.customer_id].append(subscription.has_card)
    return cards


def _notes(row: StripeCustomer, *, cards: list[bool]) -> Iterator[str]:
    yield "Live" if row.connection.livemode else "Test mode"
    if row.deleted_at:
        yield "Deleted at Stripe"
    elif not row.has_card:
        yield "Card on the subscription" if cards and all(cards) else "No default card"
    if row.bound_by:
        yield row.get_bound_by_display()
