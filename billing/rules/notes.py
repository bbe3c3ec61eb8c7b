"""What a reason alone does not say of a purchase: until when it was paid, what is on its way, what is disputed."""

from collections.abc import Iterator

from activities import clock
from activities.days import last_moment
from activities.money import format_money
from billing.models import Order, Subscription
from billing.refreshing.charged import charged_for_nothing
from billing.refreshing.entitling import AT_ONCE
from billing.rules.facts import subscription_facts
from billing.rules.policy import BY_INVOICE, UNDECIDED
from billing.stripe_objects import expanded, required_moment
from hub.models import User
from hub.payments import Note
from hub.reasons import say_day

# Their newest invoice is what is waited for; of what is late the one that the days of grace count from.
LATE = frozenset(BY_INVOICE[reason] for reason in ("past_due", "past_due_grace", "past_due_expired"))
WAITING = LATE | {
    "active_debit",
    "active_invoiced",
    "first_payment_pending",
    "awaiting_first_payment",
    BY_INVOICE["awaiting_first_payment"],
}


def notes_on(user: User) -> Iterator[Note]:
    """Of everything this person bought: three queries. Of several with one reason the last one is spoken of."""
    last: dict[tuple[int, str], str] = {}
    rows = sorted(Subscription.objects.filter(user=user), key=lambda row: row.ended_at or row.created)
    for row in rows:
        for product_id, decided in row.reasons.items():
            last[int(product_id), decided["reason"]] = _of_subscription(row, reason=decided["reason"])
            yield from _of_disputes(row.disputes, of="A payment of the subscription", product_id=int(product_id))
    for order in Order.objects.filter(user=user).order_by("created", "pk"):
        amount = format_money(order.amount, order.currency)
        paid = f"The payment of {amount} of {say_day(order.paid_at or order.created)}"
        for product_id, decided in order.reasons.items():
            if decided["reason"] == "payment_processing":
                last[int(product_id), decided["reason"]] = _asked(amount, at=say_day(order.created))
            yield from _of_disputes(order.disputes, of=paid, product_id=int(product_id))
    for products in charged_for_nothing(user, now=clock.now()).values():
        yield from (Note(product_id, "Stripe goes on charging for it all the same.") for product_id in products)
    yield from (Note(product_id, words, reason) for (product_id, reason), words in last.items() if words)


def _of_subscription(row: Subscription, *, reason: str) -> str:
    invoice = expanded(row.data.get("latest_invoice")) or {}
    if reason in LATE and row.late_invoice:
        amount = format_money(row.late_invoice["amount_due"], row.late_invoice["currency"])
        return _asked(amount, at=say_day(required_moment(row.late_invoice["created"])))
    if reason in WAITING and invoice.get("status") == "open":
        amount = format_money(invoice["amount_due"], invoice["currency"])
        return _asked(amount, at=say_day(required_moment(invoice["created"])))
    if reason != "canceled" or row.ended_at is None or not row.last_paid_invoice or invoice.get("status") != "paid":
        return ""
    ends = [item.current_period_end for item in subscription_facts(row).items if item.current_period_end]
    if not ends or max(ends) - row.ended_at <= AT_ONCE:
        return ""
    return f"It was paid until {say_day(last_moment(max(ends)))}, and cancelled at once on {say_day(row.ended_at)}."


def _asked(amount: str, *, at: str) -> str:
    return f"That is {amount}, asked for on {at}."


def _of_disputes(statuses: dict[str, str], *, of: str, product_id: int) -> Iterator[Note]:
    """An inquiry is no dispute yet, and what is decided the reason tells."""
    if UNDECIDED & set(statuses.values()):
        yield Note(product_id, f"{of} is disputed at the bank, and that is not decided yet.")
