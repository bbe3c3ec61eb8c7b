"""People as the console sees them: found by name or address, a page at a time."""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count, Prefetch, Q, QuerySet

from hub.models import Grant, User

PAGE = 50


@dataclass(frozen=True, slots=True)
class Found:
    """One page of people. `after` is the id to go on from, None at the end."""

    people: Sequence[User]
    after: int | None


def find_people(*, words: str = "", state: str = "", after: int | None = None, now: datetime) -> Found:
    """The newest first, each with `open_grants` (list). `state`: open, grace, none, staff, or everything."""
    people = _matching(words)
    if state == "open":
        people = people.filter(grants__in=_open(now))
    elif state == "grace":
        people = people.filter(grants__in=_open(now).filter(state=Grant.State.GRACE))
    elif state == "none":
        people = people.exclude(grants__in=_open(now)).filter(role=User.Role.MEMBER)
    elif state == "staff":
        people = people.exclude(role=User.Role.MEMBER)
    if after is not None:
        people = people.filter(pk__lt=after)
    grants = Prefetch("grants", _open(now).select_related("product"), to_attr="open_grants")
    page = list(people.distinct().order_by("-pk").prefetch_related(grants)[: PAGE + 1])
    return Found(page[:PAGE], page[PAGE - 1].pk if len(page) > PAGE else None)


def count_people(*, now: datetime) -> dict[str, int]:
    """How many members there are, how many have access, and how many of these are in grace."""
    access = _open(now).aggregate(
        open=Count("user", distinct=True),
        grace=Count("user", distinct=True, filter=Q(state=Grant.State.GRACE)),
    )
    return {"members": User.objects.filter(role=User.Role.MEMBER, is_active=True).count(), **access}


def _matching(words: str) -> QuerySet[User]:
    people = User.objects.all()
    for word in words.split()[:6]:
        people = people.filter(Q(email__icontains=word) | Q(name__icontains=word))
    return people


def _open(now: datetime) -> QuerySet[Grant]:
    return Grant.objects.filter(Q(ends_at__isnull=True) | Q(ends_at__gt=now), state__in=Grant.OPEN)
