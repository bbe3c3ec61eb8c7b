"""What a collection opens: chosen products, or all of them. Whoever has the collection has those too, at once."""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction
from django.db.models import Q, QuerySet

from hub.editing.deeds import note_deed
from hub.editing.order import last_position
from hub.models import CollectionItem, Product, User


@dataclass(frozen=True, slots=True)
class Change:
    """What a collection would open besides, and what it would not open any more."""

    gained: Sequence[Product]
    lost: Sequence[Product]

    @property
    def mark(self) -> str:
        """Of what would be lost: whoever was asked about just this is not asked again."""
        return ",".join(str(product.pk) for product in self.lost)


def inside(collection: Product) -> QuerySet[Product]:
    """What it opens now, in its order."""
    if collection.contains_all:
        return Product.objects.filter(kind=Product.Kind.STANDARD)
    return Product.objects.filter(item_of__collection=collection).order_by("item_of__position", "item_of__pk")


def eligible(collection: Product) -> QuerySet[Product]:
    """What may be in it: products with pages of their own, and what is in it though it was archived since."""
    standard = Q(kind=Product.Kind.STANDARD, archived_at=None)
    return Product.objects.filter(standard | Q(item_of__collection=collection)).distinct().order_by("position", "pk")


def compare(collection: Product, *, contains_all: bool, chosen: Iterable[Product]) -> Change:
    """Nothing is changed by it."""
    before = set(inside(collection))
    after = set(Product.objects.filter(kind=Product.Kind.STANDARD)) if contains_all else set(chosen)

    def ordered(products: set[Product]) -> list[Product]:
        return sorted(products, key=lambda product: (product.position, product.pk))

    return Change(gained=ordered(after - before), lost=ordered(before - after))


@transaction.atomic
def fill(collection: Product, *, contains_all: bool, chosen: Iterable[Product], actor: User, now: datetime) -> Change:
    """Makes it open these. Those that stay keep their order, the others come behind them."""
    locked = Product.objects.select_for_update().get(pk=collection.pk)
    wanted = list(chosen)
    change = compare(locked, contains_all=contains_all, chosen=wanted)
    Product.objects.filter(pk=locked.pk).update(contains_all=contains_all)
    locked.items.exclude(product__in=wanted).delete()
    present = set(locked.items.values_list("product", flat=True))
    behind = last_position(locked.items.all())
    CollectionItem.objects.bulk_create(
        CollectionItem(collection=locked, product=product, position=behind + place)
        for place, product in enumerate(product for product in wanted if product.pk not in present)
    )
    if contains_all != locked.contains_all:
        note_deed(locked, "made it open every product" if contains_all else "chose what it opens", actor=actor, now=now)
    for words, products in (("put {} into it", change.gained), ("took {} out of it", change.lost)):
        if products and contains_all == locked.contains_all:
            note_deed(locked, words.format(_names(products)), actor=actor, now=now)
    return change


def _names(products: Sequence[Product]) -> str:
    shown = ", ".join(product.name for product in products[:5])
    return f"{shown} and {len(products) - 5} more" if len(products) > 5 else shown
