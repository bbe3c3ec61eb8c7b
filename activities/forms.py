from django import forms
from django.apps import apps

from activities.feed import Filters
from activities.models import Activity


class FeedForm(forms.Form):
    """The filters of the feed, as they stand in its address."""

    q = forms.CharField(label="Person", required=False, max_length=100)
    verb = forms.MultipleChoiceField(
        label="Kind", required=False, choices=Activity.Verb.choices, widget=forms.CheckboxSelectMultiple
    )
    product = forms.ModelChoiceField(
        queryset=apps.get_model("hub", "Product")._default_manager.all(),
        label="Product",
        required=False,
        empty_label="Every product",
    )
    since = forms.DateField(label="From", required=False, widget=forms.DateInput(attrs={"type": "date"}))
    until = forms.DateField(label="To", required=False, widget=forms.DateInput(attrs={"type": "date"}))

    def filters(self) -> Filters:
        """What can be understood of the address; the rest is said in `errors`."""
        self.is_valid()
        given = self.cleaned_data
        return Filters(
            verbs=given.get("verb") or (),
            words=given.get("q") or "",
            product_id=product.pk if (product := given.get("product")) else None,
            since=given.get("since"),
            until=given.get("until"),
        )
