"""Disputes: opened by a card or by hand, moved by hand, felt by their charge."""

from sandbox.account import Account
from sandbox.cards import card_of
from sandbox.currencies import check_amount, nearest
from sandbox.errors import InvalidRequest
from sandbox.types import DAY, Obj

STATUSES = (
    "lost",
    "needs_response",
    "prevented",
    "under_review",
    "warning_closed",
    "warning_needs_response",
    "warning_under_review",
    "won",
)
CLOSED = ("lost", "prevented", "warning_closed", "won")
# Evidence that decides in test mode (docs.stripe.com/testing#evidence): what becomes of a dispute, and of an inquiry.
DECIDING = {
    "winning_evidence": ("won", "warning_closed"),
    "losing_evidence": ("lost", "warning_closed"),
    "escalate_inquiry_evidence": (None, "needs_response"),
}
TEXTS = (
    "access_activity_log",
    "billing_address",
    "cancellation_policy",
    "cancellation_policy_disclosure",
    "cancellation_rebuttal",
    "customer_communication",
    "customer_email_address",
    "customer_name",
    "customer_purchase_ip",
    "customer_signature",
    "duplicate_charge_documentation",
    "duplicate_charge_explanation",
    "duplicate_charge_id",
    "product_description",
    "receipt",
    "refund_policy",
    "refund_policy_disclosure",
    "refund_refusal_explanation",
    "service_date",
    "service_documentation",
    "shipping_address",
    "shipping_carrier",
    "shipping_date",
    "shipping_documentation",
    "shipping_tracking_number",
    "uncategorized_file",
    "uncategorized_text",
)


def follow_charge(account: Account, charge: Obj) -> None:
    """Some test cards turn against a payment as soon as it has succeeded."""
    method = account.find("payment_method", charge["payment_method"])
    card = card_of(account, method) if method else None
    for reason, status in card.disputes if card else ():
        amount = nearest(charge["amount"] // len(card.disputes), charge["currency"]) if card else None
        open_dispute(account, charge, reason=reason, status=status, amount=amount)
    if card and card.fraud_warning:
        warn_of_fraud(account, charge)


def warn_of_fraud(account: Account, charge: Obj) -> Obj:
    """The bank suspects fraud: nobody has disputed anything yet."""
    return account.add(
        {
            "id": account.ids.make("issfr"),
            "object": "radar.early_fraud_warning",
            "actionable": True,
            "charge": charge["id"],
            "created": account.now(),
            "fraud_type": "made_with_stolen_card",
            "livemode": False,
            **({"payment_intent": charge["payment_intent"]} if charge["payment_intent"] else {}),
        },
        event="radar.early_fraud_warning.created",
    )


def open_dispute(
    account: Account,
    charge: Obj,
    *,
    reason: str = "fraudulent",
    status: str = "needs_response",
    amount: int | None = None,
) -> Obj:
    """A new dispute of `amount` (default the whole charge). An inquiry (`warning_…`) takes no money. Raises
    InvalidRequest for what nobody can dispute."""
    check_disputable(charge, status=status, amount=amount)
    inquiry = status.startswith("warning_")
    if not inquiry:
        account.change(charge, disputed=True)
    dispute = account.add(
        {
            "id": account.ids.make("du"),
            "object": "dispute",
            "amount": charge["amount"] if amount is None else amount,
            "balance_transactions": [],
            "charge": charge["id"],
            "created": account.now(),
            "currency": charge["currency"],
            "enhanced_eligibility_types": [],
            "evidence": {**dict.fromkeys(TEXTS), "enhanced_evidence": {}},
            "evidence_details": {
                "due_by": account.now() + 9 * DAY,
                "enhanced_eligibility": {},
                "has_evidence": False,
                "past_due": False,
                "submission_count": 0,
            },
            "is_charge_refundable": inquiry,
            "livemode": False,
            "metadata": {},
            "payment_intent": charge["payment_intent"],
            "payment_method_details": {
                "type": "card",
                "card": {
                    "brand": "visa",
                    "case_type": "inquiry" if inquiry else "chargeback",
                    "network": "visa",
                    "network_reason_code": "10.4" if reason == "fraudulent" else "13.1",
                },
            },
            "reason": reason,
            "status": status,
        },
        event="charge.dispute.created",
    )
    if not inquiry:
        account.emit("charge.dispute.funds_withdrawn", dispute)
    return dispute


def check_disputable(charge: Obj, *, status: str, amount: int | None) -> None:
    """Money that was taken, and no more of it than that."""
    check_status(status)
    if charge["status"] != "succeeded" or not charge["captured"]:
        raise InvalidRequest(f"Charge {charge['id']} has not been captured: it cannot be disputed.", param="charge")
    if amount is not None and not 0 < amount <= charge["amount"]:
        raise InvalidRequest(f"The amount must be between 1 and {charge['amount']}.", param="amount")
    check_amount(amount, charge["currency"])


def check_status(status: str) -> None:
    if status not in STATUSES:
        raise InvalidRequest(f"Invalid status: must be one of {', '.join(STATUSES)}", param="status")


def refuse_closed(dispute: Obj) -> None:
    """What is decided is neither answered nor accepted any more."""
    if dispute["status"] in CLOSED:
        raise InvalidRequest(f"This dispute is already closed: its status is {dispute['status']}.")


def take_evidence(account: Account, dispute: Obj, evidence: Obj, *, submit: bool, **changes: object) -> Obj:
    """Add evidence, and submit all that there is: the bank looks at it, or is decided by it at once."""
    refuse_closed(dispute)
    told, details = {**dispute["evidence"], **evidence}, dispute["evidence_details"]
    has_any = details["has_evidence"] or bool(evidence)
    submitted = submit and has_any
    status = dispute["status"]
    if submitted and status.endswith("needs_response"):
        status = status.replace("needs_response", "under_review")
    count = details["submission_count"] + submitted
    account.change(
        dispute,
        event="charge.dispute.updated",
        evidence=told,
        evidence_details={**details, "has_evidence": has_any, "submission_count": count},
        status=status,
        **changes,
    )
    decided = DECIDING.get(told["uncategorized_text"] or "") if submitted else None
    verdict = decided and decided[status.startswith("warning_")]
    return move_dispute(account, dispute, status=verdict) if verdict else dispute


def accept_dispute(account: Account, dispute: Obj) -> Obj:
    """Answer nothing: a dispute is lost by it, an inquiry is over."""
    refuse_closed(dispute)
    inquiry = dispute["status"].startswith("warning_")
    return move_dispute(account, dispute, status="warning_closed" if inquiry else "lost")


def move_dispute(account: Account, dispute: Obj, *, status: str) -> Obj:
    """Set a dispute's status, with the events of an escalation, a closing or a late win."""
    check_status(status)
    old = dispute["status"]
    if old == status:
        return dispute
    escalated = old.startswith("warning_") and not status.startswith("warning_")
    details = dispute["payment_method_details"]
    if escalated:
        details = {**details, "card": {**details["card"], "case_type": "chargeback"}}
        account.change(account.get("charge", dispute["charge"]), disputed=True)
    account.change(
        dispute,
        event="charge.dispute.updated" if status not in CLOSED else None,
        is_charge_refundable=status.startswith("warning_"),
        payment_method_details=details,
        status=status,
    )
    if escalated:
        account.emit("charge.dispute.funds_withdrawn", dispute)
    if status in CLOSED:
        account.emit("charge.dispute.closed", dispute)
    if status == "won":
        account.emit("charge.dispute.funds_reinstated", dispute)
    return dispute
