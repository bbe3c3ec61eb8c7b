"""What we keep of Stripe. Stripe's ids are strings; nothing here refers to dj-stripe's tables."""

from billing.models.account import AccessPolicy, Connection
from billing.models.attention import Attention
from billing.models.imports import ImportBatch, ImportRow
from billing.models.insight import RecurringLine
from billing.models.purchases import Order, Reference, StripeCustomer, Subscription
from billing.models.selling import Checkout, Offer, ProductLink
from billing.models.work import InboxEvent, Pace, Pass, Subject

__all__ = [
    "AccessPolicy",
    "Attention",
    "Checkout",
    "Connection",
    "ImportBatch",
    "ImportRow",
    "InboxEvent",
    "Offer",
    "Order",
    "Pace",
    "Pass",
    "ProductLink",
    "RecurringLine",
    "Reference",
    "StripeCustomer",
    "Subject",
    "Subscription",
]
