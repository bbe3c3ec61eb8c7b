"""Stages of payment that the console's list of people is narrowed by."""

from typing import Any

from django.db.models import Exists, OuterRef, Q

from billing.models import Order, Subscription
from billing.stripe_objects import LIVE
from hub.payments import Stage


def _subscribed(**facts: Any) -> Q:
    return Q(Exists(Subscription.objects.filter(user=OuterRef("pk"), **facts)))


_BOUGHT = Q(Exists(Order.objects.filter(user=OuterRef("pk"), state=Order.State.PAID, fully_refunded=False)))

STAGES = {
    "trialing": Stage("On trial", _subscribed(status="trialing")),
    "active": Stage("Subscription paid", _subscribed(status="active", cancel_at=None)),
    "ending": Stage("Cancelled, still running", _subscribed(status__in=LIVE, cancel_at__isnull=False)),
    "past_due": Stage("Payment late", _subscribed(status="past_due")),
    "unpaid": Stage("Unpaid, Stripe waits no longer", _subscribed(status="unpaid")),
    "incomplete": Stage("First payment missing", _subscribed(status="incomplete")),
    "paused": Stage("Trial over, no card", _subscribed(status="paused")),
    "ended": Stage("Subscription ended", _subscribed(status="canceled") & ~_subscribed(status__in=LIVE)),
    "bought": Stage("Bought once", _BOUGHT),
    "none": Stage("Never paid", ~_subscribed() & ~_BOUGHT),
}
