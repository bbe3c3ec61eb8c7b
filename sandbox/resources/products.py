"""`/v1/products`."""

from sandbox.account import Account
from sandbox.catalogue import new_product
from sandbox.errors import InvalidRequest
from sandbox.prices import new_price
from sandbox.resources.shared_fields import (
    CURRENCY,
    CURRENCY_OPTIONS,
    CUSTOM_AMOUNT,
    DECIMAL_AMOUNT,
    METADATA,
    PLAIN_RECURRING,
    TAX_BEHAVIOR,
)
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import Obj
from sandbox.validation import Field, Flag, Hash, Listed, Text, Url, Whole, merge_metadata, needed, unset

SHARED: dict[str, Field] = {
    "active": Flag(),
    "description": unset(Text(longest=40_000)),
    "images": unset(Listed(each=Url(longest=2_048), most=8)),
    "marketing_features": unset(Listed(each=Hash(fields={"name": needed(Text(longest=80))}), most=15)),
    "metadata": METADATA,
    "shippable": Flag(),
    "statement_descriptor": Text(longest=22, pattern=r"[^<>\\\"']*"),
    "tax_code": unset(Text()),
    "unit_label": unset(Text(longest=12)),
    "url": unset(Url()),
}
CREATE = {**SHARED, "description": Text(longest=40_000), "images": Listed(each=Url(longest=2_048), most=8)}
CREATE |= {"tax_code": Text(), "unit_label": Text(longest=12), "url": Url()}
CREATE["marketing_features"] = Listed(each=Hash(fields={"name": needed(Text(longest=80))}), most=15)

PRICE_DATA = Hash(
    fields={
        "currency": needed(CURRENCY),
        "currency_options": CURRENCY_OPTIONS,
        "custom_unit_amount": CUSTOM_AMOUNT,
        "metadata": METADATA,
        "recurring": PLAIN_RECURRING,
        "tax_behavior": TAX_BEHAVIOR,
        "unit_amount": Whole(least=0),
        "unit_amount_decimal": DECIMAL_AMOUNT,
    }
)


@endpoint(
    "POST",
    "/v1/products",
    id=Text(pattern="[A-Za-z0-9_-]+"),
    name=needed(Text()),
    default_price_data=PRICE_DATA,
    **CREATE,
)
def create_product(call: Call) -> Obj:
    params = dict(call.params)
    price_data = params.pop("default_price_data", None)
    params["metadata"] = merge_metadata(None, params.get("metadata", {}))
    product = new_product(call.account, **params)
    if price_data:
        price = new_price(call.account, price_data, product=product["id"])
        call.account.change(product, event="product.updated", default_price=price["id"])
    return product


@endpoint("POST", "/v1/products/{id}", name=Text(), default_price=Text(), **SHARED)
def update_product(call: Call) -> Obj:
    account, product = call.account, call.account.get("product", call.id)
    changes = dict(call.params)
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(product["metadata"], changes["metadata"])
    for name in ("images", "marketing_features"):
        if name in changes:
            changes[name] = changes[name] or []
    if "default_price" in changes:
        check_default_price(account, product, changes["default_price"])
    if any(product[name] != value for name, value in changes.items()):
        changes["updated"] = account.now()
    account.change(product, event="product.updated", **changes)
    if changes.get("active") is False:
        close_links(account, product=product["id"])
    return product


def check_default_price(account: Account, product: Obj, price_id: str) -> None:
    price = account.get("price", price_id, param="default_price")
    if price["product"] != product["id"] or not price["active"]:
        raise InvalidRequest(
            f"The price {price_id} must be active and belong to product {product['id']}.", param="default_price"
        )


def close_links(account: Account, *, product: str | None = None, price: str | None = None) -> None:
    """Archiving a product or price deactivates the payment links that sell it, as Stripe does."""
    for link in account.table("payment_link"):
        lines = account.notes(link["id"])["line_items"]
        if link["active"] and any(
            product == line["price"]["product"] or price == line["price"]["id"] for line in lines
        ):
            account.change(link, event="payment_link.updated", active=False)


@endpoint("DELETE", "/v1/products/{id}")
def delete_product(call: Call) -> Obj:
    product = call.account.get("product", call.id)
    if call.account.table("price").by("product", product["id"]):
        raise InvalidRequest(
            f"This product cannot be deleted because it has one or more user-created prices: {product['id']}."
        )
    call.account.emit("product.deleted", product)
    call.account.remove(product)
    return {"id": product["id"], "object": "product", "deleted": True}


retrieve("/v1/products/{id}", "product")
listing(
    "/v1/products",
    "product",
    active=Flag(),
    ids=Listed(each=Text()),
    shippable=Flag(),
    url=Url(),
    keep={"ids": lambda product, ids: isinstance(ids, list) and product["id"] in ids},
)
