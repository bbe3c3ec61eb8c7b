"""Why somebody can or cannot get in, for machines; and what Stripe says of purchases that opened nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from billing.models import Order, Subscription
from hub.access import Explanation, Reason
from hub.models import User

Json = dict[str, Any]


def reasons_of(user: User) -> dict[int, Reason]:
    """Product id to the last decision about a purchase of it, the newest purchase first. One query."""
    subscriptions = Subscription.objects.filter(user=user).order_by().values_list("created", "reasons")
    orders = Order.objects.filter(user=user).order_by().values_list("created", "reasons")
    return {
        int(product_id): Reason(words["reason"], parse_datetime(words["until"]) if words["until"] else None)
        for _created, reasons in subscriptions.union(orders, all=True).order_by("created")
        for product_id, words in reasons.items()
    }


def as_json(user: User, explanations: Sequence[Explanation]) -> Json:
    """The answer as plain JSON: times are ISO 8601 in UTC."""
    return {
        "email": user.email,
        "products": [
            {
                "slug": explanation.product.slug,
                "access": explanation.access,
                "state": explanation.state,
                "reason": explanation.sentence,
                "until": _iso(explanation.until),
                "grants": [
                    {
                        "source": grant.source,
                        "source_ref": grant.source_ref,
                        "product": grant.product.slug,
                        "state": grant.state,
                        "reason": grant.reason if grant.is_open else grant.close_reason,
                        "starts_at": _iso(grant.starts_at),
                        "until": _iso(grant.until),
                        "ends_at": _iso(grant.ends_at),
                    }
                    for grant in explanation.grants
                ],
                "ledger": [
                    {
                        "from": line.from_state,
                        "to": line.to_state,
                        "reason": line.reason,
                        "rule": line.rule,
                        "true_at": _iso(line.true_at),
                        "learned_at": _iso(line.learned_at),
                        "until": _iso(line.until),
                        "cause": line.cause,
                        "actor": line.actor,
                        "note": line.note,
                    }
                    for line in explanation.ledger
                ],
            }
            for explanation in explanations
        ],
    }


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
