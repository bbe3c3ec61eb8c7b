"""Payments before the newest invoice: Stripe's lists show that one alone, and now and then an earlier one decides."""

from collections import Counter
from collections.abc import Iterable
from datetime import datetime
from typing import Any

from billing.models import AccessPolicy, Subscription
from billing.stripe_objects import expanded, is_paid, period_end_of, subscription_of_invoice

Json = dict[str, Any]


def unknown_among(subscriptions: Iterable[Json], *, open_invoices: Iterable[Json], now: datetime) -> set[str]:
    """The ids of those of which an earlier payment may decide about access, and none is known: two queries at most.

    `open_invoices`: of these subscriptions, and perhaps of others.
    """
    unpaid = [sub for sub in subscriptions if may_have_been_paid(sub)]
    if not unpaid:
        return set()
    several = {ref for ref, count in Counter(map(subscription_of_invoice, open_invoices)).items() if count > 1}
    rules = list(AccessPolicy.objects.values_list("knobs", flat=True))
    asks_for_first = any(knobs.get("require_first_payment") for knobs in rules)
    lets_run_out = any(knobs.get("immediate_cancel") == "end_of_paid_period" for knobs in rules)
    decided = set()
    for sub in unpaid:
        match sub["status"]:
            case "past_due":  # which of its open invoices began the days of grace
                is_decided = sub["id"] in several
            case "active":
                is_decided = asks_for_first
            case "canceled":
                end = period_end_of(sub)
                is_decided = lets_run_out and end is not None and end > now
            case _:
                is_decided = False
        if is_decided:
            decided.add(sub["id"])
    known = Subscription.objects.filter(stripe_id__in=decided).exclude(last_paid_invoice="")
    return decided - set(known.values_list("stripe_id", flat=True)) if decided else decided


def may_have_been_paid(sub: Json) -> bool:
    """Earlier, where its newest invoice is not paid: unless that is the first of all."""
    newest = expanded(sub.get("latest_invoice"))
    if newest is None or newest.get("billing_reason") == "subscription_create":
        return False
    return not is_paid(newest, sub=sub)
