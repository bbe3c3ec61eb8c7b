"""Prices as objects: their terms in one currency or several, their tiers, their lookup keys."""

from collections.abc import Callable
from decimal import Decimal

from sandbox.account import Account
from sandbox.currencies import check_amount, check_most
from sandbox.errors import InvalidRequest
from sandbox.types import Obj, Params


def new_price(account: Account, params: Params, *, product: str, inline: bool = False) -> Obj:
    """Make a price of `product`. An `inline` one is listed nowhere, as Stripe's `price_data` prices are not."""
    currency, recurring = params["currency"], params.get("recurring")
    scheme = params.get("billing_scheme", "per_unit")
    check_scheme(params, scheme=scheme)
    terms = new_terms(params, currency=currency, scheme=scheme)
    options = new_options(params.get("currency_options") or {}, currency=currency, scheme=scheme)
    lookup_key = claim_lookup_key(account, params)
    tiers = terms.pop("tiers", None)
    price = {
        "id": account.ids.make("price"),
        "object": "price",
        "active": params.get("active", True) and not inline,
        "billing_scheme": scheme,
        "created": account.now(),
        "currency": currency,
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
        "tiers_mode": params.get("tiers_mode"),
        "transform_quantity": params.get("transform_quantity"),
        "type": "recurring" if recurring else "one_time",
        **terms,
    }
    notes: Obj = {"inline": True} if inline else {}
    notes |= {"tiers": tiers} if tiers else {}
    notes |= {"currency_options": options} if options else {}
    return account.add(price, event=None if inline else "price.created", **notes)


def check_scheme(params: Params, *, scheme: str) -> None:
    """Raise Stripe's refusals of parameters that do not go together."""
    if scheme == "tiered":
        if not params.get("tiers_mode"):
            raise InvalidRequest("You must pass `tiers_mode` with `billing_scheme=tiered`.", param="tiers_mode")
        if params.get("transform_quantity"):
            raise InvalidRequest("`transform_quantity` cannot be combined with `tiers`.", param="transform_quantity")
    elif params.get("tiers_mode") or params.get("tiers"):
        raise InvalidRequest("`tiers` can only be passed with `billing_scheme=tiered`.", param="tiers")
    if params.get("recurring") and (params.get("custom_unit_amount") or {}).get("enabled"):
        raise InvalidRequest("`custom_unit_amount` cannot be used with recurring prices.", param="custom_unit_amount")


def new_terms(wish: Params, *, currency: str, scheme: str, under: str = "") -> Obj:
    """What a price costs in one currency, in the form of Stripe's `currency_option`."""

    def param(name: str) -> str:
        return f"{under}[{name}]" if under else name

    custom = wish.get("custom_unit_amount") or {}
    given = [name for name in ("unit_amount", "unit_amount_decimal") if wish.get(name) is not None]
    given += ["custom_unit_amount"] if custom.get("enabled") else []
    terms: Obj = {"tax_behavior": wish.get("tax_behavior", "unspecified")}
    if scheme == "tiered":
        if given or not wish.get("tiers"):
            raise InvalidRequest("Tiered prices take `tiers` and no unit amount.", param=param("tiers"))
        empty = {"custom_unit_amount": None, "unit_amount": None, "unit_amount_decimal": None}
        return {**terms, **empty, "tiers": new_tiers(wish["tiers"], currency=currency, param=param("tiers"))}
    if len(given) != 1:
        raise InvalidRequest(
            "Prices require exactly one of `unit_amount`, `unit_amount_decimal` or `custom_unit_amount`."
            if given
            else "Prices require an `unit_amount` or `unit_amount_decimal` parameter to be set.",
            param=param("unit_amount"),
        )
    amount, decimal = amounts(wish, currency=currency, param=param)
    chosen = new_custom_amount(custom, currency=currency, param=param("custom_unit_amount")) if custom else None
    return {**terms, "custom_unit_amount": chosen, "unit_amount": amount, "unit_amount_decimal": decimal}


def new_options(wishes: dict[str, Params], *, currency: str, scheme: str) -> dict[str, Obj]:
    """A price's terms in further currencies. Raises InvalidRequest for its own."""
    if currency in wishes:
        raise InvalidRequest(
            f"You cannot specify `{currency}` in `currency_options` because it is the default currency of the price.",
            param=f"currency_options[{currency}]",
        )
    return {
        code: new_terms(wish, currency=code, scheme=scheme, under=f"currency_options[{code}]")
        for code, wish in wishes.items()
    }


def amounts(
    wish: Params, *, currency: str, param: Callable[[str], str], of: str = "unit_amount"
) -> tuple[int | None, str | None]:
    """(whole, decimal) of an amount; the whole number is null where the decimal has a fraction, which bills round.
    `param` says under which name a field was sent."""
    given = wish.get(of)
    decimal = wish.get(f"{of}_decimal") if given is None else str(given)
    if decimal is None:
        return None, None
    exact = Decimal(decimal)
    if exact != exact.to_integral_value():
        check_most(exact, currency, param=param(f"{of}_decimal"))
        return None, decimal
    check_amount(int(exact), currency, param=param(of if given is not None else f"{of}_decimal"))
    return int(exact), decimal


def claim_lookup_key(account: Account, params: Params, *, price: str | None = None) -> str | None:
    """The lookup key asked for, taken from its holder where `transfer_lookup_key` says so."""
    key: str | None = params.get("lookup_key")
    for holder in account.table("price") if key else ():
        if holder["lookup_key"] != key or not holder["active"] or holder["id"] == price:
            continue
        if not params.get("transfer_lookup_key"):
            raise InvalidRequest(f"A price (`{holder['id']}`) already uses that lookup key.", param="lookup_key")
        account.change(holder, event="price.updated", lookup_key=None)
    return key


def new_custom_amount(wish: Params, *, currency: str, param: str) -> Obj | None:
    """The bounds within which the buyer chooses."""
    if not wish["enabled"]:
        return None
    shown = {name: wish.get(name) for name in ("maximum", "minimum", "preset")}
    for name, amount in shown.items():
        check_amount(amount, currency, param=f"{param}[{name}]")
    low, middle, high = shown["minimum"], shown["preset"], shown["maximum"]
    known = [amount for amount in (low, middle, high) if amount is not None]
    if known != sorted(known):
        raise InvalidRequest("`minimum`, `preset` and `maximum` must be in ascending order.", param=param)
    return shown


def new_tiers(wishes: list[Params], *, currency: str, param: str) -> list[Obj]:
    """Tiers in ascending order, the last without an end."""
    tops = [wish["up_to"] for wish in wishes]
    if tops[-1] != "inf" or "inf" in tops[:-1]:
        raise InvalidRequest("The last tier, and no other, must have `up_to` set to `inf`.", param=f"{param}[up_to]")
    if tops[:-1] != sorted(set(tops[:-1])):
        raise InvalidRequest("Tiers must be sorted by `up_to`, ascending.", param=f"{param}[up_to]")
    return [new_tier(wish, currency=currency, param=f"{param}[{at}]") for at, wish in enumerate(wishes)]


def new_tier(wish: Params, *, currency: str, param: str) -> Obj:
    tier: Obj = {"up_to": None if wish["up_to"] == "inf" else wish["up_to"]}
    for name in ("flat_amount", "unit_amount"):
        if wish.get(name) is not None and wish.get(f"{name}_decimal") is not None:
            raise InvalidRequest(
                f"You may only specify one of these parameters: {name}, {name}_decimal.", param=f"{param}[{name}]"
            )
        tier[name], tier[f"{name}_decimal"] = amounts(
            wish, currency=currency, param=lambda name: f"{param}[{name}]", of=name
        )
    if tier["flat_amount_decimal"] is None and tier["unit_amount_decimal"] is None:
        raise InvalidRequest("Each tier needs a `unit_amount` or a `flat_amount`.", param=param)
    return tier
