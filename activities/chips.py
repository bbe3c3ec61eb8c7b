"""The filters of a list as they stand in its address: each in effect with the same list without it."""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from datetime import date
from typing import Any

from django import forms
from django.http import QueryDict
from django.utils.formats import date_format
from django.utils.text import Truncator

# Where in the list somebody stands, and how it moves: no filter, and not kept when one goes.
PLACES = ("after", "newer")
LABELS = {"q": "Search"}  # whose own says all that it takes
LONGEST = 40  # characters of what cannot be read


@dataclass(frozen=True, slots=True)
class Chip:
    """ "Product: The Wheel", and the list's query without it. `is_misread`: what stands there cannot be read."""

    label: str
    words: str
    without: str
    is_misread: bool = False


def chips(form: forms.Form, given: QueryDict, *, besides: Sequence[str] = ()) -> list[Chip]:
    """One for each value that narrows the list. `besides`: fields of the form that only sort it."""
    form.is_valid()
    return [
        Chip(LABELS.get(name, str(form[name].label)), words, _without(given, name, raw), name in form.errors)
        for name in form.fields
        if name not in besides or name in form.errors
        for raw, words in (_values(form, name) if name not in form.errors else _misread(given, name))
    ]


def address(given: QueryDict, **changes: str) -> str:
    """The list's query with some values changed, or gone where they are empty; another place in it if one is given."""
    query = given.copy()
    for name in (*PLACES, *changes):
        query.pop(name, None)
    for name, value in changes.items():
        if value:
            query[name] = value
    return f"?{query.urlencode()}"


def _values(form: forms.Form, name: str) -> Iterator[tuple[str, str]]:
    """As it stands in the address, and in words."""
    value, field = form.cleaned_data.get(name), form.fields[name]
    if not value:
        return
    if isinstance(field, forms.MultipleChoiceField):
        named = dict(_choices(field))
        yield from ((each, named[each]) for each in value)
    elif isinstance(field, forms.ChoiceField) and not isinstance(field, forms.ModelChoiceField):
        yield "", dict(_choices(field))[value]
    elif isinstance(field, forms.ModelChoiceField):
        yield "", field.label_from_instance(value)
    else:
        yield "", date_format(value, "j M Y") if isinstance(value, date) else str(value)


def _misread(given: QueryDict, name: str) -> Iterator[tuple[str, str]]:
    """All its values at once: which of them is wrong is not known."""
    yield "", f"“{Truncator(', '.join(given.getlist(name))).chars(LONGEST)}”"


def _choices(field: forms.ChoiceField) -> Iterator[tuple[str, str]]:
    """Without groups: no filter has any."""
    pairs: Any = field.choices
    yield from ((str(value), str(words)) for value, words in pairs)


def _without(given: QueryDict, name: str, raw: str) -> str:
    query: Any = given.copy()
    left = [value for value in query.getlist(name) if value != raw] if raw else []
    for gone in (name, *PLACES):
        query.pop(gone, None)
    if left:
        query.setlist(name, left)
    return f"?{query.urlencode()}"
