"""From stored objects to answers: lists inside objects cut to a page, `expand[]` followed, includable fields added."""

from collections.abc import Callable
from typing import Any

from sandbox.account import Account
from sandbox.errors import InvalidRequest
from sandbox.pricing import own_terms
from sandbox.types import Obj

MAX_DEPTH = 4
EMBEDDED_LINES = 10

# Where an id may become its object: kind of the holder → path inside it → kind of what the id names.
LINKS: dict[str, dict[str, str]] = {
    "product": {"default_price": "price"},
    "price": {"product": "product"},
    "customer": {
        "invoice_settings.default_payment_method": "payment_method",
        "test_clock": "test_helpers.test_clock",
        "default_source": "card",
    },
    "payment_method": {"customer": "customer"},
    "setup_intent": {"customer": "customer", "payment_method": "payment_method"},
    "subscription": {
        "customer": "customer",
        "latest_invoice": "invoice",
        "default_payment_method": "payment_method",
        "pending_setup_intent": "setup_intent",
        "discounts": "discount",
        "schedule": "subscription_schedule",
        "test_clock": "test_helpers.test_clock",
    },
    "subscription_item": {"discounts": "discount"},
    "subscription_schedule": {
        "customer": "customer",
        "default_settings.default_payment_method": "payment_method",
        "phases.items.price": "price",
        "released_subscription": "subscription",
        "subscription": "subscription",
        "test_clock": "test_helpers.test_clock",
    },
    "invoice": {
        "customer": "customer",
        "default_payment_method": "payment_method",
        "discounts": "discount",
        "parent.subscription_details.subscription": "subscription",
        "total_discount_amounts.discount": "discount",
        "test_clock": "test_helpers.test_clock",
    },
    "line_item": {
        "discounts": "discount",
        "subscription": "subscription",
        "pricing.price_details.price": "price",
        "discount_amounts.discount": "discount",
    },
    "invoiceitem": {
        "customer": "customer",
        "invoice": "invoice",
        "discounts": "discount",
        "pricing.price_details.price": "price",
        "test_clock": "test_helpers.test_clock",
    },
    "invoice_payment": {
        "invoice": "invoice",
        "payment.payment_intent": "payment_intent",
        "payment.charge": "charge",
    },
    "payment_intent": {"customer": "customer", "latest_charge": "charge", "payment_method": "payment_method"},
    "charge": {
        "customer": "customer",
        "payment_intent": "payment_intent",
        "balance_transaction": "balance_transaction",
    },
    "refund": {
        "charge": "charge",
        "customer": "customer",
        "payment_intent": "payment_intent",
        "payment_method": "payment_method",
        "balance_transaction": "balance_transaction",
    },
    "card": {"customer": "customer"},
    "tax_id": {"customer": "customer", "owner.customer": "customer"},
    "customer_balance_transaction": {"credit_note": "credit_note", "customer": "customer", "invoice": "invoice"},
    "radar.early_fraud_warning": {"charge": "charge", "payment_intent": "payment_intent"},
    "credit_note": {
        "customer_balance_transaction": "customer_balance_transaction",
        "customer": "customer",
        "invoice": "invoice",
        "refunds.refund": "refund",
    },
    "dispute": {"charge": "charge", "payment_intent": "payment_intent"},
    "checkout.session": {
        "customer": "customer",
        "invoice": "invoice",
        "payment_intent": "payment_intent",
        "payment_link": "payment_link",
        "setup_intent": "setup_intent",
        "subscription": "subscription",
        "discounts.coupon": "coupon",
        "discounts.promotion_code": "promotion_code",
    },
    "promotion_code": {"customer": "customer", "promotion.coupon": "coupon"},
    "discount": {"customer": "customer", "promotion_code": "promotion_code", "source.coupon": "coupon"},
    "billing_portal.session": {"configuration": "billing_portal.configuration"},
}

Include = Callable[[Account, Obj], Any]


def page_of(rows: list[Obj], *, url: str, limit: int = EMBEDDED_LINES) -> Obj:
    """Stripe's list object with the first page of `rows`."""
    return {"object": "list", "data": rows[:limit], "has_more": len(rows) > limit, "url": url}


def include_line_items(account: Account, obj: Obj) -> Obj:
    path = "checkout/sessions" if obj["object"] == "checkout.session" else "payment_links"
    return page_of(account.notes(obj["id"]).get("line_items", []), url=f"/v1/{path}/{obj['id']}/line_items")


def include_payments(account: Account, invoice: Obj) -> Obj:
    rows = account.list("invoice_payment", invoice=invoice["id"])
    return page_of(rows, url=f"/v1/invoice_payments?invoice={invoice['id']}")


def include_confirmation_secret(account: Account, invoice: Obj) -> Obj | None:
    """What a page of the shop's own would confirm the payment with; None before there is a PaymentIntent."""
    for payment in account.list("invoice_payment", invoice=invoice["id"]):
        if intent := account.find("payment_intent", payment["payment"].get("payment_intent")):
            return {"client_secret": intent["client_secret"], "type": "payment_intent"}
    return None


def include_refunds(account: Account, charge: Obj) -> Obj:
    return page_of(account.list("refund", charge=charge["id"]), url=f"/v1/charges/{charge['id']}/refunds")


def include_subscriptions(account: Account, customer: Obj) -> Obj:
    rows = [row for row in account.list("subscription", customer=customer["id"]) if row["status"] != "canceled"]
    return page_of([show(account, row) for row in rows], url=f"/v1/customers/{customer['id']}/subscriptions")


def include_tax_ids(account: Account, customer: Obj) -> Obj:
    return page_of(account.list("tax_id", customer=customer["id"]), url=f"/v1/customers/{customer['id']}/tax_ids")


def include_sources(account: Account, customer: Obj) -> Obj:
    return page_of(account.list("card", customer=customer["id"]), url=f"/v1/customers/{customer['id']}/sources")


def include_currency_options(account: Account, price: Obj) -> Obj:
    """The price's terms in every currency, its own among them; tiers are left out."""
    options = {price["currency"]: own_terms(account, price), **account.notes(price["id"]).get("currency_options", {})}
    return {code: {name: value for name, value in terms.items() if name != "tiers"} for code, terms in options.items()}


# Fields that are absent unless expanded.
INCLUDES: dict[str, dict[str, Include]] = {
    "checkout.session": {"line_items": include_line_items},
    "payment_link": {"line_items": include_line_items},
    "invoice": {"confirmation_secret": include_confirmation_secret, "payments": include_payments},
    "charge": {"refunds": include_refunds},
    "customer": {
        "subscriptions": include_subscriptions,
        "sources": include_sources,
        "tax_ids": include_tax_ids,
    },
    "price": {
        "tiers": lambda account, obj: account.notes(obj["id"]).get("tiers"),
        "currency_options": include_currency_options,
    },
    "coupon": {
        "applies_to": lambda account, obj: account.notes(obj["id"]).get("applies_to"),
        "currency_options": lambda account, obj: account.notes(obj["id"]).get("currency_options"),
    },
}
NULLABLE = ("confirmation_secret",)
# Fields that hold plain hashes: naming them in `expand[]` is allowed and changes nothing.
HASHES = {
    "items",
    "lines",
    "discount",
    "parent",
    "price",
    "product",
    "recurring",
    "data",
    "customer_details",
    "payment",
}


def show(account: Account, obj: Obj) -> Obj:
    """The object as an answer shows it unexpanded: embedded lists cut to their first page."""
    kind = obj.get("object")
    if kind == "subscription" and len(obj["items"]["data"]) > account.settings["embedded_items"]:
        return {**obj, "items": cut(obj["items"], account.settings["embedded_items"])}
    if kind == "invoice" and not obj.get("deleted") and len(obj["lines"]["data"]) > EMBEDDED_LINES:
        return {**obj, "lines": cut(obj["lines"], EMBEDDED_LINES)}
    return obj


def cut(rows: Obj, limit: int) -> Obj:
    return {**rows, "data": rows["data"][:limit], "has_more": True}


def expand(account: Account, obj: Obj, paths: list[str]) -> Obj:
    """A copy of `obj` (or list object) with `paths` expanded. Raises Stripe's 400 for a wrong or too deep path."""
    tree: dict[str, Any] = {}
    for path in paths:
        parts = path.split(".")
        if len(parts) > MAX_DEPTH:
            raise InvalidRequest(
                f"You cannot expand more than {MAX_DEPTH} levels of a property. Property: {path}",
                code="property_expansion_max_depth",
                param="expand",
            )
        branch = tree
        for part in parts:
            branch = branch.setdefault(part, {})
    return walk(account, show(account, obj), tree, kind=obj.get("object", ""), prefix="", asked="")


def walk(account: Account, holder: Obj, tree: dict[str, Any], *, kind: str, prefix: str, asked: str) -> Obj:
    """`prefix` is the path from the object of `kind` down to `holder`; `asked` the whole path, for the refusal."""
    out = dict(holder)
    for name, below in tree.items():
        path = f"{prefix}{name}"
        whole = f"{asked}{name}"
        include = INCLUDES.get(kind, {}).get(path)
        if include:
            included = include(account, holder)
            if included is None and name not in NULLABLE:
                continue  # a price without tiers, a coupon for everything: the field stays absent
            out[name] = included
        value = out.get(name)
        target = LINKS.get(kind, {}).get(path)
        if target:
            value = resolve_all(account, value, target)
        elif name not in out or not (include or isinstance(value, dict | list) or (value is None and expects(path))):
            raise InvalidRequest(
                f"This property cannot be expanded ({whole}). You may want to try expanding one of its parents.",
                param="expand",
            )
        out[name] = descend(account, value, below, kind=kind, path=path, asked=whole)
    return out


def descend(account: Account, value: Any, below: dict[str, Any], *, kind: str, path: str, asked: str) -> Any:
    if not below or value is None or isinstance(value, str):
        return value
    if isinstance(value, list):
        return [descend(account, item, below, kind=kind, path=path, asked=asked) for item in value]
    own_kind = value.get("object")
    if own_kind and own_kind != "list":
        return walk(account, value, below, kind=own_kind, prefix="", asked=f"{asked}.")
    return walk(account, value, below, kind=kind, prefix=f"{path}.", asked=f"{asked}.")


def resolve_all(account: Account, value: Any, kind: str) -> Any:
    if isinstance(value, list):
        return [resolve_all(account, item, kind) for item in value]
    if not isinstance(value, str):
        return value
    found = account.find(kind, value)
    return show(account, found) if found is not None else value


def expects(path: str) -> bool:
    """Whether a null at `path` may be a hash that is absent today."""
    return path.rsplit(".", 1)[-1] in HASHES
