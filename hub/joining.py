"""How somebody becomes a member without coming to the door: by a purchase, an import, or a hand."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db import transaction

from activities.models import Activity
from activities.record import Happening, record
from hub.models import User

LONGEST_NAME = 150


@dataclass(frozen=True, slots=True)
class Newcomer:
    """Somebody of a usable address, not saved yet. `imported`: told as such."""

    user: User
    imported: bool = False

    @classmethod
    def of(cls, address: str, *, name: str, at: datetime, imported: bool = False) -> "Newcomer":
        return cls(User(email=address, name=name.strip()[:LONGEST_NAME], joined_at=at), imported)


@transaction.atomic
def add_members(
    newcomers: Sequence[Newcomer], *, cause: str, now: datetime, actor: User | None = None, deed: str = ""
) -> list[User]:
    """Saves them, in as many statements as one takes, and returns whom nobody had made before. Only a code sent to the
    address lets them in.

    `deed`: by which many become members.
    """
    made = {user.pk for user in User.objects.add_users([newcomer.user for newcomer in newcomers])}
    new = [newcomer for newcomer in newcomers if newcomer.user.pk in made]
    happenings = [
        Happening(
            verb=Activity.Verb.MEMBER_ADDED,
            key=f"member_added:{newcomer.user.pk}",
            at=newcomer.user.joined_at,
            user_id=newcomer.user.pk,
            actor_id=actor.pk if actor else None,
            cause=cause,
            imported=newcomer.imported,
            deed=deed,
        )
        for newcomer in new
    ]
    record(happenings, now=now)
    return [newcomer.user for newcomer in new]


def add_member(
    address: str, *, name: str, at: datetime, cause: str, now: datetime, actor: User | None = None, deed: str = ""
) -> tuple[User, bool]:
    """The person of a usable address, and whether they are new."""
    newcomer = Newcomer.of(address, name=name, at=at)
    made = add_members([newcomer], cause=cause, now=now, actor=actor, deed=deed)
    return newcomer.user, bool(made)
