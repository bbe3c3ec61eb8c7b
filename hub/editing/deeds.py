"""What the team does to the catalogue stands in the feed, with who did it."""

from datetime import datetime

from activities.record import record_deed
from hub.models import Product, User


def note_deed(product: Product, deed: str, *, actor: User, now: datetime) -> None:
    """`deed` in the past tense: "published", "changed name, summary"."""
    record_deed(deed, actor_id=actor.pk, now=now, product_id=product.pk)
