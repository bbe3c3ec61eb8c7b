"""What became of a subscription or an order, as activities with natural keys: a replay writes nothing twice."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from activities.models import Activity
from activities.record import Happening
from billing.models import Order, Subscription
from billing.refreshing.snapshots import Payment
from billing.rules.facts import subscription_facts
from billing.shop.prices import describe_discounts, describe_price
from billing.stripe_objects import LATE, expanded, items_of, moment, required_moment, sid
from hub.models import Product

STARTED = frozenset({"trialing", "active", "past_due", "unpaid", "paused", "canceled"})
Verb = Activity.Verb


@dataclass(frozen=True, slots=True)
class Teller:
    """Who it is about, what caused the look, and when the news was made at Stripe."""

    user_id: int
    cause: str
    happened_at: datetime
    imported: bool = False

    def tell(
        self, verb: Verb, key: str, *, at: datetime | None = None, product: Product | None = None, **details: Any
    ) -> Happening:
        return Happening(
            verb=verb,
            key=f"{verb}:{key}",
            at=at or self.happened_at,
            user_id=self.user_id,
            product_id=product.pk if product else None,
            cause=self.cause,
            details={name: value for name, value in details.items() if value not in (None, "")},
            imported=self.imported,
        )


def of_subscription(
    row: Subscription, before: Subscription | None, *, products: list[Product], teller: Teller
) -> Iterator[Happening]:
    """Everything that can be told of a subscription as it is now, beside what it was."""
    if row.status not in STARTED:
        return
    product = products[0] if products else None
    about: dict[str, Any] = {"product": product, "subscription": row.stripe_id}
    was_live = before is not None and before.status in STARTED - {"canceled"}
    if row.status != "canceled" or was_live or row.last_paid_invoice or row.data.get("trial_start"):
        text = price_text_of(row)
        yield teller.tell(Verb.SUBSCRIPTION_STARTED, row.stripe_id, at=row.created, price_text=text, **about)
        for bought in products:
            yield teller.tell(
                Verb.PRODUCT_PURCHASED,
                f"{row.stripe_id}:{bought.pk}",
                at=row.created,
                product=bought,
                subscription=row.stripe_id,
                price_text=text,
            )
    yield from _of_cancelling(row, before, teller=teller, about=about)
    yield from _of_paying(row, before, teller=teller, about=about)


def of_order(row: Order, *, products: list[Product], teller: Teller) -> Iterator[Happening]:
    if row.state == Order.State.PENDING or not products:
        return
    money: dict[str, Any] = {"amount": row.amount, "currency": row.currency, "order": row.key}
    if row.state == Order.State.FAILED:
        yield teller.tell(Verb.PAYMENT_FAILED, row.key, product=products[0], **money)
        return
    for product in products:
        yield teller.tell(Verb.PRODUCT_PURCHASED, f"{row.key}:{product.pk}", at=row.paid_at, product=product, **money)
    if row.amount_refunded:
        refunded = {**money, "amount": row.amount_refunded}
        yield teller.tell(
            Verb.REFUNDED, f"{row.charge_id or row.key}:{row.amount_refunded}", product=products[0], **refunded
        )
    for dispute, status in row.disputes.items():
        yield teller.tell(Verb.DISPUTED, f"{dispute}:{status}", product=products[0], reason=status, **money)


def of_payment(payment: Payment, *, product: Product | None, teller: Teller) -> Iterator[Happening]:
    """Refunds and disputes of a subscription's payment."""
    charge = payment.charge
    about: dict[str, Any] = {"product": product, "currency": charge["currency"]}
    if refunded := charge.get("amount_refunded"):
        yield teller.tell(Verb.REFUNDED, f"{charge['id']}:{refunded}", amount=refunded, **about)
    for dispute in payment.disputes:
        yield teller.tell(
            Verb.DISPUTED,
            f"{dispute['id']}:{dispute['status']}",
            amount=dispute["amount"],
            reason=dispute["status"],
            **about,
        )


def price_text_of(row: Subscription) -> str:
    """The first item's price in words, and what discounts take off; more items are said by their number."""
    items = items_of(row.data)
    if not items:
        return ""
    price, quantity = items[0]["price"], items[0].get("quantity") or 1
    recurring = price.get("recurring") or {}
    amount = price.get("unit_amount")
    text = describe_price(
        None if amount is None else amount * quantity,
        price["currency"],
        interval=recurring.get("interval", ""),
        count=recurring.get("interval_count", 1),
    )
    whole = text if len(items) == 1 else f"{text} and {len(items) - 1} more"
    discounts = describe_discounts(row.data.get("discounts") or [])
    return f"{whole}, {discounts}" if discounts else whole


def _of_cancelling(
    row: Subscription, before: Subscription | None, *, teller: Teller, about: dict[str, Any]
) -> Iterator[Happening]:
    """Stripe's `canceled_at` names the request; it is gone again when the request is taken back."""
    ending = row.cancel_at is not None or bool(row.data.get("cancel_at_period_end"))
    if row.canceled_at and (ending or row.status == "canceled"):
        ends_at = row.ended_at or row.cancel_at or row.period_end
        yield teller.tell(
            Verb.SUBSCRIPTION_CANCELLED,
            f"{row.stripe_id}:{row.canceled_at.timestamp():.0f}",
            at=row.canceled_at,
            ends_at=ends_at and ends_at.isoformat(),
            reason=_why_cancelled(row),
            **about,
        )
    was_ending = before is not None and (before.cancel_at or before.data.get("cancel_at_period_end"))
    if was_ending and before and before.canceled_at and not ending and row.status != "canceled":
        yield teller.tell(Verb.SUBSCRIPTION_RESUMED, f"{row.stripe_id}:{before.canceled_at.timestamp():.0f}", **about)
    if row.status == "canceled":
        yield teller.tell(Verb.SUBSCRIPTION_ENDED, row.stripe_id, at=row.ended_at, **about)


def _why_cancelled(row: Subscription) -> str | None:
    """In Stripe's word, but where it has none that is true: nobody asked for what ends for want of a card."""
    if subscription_facts(row).is_over_without_card:
        return "trial_canceled_no_payment_method"
    return (row.data.get("cancellation_details") or {}).get("reason")


def _of_paying(
    row: Subscription, before: Subscription | None, *, teller: Teller, about: dict[str, Any]
) -> Iterator[Happening]:
    invoice = expanded(row.data.get("latest_invoice"))
    if not invoice:
        return
    money = {"amount": invoice.get("amount_due"), "currency": invoice.get("currency"), "invoice": invoice["id"]}
    attempts = invoice.get("attempt_count") or 0
    if (row.status in LATE or _was_given_up(row)) and invoice.get("status") == "open" and attempts:
        next_try = moment(invoice.get("next_payment_attempt"))
        yield teller.tell(
            Verb.PAYMENT_FAILED,
            f"{invoice['id']}:{attempts}",
            attempt=attempts,
            next_try=next_try and next_try.isoformat(),
            **money,
            **about,
        )
    if invoice.get("status") != "paid":
        return
    paid = {**money, "amount": invoice.get("amount_paid")}
    paid_at = moment((invoice.get("status_transitions") or {}).get("paid_at"))
    if before is not None and before.status in LATE and row.status == "active":
        yield teller.tell(Verb.PAYMENT_RECOVERED, sid(invoice), at=paid_at, **paid, **about)
    if invoice.get("billing_reason") == "subscription_cycle" and row.status in {"active", "past_due"}:
        yield teller.tell(
            Verb.SUBSCRIPTION_RENEWED,
            sid(invoice),
            at=paid_at or required_moment(invoice["created"]),
            ends_at=row.period_end and row.period_end.isoformat(),
            **paid,
            **about,
        )


def _was_given_up(row: Subscription) -> bool:
    """Stripe ended it with the last try that failed: that try is told too."""
    return row.status == "canceled" and (row.data.get("cancellation_details") or {}).get("reason") == "payment_failed"
