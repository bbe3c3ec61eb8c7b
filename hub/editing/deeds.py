"""What the team does to the catalogue stands in the feed, with who did it."""

from datetime import datetime

from django.utils import timezone

from activities.models import Activity
from activities.record import Happening, record_one
from hub.models import Product, User


def note_deed(product: Product, deed: str, *, actor: User, now: datetime) -> None:
    """`deed` in the past tense: "published", "made a copy of Raku Weekend"."""
    record_one(
        Happening(
            verb=Activity.Verb.STAFF_ACTION,
            key=f"product:{product.pk}:{actor.pk}:{timezone.now().isoformat()}",
            at=now,
            product_id=product.pk,
            actor_id=actor.pk,
            details={"reason": deed},
        ),
        now=now,
    )
