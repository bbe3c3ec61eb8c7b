"""SetupIntents, as far as saving a card for later needs them."""

from sandbox.account import Account
from sandbox.cards import attach
from sandbox.types import Obj


def new_setup(
    account: Account, *, customer: Obj | None, metadata: Obj | None = None, usage: str = "off_session"
) -> Obj:
    setup_id = account.ids.make("seti")
    return account.add(
        {
            "id": setup_id,
            "object": "setup_intent",
            "application": None,
            "automatic_payment_methods": None,
            "cancellation_reason": None,
            "client_secret": f"{setup_id}_secret_{account.ids.letters(25)}",
            "created": account.now(),
            "customer": customer["id"] if customer else None,
            "customer_account": None,
            "description": None,
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
            "payment_method_types": ["card"],
            "single_use_mandate": None,
            "status": "requires_payment_method",
            "usage": usage,
        },
        event="setup_intent.created",
    )


def confirm_setup(account: Account, setup: Obj, method: Obj) -> Obj:
    """Save the method. Raises CardDeclined where it fails Stripe's check at attachment."""
    if setup["customer"]:
        attach(account, method, customer=account.get("customer", setup["customer"]))
    account.change(setup, payment_method=method["id"], status="succeeded")
    account.emit("setup_intent.succeeded", setup)
    return setup


def succeed_setup(account: Account, method: Obj, *, customer: Obj | None, metadata: Obj | None = None) -> Obj:
    return confirm_setup(account, new_setup(account, customer=customer, metadata=metadata), method)
