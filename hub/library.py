"""The library: what is somebody's own, where they left off, and what else there is."""

from collections import defaultdict
from collections.abc import Iterable, Iterator, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, IntegerField, OuterRef, QuerySet, Subquery, Value
from django.db.models.functions import Coalesce

from hub import access, locked
from hub.invoiced import Late, late_of
from hub.models import Category, CollectionItem, Grant, Page, PageProgress, Product, User
from hub.reading import outline_of
from hub.reasons import RENEWING
from hub.sale import Sale, find_sale_within


@dataclass(frozen=True, slots=True)
class Tile:
    """A product one has. `grant` is None where it is open to everyone."""

    product: Product
    grant: Grant | None
    pages: int
    done: int

    @property
    def via(self) -> Product | None:
        """The collection it came with."""
        return self.grant.product if self.grant and self.grant.product_id != self.product.pk else None

    @property
    def until(self) -> datetime | None:
        """When it ends, as people are told; a renewal is no end."""
        return self.grant.until if self.grant and self.grant.reason not in RENEWING else None


@dataclass(frozen=True, slots=True)
class Other:
    """A product one does not have. `standing` is said in the place of the price, or before it; mostly empty."""

    product: Product
    sale: Sale | None
    standing: str = ""
    may_buy: bool = True

    @property
    def url(self) -> str:
        """Where to buy it, if that is what there is to do; else its own page, which says what is."""
        if self.sale and self.may_buy and self.sale.product == self.product:
            return self.sale.url
        return self.product.get_absolute_url()

    @property
    def price(self) -> str:
        """What it costs, and in which collection; empty for what there is nothing to pay for now."""
        if self.sale is None or not self.may_buy:
            return ""
        where = f"in {self.sale.product.name}" if self.sale.product != self.product else ""
        return ", ".join(part for part in (where, self.sale.price) if part)


@dataclass(frozen=True, slots=True)
class Resume:
    """Where to go on among one's own."""

    title: str
    url_args: tuple[str, str]
    tile: Tile


@dataclass(frozen=True, slots=True)
class Shelf:
    yours: Sequence[Tile]
    more: Sequence[Other]
    categories: Sequence[Category]
    category: Category | None
    resume: Resume | None
    late: Sequence[Late]


@dataclass(frozen=True, slots=True)
class _Progress:
    done: int
    last: PageProgress


def fill_shelf(user: User | None, *, now: datetime, category: str = "") -> Shelf:
    """The whole library in a constant number of queries. `category` is a slug that narrows what one has and what there
    is besides; an unknown one shows everything.
    """
    products = list(_products())
    held = access.Held.read(Grant.objects.filter(user=user)) if user else None
    grants = held.open(now=now) if held else {}
    progress = _progress_of(user) if user else {}
    tiles = [_tile(product, grants, progress) for product in products if _is_open(product, user, grants)]
    mine = {tile.product.pk for tile in tiles}
    more = _more(products, mine)
    categories = _categories_of([*(tile.product for tile in tiles), *(other.product for other in more)])
    chosen = next((known for known in categories if known.slug == category), None)
    more = [other for other in more if _is_in(other.product, chosen)]
    return Shelf(
        yours=[tile for tile in tiles if _is_in(tile.product, chosen)],
        more=_with_standings(more, user, held=held, now=now),
        categories=categories,
        category=chosen,
        resume=_resume(tiles, progress, user),
        late=late_of(user, held.grants, now=now) if user and held else [],
    )


def fill_collection(collection: Product, *, user: User | None) -> list[Tile]:
    """What a collection contains, in its own order, in two queries (one for a visitor)."""
    products = with_page_count(Product.objects.filter(is_live=True))
    if collection.contains_all:
        products = products.filter(kind=Product.Kind.STANDARD, archived_at=None)
    else:
        products = products.filter(item_of__collection=collection).order_by("item_of__position", "item_of__pk")
    progress = _progress_of(user) if user else {}
    return [_tile(product, {}, progress) for product in products]


def with_page_count(products: QuerySet[Product]) -> QuerySet[Product]:
    """Each with `page_count`: its published pages."""
    pages = (
        Page.objects.filter(product=OuterRef("pk"), is_published=True)
        .order_by()
        .values("product")
        .annotate(count=Count("pk"))
        .values("count")
    )
    return products.annotate(page_count=Coalesce(Subquery(pages, output_field=IntegerField()), Value(0)))


def _more(products: Sequence[Product], mine: set[int]) -> list[Other]:
    """What else there is, each with the way to buy it, alone or in a collection."""
    others = [product for product in products if product.pk not in mine and _is_offered(product)]
    collections = [product for product in others if product.kind == Product.Kind.COLLECTION]
    inside: dict[int, set[int]] = defaultdict(set)
    if any(not collection.contains_all for collection in collections):
        for collection_id, product_id in CollectionItem.objects.values_list("collection_id", "product_id"):
            inside[collection_id].add(product_id)

    def holders(product: Product) -> Iterator[Product]:
        for collection in collections:
            whole = collection.contains_all and product.kind == Product.Kind.STANDARD
            if whole or product.pk in inside[collection.pk]:
                yield collection

    return [Other(product, find_sale_within(product, holders(product))) for product in others]


def _with_standings(others: list[Other], user: User | None, *, held: access.Held | None, now: datetime) -> list[Other]:
    """Who had it, or has paid and waits, is told so, and is not asked for money that is on its way."""
    if user is None or held is None or not others:
        return others
    explained = access.explain_briefly(user, [other.product for other in others], held=held, now=now)
    return [_standing(other, why) for other, why in zip(others, explained, strict=True)]


def _standing(other: Other, why: access.Explanation) -> Other:
    may_buy = locked.for_person(why, due={}, sale=other.sale, support_email="").step == "buy"
    return Other(other.product, other.sale, locked.in_short(why, sale=other.sale), may_buy)


def _products() -> QuerySet[Product]:
    products = with_page_count(Product.objects.filter(is_live=True))
    return products.select_related("sales_page").prefetch_related("categories", "offers")


def _progress_of(user: User) -> dict[int, _Progress]:
    """Product id to how far the person is and the page they opened last."""
    rows: dict[int, list[PageProgress]] = defaultdict(list)
    for row in (
        PageProgress.objects.filter(user=user, page__is_published=True).select_related("page").defer("page__body")
    ):
        rows[row.page.product_id].append(row)
    found = {}
    for product_id, opened in rows.items():
        done = sum(row.completed_at is not None for row in opened)
        found[product_id] = _Progress(done, max(opened, key=lambda row: row.opened_at))
    return found


def _tile(product: Product, grants: dict[int, Grant], progress: dict[int, _Progress]) -> Tile:
    done = progress[product.pk].done if product.pk in progress else 0
    return Tile(product, grants.get(product.pk), product.page_count, done)  # type: ignore[attr-defined]


def _is_open(product: Product, user: User | None, grants: dict[int, Grant]) -> bool:
    if product.pk in grants:
        return True
    by_everyone = product.visibility == Product.Visibility.PUBLIC
    by_members = user is not None and product.visibility == Product.Visibility.MEMBERS
    return (by_everyone or by_members) and product.archived_at is None


def _is_offered(product: Product) -> bool:
    return product.archived_at is None and product.show_locked


def _is_in(product: Product, category: Category | None) -> bool:
    return category is None or category in product.categories.all()


def _categories_of(products: Iterable[Product]) -> list[Category]:
    known = {category.pk: category for product in products for category in product.categories.all()}
    return sorted(known.values(), key=lambda category: (category.position, category.name))


def _resume(tiles: Sequence[Tile], progress: dict[int, _Progress], user: User | None) -> Resume | None:
    """The page opened last among one's own; where that is finished, the next one, at two queries more."""
    started = [tile for tile in tiles if tile.product.pk in progress and tile.done < tile.pages]
    if not started:
        return None
    tile = max(started, key=lambda tile: progress[tile.product.pk].last.opened_at)
    last = progress[tile.product.pk].last
    entry = outline_of(tile.product, user=user).resume if last.completed_at else None
    page = entry.page if entry else last.page
    return Resume(page.title, (tile.product.slug, page.slug), tile)
