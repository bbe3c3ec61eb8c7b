"""A member's own billing, as the account page shows it: subscriptions, purchases, and what needs them now."""

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any

from activities.models import Activity
from activities.money import format_money
from billing.models import Attention, Connection, Order, ProductLink, StripeCustomer, Subscription
from billing.refreshing.charged import charged_for_nothing
from billing.refreshing.happenings import price_text_of
from billing.refreshing.identity import customers_managed_by
from billing.rules.facts import subscription_facts
from billing.rules.policy import UNDECIDED
from billing.stripe_objects import LATE, OVER, expanded, moment, products_of
from hub.models import Grant, User
from hub.payments import Due

Json = dict[str, Any]
LATELY = timedelta(minutes=5)
NEWS: dict[str, str] = {
    Activity.Verb.PAYMENT_RECOVERED: "{}: your payment went through. Everything is in order again.",
    Activity.Verb.SUBSCRIPTION_CANCELLED: "{}: your cancellation is noted.",
    Activity.Verb.SUBSCRIPTION_RESUMED: "{}: it goes on, and nothing ends.",
}


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    """`state`: as `state_of` says it. `has_card`: a way to pay is known at Stripe. `action`: resume, card, keep, or
    nothing to be done. `pay_url`: where a payment that is missing is made, or confirmed if the bank asks.
    """

    product_names: str
    state: str
    price_text: str
    began_on: datetime
    renews_on: datetime | None
    ends_on: datetime | None
    trial_ends_on: datetime | None
    resumes_on: datetime | None
    subscription_id: str
    customer_id: str  # empty where somebody else paid, and the cards are theirs
    has_card: bool
    action: str
    can_cancel: bool
    can_keep: bool
    invoice_url: str
    pay_url: str
    is_charged_for_nothing: bool


@dataclass(frozen=True, slots=True)
class PurchaseRow:
    """`refunded_text` is what was given back of a purchase that was refunded in part."""

    product_names: str
    at: datetime
    amount_text: str
    refunded_text: str
    state: str
    until: datetime | None
    receipt_url: str


@dataclass(frozen=True, slots=True)
class Banner:
    """A payment that failed: since when, until when access stays, when Stripe tries again.

    `is_over`: access has ended by it. `is_invoiced`: nothing failed, an invoice was not paid in time. `next_try` is
    empty where there is no card that could be tried. `pay_url`: where the invoice is paid, or the payment confirmed if
    the bank asks; empty where it is somebody else's to pay.
    """

    amount_text: str
    is_over: bool
    is_invoiced: bool
    failed_on: datetime | None
    pay_url: str
    keep_until: datetime | None
    next_try: datetime | None
    subscription_id: str
    customer_id: str
    product_names: str


@dataclass(frozen=True, slots=True)
class Twice:
    """What is paid for two times over, until one is given up."""

    product_name: str
    is_subscription: bool


@dataclass(frozen=True, slots=True)
class Account:
    subscriptions: list[SubscriptionRow]
    purchases: list[PurchaseRow]
    grants_by_hand: list[Grant]
    banners: list[Banner]
    twice: list[Twice]


def account_of(user: User, *, customers: list[StripeCustomer], connection: Connection | None, now: datetime) -> Account:
    """Everything about one member's billing: five queries, and a few where something active opens nothing.

    `customers`: those whose cards are theirs.
    """
    names = dict(ProductLink.objects.values_list("stripe_product", "product__name"))
    grants = list(Grant.objects.filter(user=user).select_related("product"))
    until = {grant.source_ref: grant.until for grant in grants}
    rows = [
        row
        for row in Subscription.objects.filter(user=user).order_by("-created")
        if _names(products_of(row.data), names)
    ]
    managed = {customer.stripe_id: customer for customer in customers}
    may_cancel = connection is not None and connection.members_may_cancel
    late = [row for row in rows if row.status in LATE]
    opening = {grant.source_ref for grant in grants if grant.is_open}
    is_in_doubt = any(row.status == "active" and row.stripe_id not in opening for row in rows)
    in_vain = charged_for_nothing(user, now=now) if is_in_doubt else {}
    return Account(
        subscriptions=[
            _subscription_row(row, names, managed, may_cancel=may_cancel, in_vain=row.stripe_id in in_vain)
            for row in rows
        ],
        purchases=[
            _purchase_row(order, names, until=until.get(order.key))
            for order in Order.objects.filter(user=user).order_by("-created")
            if _names(list(order.products), names)
        ],
        grants_by_hand=[grant for grant in grants if grant.source == Grant.Source.MANUAL and grant.is_open],
        banners=[_banner(row, names, managed, [g for g in grants if g.source_ref == row.stripe_id]) for row in late],
        twice=[
            Twice(details["product"], details["last"].startswith("sub_"))
            for details in Attention.objects.filter(
                kind=Attention.Kind.TWICE, user=user, resolved_at__isnull=True
            ).values_list("details", flat=True)
        ],
    )


def news_of(user: User, *, now: datetime) -> list[str]:
    """What became of their subscriptions in the last minutes, for whoever comes back from Stripe. One query."""
    lately = Activity.objects.filter(user=user, verb__in=NEWS, recorded_at__gt=now - LATELY).select_related("product")
    newest = {told.details.get("subscription"): told for told in lately.order_by("recorded_at", "pk")}
    return [
        NEWS[told.verb].format(told.product.name if told.product else "Your subscription") for told in newest.values()
    ]


def invoices_due(user: User) -> dict[str, Due]:
    """Their subscriptions that wait for a payment, each with the page where its newest invoice is paid: two queries.

    The page is empty where the invoice is somebody else's to pay, or none is open.
    """
    rows = list(Subscription.objects.filter(user=user, status__in=(*LATE, "incomplete")))
    managed = set(customers_managed_by(user).values_list("stripe_id", flat=True)) if rows else set()
    return {
        row.stripe_id: Due(subscription_facts(row).is_invoiced, _pay_url(row) if row.customer_id in managed else "")
        for row in rows
    }


def invoiced_on(refs: Collection[str]) -> dict[str, datetime]:
    """Of these subscriptions, those that are sent invoices: when the one that is late was made, else the newest."""
    rows = Subscription.objects.filter(stripe_id__in=refs, data__collection_method="send_invoice")
    made = {row.stripe_id: moment((row.late_invoice or _invoice(row)).get("created")) for row in rows}
    return {ref: at for ref, at in made.items() if at}


def state_of(row: Subscription) -> str:
    """Stripe's status, or `ending` where it is cancelled for later, or `collection_paused`, or `invoice_due`."""
    facts = subscription_facts(row)
    if facts.is_invoiced and row.status in LATE:
        return "invoice_due"
    if facts.is_ending and row.status in {"active", "trialing"}:
        return "ending"
    return "collection_paused" if row.status == "active" and facts.collection_paused else row.status


def state_of_order(order: Order) -> str:
    """Ours, or what became of the money: `refunded`, `disputed` (undecided or lost), `partially_refunded`."""
    if order.fully_refunded:
        return "refunded"
    if set(order.disputes.values()) & {*UNDECIDED, "lost"}:
        return "disputed"
    return "partially_refunded" if order.amount_refunded else str(order.state)


def _subscription_row(
    row: Subscription,
    names: dict[str, str],
    managed: Mapping[str, StripeCustomer],
    *,
    may_cancel: bool,
    in_vain: bool,
) -> SubscriptionRow:
    customer = managed.get(row.customer_id)
    facts, state = subscription_facts(row), state_of(row)
    ending = state == "ending"
    over = row.status in OVER
    ends_on = row.ended_at if over else (row.cancel_at or row.period_end if ending else None)
    is_renewing = row.status in {"active", "past_due"} and not ending
    has_card = facts.is_invoiced or _has_card(row, customer)
    can_keep = may_cancel and customer is not None and ending
    return SubscriptionRow(
        product_names=_names(products_of(row.data), names),
        state=state,
        price_text=price_text_of(row),
        began_on=row.created,
        renews_on=row.period_end if is_renewing else None,
        ends_on=ends_on,
        trial_ends_on=facts.trial_end if row.status == "trialing" and not ending else None,
        resumes_on=facts.resumes_at,
        subscription_id=row.stripe_id,
        customer_id=customer.stripe_id if customer else "",
        has_card=has_card,
        action=_action(state, has_card=has_card, can_keep=can_keep) if customer else "",
        can_cancel=may_cancel and customer is not None and not over and not ending and row.status != "incomplete",
        can_keep=can_keep,
        invoice_url=_invoice_url(row) if customer else "",
        pay_url=_pay_url(row) if customer and not facts.is_invoiced else "",
        is_charged_for_nothing=in_vain,
    )


def _action(state: str, *, has_card: bool, can_keep: bool) -> str:
    """The one thing that helps. An invoice that is due is paid by its own link."""
    if state == "paused" and has_card:
        return "resume"
    if state in {"past_due", "unpaid", "paused"} or (state == "trialing" and not has_card):
        return "card"
    return "keep" if can_keep else ""


def _has_card(row: Subscription, customer: StripeCustomer | None) -> bool:
    """Somebody else's customer is not told about: then nothing is missing that we know of."""
    return row.has_card or customer is None or customer.has_card


def _invoice(row: Subscription) -> Json:
    return expanded(row.data.get("latest_invoice")) or {}


def _invoice_url(row: Subscription) -> str:
    return _invoice(row).get("hosted_invoice_url") or ""


def _pay_url(row: Subscription) -> str:
    """Stripe's page of an open invoice takes a payment, and lets a bank ask about it (3-D Secure)."""
    is_due = row.status in {*LATE, "incomplete"} and _invoice(row).get("status") == "open"
    return _invoice_url(row) if is_due else ""


def _purchase_row(order: Order, names: dict[str, str], *, until: datetime | None) -> PurchaseRow:
    state = state_of_order(order)
    return PurchaseRow(
        product_names=_names(list(order.products), names),
        at=order.paid_at or order.created,
        amount_text=format_money(order.amount, order.currency),
        refunded_text=format_money(order.amount_refunded, order.currency) if state == "partially_refunded" else "",
        state=state,
        until=until,
        receipt_url=order.receipt_url,
    )


def _banner(
    row: Subscription, names: dict[str, str], managed: Mapping[str, StripeCustomer], grants: list[Grant]
) -> Banner:
    customer, due = managed.get(row.customer_id), _invoice(row)
    is_invoiced = subscription_facts(row).is_invoiced
    keep = [grant.until for grant in grants if grant.state == Grant.State.GRACE]
    return Banner(
        amount_text=format_money(due["amount_due"], due["currency"]) if due.get("amount_due") else "",
        is_over=bool(grants) and not any(grant.is_open for grant in grants),
        is_invoiced=is_invoiced,
        failed_on=row.past_due_since,
        pay_url=_pay_url(row) if customer else "",
        keep_until=keep[0] if keep else None,
        next_try=moment(due.get("next_payment_attempt")) if not is_invoiced and _has_card(row, customer) else None,
        subscription_id=row.stripe_id,
        customer_id=customer.stripe_id if customer else "",
        product_names=_names(products_of(row.data), names),
    )


def _names(products: list[str], names: dict[str, str]) -> str:
    return ", ".join(dict.fromkeys(names[product] for product in products if product in names))
