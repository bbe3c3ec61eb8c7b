"""What is asked before something is done to many people, or to one who is new."""

from typing import Any

from django import forms

from hub.addresses import normalise_email
from hub.batches.reading import MOST_BYTES, MOST_LINES, check_person
from hub.forms import GiveForm, ReasonForm
from hub.joining import LONGEST_NAME
from hub.models import Batch, Product


class GiveManyForm(GiveForm):
    writes = forms.BooleanField(label="Send each of them the access e-mail", required=False)


class TakeManyForm(forms.Form):
    product = forms.ModelChoiceField(Product.objects.order_by("name"), empty_label="Choose a product")
    reason = forms.CharField(max_length=240, help_text="Kept in the ledger, for whoever asks later.")


class InviteManyForm(ReasonForm):
    """Nothing but why."""


class NewPeopleForm(forms.Form):
    """What people who are added get, be it one or a file of them."""

    products = forms.ModelMultipleChoiceField(
        Product.objects.filter(archived_at=None).order_by("name"),
        label="Give access to",
        required=False,
        widget=forms.CheckboxSelectMultiple,
    )
    reason = forms.CharField(max_length=240, help_text="Kept in the ledger, for whoever asks later.")
    writes = forms.BooleanField(
        label="Invite by e-mail",
        required=False,
        help_text="One e-mail that says what is open and how to come in. Without it nobody is told.",
    )


class AddPersonForm(NewPeopleForm):
    email = forms.CharField(label="E-mail address", max_length=320, widget=forms.EmailInput)
    name = forms.CharField(label="Name", max_length=LONGEST_NAME, required=False)
    field_order = ("email", "name", "products", "reason", "writes")

    def clean_email(self) -> str:
        address: str = self.cleaned_data["email"]
        if problem := check_person(address):
            raise forms.ValidationError(problem)
        return normalise_email(address)


class AddFileForm(NewPeopleForm):
    file = forms.FileField(
        label="CSV file",
        help_text=f"At most {MOST_LINES:,} people and {MOST_BYTES // 2**20} MB. The first line names the columns: "
        "E-mail, and if you like Name and Products (names, with commas between them).",
        widget=forms.FileInput(attrs={"accept": ".csv,text/csv"}),
    )
    field_order = ("file", "products", "reason", "writes")

    def clean_file(self) -> Any:
        file = self.cleaned_data["file"]
        if file.size > MOST_BYTES:
            raise forms.ValidationError(f"The file is larger than {MOST_BYTES // 2**20} MB. Split it.")
        return file


def details_form(batch: Batch, *args: Any, now: Any) -> forms.Form:
    """What is to be said of a draft before it can be begun."""
    match batch.deed:
        case Batch.Deed.GIVE:
            return GiveManyForm(*args, now=now)
        case Batch.Deed.TAKE:
            return TakeManyForm(*args)
    return InviteManyForm(*args)
