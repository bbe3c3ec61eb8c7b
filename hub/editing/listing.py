"""The console's list of products: filtered, a page at a time, with what is counted of each."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Q, QuerySet

from hub import figures
from hub.access import open_grants
from hub.library import with_page_count
from hub.models import Product

SIZE = 100
STATES = {
    "live": Q(is_live=True, archived_at=None),
    "draft": Q(is_live=False, archived_at=None),
    "archived": Q(archived_at__isnull=False),
}
STATE_WORDS = {"live": "Live", "draft": "Drafts", "archived": "Archived"}


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """What to show. `state` is one of STATES, `mark` one of hub.figures.MARKS; without a state all but the archived.

    `is_misread`: one of them cannot be read, so that nothing is shown.
    """

    words: str = ""
    category_id: int | None = None
    state: str = ""
    mark: str = ""
    is_misread: bool = False


@dataclass(frozen=True, slots=True)
class Row:
    """`published` counts its pages, `holders` whoever has it by a grant for it and not through a collection."""

    product: Product
    published: int
    holders: int
    figures: figures.Figures


@dataclass(frozen=True, slots=True)
class Found:
    """`after` is the place to go on from, None at the end."""

    rows: Sequence[Row]
    after: int | None


def list_products(filters: Filters, *, after: int, now: datetime) -> Found:
    """From a place in their order on. As many queries for a hundred as for one."""
    listed = with_page_count(_find(filters)).prefetch_related("offers", "categories")
    found = list(listed[after : after + SIZE + 1])
    page = found[:SIZE]
    ids = [product.pk for product in page]
    told = figures.figures_of(ids)
    holding = open_grants(now=now).filter(product__in=ids).order_by()
    holders = dict(holding.values_list("product").annotate(people=Count("user", distinct=True)))
    rows = [Row(product, product.page_count, holders.get(product.pk, 0), told[product.pk]) for product in page]  # type: ignore[attr-defined]
    return Found(rows, after + SIZE if len(found) > SIZE else None)


def _find(filters: Filters) -> QuerySet[Product]:
    if filters.is_misread:
        return Product.objects.none()
    products = Product.objects.filter(STATES.get(filters.state, Q(archived_at=None)))
    for word in filters.words.split():
        products = products.filter(Q(name__icontains=word) | Q(summary__icontains=word) | Q(slug__icontains=word))
    if filters.category_id is not None:
        products = products.filter(categories=filters.category_id)
    if filters.mark:
        marks = figures.figures_of(list(products.values_list("pk", flat=True)))
        products = products.filter(pk__in=[pk for pk, told in marks.items() if told.mark == filters.mark])
    return products.order_by("position", "pk")
