"""Addresses as Stripe shows them: every part named, null where it is not known."""

from sandbox.types import Obj

PARTS = ("city", "country", "line1", "line2", "postal_code", "state")


def full_address(wish: Obj | None = None) -> Obj:
    return {**dict.fromkeys(PARTS), **(wish or {})}


def full_shipping(wish: Obj) -> Obj:
    """A shipping hash; `address` is required."""
    return {"carrier": None, "phone": None, "tracking_number": None, **wish, "address": full_address(wish["address"])}
