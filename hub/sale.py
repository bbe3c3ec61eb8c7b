"""How a product is bought: where its price leads, and what it says."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from typing import TYPE_CHECKING

from django.db.models import Q, QuerySet
from django.urls import reverse

from hub.models import Product, SalesPage

if TYPE_CHECKING:
    from typing import Any, Protocol

    class Offer(Protocol):
        """A price on sale, as hub reads it: `amount` in minor units, `url` a payment link or empty."""

        pk: Any
        amount: int | None
        currency: str
        interval: str
        label: str
        url: str
        position: int

        @property
        def sells(self) -> bool: ...

        @property
        def price_text(self) -> str: ...


@dataclass(frozen=True, slots=True)
class Sale:
    """A product on sale. `url` is where to see it; `price` a line such as "€12.00 a month, or €120.00 a year".

    `product` is what is bought: the one asked about, or a collection that contains it.
    """

    product: Product
    url: str
    offers: Sequence[Offer]
    price: str
    is_external: bool = False


def live_offers(product: Product) -> list[Offer]:
    """From `product.offers`, so that a prefetch is used where there is one."""
    return [offer for offer in product.offers.all() if offer.sells]


def find_sale(product: Product) -> Sale | None:
    """How the product is sold; None when it is not, or nothing leads to a checkout."""
    if product.purchase == Product.Purchase.NONE or product.archived_at or not product.is_live:
        return None
    offers = live_offers(product)
    if product.purchase == Product.Purchase.EXTERNAL:
        if not product.external_url:
            return None
        return Sale(product, product.external_url, offers, describe_offers(offers), is_external=True)
    if not offers:
        return None
    url = reverse("hub:buy", args=[product.slug]) if has_sales_page(product) else product.get_absolute_url()
    return Sale(product, url, offers, describe_offers(offers))


def find_sale_within(product: Product, collections: Iterable[Product]) -> Sale | None:
    """How the product is sold, alone or else as part of the first collection on sale."""
    return find_sale(product) or next((sale for found in collections if (sale := find_sale(found))), None)


def collections_of(product: Product) -> QuerySet[Product]:
    """The live collections that contain the product, with what `find_sale` needs of them."""
    reach = Q(items__product=product)
    if product.kind == Product.Kind.STANDARD:
        reach |= Q(contains_all=True)
    live = Product.objects.filter(reach, kind=Product.Kind.COLLECTION, is_live=True, archived_at=None)
    return live.distinct().select_related("sales_page").prefetch_related("offers")


def has_sales_page(product: Product) -> bool:
    page: SalesPage | None = getattr(product, "sales_page", None)
    return product.purchase == Product.Purchase.SALES_PAGE and page is not None and page.is_live


def describe_offers(offers: Sequence[Offer]) -> str:
    """One price, two joined by "or", or the lowest of many."""
    if len(offers) <= 2:
        return ", or ".join(offer.price_text for offer in offers)
    currency = offers[0].currency
    priced = [offer for offer in offers if offer.amount is not None and offer.currency == currency]
    lowest = min(priced, key=lambda offer: offer.amount or 0, default=offers[0])
    return f"From {lowest.price_text}"
