"""`/v1/invoices/create_preview`."""

from typing import Any

from sandbox.account import Account
from sandbox.catalogue import price_of
from sandbox.coupons import Purchase
from sandbox.currencies import check_amount
from sandbox.discounts import find_coupons
from sandbox.errors import InvalidRequest
from sandbox.previews import Preview, preview_invoice
from sandbox.resources.shared_fields import BILLING_MODE, CURRENCY, DISCOUNTS, METADATA, ONE_OFF_PRICE_DATA
from sandbox.resources.subscription_terms import (
    CHANGED_ITEM,
    PRORATION,
    change_of,
    check_currency,
    item_wishes,
    terms_of,
)
from sandbox.routing import Call, endpoint
from sandbox.types import Obj, Params
from sandbox.validation import Either, Flag, Hash, Listed, Text, Timestamp, Whole, needed

PERIOD = Hash(fields={"end": needed(Timestamp()), "start": needed(Timestamp())})
EXTRA = Hash(
    fields={
        "amount": Whole(),
        "currency": CURRENCY,
        "description": Text(),
        "discountable": Flag(),
        "discounts": DISCOUNTS,
        "metadata": METADATA,
        "period": PERIOD,
        "price": Text(),
        "price_data": ONE_OFF_PRICE_DATA,
        "quantity": Whole(least=0),
    }
)


@endpoint(
    "POST",
    "/v1/invoices/create_preview",
    currency=CURRENCY,
    customer=Text(),
    invoice_items=Listed(each=EXTRA, most=250),
    subscription=Text(),
    subscription_details=Hash(
        fields={
            "billing_cycle_anchor": Either(words=("now", "unchanged")),
            "billing_mode": BILLING_MODE,
            "items": Listed(each=CHANGED_ITEM, least=1, most=20),
            "proration_behavior": PRORATION,
            "proration_date": Timestamp(),
            "start_date": Timestamp(),
            "trial_end": Either(words=("now",)),
        }
    ),
)
def create_preview(call: Call) -> Obj:
    """Nothing of it stays: what a subscription, a change of it or a new one will cost next."""
    account, params = call.account, call.params
    subscription = (
        account.get("subscription", params["subscription"], param="subscription")
        if params.get("subscription")
        else None
    )
    owner = params.get("customer") or (subscription and subscription["customer"])
    if not owner:
        raise InvalidRequest(
            "You must specify one of: `customer`, `customer_details`, `schedule`, or `subscription`.", param="customer"
        )
    account.get("customer", owner, param="customer")
    wish = Preview(customer=owner, subscription=params.get("subscription"))
    details = params.get("subscription_details") or {}
    if subscription:
        wish.change = change_of(account, subscription, details)
    elif details.get("items"):
        begin(account, wish, {**details, "customer": owner, "currency": params.get("currency")})
    wish.invoice_items = [
        extra_of(account, extra, customer=owner, at=at) for at, extra in enumerate(params.get("invoice_items") or [])
    ]
    return preview_invoice(account, wish)


def begin(account: Account, wish: Preview, params: Params) -> None:
    """A subscription that would be started."""
    wish.wishes = item_wishes(account, params["items"], params, param="subscription_details[items]", use="recurring")
    check_currency(account, wish.wishes, currency=params.get("currency"))
    wish.terms = terms_of(account, {**params, "payment_behavior": "default_incomplete"}, wish.wishes, one_time=[])


def extra_of(account: Account, extra: Params, *, customer: str, at: int) -> dict[str, Any]:
    """Arguments of `new_invoice_item`."""
    param = f"invoice_items[{at}]"
    price = None
    if extra.get("price") or extra.get("price_data"):
        price = price_of(account, extra, param=param, use="one_time")
    elif extra.get("amount") is None or not extra.get("currency"):
        raise InvalidRequest("You must pass either `amount` and `currency`, or `price`.", param=param)
    else:
        check_amount(extra["amount"], extra["currency"], param=f"{param}[amount]")
    currency = extra.get("currency") or (price["currency"] if price else None)
    period = extra.get("period")
    return {
        "amount": extra.get("amount"),
        "currency": currency,
        "price": price,
        "quantity": extra.get("quantity", 1),
        "description": extra.get("description"),
        "discountable": extra.get("discountable", True),
        "period": (period["start"], period["end"]) if period else None,
        "metadata": extra.get("metadata"),
        "found": find_coupons(
            account, extra.get("discounts"), param=f"{param}[discounts]", purchase=Purchase(currency, None, customer)
        ),
    }
