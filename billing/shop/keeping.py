"""What a member takes back: a cancellation before its day, and a pause after a trial that had no card."""

import time
from typing import Any

from billing.connection import required_connection
from billing.gateway import gateway_for
from billing.models import Subscription
from billing.refreshing.identity import customers_managed_by
from billing.shop.portal import NotTheirs
from hub.models import User

HALF_A_MINUTE = 30


def keep(user: User, *, subscription: str) -> None:
    """Lets a subscription go on that was asked to end. Raises NotTheirs and billing.errors."""
    row = _own(user, subscription)
    # Either billing mode has a flag of its own for this; the one that is not set is not sent.
    params: dict[str, Any] = {"cancel_at": ""} if row.cancel_at else {}
    if row.data.get("cancel_at_period_end"):
        params = {"cancel_at_period_end": False}
    gateway_for(required_connection(), waiting=True).update_subscription(subscription, params)


def resume(user: User, *, subscription: str) -> bool:
    """Begins a paused subscription anew; whether its payment has gone through. Raises NotTheirs and billing.errors."""
    _own(user, subscription)
    # A double click is one bill; half a minute later another card may have been put in.
    key = f"resume-{subscription}-{int(time.time()) // HALF_A_MINUTE}"
    gateway = gateway_for(required_connection(), waiting=True)
    return bool(gateway.resume_subscription(subscription, idempotency_key=key)["status"] == "active")


def _own(user: User, subscription: str) -> Subscription:
    managed = customers_managed_by(user).values("stripe_id")
    row = Subscription.objects.filter(stripe_id=subscription, customer_id__in=managed).first()
    if row is None:
        raise NotTheirs("This subscription is not yours.")
    return row
