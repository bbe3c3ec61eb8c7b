"""The last part of an address, made of a name, and of no other row's."""

from collections.abc import Iterable
from itertools import count
from typing import Any

from django.db.models import QuerySet
from django.utils.text import slugify

from hub.models import FormerAddress, Product

LONGEST = 110  # leaves room for a number behind it


def free_slug(name: str, *, among: Iterable[QuerySet[Any]], otherwise: str) -> str:
    """ "raku-weekend", or "raku-weekend-2" where that is taken; `otherwise` for a name without Latin letters."""
    first = slugify(name)[:LONGEST].strip("-") or otherwise
    taken = {slug for rows in among for slug in rows.filter(slug__startswith=first).values_list("slug", flat=True)}
    if first not in taken:
        return first
    return next(slug for number in count(2) if (slug := f"{first}-{number}") not in taken)


def keep_former_address(product: Product, *, before: str) -> None:
    """Links that were sent, printed and saved lead to where the product is now."""
    FormerAddress.objects.filter(slug=product.slug).delete()
    if before != product.slug:
        FormerAddress.objects.update_or_create(slug=before, defaults={"product": product})
