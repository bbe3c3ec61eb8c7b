"""States that the API cannot reach, forced by the control API."""

from typing import Any

from sandbox import renewing
from sandbox.account import Account
from sandbox.disputes import STATUSES, move_dispute, open_dispute
from sandbox.errors import NotFound
from sandbox.refunds import fail_refund
from sandbox.types import Obj


def find_any(account: Account, object_id: str) -> Obj:
    """The object of any kind with this id."""
    for table in account.tables.values():
        found = table.get(object_id)
        if found is not None:
            return found
    raise NotFound("object", object_id)


def merge(old: Any, new: Any) -> Any:
    """`new` over `old`, hashes merged key by key."""
    if isinstance(old, dict) and isinstance(new, dict):
        return {**old, **{name: merge(old.get(name), value) for name, value in new.items()}}
    return new


def set_object(account: Account, object_id: str, wishes: Obj) -> Obj:
    """Merge `set` into an object; `emit` names the event. Real moves of disputes and refunds keep their events."""
    obj = find_any(account, object_id)
    fields = dict(wishes.get("set") or {})
    if obj["object"] == "dispute" and fields.get("status") in STATUSES and "emit" not in wishes:
        move_dispute(account, obj, status=fields.pop("status"))
    if obj["object"] == "refund" and fields.get("status") == "failed" and "emit" not in wishes:
        fields.pop("status")
        fail_refund(account, obj)
    if wishes.get("item_page") is not None:
        account.settings["embedded_items"] = int(wishes["item_page"])
    merged = {name: merge(obj.get(name), value) for name, value in fields.items()}
    account.change(obj, **merged)
    if obj["object"] == "subscription" and merged:
        renewing.plan(account, obj)
    if wishes.get("emit"):
        account.emit(wishes["emit"], obj)
    return obj


def act_on_dispute(account: Account, charge_id: str, wishes: Obj) -> Obj:
    """Open a dispute of a charge: {reason, status, amount}."""
    charge = account.get("charge", charge_id)
    return open_dispute(
        account,
        charge,
        reason=str(wishes.get("reason", "fraudulent")),
        status=str(wishes.get("status", "needs_response")),
        amount=int(wishes["amount"]) if wishes.get("amount") is not None else None,
    )
