"""The access e-mail once more, for whoever cannot find the first."""

from datetime import datetime

from activities import notices
from activities.models import Activity
from activities.record import Happening, record_one
from hub.models import Product, User
from hub.throttling import happens_too_often


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
    notices.queue([notices.access(key=key, user_id=user.pk, product_id=product.pk)], now=now)
    return True
