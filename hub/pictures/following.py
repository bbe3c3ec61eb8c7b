"""The pictures of a product follow its words: what they name is shown with them, what they let go is forgotten."""

import re
from collections.abc import Iterator
from datetime import datetime

from django.db import transaction

from hub.models import Picture, Product, SalesPage

NAMED = re.compile(r"/pictures/([\w-]+)-\d+\.[a-z]+", re.ASCII)


@transaction.atomic
def follow_words(product: Product, *, now: datetime) -> None:
    """After its description, a page or its sales page was saved, copied or deleted; drafts count as much.

    What is named no longer is kept for a day from now, because words may be taken back.
    """
    held = Product.objects.select_for_update().get(pk=product.pk)  # whoever saves another page of it waits
    named = {name for words in _words_of(held) for name in NAMED.findall(words)}
    let_go = set(held.pictures.values_list("pk", flat=True)) - named
    Picture.objects.filter(pk__in=let_go).update(given_at=now)
    held.pictures.set(Picture.objects.filter(pk__in=named))


def _words_of(product: Product) -> Iterator[str]:
    yield product.description
    yield from SalesPage.objects.filter(product=product).values_list("body", flat=True)
    yield from product.pages.filter(body__contains="/pictures/").values_list("body", flat=True)
