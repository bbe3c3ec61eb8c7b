"""PaymentIntents and their charges: confirm, decline, authenticate, settle, capture, cancel."""

import copy
from collections.abc import Callable

from sandbox.account import Account
from sandbox.cards import card_of, decline
from sandbox.charges import decline_charge, make_charge
from sandbox.clock import due
from sandbox.currencies import check_amount
from sandbox.disputes import follow_charge
from sandbox.errors import CardDeclined, InvalidRequest
from sandbox.types import DAY, Obj

# Called with (account, payment intent) when one has succeeded or failed: invoices and checkout sessions listen.
Listener = Callable[[Account, Obj], None]
CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")
AUTHORISED_FOR = 7 * DAY  # how long a bank holds an amount that nobody captures
ON_SUCCESS: list[Listener] = []
ON_FAILURE: list[Listener] = []


def create_intent(
    account: Account,
    *,
    amount: int,
    currency: str,
    customer: str | None = None,
    capture_method: str = "automatic_async",
    description: str | None = None,
    metadata: Obj | None = None,
    payment_method_types: list[str] | None = None,
    receipt_email: str | None = None,
    setup_future_usage: str | None = None,
    shipping: Obj | None = None,
    statement_descriptor: str | None = None,
    statement_descriptor_suffix: str | None = None,
    transfer_group: str | None = None,
    automatic: bool = False,
) -> Obj:
    """A PaymentIntent in `requires_payment_method`. `amount` in the currency's minor unit."""
    intent_id = account.ids.make("pi")
    return account.add(
        {
            "id": intent_id,
            "object": "payment_intent",
            "amount": amount,
            "amount_capturable": 0,
            "amount_details": {"tip": {}},
            "amount_received": 0,
            "application": None,
            "application_fee_amount": None,
            "automatic_payment_methods": {"allow_redirects": "always", "enabled": True} if automatic else None,
            "canceled_at": None,
            "cancellation_reason": None,
            "capture_method": capture_method,
            "client_secret": f"{intent_id}_secret_{account.ids.letters(25)}",
            "confirmation_method": "automatic",
            "created": account.now(),
            "currency": currency,
            "customer": customer,
            "customer_account": None,
            "description": description,
            "excluded_payment_method_types": None,
            "last_payment_error": None,
            "latest_charge": None,
            "livemode": False,
            "metadata": metadata or {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_configuration_details": None,
            "payment_method_options": {},
            "payment_method_types": payment_method_types or ["card"],
            "processing": None,
            "receipt_email": receipt_email,
            "review": None,
            "setup_future_usage": setup_future_usage,
            "shipping": shipping,
            "statement_descriptor": statement_descriptor,
            "statement_descriptor_suffix": statement_descriptor_suffix,
            "status": "requires_payment_method",
            "transfer_data": None,
            "transfer_group": transfer_group,
        },
        event="payment_intent.created",
    )


def refusal_of(account: Account, method: Obj, *, off_session: bool, authenticated: bool | None) -> CardDeclined | None:
    """The decline that charging `method` would meet now; None where it goes through or would ask for 3-D Secure."""
    card = card_of(account, method)
    if card is None:
        return None
    if card.decline:
        return decline(card.decline)
    if card.later_decline and off_session:
        return decline(card.later_decline)
    if card.decline_approved and authenticated:
        return decline(card.decline_approved)
    if card.asks_authentication and authenticated is False:
        return CardDeclined(
            "We are unable to authenticate your payment method. Please choose a different payment method and try "
            "again.",
            code="payment_intent_authentication_failure",
        )
    return None


def needs_authentication(account: Account, method: Obj, *, off_session: bool, authenticated: bool | None) -> bool:
    """Whether the bank asks the payer. Most cards once approved are charged off-session without asking again."""
    card = card_of(account, method)
    if card is None or authenticated is not None:
        return False
    return card.asks_authentication and (card.always_asks or not off_session)


def confirm(
    account: Account, intent: Obj, method: Obj, *, off_session: bool = False, authenticated: bool | None = None
) -> Obj:
    """Try to charge. Ends `succeeded`, `requires_capture`, `processing` or `requires_action`; raises CardDeclined."""
    check_confirmable(intent)
    refusal = refusal_of(account, method, off_session=off_session, authenticated=authenticated)
    if refusal:
        fail(account, intent, method, refusal)
        raise refusal
    if needs_authentication(account, method, off_session=off_session, authenticated=authenticated):
        account.change(
            intent,
            payment_method=method["id"],
            status="requires_action",
            next_action={
                "type": "redirect_to_url",
                "redirect_to_url": {"return_url": None, "url": f"{account.base_url}/sandbox/"},
            },
        )
        account.emit("payment_intent.requires_action", intent)
        return intent
    if "debit" in account.notes(method["id"]):
        return start_debit(account, intent, method)
    if intent["capture_method"] == "manual":
        return authorise(account, intent, method)
    return succeed(account, intent, make_charge(account, intent, method))


def check_confirmable(intent: Obj) -> None:
    """Raises Stripe's refusal where the money has come, is coming, or is not wanted any more."""
    if intent["status"] not in CONFIRMABLE:
        raise InvalidRequest(
            f"This PaymentIntent's status is {intent['status']}: it cannot be confirmed.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )


def succeed(account: Account, intent: Obj, charge: Obj) -> Obj:
    """The money is there: charge and intent say so, listeners follow, a disputing card disputes."""
    account.emit("charge.succeeded", charge)
    account.change(
        intent,
        amount_capturable=0,
        amount_received=charge["amount_captured"],
        last_payment_error=None,
        latest_charge=charge["id"],
        next_action=None,
        payment_method=charge["payment_method"],
        processing=None,
        status="succeeded",
    )
    account.emit("payment_intent.succeeded", intent)
    for listener in ON_SUCCESS:
        listener(account, intent)
    follow_charge(account, charge)
    return intent


def fail(account: Account, intent: Obj, method: Obj, refusal: CardDeclined) -> None:
    """Record a declined attempt on the intent, and put the intent into the refusal as Stripe does."""
    charge = decline_charge(account, intent, method, refusal)
    error = {**refusal.error, "charge": charge["id"], "payment_method": copy.deepcopy(method)}
    account.change(
        intent,
        last_payment_error=error,
        latest_charge=charge["id"],
        next_action=None,
        payment_method=None,
        processing=None,
        status="requires_payment_method",
    )
    account.emit("payment_intent.payment_failed", intent)
    refusal.error = {**error, "payment_intent": {**intent, "last_payment_error": {**error}}}
    for listener in ON_FAILURE:
        listener(account, intent)


def authorise(account: Account, intent: Obj, method: Obj) -> Obj:
    """Manual capture: the bank holds the amount, nothing is paid yet."""
    charge = make_charge(account, intent, method, captured=False)
    account.emit("charge.succeeded", charge)
    account.change(
        intent,
        amount_capturable=intent["amount"],
        latest_charge=charge["id"],
        next_action=None,
        payment_method=method["id"],
        status="requires_capture",
    )
    account.emit("payment_intent.amount_capturable_updated", intent)
    account.schedule("authorisation_expires", intent["id"], at=account.now() + AUTHORISED_FOR)
    return intent


def capture(account: Account, intent: Obj, *, amount: int | None = None) -> Obj:
    """Take the authorised amount, or less."""
    if intent["status"] != "requires_capture":
        raise InvalidRequest(
            f"This PaymentIntent could not be captured because it has a status of {intent['status']}. "
            "Only a PaymentIntent with one of the following statuses may be captured: requires_capture.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )
    taken = intent["amount"] if amount is None else amount
    if taken > intent["amount_capturable"]:
        raise InvalidRequest(
            f"The amount_to_capture ({taken}) is greater than the capturable amount.",
            code="amount_too_large",
            param="amount_to_capture",
        )
    check_amount(taken, intent["currency"], param="amount_to_capture")
    account.schedule("authorisation_expires", intent["id"], at=None)
    charge = account.get("charge", intent["latest_charge"])
    account.change(charge, amount_captured=taken, captured=True)
    account.emit("charge.captured", charge)
    account.change(intent, amount_capturable=0, amount_received=taken, status="succeeded")
    account.emit("payment_intent.succeeded", intent)
    for listener in ON_SUCCESS:
        listener(account, intent)
    follow_charge(account, charge)
    return intent


def cancel_intent(account: Account, intent: Obj, *, reason: str | None) -> Obj:
    if intent["status"] in ("succeeded", "canceled", "processing"):
        raise InvalidRequest(
            f"You cannot cancel this PaymentIntent because it has a status of {intent['status']}.",
            code="payment_intent_unexpected_state",
            payment_intent=intent,
        )
    account.schedule("authorisation_expires", intent["id"], at=None)
    account.change(
        intent,
        amount_capturable=0,
        canceled_at=account.now(),
        cancellation_reason=reason,
        next_action=None,
        status="canceled",
    )
    account.emit("payment_intent.canceled", intent)
    return intent


@due("authorisation_expires")
def expire_authorisation(account: Account, intent_id: str) -> None:
    """Stripe gives an uncaptured card authorisation back after seven days."""
    intent = account.get("payment_intent", intent_id)
    if intent["status"] == "requires_capture":
        charge = account.get("charge", intent["latest_charge"])
        account.change(charge, amount_refunded=charge["amount"], refunded=True)
        account.emit("charge.expired", charge)
        cancel_intent(account, intent, reason="automatic")


def start_debit(account: Account, intent: Obj, method: Obj) -> Obj:
    """A bank debit is on its way: `processing` for some days."""
    charge = make_charge(account, intent, method, status="pending")
    account.change(
        intent, latest_charge=charge["id"], next_action=None, payment_method=method["id"], status="processing"
    )
    account.emit("payment_intent.processing", intent)
    account.emit("charge.pending", charge)
    settles = account.notes(method["id"]).get("settles")
    wait = account.settings["debit_days"] * DAY if settles is None else settles
    account.schedule("debit_settles", intent["id"], at=account.now() + wait)
    return intent


@due("debit_settles")
def settle_debit(account: Account, intent_id: str) -> None:
    """The bank answered: the method knows whether with money."""
    intent = account.get("payment_intent", intent_id)
    charge = account.get("charge", intent["latest_charge"])
    method = account.get("payment_method", intent["payment_method"])
    if account.notes(method["id"]).get("debit") != "fail":
        account.change(charge, amount_captured=charge["amount"], captured=True, paid=True, status="succeeded")
        succeed(account, intent, charge)
        return
    message = "The customer's account has insufficient funds to cover this payment."
    account.change(
        charge,
        failure_code="payment_intent_payment_attempt_failed",
        failure_message=message,
        status="failed",
        outcome={**charge["outcome"], "network_status": "declined_by_network", "type": "issuer_declined"},
    )
    account.emit("charge.failed", charge)
    error = {
        "type": "card_error",
        "code": "payment_intent_payment_attempt_failed",
        "message": message,
        "charge": charge["id"],
        "payment_method": copy.deepcopy(method),  # as it was then
    }
    account.change(intent, last_payment_error=error, payment_method=None, status="requires_payment_method")
    account.emit("payment_intent.payment_failed", intent)
    for listener in ON_FAILURE:
        listener(account, intent)
