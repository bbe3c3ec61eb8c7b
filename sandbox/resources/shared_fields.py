"""Parameters that several endpoints take in the same form."""

from dataclasses import dataclass
from typing import Any

from sandbox.errors import InvalidRequest
from sandbox.tax_ids import KINDS as TAX_ID_KINDS
from sandbox.types import Params
from sandbox.validation import (
    ByCurrency,
    Choice,
    Country,
    Currency,
    Either,
    Field,
    Flag,
    Hash,
    Listed,
    Metadata,
    Text,
    Url,
    Whole,
    needed,
    unset,
)

MOST_INTERVALS = {"day": 1_095, "week": 156, "month": 36, "year": 3}
INTERVALS = ("day", "month", "week", "year")


@dataclass(frozen=True)
class Interval(Hash):
    """How often a price is billed: three years at most."""

    def read(self, value: Any, param: str) -> Params:
        every = super().read(value, param)
        if every.get("interval_count", 1) > MOST_INTERVALS[every["interval"]]:
            raise InvalidRequest(
                "Invalid interval: the period can be no longer than three years.", param=f"{param}[interval_count]"
            )
        return every


CURRENCY: Field = Currency()
METADATA: Field = Metadata()
RECURRING: Field = Interval(
    fields={
        "interval": needed(Choice(options=INTERVALS)),
        "interval_count": Whole(least=1, most=1_095),
        "usage_type": Choice(options=("licensed", "metered")),
    }
)
# Prices on the spot: a recurring one inside subscriptions, either kind in Checkout.
PLAIN_RECURRING: Field = Interval(
    fields={"interval": needed(Choice(options=INTERVALS)), "interval_count": Whole(least=1, most=1_095)}
)
TAX_ID_FIELDS: dict[str, Field] = {"type": needed(Choice(options=TAX_ID_KINDS)), "value": needed(Text())}
TAX_BEHAVIOR: Field = Choice(options=("exclusive", "inclusive", "unspecified"))
# At most twelve digits after the point.
DECIMAL_AMOUNT: Field = Text(pattern=r"\d{1,12}(\.\d{1,12})?")
CUSTOM_AMOUNT: Field = Hash(
    fields={
        "enabled": needed(Flag()),
        "maximum": Whole(least=1),
        "minimum": Whole(least=1),
        "preset": Whole(least=0),
    }
)
TIERS: Field = Listed(
    each=Hash(
        fields={
            "flat_amount": Whole(least=0),
            "flat_amount_decimal": DECIMAL_AMOUNT,
            "unit_amount": Whole(least=0),
            "unit_amount_decimal": DECIMAL_AMOUNT,
            "up_to": needed(Either(words=("inf",), other=Whole(least=1))),
        }
    ),
    least=1,
)
CURRENCY_OPTIONS: Field = ByCurrency(
    each=Hash(
        fields={
            "custom_unit_amount": CUSTOM_AMOUNT,
            "tax_behavior": TAX_BEHAVIOR,
            "tiers": TIERS,
            "unit_amount": Whole(least=0),
            "unit_amount_decimal": DECIMAL_AMOUNT,
        }
    )
)
PRODUCT_DATA: Field = Hash(
    fields={
        "name": needed(Text()),
        "description": Text(),
        "images": Listed(each=Url(longest=2_048), most=8),
        "metadata": METADATA,
        "unit_label": Text(longest=12),
    }
)
LINE_PRICE_DATA: Field = Hash(
    fields={
        "currency": needed(CURRENCY),
        "product": Text(),
        "product_data": PRODUCT_DATA,
        "recurring": PLAIN_RECURRING,
        "tax_behavior": TAX_BEHAVIOR,
        "unit_amount": Whole(least=0),
        "unit_amount_decimal": DECIMAL_AMOUNT,
    }
)
ITEM_PRICE_DATA: Field = Hash(
    fields={
        "currency": needed(CURRENCY),
        "product": needed(Text()),
        "recurring": needed(PLAIN_RECURRING),
        "tax_behavior": TAX_BEHAVIOR,
        "unit_amount": Whole(least=0),
        "unit_amount_decimal": DECIMAL_AMOUNT,
    }
)
ONE_OFF_PRICE_DATA: Field = Hash(
    fields={
        "currency": needed(CURRENCY),
        "product": needed(Text()),
        "tax_behavior": TAX_BEHAVIOR,
        "unit_amount": Whole(),
        "unit_amount_decimal": Text(pattern=r"-?\d{1,12}(\.\d{1,12})?"),
    }
)
ADJUSTABLE: Field = Hash(fields={"enabled": needed(Flag()), "maximum": Whole(least=1), "minimum": Whole(least=0)})
REDEEMED: Field = Hash(fields={"coupon": Text(), "discount": Text(), "promotion_code": Text()})
DISCOUNTS: Field = unset(Listed(each=REDEEMED, most=20))
# Checkout takes one coupon or code.
ONE_DISCOUNT: Field = unset(Listed(each=Hash(fields={"coupon": Text(), "promotion_code": Text()}), most=1))
# Checkout and payment links take tax off: switched on, they would need Stripe Tax, which is not modelled.
AUTOMATIC_TAX: Field = Hash(fields={"enabled": needed(Choice(options=("false",)))})
TRIAL_SETTINGS: Field = Hash(
    fields={
        "end_behavior": needed(
            Hash(fields={"missing_payment_method": needed(Choice(options=("cancel", "create_invoice", "pause")))})
        )
    }
)
BILLING_MODE: Field = Hash(fields={"type": needed(Choice(options=("classic", "flexible")))})
CANCELLATION: Field = Hash(
    fields={
        "comment": unset(Text()),
        "feedback": unset(
            Choice(
                options=(
                    "customer_service",
                    "low_quality",
                    "missing_features",
                    "other",
                    "switched_service",
                    "too_complex",
                    "too_expensive",
                    "unused",
                )
            )
        ),
    }
)
PLACE: dict[str, Field] = {name: unset(Text()) for name in ("city", "line1", "line2", "postal_code", "state")}
ADDRESS: Field = Hash(fields={**PLACE, "country": unset(Country())})
SHIPPING: Field = Hash(
    fields={
        "address": needed(ADDRESS),
        "carrier": Text(),
        "name": needed(Text()),
        "phone": Text(),
        "tracking_number": Text(),
    }
)
AUTOMATIC_METHODS: Field = Hash(
    fields={"enabled": needed(Flag()), "allow_redirects": Choice(options=("always", "never"))}
)
BILLING_DETAILS: Field = Hash(
    fields={"address": ADDRESS, "email": unset(Text()), "name": unset(Text()), "phone": unset(Text())}
)
METHOD_TYPE: Field = Choice(options=("card", "sepa_debit", "us_bank_account", "link"))
METHOD_TYPES: Field = Listed(each=METHOD_TYPE, least=1)
