"""People as the console sees them: found, filtered, sorted, a page at a time."""

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from datetime import UTC, date, datetime, timedelta, tzinfo
from typing import Any

from django.core.exceptions import ValidationError
from django.core.validators import validate_email
from django.db.models import Count, Exists, Expression, F, OuterRef, Prefetch, Q, QuerySet, Value
from django.db.models.functions import Coalesce, Lower
from django.utils import timezone

from activities import spreadsheet
from activities.days import end_of, last_moment, start_of
from activities.naming import named
from activities.numbers import read_number, write_count
from hub.access import open_grants
from hub.addresses import normalise_email
from hub.models import Grant, Site, User
from hub.models.people import NAME_OR_ADDRESS, NEVER
from hub.payments import find_by_id, stages
from hub.reasons import ENDINGS, say

PAGE = 50
COUNTED, MATCHED = 10_000, 500  # of all, and of those whose access has to be looked at
# Written as the index of what is to be watched is, so that the database reads that.
ENDING = Q(state=Grant.State.ACTIVE, reason__in=ENDINGS)


@dataclass(frozen=True, slots=True, kw_only=True)
class Filters:
    """Whom to show. Days are whole days in the current time zone, both included; words all have to match.

    `state` is one of STATES, `stage` one of `hub.payments.stages`, `seen` one of SEEN, `role` one of ROLES, `order` one
    of ORDERS. `is_misread`: one of them cannot be read, so that nobody is shown.
    """

    words: str = ""
    state: str = ""
    stage: str = ""
    role: str = ""
    product_id: int | None = None
    since: date | None = None
    until: date | None = None
    seen: str = ""
    order: str = "joined"
    is_misread: bool = False


@dataclass(frozen=True, slots=True)
class Order:
    """How a list is sorted: by an indexed expression, then by id."""

    by: Expression | F
    is_descending: bool
    read: Callable[[str], Any]


@dataclass(frozen=True, slots=True)
class Found:
    """One page of people, each with `open_grants` (list). `after` is the place to go on from, None at the end.

    `total` stands on the first page alone.
    """

    people: Sequence[User]
    after: str | None
    total: "Total | None"


@dataclass(frozen=True, slots=True)
class Total:
    """How many match, and how many people there are. Nobody counts beyond MATCHED and COUNTED: one more is more."""

    matching: int
    everybody: int

    def __str__(self) -> str:
        """ "412 people", "37 of 412 people", "1,000+ of 10,000+ people"."""
        people = f"{write_count(self.everybody, most=COUNTED)} {'person' if self.everybody == 1 else 'people'}"
        return people if self.matching == self.everybody else f"{write_count(self.matching, most=MATCHED)} of {people}"


def _moment(text: str) -> datetime:
    """Raises ValueError for what is no aware moment, and OverflowError for one that no calendar has."""
    moment = datetime.fromisoformat(text)
    if moment.tzinfo is None:
        raise ValueError(text)
    return moment.astimezone(UTC)


STATES = {
    "open": "With access",
    "trial": "On trial",
    "grace": "In grace, payment late",
    "ending": "Cancelled, ending",
    "ended": "Had access once",
    "never": "Never had access",
    "inactive": "Deactivated",
}
ROLES = {"staff": "Staff", **dict(User.Role.choices)}
SEEN = {"7": "In the last 7 days", "30": "In the last 30 days", "not30": "Inactive", "never": "Never"}
ORDERS = {
    "joined": Order(F("joined_at"), True, _moment),
    "seen": Order(Coalesce("last_seen", Value(NEVER)), True, _moment),
    "name": Order(Lower(NAME_OR_ADDRESS), False, str),
}
COLUMNS = ("Name", "E-mail", "Role", "Member since (UTC)", "Last here (UTC)", "Product", "Access", "Until", "Why")


def find_people(filters: Filters, *, after: str = "", now: datetime) -> Found:
    """A page of the people that match. Costs the same on every page; the first says how many they are."""
    order = ORDERS[filters.order]
    people, total = _sorted(select_people(filters, now=now), order), None
    if place := _read(after, order):
        people = _beyond(people, *place, order=order)
    else:
        people, total = _counted(people, filters, order=order, now=now)
    page = list(people.prefetch_related(_access(now=now))[: PAGE + 1])
    return Found(page[:PAGE], _write(page[PAGE - 1]) if len(page) > PAGE else None, total)


def _counted(people: QuerySet[User], filters: Filters, *, order: Order, now: datetime) -> tuple[QuerySet[User], Total]:
    """The first page and the total. Who matches is looked for once: it is what costs."""
    everybody = select_people(Filters(), now=now)[: COUNTED + 1].count()
    if replace(filters, order="joined") == Filters():
        return people, Total(everybody, everybody)
    matching = list(people.values_list("pk", flat=True)[: MATCHED + 1])
    return _sorted(User.objects.filter(pk__in=matching[: PAGE + 1]), order), Total(len(matching), everybody)


def export_people(filters: Filters, *, now: datetime) -> Iterator[bytes]:
    """The whole selection as CSV, a line for each product somebody has, and one for who has none."""
    people = _sorted(select_people(filters, now=now), ORDERS[filters.order])
    everybody = people.prefetch_related(_access(now=now)).iterator(chunk_size=1000)
    zone = timezone.get_current_timezone()  # the reader's: when the lines are read, the request is over
    return spreadsheet.lines(COLUMNS, (row for person in everybody for row in _rows(person, zone=zone)))


def count_people(*, now: datetime) -> dict[str, int]:
    """How many people there are, how many have access, and how many of these are in grace or have cancelled: each as
    many as its list shows.
    """
    standing = open_grants(now=now)
    of = {"open": standing, "grace": standing.filter(state=Grant.State.GRACE), "ending": standing.filter(ENDING)}
    counts = {name: grants.aggregate(people=Count("user", distinct=True))["people"] for name, grants in of.items()}
    return {"all": select_people(Filters(), now=now).count(), **counts}


def at_risk(*, now: datetime, limit: int) -> list[Grant]:
    """Grants in grace, then those that were cancelled, the first to close first, with user and product."""
    grants = open_grants(now=now).select_related("user", "product").order_by("ends_at", "pk")
    failing = list(grants.filter(state=Grant.State.GRACE)[:limit])
    return failing + list(grants.filter(ENDING)[: limit - len(failing)])


def select_people(filters: Filters, *, now: datetime) -> QuerySet[User]:
    """Everybody that matches, in no order."""
    if filters.is_misread:
        return User.objects.none()
    people = _in_state(_matching(filters.words), filters, now=now)
    if filters.since:
        people = people.filter(joined_at__gte=start_of(filters.since))
    if filters.until:
        people = people.filter(joined_at__lt=end_of(filters.until))
    if stage := stages().get(filters.stage):
        people = people.filter(stage.people)
    if filters.role == "staff":
        people = people.exclude(role=User.Role.MEMBER)
    elif filters.role:
        people = people.filter(role=filters.role)
    match filters.seen:
        case "7" | "30" as days:
            people = people.filter(last_seen__gte=now - timedelta(days=int(days)))
        case "not30":
            people = people.exclude(last_seen__gte=now - Site.load().inactive_after)
        case "never":
            people = people.filter(last_seen=None)
    return people


def asked_address(words: str) -> str:
    """The whole address that is searched for, as accounts have it; empty where it is a piece of one, or other words.

    As it is copied from a mail: "Ada <ada@example.org>", "mailto:ada@example.org", with a comma behind it.
    """
    address = normalise_email(words.rpartition("<")[2].strip().removeprefix("mailto:").strip(" >,;."))
    try:
        validate_email(address)
    except ValidationError:
        return ""
    return address


def _matching(words: str) -> QuerySet[User]:
    """Whoever has exactly the address or the number that was asked for, alone; else whoever has all the words in their
    own.

    Whoever was erased is found by an id of Stripe's alone.
    """
    people = User.objects.all()
    if " " in words.strip() and (found := find_by_id(words)):  # with what it is before it, as on a receipt
        return people.filter(pk__in=found)
    if (address := asked_address(words)) and (theirs := people.filter(email=address)).exists():
        return theirs
    there = Q(erased_at=None)
    for word in words.split()[:6]:
        called = named(word)
        if found := find_by_id(word):
            called |= Q(pk__in=found)
            there |= Q(pk__in=found)
        people = people.filter(called)
    return people.filter(there)


def _in_state(people: QuerySet[User], filters: Filters, *, now: datetime) -> QuerySet[User]:
    """Those whose grants (of the product that was asked for, if any) are as asked for."""
    of_product = Q(product=filters.product_id) if filters.product_id else Q()
    theirs = Grant.objects.filter(of_product, user=OuterRef("pk"))
    standing = open_grants(now=now).filter(of_product, user=OuterRef("pk"))
    match filters.state:
        case "open":
            return people.filter(Exists(standing))
        case "trial":
            return people.filter(Exists(standing.filter(state=Grant.State.ACTIVE, reason="trial")))
        case "grace":
            return people.filter(Exists(standing.filter(state=Grant.State.GRACE)))
        case "ending":
            return people.filter(Exists(standing.filter(ENDING)))
        case "ended":
            return people.filter(Exists(theirs), ~Exists(standing))
        case "never":
            return people.filter(~Exists(theirs), role=User.Role.MEMBER)
    if filters.product_id:
        people = people.filter(Exists(standing))
    return people.filter(is_active=False) if filters.state == "inactive" else people


def _access(*, now: datetime) -> "Prefetch[str, QuerySet[Grant], str]":
    grants = open_grants(now=now).select_related("product").order_by("product__position", "pk")
    return Prefetch("grants", grants, to_attr="open_grants")


def _sorted(people: QuerySet[User], order: Order) -> QuerySet[User]:
    sign = "-" if order.is_descending else ""
    return people.annotate(place=order.by).order_by(f"{sign}place", f"{sign}pk")


def _beyond(people: QuerySet[User], place: Any, pk: int, *, order: Order) -> QuerySet[User]:
    way = "lt" if order.is_descending else "gt"
    # The first condition is implied by the second, and is what an index can be read by.
    return people.filter(**{f"place__{way}e": place}).filter(Q(**{f"place__{way}": place}) | Q(**{f"pk__{way}": pk}))


def _read(text: str, order: Order) -> tuple[Any, int] | None:
    """A place from an address; None for anything that is none."""
    place, _, pk = text.rpartition("_")
    number = read_number(pk)
    if number is None or "\0" in place:  # which PostgreSQL does not take
        return None
    try:
        return order.read(place), number
    except (ValueError, OverflowError):
        return None


def _write(person: User) -> str:
    place = getattr(person, "place")  # noqa: B009  annotated by _sorted, which mypy cannot see
    words = place.astimezone(UTC).isoformat().replace("+00:00", "Z") if isinstance(place, datetime) else place
    return f"{words}_{person.pk}"


def _rows(person: User, *, zone: tzinfo) -> Iterator[Sequence[str]]:
    who = (person.name, person.email, person.get_role_display(), _utc(person.joined_at), _utc(person.last_seen))
    grants: list[Grant] = getattr(person, "open_grants")  # noqa: B009  prefetched by _access
    with timezone.override(zone):
        lines = [
            (g.product.name, g.get_state_display(), _last_day(g.until), say(g.reason, until=g.until)) for g in grants
        ]
    for line in dict.fromkeys(lines or [("", "None", "", "")]):  # what two purchases say alike is said once
        yield (*who, *line)


def _last_day(until: datetime | None) -> str:
    """As the words beside it say it, in the same time zone."""
    return f"{timezone.localtime(last_moment(until)):%Y-%m-%d}" if until else ""


def _utc(at: datetime | None) -> str:
    return at.astimezone(UTC).strftime("%Y-%m-%d %H:%M:%S") if at else ""
