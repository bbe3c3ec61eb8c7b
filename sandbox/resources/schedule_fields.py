"""What the phases and the default settings of a subscription schedule may say."""

from sandbox.resources.shared_fields import (
    CURRENCY,
    DISCOUNTS,
    INTERVALS,
    ITEM_PRICE_DATA,
    METADATA,
    ONE_OFF_PRICE_DATA,
)
from sandbox.resources.subscription_terms import PRORATION
from sandbox.validation import Choice, Either, Flag, Hash, Listed, Text, Timestamp, Whole, needed, unset

COLLECTION = Choice(options=("charge_automatically", "send_invoice"))
INVOICE_SETTINGS = Hash(fields={"days_until_due": Whole(least=0)})
PHASE = Hash(
    fields={
        "add_invoice_items": Listed(
            each=Hash(fields={"price": Text(), "price_data": ONE_OFF_PRICE_DATA, "quantity": Whole(least=1)}), most=20
        ),
        "collection_method": COLLECTION,
        "currency": CURRENCY,
        "default_payment_method": Text(),
        "description": unset(Text(longest=500)),
        "discounts": DISCOUNTS,
        "duration": Hash(
            fields={"interval": needed(Choice(options=INTERVALS)), "interval_count": Whole(least=1, most=365)}
        ),
        "end_date": Either(words=("now",)),
        "invoice_settings": INVOICE_SETTINGS,
        "items": needed(
            Listed(
                each=Hash(
                    fields={
                        "discounts": DISCOUNTS,
                        "metadata": METADATA,
                        "price": Text(),
                        "price_data": ITEM_PRICE_DATA,
                        "quantity": Whole(least=0),
                    }
                ),
                least=1,
                most=20,
            )
        ),
        "metadata": METADATA,
        "proration_behavior": PRORATION,
        "start_date": Either(words=("now",)),
        "trial": Flag(),
        "trial_end": Timestamp(),
    }
)
SETTINGS = Hash(
    fields={
        "billing_cycle_anchor": Choice(options=("automatic",)),
        "collection_method": COLLECTION,
        "default_payment_method": Text(),
        "description": unset(Text(longest=500)),
        "invoice_settings": INVOICE_SETTINGS,
    }
)
