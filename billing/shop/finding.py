"""The picker's list: a page at a time, because an account may hold thousands of products."""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from billing.gateway import PAGE, Gateway
from billing.models import Connection, ProductLink
from billing.shop.prices import words_of
from billing.stripe_objects import expanded, required_moment
from hub.models import Product

Json = dict[str, Any]
SHOWN = 20
PAGES_AT_ONCE = 5  # a person waits: whoever searches on goes on from there


@dataclass(frozen=True, slots=True)
class Candidate:
    """A Stripe product. `price`: its default one in words, or empty. `opens`: our product that it is linked with."""

    id: str
    name: str
    price: str
    created: datetime
    opens: Product | None


@dataclass(frozen=True, slots=True)
class Found:
    """`after`: where to look on, empty at the end of Stripe's list."""

    candidates: list[Candidate]
    after: str


def find_products(gateway: Gateway, *, connection: Connection, words: str = "", after: str = "") -> Found:
    """Active Stripe products, newest first, whose name or id holds these words. Raises billing.errors.

    Stripe's own search lags behind and is not to be had everywhere, so its list is read here: one page without words,
    at most PAGES_AT_ONCE with them.
    """
    found: list[Json] = []
    for _ in range(PAGES_AT_ONCE):
        page, more = gateway.product_page(after=after, size=PAGE if words else SHOWN)
        for number, product in enumerate(page, start=1):
            after = product["id"]
            if _fits(product, words.casefold()):
                found.append(product)
            if len(found) == SHOWN and (more or number < len(page)):
                return _found(found, connection=connection, after=after)
        if not more:
            return _found(found, connection=connection, after="")
    return _found(found, connection=connection, after=after)


def _fits(product: Json, words: str) -> bool:
    return words in product["name"].casefold() or words in product["id"].casefold()


def _found(products: list[Json], *, connection: Connection, after: str) -> Found:
    names = [product["id"] for product in products]
    links = ProductLink.objects.filter(connection=connection, unlinked_at__isnull=True, stripe_product__in=names)
    opens = {made.stripe_product: made.product for made in links.select_related("product")}
    return Found([_candidate(product, opens.get(product["id"])) for product in products], after)


def _candidate(product: Json, opens: Product | None) -> Candidate:
    price = expanded(product.get("default_price"))
    return Candidate(
        id=product["id"],
        name=product["name"],
        price=words_of(price) if price else "",
        created=required_moment(product["created"]),
        opens=opens,
    )
