"""Where what made lines of the ledger is seen: an event, a change to many, an import."""

import re
from collections.abc import Callable, Collection, Mapping
from dataclasses import dataclass

from django.urls import reverse

from hub.models import User
from hub.permissions import Permission

BATCH = re.compile(r"batch-(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class CausePage:
    """`permission`: who comes in there."""

    url: str
    permission: Permission


# Who else writes lines, by whatever it is told, adds the pages of its own causes.
finders: list[Callable[[Collection[str]], Mapping[str, CausePage]]] = []


def pages_of(causes: Collection[str], *, reader: User) -> dict[str, str]:
    """Cause to the address of its page, of those that have one that this person may open."""
    found = {cause: page for find in (_batches, *finders) for cause, page in find(causes).items()}
    return {cause: page.url for cause, page in found.items() if reader.may(page.permission)}


def _batches(causes: Collection[str]) -> dict[str, CausePage]:
    return {
        cause: CausePage(reverse("hub:console_batch", args=[named[1]]), Permission.CHANGE_ACCESS_OF_MANY)
        for cause in causes
        if (named := BATCH.fullmatch(cause))
    }
