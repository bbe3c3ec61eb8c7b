"""Invitations, and the access e-mail once more for whoever cannot find the first."""

from collections.abc import Sequence
from datetime import datetime
from uuid import uuid4

from django.db import transaction

from activities import notices
from activities.models import Activity
from activities.record import Happening, record_one
from hub.access import ends_known, open_products
from hub.models import Product, User
from hub.throttling import happens_too_often


@transaction.atomic
def send_access_again(user: User, product: Product, *, actor: User, now: datetime) -> bool:
    """Queues it and says so in the feed; at most once a minute for each person and product. Whether it did."""
    if happens_too_often(f"{user.pk}:{product.pk}", what="access_again", per_minute=1):
        return False
    key = f"access_again:{user.pk}:{product.pk}:{now.isoformat()}"
    happening = Happening(
        verb=Activity.Verb.STAFF_ACTION,
        key=key,
        at=now,
        user_id=user.pk,
        product_id=product.pk,
        actor_id=actor.pk,
        details={"reason": "Sent the access e-mail again"},
    )
    record_one(happening, now=now)
    ends_at = ends_known([user.pk], products=[product.pk]).get((user.pk, product.pk))
    notices.queue([notices.access(key=key, user_id=user.pk, product_id=product.pk, ends_at=ends_at)], now=now)
    return True


def send_invitation(user: User, *, actor: User, now: datetime) -> bool:
    """What is open to them, and how to come in; at most once a minute for each person. Whether it did."""
    if happens_too_often(str(user.pk), what="invitation", per_minute=1):
        return False
    products = Product.objects.filter(pk__in=open_products(user, now=now)).order_by("position", "pk")
    key = f"invitation:{user.pk}:{uuid4()}"
    queue_invitation(user, products=list(products), key=key, actor_id=actor.pk, now=now)
    return True


@transaction.atomic
def queue_invitation(
    user: User,
    *,
    products: Sequence[Product],
    key: str,
    actor_id: int | None,
    now: datetime,
    cause: str = "",
    note: str = "",
) -> None:
    """One e-mail, whatever the number of products, and once for each key; the feed says so."""
    activity = record_one(
        Happening(
            verb=Activity.Verb.STAFF_ACTION,
            key=key,
            at=now,
            user_id=user.pk,
            actor_id=actor_id,
            cause=cause,
            details={"reason": "Invited", "note": note} if note else {"reason": "Invited"},
            deed=cause,
        ),
        now=now,
    )
    ends = ends_known([user.pk], products=[product.pk for product in products])
    about = notices.invitation(
        key=key,
        user_id=user.pk,
        product_id=products[0].pk if len(products) == 1 else None,
        products=[product.name for product in products],
        ends={product.name: ends[user.pk, product.pk] for product in products if (user.pk, product.pk) in ends},
        activity=activity,
    )
    notices.queue_one(about, now=now)
