"""Refunds: whole, partial, several; and those that a test card lets fail later."""

from typing import Any

from sandbox.account import Account
from sandbox.cards import card_of
from sandbox.clock import due
from sandbox.currencies import check_amount
from sandbox.errors import InvalidRequest
from sandbox.types import DAY, Obj


def refund_charge(
    account: Account, charge: Obj, *, amount: int | None = None, reason: str | None = None, metadata: Obj | None = None
) -> Obj:
    """Give back `amount` (default what is left). Raises Stripe's refusals for too much or nothing left."""
    wanted = left_of(charge) if amount is None else amount
    check_refundable(charge, wanted=wanted)
    method = account.find("payment_method", charge["payment_method"])
    card = card_of(account, method) if method else None
    manner = card.refund if card else "succeeded"
    refund = account.add(
        {
            "id": account.ids.make("re"),
            "object": "refund",
            "amount": wanted,
            "balance_transaction": None,
            "charge": charge["id"],
            "created": account.now(),
            "currency": charge["currency"],
            "customer": charge["customer"],
            "customer_account": None,
            "destination_details": destination(charge),
            "metadata": metadata or {},
            "payment_intent": charge["payment_intent"],
            "payment_method": charge["payment_method"],
            "reason": reason,
            "receipt_number": None,
            "source_transfer_reversal": None,
            "status": "pending" if manner == "pending" else "succeeded",
            "transfer_reversal": None,
        },
        event="refund.created",
    )
    recount(account, charge, event="charge.refunded")
    if manner != "succeeded":
        account.note(refund["id"], manner=manner)
        later = account.now() + account.settings["refund_failure_days"] * DAY
        account.schedule("refund_settles", refund["id"], at=later)
    return refund


def update_refund(account: Account, refund: Obj, **changes: Any) -> Obj:
    """Change a refund; Stripe tells it twice, by the refund's name and by its charge's."""
    before = {name: refund.get(name) for name, value in changes.items() if refund.get(name) != value}
    account.change(refund, **changes)
    for event in ("charge.refund.updated", "refund.updated") if before else ():
        account.emit(event, refund, before=before)
    return refund


def left_of(charge: Obj) -> int:
    """What of a charge was not given back yet."""
    return int(charge["amount_captured"]) - int(charge["amount_refunded"])


def check_refundable(charge: Obj, *, wanted: int) -> None:
    """Raises Stripe's refusals for too much, nothing left, or money that the bank has taken back."""
    left = left_of(charge)
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise InvalidRequest(
            f"Charge {charge['id']} has not been captured: it cannot be refunded.", code="charge_not_refundable"
        )
    if left <= 0:
        raise InvalidRequest(f"Charge {charge['id']} has already been refunded.", code="charge_already_refunded")
    check_amount(wanted, charge["currency"])
    if wanted > left:
        raise InvalidRequest(
            f"Refund amount ({wanted}) is greater than unrefunded amount on charge ({left})", param="amount"
        )
    if charge["disputed"]:
        raise InvalidRequest(
            f"The charge {charge['id']} has been charged back; cannot issue a refund.", code="charge_disputed"
        )


def destination(charge: Obj) -> Obj:
    kind = charge["payment_method_details"]["type"]
    if kind != "card":
        return {"type": kind}
    return {
        "type": "card",
        "card": {
            "reference": "7858",
            "reference_status": "available",
            "reference_type": "acquirer_reference_number",
            "type": "refund",
        },
    }


def counts(refund: Obj) -> bool:
    """Whether the money was given back, as far as anybody knows."""
    return refund["status"] not in ("failed", "canceled")


def recount(account: Account, charge: Obj, *, event: str) -> None:
    """A charge's refunded amount is the sum of the refunds that did not fail."""
    refunds = account.list("refund", charge=charge["id"])
    total = sum(refund["amount"] for refund in refunds if counts(refund))
    account.change(charge, event=event, amount_refunded=total, refunded=total >= charge["amount_captured"])


@due("refund_settles")
def settle_refund(account: Account, refund_id: str) -> None:
    refund = account.get("refund", refund_id)
    if account.notes(refund_id).get("manner") == "failing":
        fail_refund(account, refund)
    elif refund["status"] == "pending":
        update_refund(account, refund, status="succeeded")


def fail_refund(account: Account, refund: Obj, *, reason: str = "expired_or_canceled_card") -> Obj:
    """The bank sent the money back: the refund failed and the charge counts it no longer."""
    update_refund(account, refund, failure_reason=reason, status="failed")
    account.emit("refund.failed", refund)
    recount(account, account.get("charge", refund["charge"]), event="charge.updated")
    return refund
