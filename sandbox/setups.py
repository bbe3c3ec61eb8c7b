"""SetupIntents: a card saved for later, refused by its bank, or approved by its holder first."""

from sandbox.account import Account
from sandbox.cards import attach, card_of, decline
from sandbox.errors import CardDeclined, InvalidRequest
from sandbox.types import Obj

CONFIRMABLE = ("requires_payment_method", "requires_confirmation", "requires_action")


def new_setup(
    account: Account,
    *,
    customer: Obj | None,
    description: str | None = None,
    metadata: Obj | None = None,
    payment_method_types: list[str] | None = None,
    usage: str = "off_session",
    automatic: Obj | None = None,
) -> Obj:
    """A SetupIntent in `requires_payment_method`; `automatic` is its `automatic_payment_methods`."""
    setup_id = account.ids.make("seti")
    return account.add(
        {
            "id": setup_id,
            "object": "setup_intent",
            "application": None,
            "automatic_payment_methods": automatic,
            "cancellation_reason": None,
            "client_secret": f"{setup_id}_secret_{account.ids.letters(25)}",
            "created": account.now(),
            "customer": customer["id"] if customer else None,
            "customer_account": None,
            "description": description,
            "excluded_payment_method_types": None,
            "flow_directions": None,
            "last_setup_error": None,
            "latest_attempt": None,
            "livemode": False,
            "mandate": None,
            "metadata": metadata or {},
            "next_action": None,
            "on_behalf_of": None,
            "payment_method": None,
            "payment_method_configuration_details": None,
            "payment_method_options": {},
            "payment_method_types": payment_method_types or ["card"],
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": usage,
        },
        event="setup_intent.created",
    )


def confirm_setup(account: Account, setup: Obj, method: Obj, *, authenticated: bool | None = None) -> Obj:
    """Save the method. Ends `succeeded`, or `requires_action` where the bank asks; raises CardDeclined, recorded."""
    if setup["status"] not in CONFIRMABLE:
        raise wrong_status(setup, "confirm")
    card = card_of(account, method)
    if card and card.decline:
        raise fail_setup(account, setup, method, decline(card.decline))
    if card and card.asks_authentication and authenticated is None:
        account.change(
            setup,
            next_action={
                "type": "redirect_to_url",
                "redirect_to_url": {"return_url": None, "url": f"{account.base_url}/sandbox/"},
            },
            payment_method=method["id"],
            status="requires_action",
        )
        account.emit("setup_intent.requires_action", setup)
        return setup
    if authenticated is False:
        refusal = CardDeclined(
            "We are unable to authenticate your payment method. Please choose a different payment method and try "
            "again.",
            code="setup_intent_authentication_failure",
        )
        raise fail_setup(account, setup, method, refusal)
    if setup["customer"]:
        attach(account, method, customer=account.get("customer", setup["customer"]))
    account.change(setup, last_setup_error=None, next_action=None, payment_method=method["id"], status="succeeded")
    account.emit("setup_intent.succeeded", setup)
    return setup


def fail_setup(account: Account, setup: Obj, method: Obj, refusal: CardDeclined) -> CardDeclined:
    """Record a refused attempt; returns the refusal with the SetupIntent in it, as Stripe answers."""
    error = {**refusal.error, "payment_method": method}
    account.change(
        setup, last_setup_error=error, next_action=None, payment_method=None, status="requires_payment_method"
    )
    account.emit("setup_intent.setup_failed", setup)
    refusal.error = {**error, "setup_intent": dict(setup)}
    return refusal


def cancel_setup(account: Account, setup: Obj, *, reason: str | None) -> Obj:
    if setup["status"] not in CONFIRMABLE:
        raise wrong_status(setup, "cancel")
    account.change(setup, cancellation_reason=reason, next_action=None, status="canceled")
    account.emit("setup_intent.canceled", setup)
    return setup


def wrong_status(setup: Obj, verb: str) -> InvalidRequest:
    return InvalidRequest(
        f"You cannot {verb} this SetupIntent because it has a status of {setup['status']}.",
        code="setup_intent_unexpected_state",
        setup_intent=setup,
    )
