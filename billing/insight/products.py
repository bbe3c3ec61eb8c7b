"""What the console says of products: whether Stripe sells them, and what they bring a month."""

from collections import defaultdict
from collections.abc import Iterator, Sequence

from django.db.models import Sum

from billing.insight.recurring import to_minor_units
from billing.models import Connection, Offer, ProductLink, RecurringLine
from hub.figures import DEAD, LINKED, PARTLY, SELLS, Figures, Money


def figures_of(product_ids: Sequence[int]) -> Iterator[tuple[int, Figures]]:
    """Of the linked ones among them, in three queries."""
    links = ProductLink.objects.filter(product__in=product_ids, unlinked_at__isnull=True).select_related("connection")
    known = list(links)
    offers: dict[int, list[Offer]] = defaultdict(list)
    for offer in Offer.objects.filter(link__in=known):
        offers[offer.link_id].append(offer)
    revenue = _revenue([link.stripe_product for link in known])
    for link in known:
        is_off = link.connection.state == Connection.State.OFF
        money = () if is_off else tuple(revenue[link.stripe_product])
        yield link.product_id, Figures(_mark(link, offers[link.pk]), link.stripe_name or link.stripe_product, money)


def _revenue(stripe_products: Sequence[str]) -> dict[str, list[Money]]:
    """Of the connected account, one sum for each currency."""
    lines = RecurringLine.objects.filter(stripe_product__in=stripe_products)
    if Connection.objects.filter(state=Connection.State.OFF).exists():
        lines = lines.exclude(subscription__connection__state=Connection.State.OFF)
    sums = lines.order_by("currency").values_list("stripe_product", "currency").annotate(sum=Sum("millionths"))
    found: dict[str, list[Money]] = defaultdict(list)
    for stripe_product, currency, millionths in sums:
        found[stripe_product].append(Money(to_minor_units(millionths), currency))
    return found


def _mark(link: ProductLink, offers: Sequence[Offer]) -> str:
    """Dead: nobody can buy it, though it was put on sale. Partly: one price sells, and another does not."""
    if link.connection.state == Connection.State.OFF or not link.is_active_at_stripe:
        return DEAD
    sells = any(offer.is_live and offer.url for offer in offers)
    if any(offer.problem or (offer.is_live and not offer.url) for offer in offers):
        return PARTLY if sells else DEAD
    return SELLS if sells else LINKED
