"""The whole account, as one snapshot for each customer and each guest's payment.

Lists of a hundred say nearly all of it. Whoever was refunded, disputed or billed by invoice is fetched whole, because
no list leads from a refund to the subscription that it was for.
"""

from collections.abc import Iterator, Set
from typing import Any

from django.utils import timezone

from billing import listing
from billing.entitling import links_of
from billing.errors import StripeMissing
from billing.event_types import EVERYTHING
from billing.facts import sid
from billing.gateway import Gateway
from billing.models import Connection, Order, Subscription
from billing.snapshots import Ask, Snapshot, charge_of_session, fetch_customer, fetch_guest
from hub.models import Grant

Json = dict[str, Any]


def snapshots_of_everything(gateway: Gateway, *, connection: Connection) -> Iterator[tuple[str, Snapshot]]:
    """Every subject that Stripe or an open grant names, with what Stripe says of it now. Raises billing.errors."""
    asked_at = timezone.now()
    linked = frozenset(links_of(connection))
    open_invoices = listing.open_invoices_by_subscription(gateway)
    subscriptions = listing.subscriptions_by_customer(gateway)
    sessions = listing.sessions_by_subject(gateway)
    whole = (listing.refunded_or_disputed(gateway) & _ours()) | listing.billed_once(gateway, linked=linked)
    for subject in sorted(subscriptions.keys() | sessions.keys() | whole | _behind_open_grants()):
        if subject in whole:
            yield subject, fetch_customer(gateway, subject, ask=Ask(EVERYTHING), linked=linked, asked_at=asked_at)
        elif not subject.startswith("cus_") and _is_disputed(sessions.get(subject, [])):
            yield subject, fetch_guest(gateway, subject, asked_at=asked_at)[0]
        else:
            snapshot = Snapshot(asked_at, sessions=sessions.get(subject, []))
            if subject in subscriptions:
                snapshot.subscriptions = subscriptions[subject]
                snapshot.open_invoices = [
                    invoice for sub in subscriptions[subject] for invoice in open_invoices.get(sub["id"], [])
                ]
            yield subject, snapshot


def names_in(snapshot: Snapshot) -> set[str]:
    """Every id by which a grant or an order may be known."""
    found = {sub["id"] for sub in snapshot.subscriptions or []} | snapshot.intents.keys()
    for session in snapshot.sessions or []:
        found |= {session["id"], sid(session.get("payment_intent")), sid(session.get("invoice"))}
    return (found | {invoice["id"] for invoice in snapshot.paid_invoices or []}) - {""}


def unknown_at_stripe(gateway: Gateway, *, seen: Set[str]) -> Iterator[Grant]:
    """Open grants whose subscription or purchase no list named, and Stripe does not know by its id either."""
    open_grants = Grant.objects.filter(state__in=Grant.OPEN).select_related("user", "product").order_by("pk")
    orders = {order.key: order for order in Order.objects.filter(key__in=open_grants.values("source_ref"))}
    for grant in open_grants.exclude(source=Grant.Source.MANUAL):
        order = orders.get(grant.source_ref)
        names = {grant.source_ref} | ({order.session_id, order.payment_intent, order.invoice_id} if order else set())
        if not names & seen and not _exists(gateway, grant.source_ref):
            yield grant


def _exists(gateway: Gateway, ref: str) -> bool:
    """Asked by id: what belongs to a test clock is in no list."""
    ask = {"sub": gateway.subscription, "pi": gateway.payment_intent, "cs": gateway.session, "in": gateway.invoice}
    try:
        ask[ref.partition("_")[0]](ref)
    except (KeyError, StripeMissing):
        return False
    return True


def _is_disputed(sessions: list[Json]) -> bool:
    return any((charge_of_session(session) or {}).get("disputed") for session in sessions)


def _ours() -> set[str]:
    """The customers who ever had access from Stripe: others' refunds mean nothing here."""
    return _customers_of(Grant.objects.exclude(source=Grant.Source.MANUAL).values_list("source_ref", flat=True))


def _behind_open_grants() -> set[str]:
    """Their clocks may have run out even where Stripe has nothing new."""
    return _customers_of(Grant.objects.filter(state__in=Grant.OPEN).values_list("source_ref", flat=True))


def _customers_of(refs: Any) -> set[str]:
    customers = Subscription.objects.filter(stripe_id__in=refs).values_list("customer_id", flat=True)
    return set(customers) | set(Order.objects.filter(key__in=refs).values_list("subject", flat=True))
