"""Products and prices, and the line items that sell them."""

from dataclasses import dataclass, field

from sandbox.account import Account
from sandbox.errors import InvalidRequest
from sandbox.types import Obj, Params


def new_product(account: Account, *, name: str, **fields: object) -> Obj:
    """Make a product; `fields` override Stripe's defaults, `id` may be chosen."""
    product_id = str(fields.pop("id", None) or account.ids.make("prod"))
    if product_id in account.table("product"):
        raise InvalidRequest(f"Product already exists: {product_id}", code="resource_already_exists", param="id")
    now = account.now()
    return account.add(
        {
            "id": product_id,
            "object": "product",
            "active": True,
            "created": now,
            "default_price": None,
            "description": None,
            "images": [],
            "livemode": False,
            "marketing_features": [],
            "metadata": {},
            "name": name,
            "package_dimensions": None,
            "shippable": None,
            "statement_descriptor": None,
            "tax_code": None,
            "unit_label": None,
            "updated": now,
            "url": None,
            **fields,
        },
        event="product.created",
    )


def new_price(account: Account, params: Params, *, product: str, inline: bool = False) -> Obj:
    """Make a price of `product`. An `inline` one is listed nowhere, as Stripe's `price_data` prices are not."""
    tiers = params.get("tiers")
    check_amount(params)
    recurring = params.get("recurring")
    unit_amount, decimal = amounts(params)
    lookup_key = claim_lookup_key(account, params)
    price = {
        "id": account.ids.make("price"),
        "object": "price",
        "active": params.get("active", True) and not inline,
        "billing_scheme": params.get("billing_scheme", "per_unit"),
        "created": account.now(),
        "currency": params["currency"].lower(),
        "custom_unit_amount": custom_amount(params.get("custom_unit_amount")),
        "livemode": False,
        "lookup_key": lookup_key,
        "metadata": params.get("metadata") or {},
        "nickname": params.get("nickname"),
        "product": product,
        "recurring": recurring
        and {
            "interval": recurring["interval"],
            "interval_count": recurring.get("interval_count", 1),
            "meter": recurring.get("meter"),
            "usage_type": recurring.get("usage_type", "licensed"),
        },
        "tax_behavior": params.get("tax_behavior", "unspecified"),
        "tiers_mode": params.get("tiers_mode"),
        "transform_quantity": params.get("transform_quantity"),
        "type": "recurring" if recurring else "one_time",
        "unit_amount": None if tiers else unit_amount,
        "unit_amount_decimal": None if tiers else decimal,
    }
    notes: Obj = {"inline": True} if inline else {}
    if tiers:
        notes["tiers"] = [new_tier(tier) for tier in tiers]
    return account.add(price, event=None if inline else "price.created", **notes)


def check_amount(params: Params) -> None:
    named = [
        name for name in ("unit_amount", "unit_amount_decimal", "custom_unit_amount") if params.get(name) is not None
    ]
    if params.get("billing_scheme") == "tiered":
        if named or not params.get("tiers") or not params.get("tiers_mode"):
            raise InvalidRequest("Tiered prices take `tiers` and `tiers_mode` and no unit amount.", param="tiers")
    elif len(named) != 1:
        raise InvalidRequest(
            "Prices require exactly one of `unit_amount`, `unit_amount_decimal` or `custom_unit_amount`."
            if named
            else "Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.",
            param="unit_amount",
        )


def amounts(params: Params) -> tuple[int | None, str | None]:
    """(unit_amount, unit_amount_decimal); the integer is null where the decimal has a fraction."""
    if params.get("unit_amount") is not None:
        return params["unit_amount"], str(params["unit_amount"])
    decimal = params.get("unit_amount_decimal")
    if decimal is None:
        return None, None
    return (int(float(decimal)) if float(decimal).is_integer() else None), decimal


def claim_lookup_key(account: Account, params: Params) -> str | None:
    key = params.get("lookup_key")
    holders = [price for price in account.table("price") if key and price["lookup_key"] == key and price["active"]]
    for holder in holders:
        if not params.get("transfer_lookup_key"):
            raise InvalidRequest(f"A price (`{holder['id']}`) already uses that lookup key.", param="lookup_key")
        account.change(holder, event="price.updated", lookup_key=None)
    return key


def custom_amount(wish: Params | None) -> Obj | None:
    if not wish or not wish.get("enabled"):
        return None
    return {"maximum": wish.get("maximum"), "minimum": wish.get("minimum"), "preset": wish.get("preset")}


def new_tier(tier: Params) -> Obj:
    def decimal(name: str) -> str | None:
        value = tier.get(f"{name}_decimal") or tier.get(name)
        return None if value is None else str(value)

    return {
        "flat_amount": tier.get("flat_amount"),
        "flat_amount_decimal": decimal("flat_amount"),
        "unit_amount": tier.get("unit_amount"),
        "unit_amount_decimal": decimal("unit_amount"),
        "up_to": None if tier["up_to"] == "inf" else tier["up_to"],
    }


def price_of(account: Account, wish: Params, *, param: str, use: str | None = None) -> Obj:
    """The price that a line names, made on the spot from `price_data` where it does."""
    if wish.get("price"):
        price = account.get("price", wish["price"], param=f"{param}[price]")
        if not price["active"] and not account.notes(price["id"]).get("inline"):
            raise InvalidRequest(
                "The price specified is inactive. This field only accepts active prices.", param=f"{param}[price]"
            )
    elif wish.get("price_data"):
        data = wish["price_data"]
        price = new_price(account, data, product=product_of(account, data, param=param), inline=True)
    else:
        raise InvalidRequest(
            f"Missing required param: {param}[price].", code="parameter_missing", param=f"{param}[price]"
        )
    if use and price["type"] != use:
        raise InvalidRequest(
            f"The price specified is set to `type={price['type']}` but this field only accepts prices with "
            f"`type={use}`.",
            param=f"{param}[price]",
        )
    return price


def product_of(account: Account, data: Params, *, param: str) -> str:
    if data.get("product_data"):
        return str(new_product(account, **data["product_data"])["id"])
    if not data.get("product"):
        raise InvalidRequest(
            f"Missing required param: {param}[price_data][product].",
            code="parameter_missing",
            param=f"{param}[price_data][product]",
        )
    return str(account.get("product", data["product"], param=f"{param}[price_data][product]")["id"])


def new_line(account: Account, price: Obj, *, quantity: int, adjustable: Obj | None = None, free: bool = False) -> Obj:
    """A Checkout line item; `free` while a trial runs."""
    amount = 0 if free else (price["unit_amount"] or 0) * quantity
    return {
        "id": account.ids.make("li"),
        "object": "item",
        "adjustable_quantity": adjustable,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": price["currency"],
        "description": account.get("product", price["product"])["name"],
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }


def new_lines(account: Account, wishes: list[Params], *, free: bool = False) -> list[Obj]:
    """Line items for `line_items[]`, all in one currency."""
    lines = []
    for at, wish in enumerate(wishes):
        price = price_of(account, wish, param=f"line_items[{at}]")
        if "quantity" not in wish and not (price["recurring"] and price["recurring"]["usage_type"] == "metered"):
            raise InvalidRequest("Quantity is required. Add `quantity` to `line_items[0]`.", param=f"line_items[{at}]")
        adjustable = wish.get("adjustable_quantity")
        line = new_line(
            account,
            price,
            quantity=wish.get("quantity", 1),
            free=free and price["type"] == "recurring",
            adjustable=adjustable
            and {
                "enabled": adjustable["enabled"],
                "maximum": adjustable.get("maximum"),
                "minimum": adjustable.get("minimum"),
            },
        )
        line["metadata"] = wish.get("metadata") or {}
        lines.append(line)
    if len({line["currency"] for line in lines}) > 1:
        raise InvalidRequest("All prices in `line_items` must have the same currency.", param="line_items")
    return lines


def price_amount(account: Account, price: Obj, quantity: int) -> int:
    """What `quantity` of a price costs for one period, tiers and packages included."""
    if price["billing_scheme"] == "tiered":
        return tiered_amount(account.notes(price["id"])["tiers"], quantity, mode=price["tiers_mode"])
    transform = price["transform_quantity"]
    if transform:
        whole, rest = divmod(quantity, transform["divide_by"])
        quantity = whole + (1 if rest and transform["round"] == "up" else 0)
    return round(float(price["unit_amount_decimal"] or 0) * quantity)


def tiered_amount(tiers: list[Obj], quantity: int, *, mode: str) -> int:
    total, below = 0, 0
    for tier in tiers:
        top = tier["up_to"]
        inside = top is None or quantity <= top
        if mode == "volume":
            if inside:
                return (tier["unit_amount"] or 0) * quantity + (tier["flat_amount"] or 0)
            continue
        count = quantity - below if inside else top - below
        if count > 0:
            total += (tier["unit_amount"] or 0) * count + (tier["flat_amount"] or 0)
        if inside:
            break
        below = top
    return total


def money(price: Obj) -> str:
    return f"at {(price['unit_amount'] or 0) / 100:.2f} {price['currency'].upper()}"


@dataclass
class ItemWish:
    """One thing to subscribe to, or for a one-time price to bill on the first invoice."""

    price: Obj
    quantity: int = 1
    metadata: Obj = field(default_factory=dict)
