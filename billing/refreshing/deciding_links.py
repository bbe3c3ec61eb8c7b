"""Which links decide about a purchase: one for each product of ours that it opens, or ever opened.

Those in force, for what is on it; those that stood when an order was made; and for whatever it has opened already
the link by which it did, because neither the end of a link nor another one in its place changes what was bought.
"""

from collections import defaultdict
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import timedelta

from billing.models import Connection, Order, ProductLink, Subscription
from hub.models import Grant

# Our clock and Stripe's may differ: who buys in the minutes before a link is made is a buyer of today.
LEEWAY = timedelta(minutes=5)

Links = dict[int, ProductLink]  # by our product's id


@dataclass(frozen=True, slots=True)
class Known:
    """What is needed to choose: the links in force by Stripe's product, the ended ones, the newest first, and by the
    purchase's reference which products it was granted, with the reason where that is closed.
    """

    in_force: Mapping[str, ProductLink]
    ended: Sequence[ProductLink]
    granted: Mapping[str, Mapping[int, str]]


def links_of(connection: Connection) -> dict[str, ProductLink]:
    """Stripe product id to the link in force: one query."""
    rows = ProductLink.objects.filter(connection=connection, unlinked_at__isnull=True).select_related("product")
    return {link.stripe_product: link for link in rows}


def ever_linked(connection: Connection) -> frozenset[str]:
    """The Stripe products whose purchases may matter: also those of ended links, for what was bought meanwhile."""
    return frozenset(ProductLink.objects.filter(connection=connection).values_list("stripe_product", flat=True))


def what_is_known(source: str, refs: Iterable[str], *, in_force: Mapping[str, ProductLink]) -> Known:
    """Of purchases by their references, in two queries."""
    ended = ProductLink.objects.filter(unlinked_at__isnull=False).select_related("product").order_by("-pk")
    granted: dict[str, dict[int, str]] = defaultdict(dict)
    grants = Grant.objects.filter(source=source, source_ref__in=list(refs))
    for ref, product_id, close_reason in grants.values_list("source_ref", "product_id", "close_reason"):
        granted[ref][product_id] = close_reason
    return Known(in_force, list(ended), granted)


def links_for_order(row: Order, *, known: Known) -> Links:
    """Whoever bought while a link stood gets what it promised, however late the money; and what an order from before
    its link opened all the same, by an import or a night, it is asked about for good.
    """
    on_it = set(row.products)
    chosen = {link.product_id: link for product, link in known.in_force.items() if product in on_it}
    granted = known.granted.get(row.key, {})
    for link in known.ended:
        if link.connection_id != row.connection_id or link.stripe_product not in on_it:
            continue
        if link.product_id in granted or _stood(link, row):
            chosen.setdefault(link.product_id, link)
    return chosen


def links_for_subscription(row: Subscription, on_it: set[str], *, known: Known) -> Links:
    """`on_it`: Stripe's products on the subscription. What it has lost since it is asked about too: it is not on it."""
    chosen = {link.product_id: link for product, link in known.in_force.items() if product in on_it}
    ended = [link for link in known.ended if link.connection_id == row.connection_id]
    in_force = {link.product_id: link for link in known.in_force.values()}
    for product_id, close_reason in known.granted.get(row.stripe_id, {}).items():
        if product_id in chosen:
            continue
        mine = [link for link in ended if link.product_id == product_id]
        bought_by = [link for link in mine if link.stripe_product in on_it]
        if close_reason == "not_on_subscription":  # back on it after the link's end: bought when it opened nothing
            mine = bought_by = []
        if link := next(iter(bought_by), None) or in_force.get(product_id) or next(iter(mine), None):
            chosen[product_id] = link
    return chosen


def _stood(link: ProductLink, row: Order) -> bool:
    return link.unlinked_at is not None and link.created_at - LEEWAY <= row.created < link.unlinked_at
