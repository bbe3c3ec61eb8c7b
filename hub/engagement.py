"""Who has stopped coming, and who has come back: told once for each absence, by the owner's idea of a long one."""

from datetime import datetime, timedelta

from django.db.models import Exists, F, OuterRef

from activities.models import Activity
from activities.record import Happening, record, record_one
from hub.models import Site, User

AT_ONCE = 500
SHORTEST = timedelta(days=1)  # that the owner can choose


def note_absences(*, now: datetime) -> int:
    """Tells of every member who has been away for as long, and whose absence nobody told of. Returns how many."""
    after, told = Site.load().inactive_after, 0
    absent = User.objects.filter(role=User.Role.MEMBER, is_active=True, last_seen__lte=now - after)
    known = Activity.objects.filter(
        verb=Activity.Verb.BECAME_INACTIVE, user=OuterRef("pk"), at__gte=F("user__last_seen")
    )
    news = absent.filter(~Exists(known)).order_by("pk").values_list("pk", "last_seen")
    while found := list(news[:AT_ONCE]):
        told += len(record([_absence(pk, seen, after=after) for pk, seen in found if seen], now=now))
    return told


def note_return(user: User, *, last_seen: datetime, now: datetime) -> None:
    """Tells that somebody is here again, where they had been away for as long."""
    if user.role != User.Role.MEMBER or now - last_seen < max(SHORTEST, Site.load().inactive_after):
        return
    happening = Happening(
        verb=Activity.Verb.ACTIVE_AGAIN,
        key=f"active_again:{user.pk}:{last_seen.timestamp():.0f}",
        at=now,
        user_id=user.pk,
    )
    record_one(happening, now=now)


def _absence(pk: int, last_seen: datetime, *, after: timedelta) -> Happening:
    return Happening(
        verb=Activity.Verb.BECAME_INACTIVE,
        key=f"became_inactive:{pk}:{last_seen.timestamp():.0f}",
        at=last_seen + after,
        user_id=pk,
    )
