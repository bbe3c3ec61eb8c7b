"""Which letters follow from what was seen at Stripe, beside those on access itself: each once, by its key."""

from collections.abc import Iterable, Iterator
from datetime import datetime, timedelta

from activities import notices
from activities.models import Activity
from billing.models import Order, Subscription
from billing.refreshing.entitling import Found, is_past
from billing.refreshing.happenings import price_text_of
from billing.refreshing.look import Decided, Look
from billing.rules.facts import subscription_facts

# As long before as Stripe's own `customer.subscription.trial_will_end`; our clock writes without that event too.
BEFORE_TRIAL_ENDS = timedelta(days=3)


def after_look(decided: Decided, *, written: Iterable[Activity], look: Look) -> list[notices.Notice]:
    """`written`: what was told for the first time."""
    waiting = [] if look.is_import else [*_on_waiting(decided), *_on_trials(decided, now=look.now)]
    return [*_on_payments(written, decided.found), *waiting]


def _on_payments(written: Iterable[Activity], found_by_ref: Found) -> Iterator[notices.Notice]:
    """On each invoice that failed while access goes on, and on each purchase that was never paid in the end."""
    for activity in written:
        if activity.verb != Activity.Verb.PAYMENT_FAILED or activity.imported:
            continue
        if not activity.user_id or not activity.product_id:
            continue
        told = activity.details
        if "order" in told:
            yield notices.payment_bounced(
                key=f"payment_bounced:{told['order']}",
                user_id=activity.user_id,
                product_id=activity.product_id,
                amount=told["amount"],
                currency=told["currency"],
                activity=activity,
            )
            continue
        found = found_by_ref.get(told.get("subscription") or "", [])
        kept = next((ent.decision for ent in found if ent.decision.reason == "past_due_grace"), None)
        if kept is not None:
            yield notices.payment_failed(
                key=f"payment_failed:{told['invoice']}",
                user_id=activity.user_id,
                product_id=activity.product_id,
                keep_until=kept.until,
                amount=told.get("amount"),
                currency=told.get("currency", ""),
                activity=activity,
            )


def _on_waiting(decided: Decided) -> Iterator[notices.Notice]:
    """On each purchase whose money takes days, once, so that nobody waits without a word or pays again."""
    for order in decided.orders:
        found = decided.opened_by(order)
        if order.state != Order.State.PENDING or not order.user_id or not found or is_past(found):
            continue
        product = found[0].link.product
        if product.send_access_email:
            yield notices.payment_pending(
                key=f"payment_pending:{order.key}",
                user_id=order.user_id,
                product_id=product.pk,
                amount=order.amount,
                currency=order.currency,
            )


def _on_trials(decided: Decided, *, now: datetime) -> Iterator[notices.Notice]:
    """On each trial that ends within some days: what is charged then, or that there is no card to go on with."""
    for row in decided.subscriptions:
        found = [ent for ent in decided.opened_by(row) if ent.decision.reason == "trial"]
        begins = _written_at(row)
        if not found or is_past(found) or not row.user_id or begins is None or now < begins:
            continue
        customer = decided.customers.get(row.customer_id)
        trial_end = begins + BEFORE_TRIAL_ENDS
        yield notices.trial_ending(
            key=f"trial_ending:{row.stripe_id}:{trial_end.timestamp():.0f}",
            user_id=row.user_id,
            product_id=found[0].link.product_id,
            trial_end=trial_end,
            price_text=price_text_of(row),
            has_card=row.has_card or (customer is not None and customer.has_card),
        )


def trials_to_write_about(rows: Iterable[Subscription], *, now: datetime) -> Iterator[tuple[str, datetime]]:
    """Whose trial is to be looked at again, and when, so that its letter comes though Stripe be silent."""
    for row in rows:
        begins = _written_at(row)
        if begins is not None and begins > now:
            yield row.customer_id, begins


def _written_at(row: Subscription) -> datetime | None:
    """When its letter is due; None for what is no trial, will not go on, is invoiced, or is over in a few days."""
    facts = subscription_facts(row)
    if row.status != "trialing" or facts.is_ending or facts.is_invoiced or facts.trial_end is None:
        return None
    begins = facts.trial_end - BEFORE_TRIAL_ENDS
    return begins if begins > row.created else None
