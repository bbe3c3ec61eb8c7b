"""Cards kept the old way, as a customer's `sources`: each is also a PaymentMethod of the same id, as at Stripe."""

from sandbox.account import Account
from sandbox.addresses import PARTS
from sandbox.cards import attach, new_card_method
from sandbox.errors import NotFound
from sandbox.published_cards import NAMED
from sandbox.types import Obj

# Parts of an address under the names that cards give them.
NAMES = {part: "zip" if part == "postal_code" else part for part in PARTS}


def add_source(account: Account, customer: Obj, token: str, *, metadata: Obj | None = None) -> Obj:
    """A card from a token such as `tok_visa`; the first one pays from now on. Raises CardDeclined where it fails."""
    if not token.startswith("tok_") or token not in NAMED:
        raise NotFound("token", token, param="source")
    method = new_card_method(account, NAMED[token], method_id=account.ids.make("card"), name=None)
    attach(account, method, customer=customer)
    kept = method["card"]
    card = account.add(
        {
            "id": method["id"],
            "object": "card",
            **{f"address_{name}": None for name in NAMES.values()},
            "address_line1_check": None,
            "address_zip_check": None,
            "allow_redisplay": "unspecified",
            "brand": kept["brand"].title(),
            "country": kept["country"],
            "customer": customer["id"],
            "cvc_check": "pass",
            "dynamic_last4": None,
            "exp_month": kept["exp_month"],
            "exp_year": kept["exp_year"],
            "fingerprint": kept["fingerprint"],
            "funding": kept["funding"],
            "last4": kept["last4"],
            "metadata": metadata or {},
            "name": None,
            "regulated_status": kept["regulated_status"],
            "tokenization_method": None,
        },
        event="customer.source.created",
    )
    if customer["default_source"] is None:
        account.change(customer, event="customer.updated", default_source=card["id"])
    return card


def change_source(account: Account, card: Obj, changes: Obj) -> Obj:
    """Set fields of a card, and of the PaymentMethod that it also is."""
    method = account.get("payment_method", card["id"])
    dates = {name: changes[name] for name in ("exp_month", "exp_year") if name in changes}
    known = {**card, **changes}
    address = {part: known[f"address_{name}"] for part, name in NAMES.items()}
    details = {**method["billing_details"], "address": address, "name": known["name"]}
    account.change(method, billing_details=details, card={**method["card"], **dates})
    return account.change(card, event="customer.source.updated", **changes)


def remove_source(account: Account, customer: Obj, card: Obj) -> Obj:
    """Take a card away; the newest one left becomes the default."""
    account.emit("customer.source.deleted", card)
    account.change(account.get("payment_method", card["id"]), customer=None)
    account.remove(card)
    if customer["default_source"] == card["id"]:
        left = account.list("card", customer=customer["id"])
        account.change(customer, event="customer.updated", default_source=left[0]["id"] if left else None)
    return {"id": card["id"], "object": "card", "deleted": True}
