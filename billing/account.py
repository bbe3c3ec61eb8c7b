"""A member's own billing, as the account page shows it: subscriptions, purchases, and what needs them now."""

from dataclasses import dataclass
from datetime import datetime

from activities.money import format_money
from billing.facts import moment, products_of, subscription_facts
from billing.happenings import price_text_of
from billing.identity import customers_managed_by
from billing.models import Connection, Order, ProductLink, Subscription
from hub.models import Grant, User


@dataclass(frozen=True, slots=True)
class SubscriptionRow:
    product_names: str
    state: str
    price_text: str
    renews_on: datetime | None
    ends_on: datetime | None
    trial_ends_on: datetime | None
    resumes_on: datetime | None
    subscription_id: str
    customer_id: str  # empty where somebody else paid, and the cards are theirs
    can_cancel: bool


@dataclass(frozen=True, slots=True)
class PurchaseRow:
    product_names: str
    at: datetime
    amount_text: str
    state: str
    until: datetime | None


@dataclass(frozen=True, slots=True)
class Banner:
    """A payment that failed: since when, until when access stays, when Stripe tries again."""

    failed_on: datetime | None
    keep_until: datetime | None
    next_try: datetime | None
    subscription_id: str
    customer_id: str
    product_names: str


@dataclass(frozen=True, slots=True)
class Account:
    subscriptions: list[SubscriptionRow]
    purchases: list[PurchaseRow]
    grants_by_hand: list[Grant]
    banner: Banner | None


def account_of(user: User, *, connection: Connection | None) -> Account:
    """Everything about one member's billing: five queries."""
    names = dict(ProductLink.objects.values_list("stripe_product", "product__name"))
    grants = list(Grant.objects.filter(user=user).select_related("product"))
    until = {grant.source_ref: grant.until for grant in grants}
    keep = {grant.source_ref: grant.until for grant in grants if grant.state == Grant.State.GRACE}
    rows = [
        row
        for row in Subscription.objects.filter(user=user).order_by("-created")
        if _names(products_of(row.data), names)
    ]
    managed = set(customers_managed_by(user).values_list("stripe_id", flat=True))
    may_cancel = connection is not None and connection.members_may_cancel
    return Account(
        subscriptions=[_subscription_row(row, names, managed, may_cancel=may_cancel) for row in rows],
        purchases=[
            _purchase_row(order, names, until=until.get(order.key))
            for order in Order.objects.filter(user=user).order_by("-created")
            if _names(list(order.products), names)
        ],
        grants_by_hand=[grant for grant in grants if grant.source == Grant.Source.MANUAL and grant.is_open],
        banner=next((_banner(row, names, managed, keep) for row in rows if row.status in {"past_due", "unpaid"}), None),
    )


def _subscription_row(
    row: Subscription, names: dict[str, str], managed: set[str], *, may_cancel: bool
) -> SubscriptionRow:
    customer = row.customer_id if row.customer_id in managed else ""
    facts = subscription_facts(row)
    ending = facts.is_ending and row.status in {"active", "trialing"}
    over = row.status in {"canceled", "incomplete_expired"}
    ends_on = row.ended_at if over else (row.cancel_at or row.period_end if ending else None)
    return SubscriptionRow(
        product_names=_names(products_of(row.data), names),
        state="ending" if ending else row.status,
        price_text=price_text_of(row),
        renews_on=None if over or ending or row.status in {"trialing", "unpaid", "paused"} else row.period_end,
        ends_on=ends_on,
        trial_ends_on=facts.trial_end if row.status == "trialing" and not ending else None,
        resumes_on=facts.resumes_at,
        subscription_id=row.stripe_id,
        customer_id=customer,
        can_cancel=may_cancel and bool(customer) and not over and not ending and row.status != "incomplete",
    )


def _purchase_row(order: Order, names: dict[str, str], *, until: datetime | None) -> PurchaseRow:
    statuses = set(order.disputes.values())
    state = str(order.state)
    if order.fully_refunded:
        state = "refunded"
    elif statuses & {"needs_response", "under_review", "lost"}:
        state = "disputed"
    elif order.amount_refunded:
        state = "partially_refunded"
    return PurchaseRow(
        product_names=_names(list(order.products), names),
        at=order.paid_at or order.created,
        amount_text=format_money(order.amount, order.currency),
        state=state,
        until=until,
    )


def _banner(row: Subscription, names: dict[str, str], managed: set[str], keep: dict[str, datetime | None]) -> Banner:
    invoice = row.data.get("latest_invoice")
    next_try = moment(invoice.get("next_payment_attempt")) if isinstance(invoice, dict) else None
    return Banner(
        failed_on=row.past_due_since,
        keep_until=keep.get(row.stripe_id),
        next_try=next_try,
        subscription_id=row.stripe_id,
        customer_id=row.customer_id if row.customer_id in managed else "",
        product_names=_names(products_of(row.data), names),
    )


def _names(products: list[str], names: dict[str, str]) -> str:
    return ", ".join(dict.fromkeys(names[product] for product in products if product in names))
