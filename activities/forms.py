from collections.abc import Mapping
from datetime import date
from typing import Any

from django import forms
from django.apps import apps
from django.core.validators import MaxValueValidator, MinValueValidator
from django.utils import timezone
from django.utils.formats import date_format

from activities.feed import Filters
from activities.models import Activity

# The first and last days of the calendar have no midnight in every time zone.
IN_REACH = (MinValueValidator(date(1970, 1, 1)), MaxValueValidator(date(9000, 1, 1)))


WRONG = {"invalid_choice": "This is not one of the choices.", "max_length": "At most %(limit_value)d letters."}


class FilterForm(forms.Form):
    """The filters of a list, as they stand in its address.

    One that cannot be read is said, and the list is empty then, on the page and wherever it is taken from there: what
    leaves a condition out holds people who were not asked for.
    """

    def __init__(self, data: Mapping[str, Any]) -> None:
        super().__init__(data)
        for field in self.fields.values():
            field.error_messages |= WRONG

    @property
    def misread(self) -> list[str]:
        """What cannot be read, and why: a sentence for each filter."""
        return [f"{self[name].label}: {' '.join(map(str, why))}" for name, why in self.errors.items()]


class OneLine(forms.ModelChoiceField):  # type: ignore[type-arg]
    """One line of the feed in which many stand."""

    def label_from_instance(self, obj: Activity) -> str:
        return f"{obj.get_verb_display()}, {date_format(timezone.localtime(obj.at), 'j M Y, H:i')}"


class FeedForm(FilterForm):
    """The filters of the feed, as they stand in its address."""

    q = forms.CharField(
        label="Name or e-mail address",
        required=False,
        max_length=100,
        widget=forms.TextInput(attrs={"type": "search", "data-key": "/"}),
    )
    verb = forms.MultipleChoiceField(
        label="Kind", required=False, choices=Activity.Verb.choices, widget=forms.CheckboxSelectMultiple
    )
    product = forms.ModelChoiceField(
        queryset=apps.get_model("hub", "Product")._default_manager.all(),
        label="Product",
        required=False,
        empty_label="Every product",
    )
    since = forms.DateField(
        label="From", required=False, validators=IN_REACH, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label="To", required=False, validators=IN_REACH, widget=forms.DateInput(attrs={"type": "date"})
    )

    of = OneLine(
        queryset=Activity.objects.exclude(fold="").filter(is_folded=False),
        label="Only",
        required=False,
        widget=forms.HiddenInput,
    )

    def filters(self) -> Filters:
        is_misread, given = not self.is_valid(), self.cleaned_data
        return Filters(
            is_misread=is_misread,
            verbs=given.get("verb") or (),
            words=given.get("q") or "",
            product_id=product.pk if (product := given.get("product")) else None,
            since=given.get("since"),
            until=given.get("until"),
            fold=line.fold if (line := given.get("of")) else "",
        )

    @property
    def is_narrowed(self) -> bool:
        """By anything that stands in the folded part of the bar."""
        return any(self.data.get(name) for name in ("verb", "since", "until"))
