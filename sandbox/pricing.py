"""What a price costs: in which currency, for how many, by tiers and by packages. Amounts are minor units."""

from decimal import ROUND_HALF_UP, Decimal
from fractions import Fraction

from sandbox.account import Account
from sandbox.errors import InvalidRequest
from sandbox.types import Obj


def offers(account: Account, price: Obj, currency: str) -> bool:
    """Whether the price can be paid in the currency."""
    return bool(price["currency"] == currency or currency in account.notes(price["id"]).get("currency_options", {}))


def terms_in(account: Account, price: Obj, currency: str) -> Obj:
    """The price's `currency_option` of a currency, its own among them. Raises Stripe's refusal of any other."""
    if price["currency"] == currency:
        return own_terms(account, price)
    option: Obj | None = account.notes(price["id"]).get("currency_options", {}).get(currency)
    if option is None:
        raise InvalidRequest(
            f"The price specified only supports `{price['currency']}`. This doesn't match the expected currency: "
            f"`{currency}`.",
            param="currency",
        )
    return option


def own_terms(account: Account, price: Obj) -> Obj:
    names = ("custom_unit_amount", "tax_behavior", "unit_amount", "unit_amount_decimal")
    return {**{name: price[name] for name in names}, **tiers_of(account.notes(price["id"]))}


def tiers_of(notes: Obj) -> Obj:
    return {"tiers": notes["tiers"]} if notes.get("tiers") else {}


def amount_of(account: Account, price: Obj, quantity: int, *, currency: str) -> int:
    """What `quantity` of a price costs for one period; where the buyer chooses, what is preset, or nothing."""
    terms = terms_in(account, price, currency)
    if terms["custom_unit_amount"]:
        return int(terms["custom_unit_amount"]["preset"] or 0)
    if price["billing_scheme"] == "tiered":
        return rounded(tiered_amount(terms["tiers"], quantity, mode=price["tiers_mode"]))
    return rounded(Decimal(terms["unit_amount_decimal"] or 0) * packages(price, quantity))


def packages(price: Obj, quantity: int) -> int:
    """How many units are paid for, where they are sold by the dozen."""
    transform = price["transform_quantity"]
    if not transform:
        return quantity
    whole, rest = divmod(quantity, int(transform["divide_by"]))
    return whole + (1 if rest and transform["round"] == "up" else 0)


def tiered_amount(tiers: list[Obj], quantity: int, *, mode: str) -> Decimal:
    """`volume`: the tier of the whole quantity prices all of it. `graduated`: each tier prices what falls into it."""
    total, below = Decimal(0), 0
    for tier in tiers:
        top = quantity if tier["up_to"] is None else min(quantity, tier["up_to"])
        last = top == quantity
        count = quantity if mode == "volume" else top - below
        if last or mode == "graduated":
            total += Decimal(tier["unit_amount_decimal"] or 0) * count
            total += Decimal(tier["flat_amount_decimal"] or 0)
        if last:
            break
        below = top
    return total


def share_of(amount: int, percent: float) -> int:
    """`percent` of an amount, half a unit up."""
    return rounded(amount * Decimal(str(percent)) / 100)


def part_of(amount: int, part: Fraction) -> int:
    """A part of an amount, half a unit up."""
    return int(part * amount + Fraction(1, 2)) if amount >= 0 else -part_of(-amount, part)


def rounded(amount: Decimal) -> int:
    return int(amount.quantize(Decimal(1), ROUND_HALF_UP))


def unit_decimal(account: Account, price: Obj, *, currency: str) -> str | None:
    """What an invoice line says of one unit; null where the price has tiers."""
    decimal: str | None = terms_in(account, price, currency)["unit_amount_decimal"]
    return decimal
