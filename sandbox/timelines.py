"""Which flow of time a request lives in: that of the test clock its customer is bound to, else the account's."""

from collections.abc import Iterable

from sandbox.account import Account
from sandbox.clock import Timeline
from sandbox.types import Obj, Params

KINDS = {
    "cus": "customer",
    "sub": "subscription",
    "sub_sched": "subscription_schedule",
    "in": "invoice",
    "ii": "invoiceitem",
    "pi": "payment_intent",
    "ch": "charge",
    "cs": "checkout.session",
    "pm": "payment_method",
    "cn": "credit_note",
    "bps": "billing_portal.session",
    "seti": "setup_intent",
}
# Parameters that name what the request is about.
NAMING = ("customer", "subscription", "from_subscription", "invoice")


def timeline_for(account: Account, ids: Iterable[str], params: Params) -> Timeline:
    """Cheap where the account has no test clock."""
    if not account.clocks:
        return account.timeline
    names = [
        *ids,
        *(str(params[name]) for name in NAMING if params.get(name)),
    ]
    for name in names:
        clock = clock_of(account, name)
        if clock:
            return account.clocks.get(clock, account.main)
    named = params.get("test_clock")
    return account.clocks.get(named, account.main) if named else account.main


def clock_of(account: Account, object_id: str) -> str | None:
    """The test clock of an object or of its customer."""
    if object_id.startswith("si_"):
        object_id = account.item_owner.get(object_id, "")
    kind = KINDS.get("sub_sched" if object_id.startswith("sub_sched_") else object_id.split("_", 1)[0])
    obj: Obj | None = account.find(kind, object_id) if kind else None
    if obj is not None and kind != "customer":
        obj = account.find("customer", obj.get("customer"))
    return obj.get("test_clock") if obj else None
