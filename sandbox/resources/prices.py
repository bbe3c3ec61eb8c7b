"""`/v1/prices`. Inline prices (made by `price_data`) are listed nowhere, as at Stripe."""

from sandbox.account import Account
from sandbox.catalogue import new_product
from sandbox.errors import InvalidRequest
from sandbox.paging import list_objects
from sandbox.prices import claim_lookup_key, new_options, new_price
from sandbox.resources.products import close_links
from sandbox.resources.shared_fields import (
    CURRENCY,
    CURRENCY_OPTIONS,
    CUSTOM_AMOUNT,
    DECIMAL_AMOUNT,
    INTERVALS,
    METADATA,
    RECURRING,
    TAX_BEHAVIOR,
    TIERS,
)
from sandbox.routing import PAGING, Call, endpoint, retrieve
from sandbox.types import Obj, Params
from sandbox.validation import Choice, Flag, Hash, Listed, Span, Text, Whole, merge_metadata, needed, unset


@endpoint(
    "POST",
    "/v1/prices",
    active=Flag(),
    billing_scheme=Choice(options=("per_unit", "tiered")),
    currency=needed(CURRENCY),
    currency_options=CURRENCY_OPTIONS,
    custom_unit_amount=CUSTOM_AMOUNT,
    lookup_key=Text(longest=200),
    metadata=METADATA,
    nickname=Text(),
    product=Text(),
    product_data=Hash(
        fields={
            "active": Flag(),
            "id": Text(),
            "metadata": METADATA,
            "name": needed(Text()),
            "statement_descriptor": Text(longest=22),
            "unit_label": Text(),
        }
    ),
    recurring=RECURRING,
    tax_behavior=TAX_BEHAVIOR,
    tiers=TIERS,
    tiers_mode=Choice(options=("graduated", "volume")),
    transfer_lookup_key=Flag(),
    transform_quantity=Hash(
        fields={"divide_by": needed(Whole(least=1)), "round": needed(Choice(options=("down", "up")))}
    ),
    unit_amount=Whole(least=0),
    unit_amount_decimal=DECIMAL_AMOUNT,
)
def create_price(call: Call) -> Obj:
    account, params = call.account, dict(call.params)
    data = params.pop("product_data", None)
    if bool(data) == bool(params.get("product")):
        raise InvalidRequest(
            "You must specify either `product` or `product_data` when creating a price.", param="product"
        )
    product = new_product(account, **data) if data else account.get("product", params["product"], param="product")
    return new_price(account, params, product=product["id"])


@endpoint(
    "POST",
    "/v1/prices/{id}",
    active=Flag(),
    currency_options=unset(CURRENCY_OPTIONS),
    lookup_key=Text(longest=200),
    metadata=METADATA,
    nickname=Text(),
    tax_behavior=TAX_BEHAVIOR,
    transfer_lookup_key=Flag(),
)
def update_price(call: Call) -> Obj:
    """What a price costs never changes, but for its terms in further currencies."""
    account, price = call.account, call.account.get("price", call.id)
    changes = dict(call.params)
    if changes.get("active") is False:
        product = account.find("product", price["product"])
        if product and product["default_price"] == price["id"]:
            raise InvalidRequest("This price cannot be archived because it is the default price of its product.")
    fixed = price["tax_behavior"] != "unspecified"
    if fixed and changes.get("tax_behavior", price["tax_behavior"]) != price["tax_behavior"]:
        raise InvalidRequest("You cannot change `tax_behavior` once it has been set.", param="tax_behavior")
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(price["metadata"], changes["metadata"])
    if "currency_options" in changes:
        change_options(account, price, changes.pop("currency_options"))
    if "lookup_key" in changes:
        claim_lookup_key(account, changes, price=price["id"])
    changes.pop("transfer_lookup_key", None)
    account.change(price, event="price.updated", **changes)
    if changes.get("active") is False:
        close_links(account, price=price["id"])
    return price


def change_options(account: Account, price: Obj, wishes: Params | None) -> None:
    """Each currency's terms are set whole; "" takes all of them away. They are shown only where expanded."""
    options = new_options(wishes or {}, currency=price["currency"], scheme=price["billing_scheme"])
    old = account.notes(price["id"]).get("currency_options", {})
    account.note(price["id"], currency_options={**old, **options} if wishes is not None else {})


retrieve("/v1/prices/{id}", "price")


@endpoint(
    "GET",
    "/v1/prices",
    **PAGING,
    active=Flag(),
    created=Span(),
    currency=CURRENCY,
    lookup_keys=Listed(each=Text(), most=10),
    product=Text(),
    recurring=Hash(
        fields={"interval": Choice(options=INTERVALS), "usage_type": Choice(options=("licensed", "metered"))}
    ),
    type=Choice(options=("one_time", "recurring")),
)
def list_prices(call: Call) -> Obj:
    account = call.account
    return list_objects(
        account,
        "price",
        params=call.params,
        url="/v1/prices",
        keep={
            "lookup_keys": lambda price, keys: isinstance(keys, list) and price["lookup_key"] in keys,
            "recurring": lambda price, wish: (
                isinstance(wish, dict)
                and price["recurring"] is not None
                and all(price["recurring"][name] == value for name, value in wish.items())
            ),
        },
        also=lambda price: not account.notes(price["id"]).get("inline"),
    )
