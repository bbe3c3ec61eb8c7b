from collections.abc import Iterable
from typing import Any

from django import forms

from billing.knobs import DEFAULTS, GROUPS, KNOBS, PERCENT, Knob
from billing.models import Offer
from billing.prices import describe_price
from hub.models import User

Json = dict[str, Any]
NEVER = 0
LONGEST_TRIAL = 730  # Stripe's own limit


class ConnectForm(forms.Form):
    key = forms.CharField(
        label="Secret or restricted key",
        widget=forms.PasswordInput(attrs={"autocomplete": "off", "spellcheck": "false"}),
        help_text="From Stripe's dashboard, under Developers. It is encrypted; its last four characters stay visible.",
    )

    def clean_key(self) -> str:
        key: str = self.cleaned_data["key"].strip()
        if not key.startswith(("sk_test_", "sk_live_", "rk_test_", "rk_live_")):
            raise forms.ValidationError("A key begins with sk_ or rk_, then test_ or live_.")
        return key


class PortalForm(forms.Form):
    """What Stripe's customer portal shows and allows."""

    privacy_url = forms.URLField(
        label="Privacy policy",
        required=False,
        max_length=200,
        assume_scheme="https",
        help_text="Linked in the portal.",
    )
    terms_url = forms.URLField(
        label="Terms of service",
        required=False,
        max_length=200,
        assume_scheme="https",
        help_text="Linked in the portal.",
    )
    members_may_cancel = forms.BooleanField(
        label="Members may cancel their subscriptions",
        required=False,
        help_text="They keep access to the end of the time that is paid.",
    )


class ChooseProductForm(forms.Form):
    """Which Stripe product opens this one. Products that are taken can be seen, and not chosen."""

    stripe_product = forms.ChoiceField(label="Stripe product", widget=forms.RadioSelect)

    def __init__(
        self,
        *args: Any,
        products: list[Json],
        prices: dict[str, list[Json]],
        taken: dict[str, str],
        **kwargs: Any,
    ) -> None:
        """`prices`: by Stripe product. With its id they tell products of one name apart."""
        super().__init__(*args, **kwargs)
        self.taken = taken
        field = self.fields["stripe_product"]
        assert isinstance(field, forms.ChoiceField)  # noqa: S101
        field.choices = [
            (found["id"], f"{found['name']} · {_prices_in_words(prices.get(found['id'], []))} · {found['id']}")
            for found in products
            if found["id"] not in taken
        ]


class ChoosePricesForm(forms.Form):
    """Which prices are on sale, and how many days are free before each that recurs."""

    prices = forms.MultipleChoiceField(
        label="Prices on sale",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Each gets a payment link. Without any, the product opens for purchases made elsewhere.",
    )

    def __init__(self, data: Any = None, *, prices: list[Json], offers: Iterable[Offer] = ()) -> None:
        """`prices`: those that can be chosen. `offers`: what is on sale now."""
        super().__init__(data)
        now = {offer.price_id: offer for offer in offers}
        self.initial["prices"] = list(now)
        field = self.fields["prices"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101
        field.choices = [(price["id"], _words(price)) for price in prices]
        if not prices:
            field.help_text = "No prices yet: make one in Stripe, or link it without."
        self.trials = {_trial(number): price for number, price in enumerate(prices) if price.get("recurring")}
        for name, price in self.trials.items():
            self.fields[name] = forms.IntegerField(
                label=f"Free days before {_words(price)}",
                required=False,
                min_value=0,
                max_value=LONGEST_TRIAL,
                initial=now[price["id"]].trial_days or None if price["id"] in now else None,
                help_text="Empty: none. Only who begins anew gets them.",
            )

    def trial_days(self) -> dict[str, int]:
        """By price; 0 where there are none."""
        return {price["id"]: self.cleaned_data[name] or 0 for name, price in self.trials.items()}


class PayerForm(forms.Form):
    """Whose a payment is: a known person, or the address of a new one."""

    person = forms.ModelChoiceField(User.objects.filter(is_active=True), required=False)
    address = forms.EmailField(required=False)
    name = forms.CharField(required=False, max_length=150)

    def clean(self) -> Json:
        given: Json = super().clean() or {}
        if bool(given.get("person")) == bool(given.get("address")):
            raise forms.ValidationError("Choose one person.")
        return given


class MovePayerForm(PayerForm):
    """Whose it is instead of somebody else's, and how that is known."""

    reason = forms.CharField(max_length=240)


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


def _prices_in_words(prices: list[Json]) -> str:
    """The first three, and how many more."""
    words = ", ".join(_words(price) for price in prices[:3]) or "no prices yet"
    return f"{words} and {len(prices) - 3} more" if len(prices) > 3 else words


def _trial(number: int) -> str:
    return f"trial_{number}"


def _words(price: Json) -> str:
    recurring = price.get("recurring") or {}
    text = describe_price(
        price.get("unit_amount"),
        price["currency"],
        interval=recurring.get("interval", ""),
        count=recurring.get("interval_count", 1),
    )
    return f"{text} · {price['nickname']}" if price.get("nickname") else text
