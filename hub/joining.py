"""How somebody becomes a member without coming to the door: by a purchase, an import, or a hand."""

from datetime import datetime

from django.db import IntegrityError, transaction

from activities.models import Activity
from activities.record import Happening, record_one
from hub.models import User

LONGEST_NAME = 150


@transaction.atomic
def add_member(
    address: str,
    *,
    name: str,
    at: datetime,
    cause: str,
    now: datetime,
    actor: User | None = None,
    imported: bool = False,
    deed: str = "",
) -> tuple[User, bool]:
    """The person of a usable address, and whether they are new. Only a code sent there lets them in.

    `deed`: by which many become members.
    """
    try:
        with transaction.atomic():
            user = User.objects.create_user(address, name=name.strip()[:LONGEST_NAME], joined_at=at)
    except IntegrityError:  # known, or made by somebody else in the same moment
        return User.objects.get(email=address), False
    happening = Happening(
        verb=Activity.Verb.MEMBER_ADDED,
        key=f"member_added:{user.pk}",
        at=at,
        user_id=user.pk,
        actor_id=actor.pk if actor else None,
        cause=cause,
        imported=imported,
        deed=deed,
    )
    record_one(happening, now=now)
    return user, True
