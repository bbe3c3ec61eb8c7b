"""Whose each subscription and purchase is: found where it can be, made where somebody gains, else left to a person."""

from collections.abc import Mapping
from datetime import datetime, timedelta

from django.conf import settings

from billing.desk import attention
from billing.models import Order, StripeCustomer, Subscription
from billing.refreshing import identity
from billing.refreshing.entitling import Found
from billing.stripe_objects import REFERENCE_KEY, SITE_KEY, expanded
from hub.addresses import usable_address

SESSION_SOON = timedelta(seconds=10)
SESSION_LATE = timedelta(minutes=2)


def bind_orders(
    orders: list[Order],
    by_order: Found,
    *,
    customers: Mapping[str, StripeCustomer],
    cause: str,
    now: datetime,
    imported: bool,
) -> None:
    """Nobody is made for products that are not ours, nor before there is access to give."""
    for order in orders:
        found = by_order[order.key]
        if order.user_id is not None or not found:
            continue
        customer = customers.get(order.customer_id)
        payer = identity.find_payer(customer=customer, reference=order.reference, email=order.email)
        if payer is None and (order.state == Order.State.PENDING or any(ent.opens for ent in found)):
            payer = identity.make_payer(
                email=order.email,
                name=order.name,
                at=order.paid_at or order.created,
                cause=cause,
                now=now,
                imported=imported or all(ent.is_past for ent in found),
            )
        if payer is not None:
            order.user = payer.user
            _bind(customer, payer, address=order.email)
            _tell_if_for_another(payer, address=order.email, ref=order.key, subject=order.subject, now=now)


def bind_subscriptions(
    rows: list[Subscription],
    by_subscription: Found,
    *,
    customers: Mapping[str, StripeCustomer],
    references: Mapping[str, str],
    cause: str,
    now: datetime,
    imported: bool,
) -> dict[str, datetime]:
    """The same. Returns the customers whose session has to be seen first, and when to look again.

    `references`: subscription id to the `client_reference_id`, perhaps empty, of the session it was bought in.
    """
    waiting: dict[str, datetime] = {}
    for row in rows:
        customer = customers.get(row.customer_id)
        found = by_subscription[row.stripe_id]
        if row.user_id is not None or not found or customer is None:
            continue
        if customer.user_id is None and _session_is_coming(row, references, now=now):
            waiting[row.customer_id] = now + SESSION_SOON
            continue
        email = customer.email or (expanded(row.data.get("latest_invoice")) or {}).get("customer_email") or ""
        ours = (row.data.get("metadata") or {}).get(REFERENCE_KEY, "")  # only our key writes there
        reference = ours or references.get(row.stripe_id, "")
        payer = identity.find_payer(customer=customer, reference=reference, email=email)
        if payer is None and any(ent.opens for ent in found):
            payer = identity.make_payer(
                email=email,
                name=customer.name,
                at=row.created,
                cause=cause,
                now=now,
                imported=imported or all(ent.is_past for ent in found),
            )
        if payer is not None:
            row.user = payer.user
            _bind(customer, payer, address=email, is_our_session=bool(ours))
            if not ours:
                _tell_if_for_another(payer, address=email, ref=row.stripe_id, subject=row.customer_id, now=now)
    return waiting


def _tell_if_for_another(payer: identity.Payer, *, address: str, ref: str, subject: str, now: datetime) -> None:
    """A link with a reference in it can be sent to anybody: who pays on it opens the sender's door."""
    paid_by = usable_address(address)
    if payer.bound_by == StripeCustomer.Binding.REFERENCE and paid_by not in {"", payer.user.email}:
        attention.raise_for_another(ref, paid_by=paid_by, opened_for=payer.user, subject=subject, now=now)


def _session_is_coming(row: Subscription, references: Mapping[str, str], *, now: datetime) -> bool:
    """Bought on a payment link of ours a moment ago: its session may name a signed-in buyer, and is not seen yet."""
    ours = (row.data.get("metadata") or {}).get(SITE_KEY) == settings.SITE_URL
    return ours and row.stripe_id not in references and now - row.created < SESSION_LATE


def _bind(
    customer: StripeCustomer | None, payer: identity.Payer, *, address: str, is_our_session: bool = False
) -> None:
    """The first binding of a Stripe customer stays, whatever its address becomes."""
    if customer is not None and customer.user_id is None:
        customer.user = payer.user
        customer.bound_by = identity.binding_of(payer, address=customer.email or address, is_our_session=is_our_session)
        customer.save(update_fields=["user", "bound_by"])
