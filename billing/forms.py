from typing import Any

from django import forms

from billing.prices import describe_price

Json = dict[str, Any]


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
    prices = forms.MultipleChoiceField(
        label="Prices on sale",
        required=False,
        widget=forms.CheckboxSelectMultiple,
        help_text="Each gets a payment link. Without any, the product opens for purchases made elsewhere.",
    )

    def __init__(self, *args: Any, prices: list[Json], **kwargs: Any) -> None:
        super().__init__(*args, **kwargs)
        field = self.fields["prices"]
        assert isinstance(field, forms.MultipleChoiceField)  # noqa: S101
        field.choices = [(price["id"], _words(price)) for price in prices]
        if not prices:
            field.help_text = "No prices yet: make one in Stripe, or link it without."


def _prices_in_words(prices: list[Json]) -> str:
    """The first three, and how many more."""
    words = ", ".join(_words(price) for price in prices[:3]) or "no prices yet"
    return f"{words} and {len(prices) - 3} more" if len(prices) > 3 else words


def _words(price: Json) -> str:
    recurring = price.get("recurring") or {}
    text = describe_price(
        price.get("unit_amount"),
        price["currency"],
        interval=recurring.get("interval", ""),
        count=recurring.get("interval_count", 1),
    )
    return f"{text} · {price['nickname']}" if price.get("nickname") else text
