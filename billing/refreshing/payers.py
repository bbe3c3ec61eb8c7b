"""Whose each subscription and purchase is: found where it can be, made where somebody gains, else left to a person."""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.conf import settings

from billing.desk import attention
from billing.models import Order, StripeCustomer, Subscription
from billing.refreshing.entitling import Entitlement, is_past
from billing.refreshing.identity import Payer, Payers, binding_of
from billing.refreshing.look import Decided, Look
from billing.stripe_objects import REFERENCE_KEY, SITE_KEY, expanded
from hub.addresses import usable_address

SESSION_SOON = timedelta(seconds=10)
SESSION_LATE = timedelta(minutes=2)


@dataclass(frozen=True, slots=True)
class _Claim:
    """A subscription or purchase that nobody has yet, and what tells whose it is."""

    row: Subscription | Order
    customer: StripeCustomer | None
    email: str
    name: str
    reference: str
    since: datetime
    found: list[Entitlement]
    is_our_session: bool = False
    is_waiting: bool = False  # its session may name a signed-in buyer, and is not seen yet

    @property
    def brings_access(self) -> bool:
        is_coming = isinstance(self.row, Order) and self.row.state == Order.State.PENDING
        return is_coming or any(ent.opens for ent in self.found)


def bind(decided: Decided, *, look: Look, references: Mapping[str, str]) -> dict[str, datetime]:
    """Nobody is made for products that are not ours, nor before there is access to give. However many there are, it
    takes the same statements.

    `references`: subscription id to the `client_reference_id`, perhaps empty, of the session it was bought in.
    Returns the customers whose session has to be seen first, and when to look again.
    """
    claims = [
        *_claims_of_orders(decided),
        *_claims_of_subscriptions(decided, references=references, now=look.now),
    ]
    unknown = [claim for claim in claims if claim.customer is None or claim.customer.user is None]
    payers = Payers(references=[claim.reference for claim in unknown], emails=[claim.email for claim in unknown])
    waiting: dict[str, datetime] = {}
    owned: list[tuple[_Claim, Payer]] = []
    bound: list[tuple[StripeCustomer, Payer]] = []
    for claim in claims:
        customer = claim.customer
        if claim.is_waiting and customer is not None and customer.user is None:
            waiting[claim.row.subject] = look.now + SESSION_SOON
        elif payer := _payer_of(claim, payers, look=look):
            owned.append((claim, payer))
            if customer is not None and customer.user is None:
                _bind(customer, payer, claim=claim)
                bound.append((customer, payer))
    payers.save(cause=look.cause, now=look.now)
    for claim, payer in owned:
        claim.row.user = payer.user
        _tell_if_for_another(payer, claim=claim, now=look.now)
    for customer, payer in bound:
        customer.user = payer.user
    StripeCustomer.objects.bulk_update([customer for customer, _ in bound], ["user", "bound_by"], batch_size=200)
    return waiting


def _claims_of_orders(decided: Decided) -> Iterator[_Claim]:
    for order in decided.orders:
        found = decided.opened_by(order)
        if order.user_id is None and found:
            yield _Claim(
                order,
                customer=decided.customers.get(order.customer_id),
                email=order.email,
                name=order.name,
                reference=order.reference,
                since=order.paid_at or order.created,
                found=found,
            )


def _claims_of_subscriptions(decided: Decided, *, references: Mapping[str, str], now: datetime) -> Iterator[_Claim]:
    for row in decided.subscriptions:
        customer, found = decided.customers.get(row.customer_id), decided.opened_by(row)
        if row.user_id is None and found and customer is not None:
            ours = (row.data.get("metadata") or {}).get(REFERENCE_KEY, "")  # only our key writes there
            invoice = expanded(row.data.get("latest_invoice")) or {}
            yield _Claim(
                row,
                customer=customer,
                email=customer.email or invoice.get("customer_email") or "",
                name=customer.name,
                reference=ours or references.get(row.stripe_id, ""),
                since=row.created,
                found=found,
                is_our_session=bool(ours),
                is_waiting=_session_is_coming(row, references, now=now),
            )


def _session_is_coming(row: Subscription, references: Mapping[str, str], *, now: datetime) -> bool:
    """Bought on a payment link of ours a moment ago: its session may name a signed-in buyer, and is not seen yet."""
    ours = (row.data.get("metadata") or {}).get(SITE_KEY) == settings.SITE_URL
    return ours and row.stripe_id not in references and now - row.created < SESSION_LATE


def _payer_of(claim: _Claim, payers: Payers, *, look: Look) -> Payer | None:
    known = payers.find(customer=claim.customer, reference=claim.reference, email=claim.email)
    if known is not None or not claim.brings_access:
        return known
    imported = look.is_import or is_past(claim.found)
    return payers.make(email=claim.email, name=claim.name, at=claim.since, imported=imported)


def _bind(customer: StripeCustomer, payer: Payer, *, claim: _Claim) -> None:
    """The first binding of a Stripe customer stays, whatever its address becomes."""
    address = customer.email or claim.email
    customer.user = payer.user
    customer.bound_by = binding_of(payer, address=address, is_our_session=claim.is_our_session)


def _tell_if_for_another(payer: Payer, *, claim: _Claim, now: datetime) -> None:
    """A link with a reference in it can be sent to anybody: who pays on it opens the sender's door."""
    if payer.bound_by != StripeCustomer.Binding.REFERENCE or claim.is_our_session:
        return
    paid_by = usable_address(claim.email)
    if paid_by not in {"", payer.user.email}:
        row = claim.row
        attention.raise_for_another(row.ref, paid_by=paid_by, opened_for=payer.user, subject=row.subject, now=now)
