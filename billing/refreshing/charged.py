"""Who is charged on and on for what the rules have shut: nothing is cancelled by guess, so a person has to look."""

from datetime import datetime

from billing.desk import attention
from billing.models import Attention, Subscription
from billing.refreshing.entitling import Entitlement
from billing.refreshing.happenings import price_text_of
from billing.refreshing.look import Decided
from billing.rules.facts import subscription_facts
from billing.rules.policy import Access
from hub.access import open_grants, reached
from hub.models import User
from hub.reasons import say


def look_for_charged(decided: Decided, *, now: datetime) -> None:
    """Raises what charges for nothing, and settles what does so no more. Grants are up to date by now."""
    shut = {row: _shut(decided.opened_by(row)) for row in decided.subscriptions}
    candidates = {row.user_id for row, ents in shut.items() if ents and row.user_id and _goes_on_charging(row)}
    opened = _opened_to(candidates, now=now)
    settled = []
    for row, ents in shut.items():
        products = {ent.link.product_id: ent.link.product.name for ent in ents}
        is_let_in = any((row.user_id, product_id) in opened for product_id in products)
        if not products or is_let_in or row.user is None or not row.user.is_active or not _goes_on_charging(row):
            settled.append(row.stripe_id)
            continue
        decision = ents[0].decision
        why = say(decision.reason, until=decision.until)
        attention.raise_charged(row, products=products, price=price_text_of(row), why=why, now=now)
    attention.settle_charged(settled, now=now)


def settle_where_let_in(user: User, *, now: datetime) -> None:
    """What they are charged for is open to them again, by whatever somebody gave."""
    asked = Attention.objects.filter(kind=Attention.Kind.CHARGED, user=user, over_at__isnull=True)
    if refs := set(asked.values_list("subject", flat=True)):
        attention.settle_charged(refs - charged_for_nothing(user, now=now).keys(), now=now)


def charged_for_nothing(user: User, *, now: datetime) -> dict[str, set[int]]:
    """Their subscriptions that charge for what is shut, each with our products on it. One query where there is none.

    Whether or not staff have answered: a member is told while it lasts.
    """
    asked = Attention.objects.filter(kind=Attention.Kind.CHARGED, user=user, over_at__isnull=True)
    found = {ref: set(details["products"]) for ref, details in asked.values_list("subject", "details")}
    opened = {product_id for _, product_id in _opened_to({user.pk}, now=now)} if found else set()
    return {ref: products for ref, products in found.items() if not products & opened}


def _goes_on_charging(row: Subscription) -> bool:
    """It was paid, and is to be paid again: no trial, nothing late or paused, no end that is set."""
    facts = subscription_facts(row)
    is_stopping = facts.is_ending or facts.collection_paused or facts.missing_since is not None
    return facts.status == "active" and facts.last_paid_at is not None and not is_stopping


def _shut(found: list[Entitlement]) -> list[Entitlement]:
    """What is paid for by it and closed by a rule; nothing where it opens something, or nobody can tell."""
    bought = [ent for ent in found if ent.decision.reason != "not_on_subscription"]
    return bought if all(ent.decision.access is Access.CLOSED for ent in bought) else []


def _opened_to(people: set[int], *, now: datetime) -> set[tuple[int, int]]:
    """Person and product, of everything that is open to them by whatever grant."""
    if not people:
        return set()
    return reached(open_grants(now=now).filter(user_id__in=people).values_list("user_id", "product_id"))
