"""Who pays for one thing twice: nothing is refunded or ended by guess, so a person has to look."""

from collections import defaultdict
from datetime import datetime

from billing.desk import attention
from billing.models import Order
from hub.models import Grant
from hub.reasons import ENDINGS

Key = tuple[int, int, str]


def look_for_doubles(people: set[int], *, now: datetime) -> None:
    """Raises what these people pay for twice, and settles what they no longer do. Grants are up to date by now.

    Two subscriptions to one product, neither of them ending; or two orders of a product that one opens for good.
    """
    found = _doubles(people)
    for (user_id, product_id, source), grants in found.items():
        attention.raise_twice(grants, key=f"{source}:{user_id}:{product_id}:{grants[-1].source_ref}", now=now)
    attention.settle_twice(people, but={grants[-1].source_ref for grants in found.values()}, now=now)


def _doubles(people: set[int]) -> dict[Key, list[Grant]]:
    """By person, product and source: the open grants behind it, oldest first, where there are several.

    Of two from one second Stripe's ids decide: what is asked may not hang on the order in which they were written.
    """
    paid = Grant.objects.filter(user_id__in=people, state__in=Grant.OPEN).exclude(source=Grant.Source.MANUAL)
    paid = paid.exclude(source=Grant.Source.ORDER, until__isnull=False)
    paid = paid.exclude(reason__in=ENDINGS).select_related("user", "product")
    by_key: dict[Key, list[Grant]] = defaultdict(list)
    for grant in paid.order_by("starts_at", "source_ref"):
        by_key[grant.user_id, grant.product_id, grant.source].append(grant)
    several = {key: grants for key, grants in by_key.items() if len(grants) > 1}
    refs = [grant.source_ref for grants in several.values() for grant in grants]
    given_back = set(Order.objects.filter(key__in=refs, fully_refunded=True).values_list("key", flat=True))
    kept = {key: [grant for grant in grants if grant.source_ref not in given_back] for key, grants in several.items()}
    return {key: grants for key, grants in kept.items() if len(grants) > 1}
