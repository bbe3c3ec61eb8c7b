"""Why somebody can or cannot get in: the gate's own reason, or what Stripe says of purchases that opened nothing."""

from collections.abc import Sequence
from datetime import datetime
from typing import Any

from django.utils.dateparse import parse_datetime

from billing.models import Order, Subscription
from hub.access import Explanation, explain_all
from hub.models import Product, User
from hub.reasons import say

Json = dict[str, Any]
PENDING = frozenset({"first_payment_pending", "payment_processing", "awaiting_first_payment"})


def why(user: User, products: Sequence[Product], *, at: datetime, now: datetime) -> list[Explanation]:
    """`hub.access.explain_all`, with the reason of a purchase that has not opened anything where there is no other."""
    found = explain_all(user, products, at=at, now=now)
    if at < now or not any(explanation.state == "none" for explanation in found):
        return found
    reasons = _reasons_of(user)
    return [_with_reason(explanation, reasons) if explanation.state == "none" else explanation for explanation in found]


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
                "code": explanation.reason,
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


def _reasons_of(user: User) -> dict[int, Json]:
    """Product id to the last words about a purchase of it, the newest first."""
    rows: list[Subscription | Order] = [
        *Subscription.objects.filter(user=user).order_by("created"),
        *Order.objects.filter(user=user).order_by("created"),
    ]
    return {int(product_id): words for row in rows for product_id, words in row.reasons.items()}


def _with_reason(explanation: Explanation, reasons: dict[int, Json]) -> Explanation:
    words = reasons.get(explanation.product.pk)
    if words is None:
        return explanation
    until = parse_datetime(words["until"]) if words["until"] else None
    state = "pending" if words["reason"] in PENDING else "ended"
    return Explanation(
        explanation.product, False, state, words["reason"], say(words["reason"], until=until), until, (), ()
    )


def _iso(moment: datetime | None) -> str | None:
    return moment.isoformat() if moment else None
