"""Everything that is kept about one person, as one JSON document. It is written as it is read, a row at a time."""

import json
from collections.abc import Callable, Iterable, Iterator
from datetime import datetime
from typing import Any

from allauth.mfa.models import Authenticator
from allauth.usersessions.models import UserSession
from django.core.serializers.json import DjangoJSONEncoder
from django.db.models import QuerySet

from activities.models import Activity, Delivery
from hub.models import Grant, Ledger, Note, PageProgress, Site, User
from hub.seller import seller

Rows = Iterable[dict[str, Any]]
AT_ONCE = 500


def export(person: User, *, now: datetime) -> Iterator[str]:
    """The document in pieces: `person`, then a list for each section. Times are ISO 8601 in UTC, money minor units."""
    about = {"site": Site.load().name, "exported_at": now, "person": _person(person)}
    yield _json(about)[:-1]
    for name, section in {**SECTIONS, **seller().told}.items():
        yield f",\n{json.dumps(name)}: ["
        for place, row in enumerate(section(person)):
            yield (",\n" if place else "\n") + _json(row)
        yield "]"
    yield "}\n"


def rows_of(found: "QuerySet[Any]", *fields: str, **renamed: str) -> Rows:
    """`renamed`: what it is called in the document, and the field that it comes from."""
    names = [*fields, *renamed.values()]
    called = dict(zip(names, [*fields, *renamed], strict=True))
    for values in found.order_by("pk").values(*names).iterator(chunk_size=AT_ONCE):
        yield {called[name]: value for name, value in values.items()}


def _person(person: User) -> dict[str, Any]:
    names = ("email", "name", "role", "timezone", "is_active", "joined_at", "last_seen")
    return {name: getattr(person, name) for name in names}


def _sessions(person: User) -> Rows:
    return rows_of(UserSession.objects.filter(user=person), "created_at", "last_seen_at", "ip", "user_agent")


def _factors(person: User) -> Rows:
    return rows_of(Authenticator.objects.filter(user=person), "type", "created_at", "last_used_at")


def _grants(person: User) -> Rows:
    fields = ("source", "source_ref", "state", "reason", "starts_at", "until", "ends_at", "closed_at", "close_reason")
    return rows_of(Grant.objects.filter(user=person), *fields, "note", product="product__name")


def _ledger(person: User) -> Rows:
    fields = ("from_state", "to_state", "reason", "rule", "starts_at", "until", "ends_at", "true_at", "learned_at")
    found = Ledger.objects.filter(grant__user=person)
    return rows_of(found, *fields, "cause", "note", grant="grant__source_ref", product="grant__product__name")


def _progress(person: User) -> Rows:
    found = PageProgress.objects.filter(user=person)
    return rows_of(found, "opened_at", "completed_at", page="page__title", product="page__product__name")


def _activities(person: User) -> Rows:
    return rows_of(Activity.objects.filter(user=person), "verb", "at", "details", product="product__name")


def _emails(person: User) -> Rows:
    found = Delivery.objects.filter(user=person)
    return rows_of(found, "notice", "state", "created_at", "sent_at", "to", "context", product="product__name")


def _notes(person: User) -> Rows:
    return rows_of(Note.objects.filter(person=person), "words", "written_at")


SECTIONS: dict[str, Callable[[User], Rows]] = {
    "sessions": _sessions,
    "ways_to_sign_in": _factors,
    "grants": _grants,
    "ledger": _ledger,
    "progress": _progress,
    "activities": _activities,
    "emails": _emails,
    "notes": _notes,
}


def _json(row: dict[str, Any]) -> str:
    return json.dumps(row, cls=DjangoJSONEncoder, ensure_ascii=False)
