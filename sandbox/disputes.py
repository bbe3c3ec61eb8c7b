"""Disputes: opened by a card or by hand, moved by hand, felt by their charge."""

from sandbox.account import Account
from sandbox.cards import card_of
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
        amount = charge["amount"] // len(card.disputes) if card else None
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
    """A new dispute of `amount` (default the whole charge). An inquiry (`warning_…`) takes no money."""
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


def move_dispute(account: Account, dispute: Obj, *, status: str) -> Obj:
    """Set a dispute's status, with the events of an escalation, a closing or a late win."""
    if status not in STATUSES:
        raise InvalidRequest(f"Invalid status: must be one of {', '.join(STATUSES)}", param="status")
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
