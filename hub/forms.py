from datetime import date, datetime
from typing import Any

from allauth.account.forms import (
    AddEmailForm,
    BaseConfirmCodeForm,
    ConfirmEmailVerificationCodeForm,
    ConfirmLoginCodeForm,
    LoginForm,
    RequestLoginCodeForm,
    ResetPasswordForm,
    SignupForm,
)
from allauth.account.stages import LoginByCodeStage, LoginStageController
from allauth.core import context
from allauth.core.internal.cryptokit import compare_user_code
from allauth.mfa.webauthn.forms import SignupWebAuthnForm
from django import forms
from django.utils import timezone

from activities.forms import IN_REACH, FilterForm
from activities.zones import places
from hub import codes
from hub.addresses import LONGEST, NO_ADDRESS, normalise_email, validate_unmistakable
from hub.models import Product, User
from hub.models.notes import LONGEST as LONGEST_NOTE
from hub.payments import stages
from hub.people import ORDERS, ROLES, SEEN, STATES, Filters
from hub.reentry import check_code
from hub.roles import Role


class SignInForm(LoginForm):
    """One field: a code is sent to the address. Who has a password may give it instead."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["login"].label = "E-mail address"
        self.fields["login"].error_messages["invalid"] = NO_ADDRESS
        self.fields["login"].widget.attrs |= {"placeholder": "you@example.org", "autofocus": True}
        self.fields["password"].widget.attrs["placeholder"] = ""
        if not self.is_bound and self.request is not None:
            self.initial["login"] = self.request.GET.get("email", "")

    def _setup_password_field(self) -> None:
        self.fields["password"].required = False
        self.fields["password"].help_text = ""


class _AddressForm(forms.Form):
    """Every form asks for an address in the same words."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "E-mail address"
        self.fields["email"].error_messages["invalid"] = NO_ADDRESS
        self.fields["email"].widget.attrs["placeholder"] = ""


class NewAddressForm(_AddressForm, AddEmailForm):
    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["email"].label = "New e-mail address"


class JoinForm(_AddressForm, SignupForm):
    pass


class ForgottenPasswordForm(_AddressForm, ResetPasswordForm):
    pass


class CodeForm(_AddressForm, RequestLoginCodeForm):
    pass


class EnterCodeForm(ConfirmLoginCodeForm):
    """Takes every code that was mailed to the address of late, whichever browser asked for it."""

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        stage = LoginStageController.enter(context.request, LoginByCodeStage.key)
        address = stage.state["email"]
        has_account = stage.login.user is not None
        codes.take_or_refuse(context.request, address, code, has_account=has_account, now=timezone.now())
        return code


class ConfirmAddressForm(ConfirmEmailVerificationCodeForm):
    """Takes every code that was mailed to the address of late; only so many are."""

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        if not self.user or not compare_user_code(actual=code, expected=self.expected_code):  # type: ignore[has-type]
            has_account = self.user is not None
            codes.take_or_refuse(context.request, self.email, code, has_account=has_account, now=timezone.now())
            self.expected_code = code
        return str(super().clean_code())


class ReentryForm(BaseConfirmCodeForm):
    """The code that proves that a signed-in person still is who they were."""

    def clean_code(self) -> str:
        code: str = self.cleaned_data["code"]
        check_code(context.request, context.request.user, code)
        return code


class MoveForm(forms.Form):
    """Another address for somebody who lost their own."""

    address = forms.EmailField(
        label="New e-mail address",
        max_length=LONGEST,
        validators=[validate_unmistakable],
        error_messages={"invalid": NO_ADDRESS},
    )
    why = forms.CharField(label="Reason", max_length=240, help_text="Kept in the feed, for whoever asks later.")

    def clean_address(self) -> str:
        address = normalise_email(self.cleaned_data["address"])
        if User.objects.filter(email=address).exists():
            raise forms.ValidationError("Somebody already has this address.")
        return address


STAFF_ROLES = [(role.value, role.label) for role in Role if role != Role.MEMBER]


class InviteForm(forms.Form):
    """Somebody who is to work here."""

    address = forms.EmailField(
        label="E-mail address",
        max_length=LONGEST,
        validators=[validate_unmistakable],
        error_messages={"invalid": NO_ADDRESS},
    )
    name = forms.CharField(max_length=150, required=False)
    role = forms.ChoiceField(choices=STAFF_ROLES[::-1])

    def clean_address(self) -> str:
        return normalise_email(self.cleaned_data["address"])

    def clean_role(self) -> Role:
        return Role(self.cleaned_data["role"])


class RoleForm(forms.Form):
    """What somebody of the staff is from now on."""

    role = forms.ChoiceField(choices=[*STAFF_ROLES, (Role.MEMBER.value, "No longer staff")])

    def clean_role(self) -> Role:
        return Role(self.cleaned_data["role"])


class PasskeyForm(SignupWebAuthnForm):
    """Always one that needs no other sign-in: it has to have seen its owner."""

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].label = "Name"

    def clean(self) -> dict[str, Any]:
        self.cleaned_data["passwordless"] = True
        return super().clean()  # type: ignore[no-any-return]


class ProfileForm(forms.ModelForm):  # type: ignore[type-arg]
    """What people change of themselves. Whoever chooses no zone has the one that their browser tells."""

    timezone = forms.ChoiceField(
        label="Time zone",
        required=False,
        choices=lambda: [("", "As my browser says"), *((name, name.replace("_", " ")) for name in places())],
        help_text="Dates on the pages and in e-mails are those of this zone.",
    )

    class Meta:
        model = User
        fields = ("name", "timezone")

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.fields["name"].widget.attrs["autocomplete"] = "name"
        own = self.instance.timezone
        if own and own not in places():
            self.fields["timezone"].choices = [(own, own), *self.fields["timezone"].choices]  # type: ignore[attr-defined]


class GiveForm(forms.Form):
    """Access by hand: which product, why, and until when."""

    product = forms.ModelChoiceField(Product.objects.filter(archived_at=None), empty_label="Choose a product")
    reason = forms.CharField(max_length=240, help_text="Kept in the ledger, for whoever asks later.")
    ends_on = forms.DateField(
        required=False,
        label="Until",
        help_text="Open through this day. Empty: no end.",
        widget=forms.DateInput(attrs={"type": "date"}),
    )

    def __init__(self, *args: Any, now: datetime, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.today = timezone.localdate(now)

    def clean_ends_on(self) -> date | None:
        day: date | None = self.cleaned_data["ends_on"]
        if day and day < self.today:
            raise forms.ValidationError("This day is over.")
        if day and day.year > self.today.year + 100:
            raise forms.ValidationError("That is too far away. Leave it empty for no end.")
        return day


class DayForm(forms.Form):
    """A past day to look at: `?on=2026-11-03`."""

    on = forms.DateField(required=False)

    def chosen(self, *, now: datetime) -> date | None:
        """The day, if it is over; None for today and for anything that is no day."""
        day: date | None = self.cleaned_data["on"] if self.is_valid() else None
        return day if day and day < timezone.localdate(now) else None


class ReasonForm(forms.Form):
    """Why somebody of the staff did it."""

    reason = forms.CharField(max_length=240)


class NoteForm(forms.Form):
    """What staff write down about somebody."""

    words = forms.CharField(
        label="Note",
        max_length=LONGEST_NOTE,
        widget=forms.Textarea(attrs={"rows": 3}),
        help_text="Staff alone see it. The person may ask for a copy.",
    )


class EraseForm(forms.Form):
    """To destroy is to mean it: the address is typed, as it stands."""

    address = forms.CharField(label="Type the e-mail address to confirm", max_length=LONGEST)

    def __init__(self, *args: Any, person: User, **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        self.person = person
        self.fields["address"].widget.attrs |= {"autocomplete": "off", "autocapitalize": "off", "spellcheck": "false"}

    def clean_address(self) -> str:
        address = normalise_email(self.cleaned_data["address"])
        if address != self.person.email:
            raise forms.ValidationError("That is another address: nothing was erased.")
        return address


class GiveBackForm(ReasonForm):
    """To undo needs no reason."""

    reason = forms.CharField(max_length=240, required=False)


class PeopleForm(FilterForm):
    """The filters of the list of people, as they stand in its address."""

    q = forms.CharField(
        label="Name, e-mail, Stripe id or invoice",
        required=False,
        max_length=1000,  # the address of a page at Stripe
        widget=forms.TextInput(attrs={"type": "search", "data-key": "/"}),
    )
    state = forms.ChoiceField(label="Access", required=False, choices=[("", "Everybody"), *STATES.items()])
    product = forms.ModelChoiceField(Product.objects.order_by("name"), required=False, empty_label="Every product")
    stage = forms.ChoiceField(
        label="Payment",
        required=False,
        choices=lambda: [("", "Every stage"), *((name, stage.words) for name, stage in stages().items())],
    )
    role = forms.ChoiceField(label="Role", required=False, choices=[("", "Every role"), *ROLES.items()])
    seen = forms.ChoiceField(label="Last here", required=False, choices=[("", "Any time"), *SEEN.items()])
    since = forms.DateField(
        label="Joined from", required=False, validators=IN_REACH, widget=forms.DateInput(attrs={"type": "date"})
    )
    until = forms.DateField(
        label="Joined to", required=False, validators=IN_REACH, widget=forms.DateInput(attrs={"type": "date"})
    )
    order = forms.ChoiceField(
        label="Sorted by",
        required=False,
        choices=[("joined", "Newest first"), ("seen", "Last here first"), ("name", "Name")],
    )

    def filters(self) -> Filters:
        is_misread, given = not self.is_valid(), self.cleaned_data
        return Filters(
            is_misread=is_misread,
            words=given.get("q") or "",
            state=given.get("state") or "",
            stage=given.get("stage") or "",
            role=given.get("role") or "",
            product_id=product.pk if (product := given.get("product")) else None,
            since=given.get("since"),
            until=given.get("until"),
            seen=given.get("seen") or "",
            order=given.get("order") or next(iter(ORDERS)),
        )

    @property
    def is_narrowed(self) -> bool:
        """By anything that stands in the folded part of the bar."""
        return any(self.data.get(name) for name in ("product", "stage", "role", "seen", "since", "until", "order"))
