"""Charges made the old way, without a PaymentIntent: from a token or a customer's card."""

from typing import Any

from sandbox.account import Account
from sandbox.cards import default_method, new_card_method
from sandbox.charges import decline_charge, make_charge
from sandbox.clock import due
from sandbox.currencies import check_amount
from sandbox.disputes import follow_charge
from sandbox.errors import CardDeclined, InvalidRequest, NotFound
from sandbox.payments import AUTHORISED_FOR, needs_authentication, refusal_of
from sandbox.published_cards import NAMED
from sandbox.types import Obj

# What a charge takes from its request, as it would from a PaymentIntent.
TERMS = (
    "customer",
    "description",
    "receipt_email",
    "shipping",
    "statement_descriptor",
    "statement_descriptor_suffix",
    "transfer_group",
)


def find_source(account: Account, *, source: str | None, customer: Obj | None) -> Obj:
    """The card to charge: a token's, the customer's named one, or the customer's default."""
    if source is None and customer is None:
        raise InvalidRequest("Must provide source or customer.", code="parameter_missing")
    if source is None:
        method = default_method(account, customer=customer) if customer else None
        if method is None:
            raise InvalidRequest("Cannot charge a customer that has no active card.", code="missing", param="card")
        return method
    if source in NAMED and source.startswith("tok_"):
        return new_card_method(account, NAMED[source], method_id=account.ids.make("card"))
    if source.startswith("tok_"):
        raise NotFound("token", source, param="source")
    method = account.find("payment_method", source)
    if method is None or customer is None or method["customer"] != customer["id"]:
        raise NotFound("source", source, param="source")
    return method


def charge_directly(
    account: Account, method: Obj, *, amount: int, currency: str, capture: bool = True, **terms: Any
) -> Obj:
    """Charge at once. Raises CardDeclined, with the failed charge recorded; nobody is there to approve anything."""
    wish: Obj = {
        **dict.fromkeys(TERMS),
        "amount": amount,
        "currency": currency,
        "metadata": {},
        **{name: value for name, value in terms.items() if value is not None},
    }
    refusal = refusal_of(account, method, off_session=wish["customer"] is not None, authenticated=None)
    if refusal is None and needs_authentication(account, method, off_session=True, authenticated=None):
        refusal = CardDeclined(
            "Your card was declined. This transaction requires authentication.",
            code="card_declined",
            decline_code="authentication_required",
        )
    if refusal:
        charge = decline_charge(account, wish, method, refusal)
        refusal.error = {**refusal.error, "charge": charge["id"]}
        raise refusal
    charge = make_charge(account, wish, method, captured=capture)
    account.emit("charge.succeeded", charge)
    if capture:
        follow_charge(account, charge)
    else:
        account.schedule("charge_expires", charge["id"], at=account.now() + AUTHORISED_FOR)
    return charge


def capture_charge(account: Account, charge: Obj, *, amount: int | None, **changes: Any) -> Obj:
    """Take an authorised amount, or less."""
    if charge["payment_intent"]:
        raise InvalidRequest(
            f"This charge belongs to the PaymentIntent {charge['payment_intent']}: capture that instead.",
            code="charge_already_captured" if charge["captured"] else None,
        )
    if charge["captured"] or charge["status"] != "succeeded":
        raise InvalidRequest(f"Charge {charge['id']} has already been captured.", code="charge_already_captured")
    if charge["refunded"]:
        raise InvalidRequest(
            f"Charge {charge['id']} has expired and can no longer be captured.", code="charge_expired_for_capture"
        )
    taken = charge["amount"] if amount is None else amount
    if taken > charge["amount"]:
        raise InvalidRequest("You cannot capture more than was authorised.", code="amount_too_large", param="amount")
    check_amount(taken, charge["currency"])
    account.schedule("charge_expires", charge["id"], at=None)
    account.change(charge, amount_captured=taken, captured=True, **changes)
    account.emit("charge.captured", charge)
    follow_charge(account, charge)
    return charge


@due("charge_expires")
def expire_charge(account: Account, charge_id: str) -> None:
    """Stripe gives an uncaptured authorisation back after seven days."""
    charge = account.get("charge", charge_id)
    account.change(charge, amount_refunded=charge["amount"], refunded=True)
    account.emit("charge.expired", charge)
