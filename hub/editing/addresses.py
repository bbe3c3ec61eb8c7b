"""The last part of an address, made of a name, and of no other row's."""

from itertools import count
from typing import Any

from django.db.models import QuerySet
from django.utils.text import slugify

LONGEST = 110  # leaves room for a number behind it


def free_slug(name: str, *, among: QuerySet[Any], otherwise: str) -> str:
    """ "raku-weekend", or "raku-weekend-2" where that is taken; `otherwise` for a name without Latin letters."""
    first = slugify(name)[:LONGEST].strip("-") or otherwise
    taken = set(among.filter(slug__startswith=first).values_list("slug", flat=True))
    if first not in taken:
        return first
    return next(slug for number in count(2) if (slug := f"{first}-{number}") not in taken)
