"""Which flow of time a request lives in: that of the test clock its customer is bound to, else the account's."""

from collections.abc import Iterable

from sandbox.account import Account
from sandbox.clock import Timeline
from sandbox.types import Obj, Params

KINDS = {
    "bps": "billing_portal.session",
    "card": "payment_method",
    "cbtxn": "customer_balance_transaction",
    "ch": "charge",
    "cn": "credit_note",
    "cs": "checkout.session",
    "cus": "customer",
    "di": "discount",
    "du": "dispute",
    "ii": "invoiceitem",
    "in": "invoice",
    "inpay": "invoice_payment",
    "issfr": "radar.early_fraud_warning",
    "pi": "payment_intent",
    "pm": "payment_method",
    "py": "charge",
    "re": "refund",
    "seti": "setup_intent",
    "sub": "subscription",
    "sub_sched": "subscription_schedule",
    "txi": "tax_id",
}
# Parameters that name what the request is about.
NAMING = ("customer", "subscription", "from_subscription", "invoice", "charge", "payment_intent")
# By which field an object names its customer, or what has one.
OWNERS = {"customer": "customer", "charge": "charge", "invoice": "invoice"}


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
    customer = customer_of(account, obj) if obj else None
    return customer.get("test_clock") if customer else None


def customer_of(account: Account, obj: Obj) -> Obj | None:
    """Whose an object is, itself where it is a customer."""
    if obj["object"] == "customer":
        return obj
    for field, kind in OWNERS.items():
        if obj.get(field):
            owner = account.find(kind, obj[field])
            return customer_of(account, owner) if owner else None
    return None
