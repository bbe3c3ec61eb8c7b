"""What Checkout sessions and payment links share: parameters, and Stripe's refusals of wrong mixtures."""

from sandbox.account import Account
from sandbox.countries import SHIPPED_TO
from sandbox.errors import InvalidRequest
from sandbox.resources.shared_fields import ADJUSTABLE, METADATA, TRIAL_SETTINGS
from sandbox.types import Params
from sandbox.validation import Choice, Field, Flag, Hash, Listed, Text, Whole, needed, unset

CONSENT: Field = Hash(
    fields={
        "promotions": Choice(options=("auto", "none")),
        "terms_of_service": Choice(options=("none", "required")),
    }
)
INVOICE_CREATION: Field = Hash(
    fields={
        "enabled": needed(Flag()),
        "invoice_data": Hash(fields={"description": Text(), "footer": Text(), "metadata": METADATA}),
    }
)
OPTIONAL_ITEMS: Field = Listed(
    each=Hash(fields={"adjustable_quantity": ADJUSTABLE, "price": needed(Text()), "quantity": needed(Whole(least=1))}),
    most=10,
)
LIMITED: Field = Hash(
    fields={"default_value": Text(longest=255), "maximum_length": Whole(least=1), "minimum_length": Whole(least=1)}
)
CUSTOM_FIELDS: Field = Listed(
    each=Hash(
        fields={
            "dropdown": Hash(
                fields={
                    "default_value": Text(longest=100),
                    "options": needed(
                        Listed(
                            each=Hash(
                                fields={
                                    "label": needed(Text(longest=100)),
                                    "value": needed(Text(longest=100, pattern="[A-Za-z0-9]+")),
                                }
                            ),
                            least=1,
                            most=200,
                        )
                    ),
                }
            ),
            "key": needed(Text(longest=200, pattern="[A-Za-z0-9_-]+")),
            "label": needed(
                Hash(fields={"custom": needed(Text(longest=50)), "type": needed(Choice(options=("custom",)))})
            ),
            "numeric": LIMITED,
            "optional": Flag(),
            "text": LIMITED,
            "type": needed(Choice(options=("dropdown", "numeric", "text"))),
        }
    ),
    most=3,
)
MESSAGE: Field = unset(Hash(fields={"message": needed(Text(longest=1_200))}))
CUSTOM_TEXT: Field = Hash(
    fields=dict.fromkeys(("after_submit", "shipping_address", "submit", "terms_of_service_acceptance"), MESSAGE)
)
SHIPPING_ADDRESS: Field = Hash(fields={"allowed_countries": needed(Listed(each=Choice(options=SHIPPED_TO), least=1))})
TAX_ID: Field = Hash(fields={"enabled": needed(Flag()), "required": Choice(options=("if_supported", "never"))})
SUBMIT: Field = Choice(options=("auto", "book", "donate", "pay", "subscribe"))
PHONE: Field = Hash(fields={"enabled": needed(Flag())})
BILLING_ADDRESS: Field = Choice(options=("auto", "required"))
INTENT_FIELDS: dict[str, Field] = {
    "capture_method": Choice(options=("automatic", "automatic_async", "manual")),
    "description": Text(),
    "metadata": METADATA,
    "setup_future_usage": Choice(options=("off_session", "on_session")),
    "statement_descriptor": Text(longest=22),
    "statement_descriptor_suffix": Text(longest=22),
    "transfer_group": Text(),
}
SUBSCRIPTION_FIELDS: dict[str, Field] = {
    "description": Text(longest=500),
    "metadata": METADATA,
    "trial_period_days": Whole(least=1, most=730),
    "trial_settings": TRIAL_SETTINGS,
}
# Parameters that only one mode takes, with the words of Stripe's refusal.
ONLY_PAYMENT = {
    "payment_intent_data": "You can not pass `payment_intent_data` in `subscription` mode.",
    "customer_creation": "`customer_creation` can only be used in `payment` mode.",
    "invoice_creation": "You may only specify `invoice_creation` when `mode=payment`.",
}
ONLY_SUBSCRIPTION = {
    "subscription_data": "You can not pass `subscription_data` in `payment` mode.",
    "payment_method_collection": "You can only set `payment_method_collection` if there are recurring prices.",
}


def refuse_wrong_mixture(params: Params, *, mode: str) -> None:
    """Raise Stripe's refusal of a parameter that does not belong to the mode."""
    for name, words in (ONLY_SUBSCRIPTION if mode == "payment" else ONLY_PAYMENT).items():
        if mode in ("payment", "subscription") and params.get(name) is not None:
            raise InvalidRequest(words, param=name)


def check_prices(account: Account, wishes: list[Params], *, mode: str) -> None:
    """A session's mode and the kinds of its prices must agree."""
    kinds = [kind_of(account, wish, at=at) for at, wish in enumerate(wishes)]
    if mode == "payment" and "recurring" in kinds:
        raise InvalidRequest(
            "You specified `payment` mode but passed a recurring price. Either switch to `subscription` mode or use "
            "only one-time prices.",
            param="mode",
        )
    if mode == "subscription" and "recurring" not in kinds:
        raise InvalidRequest(
            "You must provide at least one recurring price in `subscription` mode when using prices.", param="mode"
        )


def check_counts(account: Account, params: Params, *, mode: str) -> None:
    """A session's lines and optional items: a hundred together or, with subscriptions, twenty of each kind."""
    rows = [*(params.get("line_items") or []), *(params.get("optional_items") or [])]
    if mode != "subscription":
        refuse_too_many(rows, most=100, words="line items and optional items")
        return
    kinds = [kind_of(account, row, at=at) for at, row in enumerate(rows)]
    for kind, words in (("recurring", "recurring prices"), ("one_time", "one-time prices")):
        found = [row for row, known in zip(rows, kinds, strict=True) if known == kind]
        refuse_too_many(found, most=20, words=f"line items and optional items with {words}")


def refuse_too_many(rows: list[Params], *, most: int, words: str) -> None:
    if len(rows) > most:
        raise InvalidRequest(f"There is a maximum of {most} {words}.", param="line_items")


def check_custom_fields(params: Params) -> None:
    """Each field has a key of its own, and what its type needs."""
    wishes = params.get("custom_fields") or []
    for at, wish in enumerate(wishes):
        if wish["type"] == "dropdown" and not wish.get("dropdown"):
            param = f"custom_fields[{at}][dropdown]"
            raise InvalidRequest(f"Missing required param: {param}.", code="parameter_missing", param=param)
        if wish["key"] in [other["key"] for other in wishes[:at]]:
            raise InvalidRequest("Custom fields must have unique keys.", param=f"custom_fields[{at}][key]")


def check_buyers_choice(account: Account, params: Params) -> None:
    """Where the buyer says how much, nothing can be taken off."""
    if not params.get("allow_promotion_codes") and not params.get("discounts"):
        return
    for wish in params.get("line_items") or []:
        price = account.find("price", wish.get("price"))
        if price and price["custom_unit_amount"]:
            param = "discounts" if params.get("discounts") else "allow_promotion_codes"
            raise InvalidRequest(f"`{param}` cannot be used with `custom_unit_amount` prices.", param=param)


def kind_of(account: Account, wish: Params, *, at: int) -> str:
    if wish.get("price"):
        return str(account.get("price", wish["price"], param=f"line_items[{at}][price]")["type"])
    return "recurring" if (wish.get("price_data") or {}).get("recurring") else "one_time"
