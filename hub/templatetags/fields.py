"""Form fields with their label above, help below, and errors in place."""

from typing import Any

from django import forms, template
from django.forms import BoundField

register = template.Library()

CODES = {"code", "otp"}


@register.inclusion_tag("parts/field.html")
def field(bound: BoundField) -> dict[str, Any]:
    """Django links help and errors to the input by their ids; the template keeps to them."""
    if _is_group(bound):
        return {"field": bound, "boxes": list(bound), "described_by": _described_by(bound)}
    return {"field": bound, "input": _widget(bound), "is_checkbox": _is_checkbox(bound)}


@register.inclusion_tag("parts/filter.html")
def filter_field(bound: BoundField) -> dict[str, Any]:
    """A field of a filter bar: nothing there has to be filled in, so nothing says so."""
    return {"field": bound, "input": _widget(bound)}


@register.filter
def bare(bound: BoundField) -> str:
    """The input alone, for a row that labels it in a way of its own."""
    return _widget(bound)


def _widget(bound: BoundField) -> str:
    attrs: dict[str, Any] = {} if _is_checkbox(bound) else {"class": "input"}
    if bound.name in CODES:
        attrs |= {
            "class": "input input-code",
            "placeholder": "",
            "autofocus": True,
            "autocapitalize": "characters",
            "spellcheck": "false",
        }
    elif str(bound.field.widget.attrs.get("placeholder", "")) == bound.label:
        attrs |= {"placeholder": ""}  # the label stays when something is typed
    return bound.as_widget(attrs=attrs)


def _is_checkbox(bound: BoundField) -> bool:
    return isinstance(bound.field.widget, forms.CheckboxInput)


def _is_group(bound: BoundField) -> bool:
    """Radio buttons and sets of checkboxes: several inputs under one legend."""
    return isinstance(bound.field.widget, forms.RadioSelect)


def _described_by(bound: BoundField) -> str:
    told = {"helptext": bound.help_text, "error": bound.errors}
    return " ".join(f"{bound.auto_id}_{name}" for name, words in told.items() if words)
