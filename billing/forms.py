import re
from collections.abc import Iterable
from typing import Any
from uuid import uuid4

from django import forms

from activities.money import CURRENCIES, read_money
from billing.models import Offer
from billing.rules.knobs import DEFAULTS, GROUPS, KNOBS, PERCENT, Knob
from billing.shop.prices import words_of
from hub.models import User

Json = dict[str, Any]
NEVER = 0
LONGEST_KEY = 255
KEY = re.compile(r"\w+", re.ASCII)
LONGEST_TRIAL = 730  # Stripe's own limit
BILLED = [
    ("once", "Once"),
    ("month 1", "Every month"),
    ("month 3", "Every 3 months"),
    ("month 6", "Every 6 months"),
    ("year 1", "Every year"),
    ("week 1", "Every week"),
    ("week 2", "Every 2 weeks"),
    ("day 1", "Every day"),
]


# What else stands beside the key on Stripe's pages, and is pasted in its place.
OTHERS = {
    "pk_": "This is the publishable key, which may do nothing here. Take the secret key, or a restricted one.",
    "whsec_": "This is a webhook’s signing secret. Take the secret or a restricted key, under API keys.",
}


class ConnectForm(forms.Form):
    key = forms.CharField(
        label="Secret or restricted key",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="From Stripe’s dashboard, under Developers. It is encrypted; its last four characters stay visible.",
    )

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"].strip()
        for beginning, words in OTHERS.items():
            if key.startswith(beginning):
                raise forms.ValidationError(words)
        if not key.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
            raise forms.ValidationError("A key begins with sk_ or rk_, then test_ or live_.")
        # No max_length, with which browsers cut what is pasted and say nothing.
        if len(key) > LONGEST_KEY:
            raise forms.ValidationError(f"This is {len(key):,} letters long, and no key of Stripe’s is: copy it again.")
        if not KEY.fullmatch(key):
            raise forms.ValidationError("A key is made of letters, digits and _ alone: copy it again.")
        return key


class SecretForm(forms.Form):
    secret = forms.RegexField(
        r"^\s*whsec_\w{6,}\s*$",
        label="Signing secret",
        max_length=200,
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false", "placeholder": "whsec_…"}),
        help_text="It is encrypted, and never shown again.",
    )

    def clean_secret(self) -> str:
        return str(self.cleaned_data["secret"]).strip()


class PortalForm(forms.Form):
    """What Stripe's customer portal shows and allows."""

    # No type=url, with which browsers refuse an address without https:// before it is sent.
    privacy_url = forms.URLField(
        label="Privacy policy",
        required=False,
        max_length=200,
        assume_scheme="https",
        widget=forms.TextInput(attrs={"inputmode": "url"}),
        help_text="Linked in the portal.",
    )
    terms_url = forms.URLField(
        label="Terms of service",
        required=False,
        max_length=200,
        assume_scheme="https",
        widget=forms.TextInput(attrs={"inputmode": "url"}),
        help_text="Linked in the portal.",
    )
    members_may_cancel = forms.BooleanField(
        label="Members may cancel their subscriptions",
        required=False,
        help_text="They keep access to the end of the time that is paid.",
    )


class FindProductForm(forms.Form):
    q = forms.CharField(
        label="Name or id",
        required=False,
        max_length=120,
        widget=forms.TextInput(attrs={"type": "search", "autocomplete": "off", "data-key": "/"}),
    )


class ChoosePricesForm(forms.Form):
    """Whether it is sold here, at which prices, and how many days are free before each that recurs."""

    checkout = forms.BooleanField(
        label="Checkout",
        required=False,
        help_text="Sell it here: each price gets a payment link and a buy button. "
        "Without, the product opens for purchases made elsewhere.",
    )
    prices = forms.MultipleChoiceField(label="Prices on sale", required=False, widget=forms.CheckboxSelectMultiple)

    def __init__(
        self, data: Any = None, *, prices: list[Json], offers: Iterable[Offer] = (), preselected: str = ""
    ) -> None:
        """`prices`: those that can be chosen. `offers`: what is on sale now. `preselected`: a price that would be."""
        super().__init__(data)
        now = {offer.price_id: offer for offer in offers}
        self.initial["prices"] = [*now, preselected]
        self.initial["checkout"] = bool(now or preselected)
        field = self.fields["prices"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101
        field.choices = [(price["id"], words_of(price)) for price in prices]
        self.trials = {_trial(number): price for number, price in enumerate(prices) if price.get("recurring")}
        for name, price in self.trials.items():
            self.fields[name] = forms.IntegerField(
                label=f"Free days before {words_of(price)}",
                required=False,
                min_value=0,
                max_value=LONGEST_TRIAL,
                initial=now[price["id"]].trial_days or None if price["id"] in now else None,
            )

    @property
    def rows(self) -> list[tuple[forms.BoundField, forms.BoundField | None]]:
        """Each price's box, and the field of its free days where it recurs."""
        boxes: Iterable[Any] = self["prices"]
        return [(box, self[_trial(at)] if _trial(at) in self.trials else None) for at, box in enumerate(boxes)]

    def clean(self) -> Json:
        given: Json = super().clean() or {}
        if not given.get("checkout"):
            given["prices"] = []
        elif not given.get("prices") and "prices" not in self.errors:
            self.add_error("prices", "Choose at least one price, or switch Checkout off.")
        return given

    def trial_days(self) -> dict[str, int]:
        """By price; 0 where there are none."""
        return {price["id"]: self.cleaned_data[name] or 0 for name, price in self.trials.items()}


class PriceForm(forms.Form):
    """A new price. `token` tells one filled-in form, pressed twice, from a second wish of the same price."""

    amount = forms.CharField(
        label="Price", max_length=20, widget=forms.TextInput(attrs={"inputmode": "decimal", "autocomplete": "off"})
    )
    currency = forms.ChoiceField(choices=[(code, code) for code in sorted(CURRENCIES)])
    billed = forms.ChoiceField(label="Paid", choices=BILLED)
    token = forms.CharField(required=False, max_length=64, widget=forms.HiddenInput)

    def __init__(self, data: Any = None, *, currency: str = "EUR") -> None:
        super().__init__(data, initial={"currency": currency.upper(), "billed": "month 1", "token": uuid4().hex})

    def clean(self) -> Json:
        given: Json = super().clean() or {}
        if "amount" in given and "currency" in given:
            try:
                given["minor"] = read_money(given["amount"], given["currency"])
            except ValueError as error:
                self.add_error("amount", str(error))
        return given

    def terms(self) -> Json:
        """The arguments of a price: amount in minor units, currency, interval and interval_count."""
        given = self.cleaned_data
        interval, _, count = given["billed"].partition(" ")
        terms = {"amount": given["minor"], "currency": given["currency"]}
        return terms if interval == "once" else terms | {"interval": interval, "interval_count": int(count)}


class NewPriceForm(PriceForm):
    """A further price of a linked product, or one in another's place."""

    instead_of = forms.ChoiceField(label="In place of", required=False)
    archive = forms.BooleanField(
        label="Archive the old price in Stripe",
        required=False,
        initial=True,
        help_text="Nobody can subscribe at it any more, wherever it was on sale. Subscribers keep it.",
    )

    def __init__(self, data: Any = None, *, offers: Iterable[Offer], instead_of: str = "") -> None:
        """`instead_of`: the price that is chosen at first, and from which currency and interval are taken over."""
        known = {offer.price_id: offer for offer in offers}
        old = known.get(instead_of) or next(iter(known.values()), None)
        super().__init__(data, currency=old.currency if old else "EUR")
        self.initial["instead_of"] = instead_of
        if old is None:
            del self.fields["instead_of"], self.fields["archive"]
            return
        self.initial["billed"] = f"{old.interval} {old.interval_count}" if old.interval else "once"
        field = self.fields["instead_of"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [
            ("", "None: it is sold beside them"),
            *((price, offer.price_text) for price, offer in known.items()),
        ]

    def change(self) -> Json:
        """What becomes of an old price: `instead_of` and `archive`; and `wish`, which names this form."""
        given = self.cleaned_data
        return {
            "instead_of": given.get("instead_of", ""),
            "archive": given.get("archive", False),
            "wish": given["token"],
        }


class CreateProductForm(PriceForm):
    """A Stripe product for ours, with its first price."""

    checkout = forms.BooleanField(
        label="Checkout", required=False, help_text="Sell it here at once: a payment link and a buy button."
    )

    def __init__(self, data: Any = None, *, currency: str = "EUR", is_live: bool) -> None:
        super().__init__(data, currency=currency)
        self.initial["checkout"] = is_live


class PayerForm(forms.Form):
    """Whose a payment is, and how that is known: a known person, or the address of a new one."""

    person = forms.ModelChoiceField(User.objects.filter(is_active=True), required=False)
    address = forms.EmailField(required=False)
    name = forms.CharField(required=False, max_length=150)
    reason = forms.CharField(max_length=240)

    def clean(self) -> Json:
        given: Json = super().clean() or {}
        if bool(given.get("person")) == bool(given.get("address")):
            raise forms.ValidationError("Choose one person.")
        return given


class PolicyForm(forms.Form):
    """The knobs of the site, or (with `site`, its knobs) those in which one product differs."""

    def __init__(self, data: Any = None, *, knobs: Json, site: Json | None = None) -> None:
        """`knobs` are those that are set now."""
        self.site = site
        shown = knobs if site is not None else DEFAULTS | knobs
        initial = {name: self._initial(KNOBS[name], value) for name, value in shown.items()}
        super().__init__(data, initial=initial)
        for name, knob in KNOBS.items():
            self.fields[name] = self._choice(knob) if knob.choices else self._number(knob)

    @property
    def groups(self) -> list[tuple[str, list[forms.BoundField]]]:
        return [(title, [self[knob.name] for knob in knobs]) for title, knobs in GROUPS]

    def knobs(self) -> Json:
        """What was chosen: of the site what differs from the defaults, of a product what is not left to the site."""
        given = {name: value for name, value in self.cleaned_data.items() if value not in ("", None)}
        chosen = {name: self._value(KNOBS[name], value) for name, value in given.items()}
        if self.site is not None:
            return chosen
        return {name: value for name, value in chosen.items() if value != DEFAULTS[name]}

    def _initial(self, knob: Knob, value: Any) -> Any:
        if knob.choices:
            return str(value)
        return NEVER if value is None and self.site is not None else value

    def _value(self, knob: Knob, given: Any) -> Any:
        if knob.choices:
            return next(value for value, _ in knob.choices if str(value) == given)
        return None if knob.name == PERCENT and given == NEVER else given

    def _choice(self, knob: Knob) -> forms.Field:
        choices = [(str(value), words + self._note(knob, value)) for value, words in knob.choices]
        if self.site is not None:
            choices = [("", f"As the site: {_uncapitalised(knob.say(self.site[knob.name]))}"), *choices]
        return forms.ChoiceField(
            label=knob.label,
            help_text=knob.does,
            choices=choices,
            required=self.site is None,
            widget=forms.RadioSelect,
        )

    def _number(self, knob: Knob) -> forms.Field:
        usual = knob.say(DEFAULTS[knob.name] if self.site is None else self.site[knob.name])
        empty = f"Usual: {usual}." if self.site is None else f"Empty: as the site ({usual})."
        if knob.name == PERCENT and self.site is not None:
            empty += f" {NEVER}: never."
        return forms.IntegerField(
            label=knob.label,
            help_text=f"{knob.does} {empty}",
            min_value=NEVER if self.site is not None else knob.least,
            max_value=knob.most,
            required=self.site is None and knob.name != PERCENT,
        )

    def _note(self, knob: Knob, value: Any) -> str:
        return " (usual)" if self.site is None and value == DEFAULTS[knob.name] else ""


def _uncapitalised(words: str) -> str:
    return words[:1].lower() + words[1:]


def _trial(number: int) -> str:
    return f"trial_{number}"
