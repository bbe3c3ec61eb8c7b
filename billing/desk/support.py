"""What support sees and asks of Stripe about one person."""

from collections.abc import Iterator

from activities.doorbell import ring
from activities.money import format_money
from billing.account import state_of, state_of_order
from billing.connection import active_connection
from billing.desk.dashboard import page_of
from billing.intake.draining import TASK
from billing.intake.inbox import look_again
from billing.models import Connection, Order, ProductLink, StripeCustomer, Subscription
from billing.refreshing.happenings import price_text_of
from billing.refreshing.refresh import Outcome, refresh
from billing.rules.policy import UNDECIDED
from billing.stripe_objects import expanded, products_of
from hub.models import User
from hub.payments import Payment, Ref

MOST_LOOKS = 3  # while a member of staff waits; the others in the background
OPEN_DISPUTES = UNDECIDED | {"warning_needs_response", "warning_under_review"}


def payments(user: User) -> Iterator[Payment]:
    """Everything this person bought of what is linked, and what became of the money: three queries."""
    names = dict(ProductLink.objects.values_list("stripe_product", "product__name"))
    for row in Subscription.objects.filter(user=user).select_related("connection"):
        yield _of_subscription(row, words=what_it_was(products_of(row.data), names))
    for order in Order.objects.filter(user=user).select_related("connection"):
        yield _of_order(order, words=what_it_was(order.products, names))


def look_again_at(user: User) -> str:
    """Asks Stripe now about all that this person bought; what came of it, in words."""
    subjects = _subjects_of(user)
    if active_connection() is None:
        return "Stripe is not connected: it was not asked."
    if not subjects:
        return "Stripe knows nothing of this person that we know of."
    outcomes = {refresh(subject, waiting=True, cause="staff") for subject in subjects[:MOST_LOOKS]}
    for subject in subjects[MOST_LOOKS:]:
        look_again(subject)
    goes_on = outcomes != {Outcome.DONE} or len(subjects) > MOST_LOOKS
    if goes_on:
        ring(TASK)
    if Outcome.FAILED in outcomes:
        return "Stripe was asked, and its answer could not be used. It is asked again."
    if goes_on:
        return "Stripe has not answered everything yet; it goes on in the background."
    return "Stripe was asked: this is how it stands now."


def _subjects_of(user: User) -> list[str]:
    customers = StripeCustomer.objects.filter(user=user, deleted_at=None).order_by("-pk")
    guests = Order.objects.filter(user=user, customer_id="").order_by("-created")
    keys = [*customers.values_list("stripe_id", flat=True), *guests.values_list("subject", flat=True)]
    return list(dict.fromkeys(keys))


def _of_subscription(row: Subscription, *, words: str) -> Payment:
    invoice = expanded(row.data.get("latest_invoice")) or {}
    notes = []
    if invoice:
        paid = invoice["status"] == "paid"
        amount = format_money(invoice["amount_paid" if paid else "amount_due"], invoice["currency"])
        notes.append(f"Newest invoice: {amount}, {invoice['status']}.")
    notes += tell_refunded_invoices(row)
    refs = [("Customer", row.customer_id), ("Subscription", row.stripe_id), ("Invoice", invoice.get("id", ""))]
    return Payment(
        at=row.created,
        words=words,
        amount=price_text_of(row),
        state=state_of(row),
        notes=(*notes, *tell_disputes(row.disputes)),
        refs=_refs(refs, connection=row.connection),
    )


def _of_order(order: Order, *, words: str) -> Payment:
    notes = []
    if order.amount_refunded:
        notes.append(f"{format_money(order.amount_refunded, order.currency)} refunded.")
    payment = order.payment_intent or (order.key if order.key.startswith("pi_") else "")
    refs = [("Customer", order.customer_id), ("Payment", payment), ("Invoice", order.invoice_id)]
    return Payment(
        at=order.paid_at or order.created,
        words=words,
        amount=format_money(order.amount, order.currency),
        state=state_of_order(order),
        notes=(*notes, *tell_disputes(order.disputes)),
        refs=_refs(refs, connection=order.connection),
    )


def tell_disputes(statuses: dict[str, str]) -> Iterator[str]:
    """A sentence for each dispute. `statuses`: by its id, as Stripe calls them."""
    for status in statuses.values():
        words = "open" if status in OPEN_DISPUTES else status.replace("_", " ")
        yield f"Disputed at the bank: {words}."


def tell_refunded_invoices(row: Subscription) -> Iterator[str]:
    """Nothing where none was wholly given back, by a refund or by credit notes."""
    if refunded := len(row.refunded_invoices):
        yield "An invoice was refunded." if refunded == 1 else f"{refunded} invoices were refunded."


def _refs(given: list[tuple[str, str]], *, connection: Connection) -> tuple[Ref, ...]:
    return tuple(Ref(label, ref, page_of(ref, connection=connection)) for label, ref in given if ref)


def what_it_was(products: tuple[str, ...] | list[str], names: dict[str, str]) -> str:
    """What it was of ours, else that it was nothing of ours."""
    known = dict.fromkeys(names[product] for product in products if product in names)
    return ", ".join(known) or "Something that is not linked"
