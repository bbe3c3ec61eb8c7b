"""Where what made lines of the ledger is seen: an event, a change to many, an import."""

import re
from collections.abc import Collection
from dataclasses import dataclass

from django.urls import reverse

from hub.models import User
from hub.permissions import Permission
from hub.seller import seller

BATCH = re.compile(r"batch-(\d{1,9})", re.ASCII)


@dataclass(frozen=True, slots=True)
class CausePage:
    """`permission`: who comes in there."""

    url: str
    permission: Permission


def pages_of(causes: Collection[str], *, reader: User) -> dict[str, str]:
    """Cause to the address of its page, of those that have one that this person may open."""
    found = _batches(causes) | dict(seller().pages_of(causes))
    return {cause: page.url for cause, page in found.items() if reader.may(page.permission)}


def _batches(causes: Collection[str]) -> dict[str, CausePage]:
    return {
        cause: CausePage(reverse("hub:console_batch", args=[named[1]]), Permission.CHANGE_ACCESS_OF_MANY)
        for cause in causes
        if (named := BATCH.fullmatch(cause))
    }
