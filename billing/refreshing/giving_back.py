"""What a person took back and gives back follows Stripe again: at once as far as is known, and soon as Stripe says."""

from datetime import datetime
from functools import partial

from django.db import transaction

from activities.doorbell import ring
from billing.intake.draining import TASK
from billing.intake.inbox import look_again
from billing.models import Order, Subscription
from billing.refreshing.entitling import Rules, entitle_orders, entitle_subscriptions
from hub.grants import Wanted
from hub.models import Grant


def follow_stripe(grant: Grant, *, now: datetime) -> Wanted | None:
    """What the grant should be, by its subscription or order as last seen; Stripe is asked after the commit.

    None for what was not bought, and where nothing is sure.
    """
    row = _bought_with(grant)
    if row is None:
        return None
    # Not yet: a refresh locks its subject before the person.
    transaction.on_commit(partial(_look_soon, row.subject), robust=True)
    rules = Rules.of(row.connection, now=now)
    if isinstance(row, Subscription):
        found = entitle_subscriptions([row], rules=rules)
    else:
        found = entitle_orders([row], rules=rules)
    mine = next((ent for ent in found[row.ref] if ent.link.product_id == grant.product_id), None)
    return mine.wanted(grant.user_id) if mine else None


def _look_soon(subject: str) -> None:
    look_again(subject)
    ring(TASK)


def _bought_with(grant: Grant) -> Subscription | Order | None:
    if grant.source == Grant.Source.SUBSCRIPTION:
        return Subscription.objects.select_related("connection").filter(stripe_id=grant.source_ref).first()
    return Order.objects.select_related("connection").filter(key=grant.source_ref).first()
