"""`/v1/prices`. Inline prices (made by `price_data`) are listed nowhere, as at Stripe."""

from sandbox.catalogue import new_price, new_product
from sandbox.errors import InvalidRequest
from sandbox.paging import list_objects
from sandbox.resources.products import close_links
from sandbox.resources.shared_fields import CURRENCY, INTERVALS, METADATA, RECURRING, TAX_BEHAVIOR
from sandbox.routing import PAGING, Call, endpoint, retrieve
from sandbox.types import Obj
from sandbox.validation import Choice, Either, Flag, Hash, Listed, Span, Text, Whole, merge_metadata, needed

TIER = Hash(
    fields={
        "flat_amount": Whole(least=0),
        "unit_amount": Whole(least=0),
        "up_to": needed(Either(words=("inf",))),
    }
)


@endpoint(
    "POST",
    "/v1/prices",
    active=Flag(),
    billing_scheme=Choice(options=("per_unit", "tiered")),
    currency=needed(CURRENCY),
    custom_unit_amount=Hash(
        fields={"enabled": needed(Flag()), "maximum": Whole(), "minimum": Whole(), "preset": Whole()}
    ),
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
    tiers=Listed(each=TIER),
    tiers_mode=Choice(options=("graduated", "volume")),
    transfer_lookup_key=Flag(),
    transform_quantity=Hash(
        fields={"divide_by": needed(Whole(least=1)), "round": needed(Choice(options=("down", "up")))}
    ),
    unit_amount=Whole(least=0),
    unit_amount_decimal=Text(),
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
    lookup_key=Text(longest=200),
    metadata=METADATA,
    nickname=Text(),
    tax_behavior=TAX_BEHAVIOR,
)
def update_price(call: Call) -> Obj:
    account, price = call.account, call.account.get("price", call.id)
    changes = dict(call.params)
    if changes.get("active") is False:
        product = account.find("product", price["product"])
        if product and product["default_price"] == price["id"]:
            raise InvalidRequest("This price cannot be archived because it is the default price of its product.")
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(price["metadata"], changes["metadata"])
    account.change(price, event="price.updated", **changes)
    if changes.get("active") is False:
        close_links(account, price=price["id"])
    return price


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
