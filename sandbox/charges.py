"""Charges: what a bank was asked for, and by which card or account."""

from sandbox.account import Account
from sandbox.errors import CardDeclined
from sandbox.types import Obj

# What a charge keeps of the method that paid it.
BANK_DETAILS = ("account_holder_type", "account_type", "bank_name", "fingerprint", "last4", "routing_number")
SEPA_DETAILS = ("bank_code", "branch_code", "country", "fingerprint", "last4")
CARD_DETAILS = (
    "brand",
    "checks",
    "country",
    "exp_month",
    "exp_year",
    "fingerprint",
    "funding",
    "last4",
    "regulated_status",
)


def make_charge(account: Account, intent: Obj, method: Obj, *, status: str = "succeeded", captured: bool = True) -> Obj:
    """A charge for the whole intent, or for what has the same fields and no id; the caller says which events follow."""
    shown = status != "failed"
    charge_id = account.ids.make("ch" if method["type"] == "card" else "py")
    return account.add(
        {
            "id": charge_id,
            "object": "charge",
            "amount": intent["amount"],
            "amount_captured": intent["amount"] if status == "succeeded" and captured else 0,
            "amount_refunded": 0,
            "application": None,
            "application_fee": None,
            "application_fee_amount": None,
            "balance_transaction": None,
            "billing_details": method["billing_details"],
            "calculated_statement_descriptor": intent["statement_descriptor"] or "FOYER SANDBOX",
            "captured": captured and status == "succeeded",
            "created": account.now(),
            "currency": intent["currency"],
            "customer": intent["customer"],
            "description": intent["description"],
            "disputed": False,
            "failure_balance_transaction": None,
            "failure_code": None,
            "failure_message": None,
            "fraud_details": {},
            "livemode": False,
            "metadata": dict(intent["metadata"]),
            "on_behalf_of": None,
            "outcome": {
                "advice_code": None,
                "network_advice_code": None,
                "network_decline_code": None,
                "network_status": "approved_by_network" if shown else "declined_by_network",
                "reason": None,
                "risk_level": "normal",
                "risk_score": 12,
                "seller_message": "Payment complete." if shown else "The bank did not return any further details.",
                "type": "authorized" if shown else "issuer_declined",
            },
            "paid": shown and status != "pending",
            "payment_intent": intent.get("id"),
            "payment_method": method["id"],
            "payment_method_details": {"type": method["type"], method["type"]: charge_details(method, intent)},
            "radar_options": {},
            "receipt_email": intent["receipt_email"],
            "receipt_number": None,
            "receipt_url": f"{account.base_url}/receipts/{charge_id}" if status == "succeeded" else None,
            "refunded": False,
            "review": None,
            "shipping": intent["shipping"],
            "source_transfer": None,
            "statement_descriptor": intent["statement_descriptor"],
            "statement_descriptor_suffix": intent["statement_descriptor_suffix"],
            "status": status,
            "transfer_data": None,
            "transfer_group": intent["transfer_group"],
        }
    )


def decline_charge(account: Account, intent: Obj, method: Obj, refusal: CardDeclined) -> Obj:
    """A charge that the bank refused, told."""
    charge = make_charge(account, intent, method, status="failed")
    outcome = {
        **charge["outcome"],
        "network_decline_code": refusal.decline_code,
        "reason": refusal.decline_code or refusal.code,
    }
    account.change(charge, failure_code=refusal.code, failure_message=refusal.message, outcome=outcome)
    account.emit("charge.failed", charge)
    return charge


def charge_details(method: Obj, intent: Obj) -> Obj:
    """What a charge keeps of the method that paid it."""
    kept = method[method["type"]]
    if method["type"] == "us_bank_account":
        return {**{name: kept[name] for name in BANK_DETAILS}, "payment_reference": None}
    if method["type"] == "sepa_debit":
        return {**{name: kept[name] for name in SEPA_DETAILS}, "mandate": None}
    return {
        **{name: kept[name] for name in CARD_DETAILS},
        "amount_authorized": intent["amount"],
        "authorization_code": None,
        "extended_authorization": {"status": "disabled"},
        "incremental_authorization": {"status": "unavailable"},
        "installments": None,
        "mandate": None,
        "multicapture": {"status": "unavailable"},
        "network": kept["brand"],
        "network_token": {"used": False},
        "network_transaction_id": None,
        "overcapture": {"maximum_amount_capturable": intent["amount"], "status": "unavailable"},
        "three_d_secure": None,
        "transaction_link_id": None,
        "wallet": None,
    }
