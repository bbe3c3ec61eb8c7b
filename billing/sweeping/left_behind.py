"""What was bought at accounts that are disconnected. What test cards opened there an owner is asked about, once."""

from datetime import datetime
from typing import Any

from django.db import transaction
from django.db.models import Q, QuerySet

from billing.connection import active_connection
from billing.desk import attention
from billing.models import Attention, Connection, Order, Subscription
from hub import grants
from hub.models import Grant, User


def bought_elsewhere(**which: Any) -> Q:
    """Grants of accounts that not in use: no other account's key opens these. `which`: columns of their connections."""
    off = {"connection__state": Connection.State.OFF, **{f"connection__{name}": value for name, value in which.items()}}
    subscriptions = Subscription.objects.filter(**off).values("stripe_id")
    orders = Order.objects.filter(**off).values("key")
    of_subscriptions = Q(source=Grant.Source.SUBSCRIPTION, source_ref__in=subscriptions)
    return of_subscriptions | Q(source=Grant.Source.ORDER, source_ref__in=orders)


def grants_left_behind() -> QuerySet[Grant]:
    """Open, and bought at a test account that is disconnected; none while no live account is in use."""
    used = active_connection()
    if used is None or not used.livemode:
        return Grant.objects.none()
    return Grant.objects.filter(bought_elsewhere(livemode=False), state__in=Grant.OPEN)


def ask_about_them(*, now: datetime) -> None:
    """Puts them before the owner, once for each live account."""
    found = grants_left_behind().select_related("user", "product").order_by("pk")
    closing = [
        {"email": grant.user.email, "product": grant.product.slug, "reason": grant.source_ref} for grant in found
    ]
    used = active_connection()
    if used and closing:
        attention.raise_left_behind(closing, key=str(used.pk), now=now)


@transaction.atomic
def close_them(question: Attention, *, actor: User, now: datetime) -> int:
    """Takes back what is left behind now, by name in the ledger, and returns how much that was."""
    found = list(grants_left_behind())
    deed = f"left-behind-{question.pk}"
    for grant in found:
        grants.revoke(grant, actor=actor, reason="bought with a test card", now=now, batch=deed)
    attention.settle(question, actor=actor, now=now)
    return len(found)
