"""Products, and the line items that sell their prices."""

from collections.abc import Callable
from dataclasses import dataclass, field
from fractions import Fraction

from sandbox.account import Account
from sandbox.coupons import Found
from sandbox.currencies import check_most, nearest
from sandbox.errors import InvalidRequest
from sandbox.prices import new_price
from sandbox.pricing import amount_of, part_of
from sandbox.types import Obj, Params

WHOLE = Fraction(1)


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


def price_of(
    account: Account, wish: Params, *, param: str, use: str | None = None, buyer_may_choose: bool = False
) -> Obj:
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
    if price["custom_unit_amount"] and not buyer_may_choose:
        raise InvalidRequest(
            "Prices with `custom_unit_amount` can only be used in Checkout and payment links.", param=f"{param}[price]"
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


def new_line(
    account: Account, price: Obj, *, quantity: int, currency: str, adjustable: Obj | None = None, part: Fraction = WHOLE
) -> Obj:
    """A Checkout line item; `part` is how much of its first period is paid now."""
    cost = amount_of(account, price, quantity, currency=currency)
    check_most(cost, currency, param="line_items")
    amount = nearest(part_of(cost, part), currency)
    return {
        "id": account.ids.make("li"),
        "object": "item",
        "adjustable_quantity": adjustable,
        "amount_discount": 0,
        "amount_subtotal": amount,
        "amount_tax": 0,
        "amount_total": amount,
        "currency": currency,
        "description": account.get("product", price["product"])["name"],
        "metadata": {},
        "price": price,
        "quantity": quantity,
    }


def new_lines(
    account: Account,
    wishes: list[Params],
    *,
    currency: str | None = None,
    part: Callable[[Obj], Fraction] = lambda price: WHOLE,
) -> list[Obj]:
    """Line items for `line_items[]`, all in `currency`, by default that of the first price. `part`: of a price, how
    much of its first period is paid now."""
    prices = [
        price_of(account, wish, param=f"line_items[{at}]", buyer_may_choose=True) for at, wish in enumerate(wishes)
    ]
    code = currency or (prices[0]["currency"] if prices else "")
    lines = []
    for at, (wish, price) in enumerate(zip(wishes, prices, strict=True)):
        check_quantity(wish, price, lines=len(wishes), param=f"line_items[{at}]")
        adjustable = wish.get("adjustable_quantity")
        line = new_line(
            account,
            price,
            quantity=wish.get("quantity", 1),
            currency=code,
            part=part(price),
            adjustable=adjustable
            and {
                "enabled": adjustable["enabled"],
                "maximum": adjustable.get("maximum"),
                "minimum": adjustable.get("minimum"),
            },
        )
        line["metadata"] = wish.get("metadata") or {}
        lines.append(line)
    return lines


def check_quantity(wish: Params, price: Obj, *, lines: int, param: str) -> None:
    """How many there have to be: always said, but for metered prices, and one alone where the buyer says how much."""
    metered = price["recurring"] and price["recurring"]["usage_type"] == "metered"
    if "quantity" not in wish and not metered:
        raise InvalidRequest("Quantity is required. Add `quantity` to `line_items[0]`.", param=param)
    if not price["custom_unit_amount"]:
        return
    if lines > 1 or wish["quantity"] != 1 or (wish.get("adjustable_quantity") or {}).get("enabled"):
        raise InvalidRequest(
            "A price with `custom_unit_amount` has to be the only line item, with a quantity of 1 that cannot be "
            "adjusted.",
            param=param,
        )


@dataclass
class ItemWish:
    """One thing to subscribe to, or for a one-time price to bill on the first invoice."""

    price: Obj
    quantity: int = 1
    metadata: Obj = field(default_factory=dict)
    found: list[Found] = field(default_factory=list)  # the coupons redeemed for it alone
