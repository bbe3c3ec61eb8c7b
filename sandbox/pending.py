"""Updates that wait for their payment (`payment_behavior=pending_if_incomplete`), for 23 hours at most."""

from sandbox import collecting
from sandbox.account import Account
from sandbox.clock import due
from sandbox.tables import subscription_of
from sandbox.types import DAY, Obj


def waits_with(account: Account, invoice: Obj) -> Obj | None:
    """The subscription whose pending update an invoice pays for."""
    subscription = account.find("subscription", subscription_of(invoice))
    if subscription and account.notes(subscription["id"]).get("pending", {}).get("invoice") == invoice["id"]:
        return subscription
    return None


@due("pending_update_expires")
def expire_when_due(account: Account, subscription_id: str) -> None:
    """Nobody paid for it. A debit under way is waited for."""
    subscription = account.get("subscription", subscription_id)
    invoice = account.find("invoice", account.notes(subscription_id).get("pending", {}).get("invoice"))
    if invoice and collecting.is_under_way(account, invoice):
        account.schedule("pending_update_expires", subscription_id, at=account.now() + DAY)
    else:
        drop_pending(account, subscription)


def drop_pending(account: Account, subscription: Obj) -> None:
    """Discard a pending update; its invoice is void."""
    if not subscription["pending_update"]:
        return
    invoice = account.get("invoice", account.notes(subscription["id"])["pending"]["invoice"])
    account.schedule("pending_update_expires", subscription["id"], at=None)
    account.change(subscription, event="customer.subscription.updated", pending_update=None)
    account.emit("customer.subscription.pending_update_expired", subscription)
    if invoice["status"] in ("open", "uncollectible"):
        collecting.void(account, invoice)
    account.note(subscription["id"], pending={})
