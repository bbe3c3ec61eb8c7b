from collections.abc import Iterable, Mapping
from typing import Any

from django import forms

from activities.forms import FilterForm
from billing.importing.asking import Choice
from billing.importing.showing import Filters


class ImportForm(forms.Form):
    """What an import is to bring."""

    subscriptions = forms.BooleanField(label="Subscriptions", required=False, initial=True)
    orders = forms.BooleanField(label="Past purchases", required=False, initial=True)
    emails = forms.BooleanField(
        label="Send everybody who is let in an e-mail",
        required=False,
        help_text="One for each person, however much it opens, and none for products that send no access e-mail.",
    )

    def clean(self) -> None:
        if not (self.cleaned_data.get("subscriptions") or self.cleaned_data.get("orders")):
            raise forms.ValidationError("Choose subscriptions, past purchases, or both.")

    def choice(self) -> Choice:
        said = self.cleaned_data
        return Choice(subscriptions=said["subscriptions"], orders=said["orders"], emails=said["emails"])


class ImportRowsForm(FilterForm):
    """Which rows of an import are shown."""

    q = forms.CharField(label="Person or Stripe id", required=False, max_length=200)
    show = forms.ChoiceField(label="Show", required=False)

    def __init__(self, data: Mapping[str, Any], *, options: Iterable[tuple[str, str]]) -> None:
        super().__init__(data)
        field = self.fields["show"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [("", "All rows"), *options]

    def filters(self) -> Filters:
        is_misread, given = not self.is_valid(), self.cleaned_data
        return Filters(show=given.get("show", ""), words=given.get("q", ""), is_misread=is_misread)
