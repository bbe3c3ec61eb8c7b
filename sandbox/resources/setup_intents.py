"""`/v1/setup_intents`."""

from sandbox.account import Account
from sandbox.cards import find_method
from sandbox.errors import InvalidRequest
from sandbox.resources.shared_fields import AUTOMATIC_METHODS, METADATA, METHOD_TYPES
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.setups import cancel_setup, confirm_setup, new_setup
from sandbox.types import Obj
from sandbox.validation import Choice, Flag, Text, merge_metadata


@endpoint(
    "POST",
    "/v1/setup_intents",
    automatic_payment_methods=AUTOMATIC_METHODS,
    confirm=Flag(),
    customer=Text(),
    description=Text(),
    metadata=METADATA,
    payment_method=Text(),
    payment_method_types=METHOD_TYPES,
    return_url=Text(),
    usage=Choice(options=("off_session", "on_session")),
)
def create_setup(call: Call) -> Obj:
    account, params = call.account, call.params
    customer = account.get("customer", params["customer"], param="customer") if params.get("customer") else None
    automatic = params.get("automatic_payment_methods")
    if automatic is None and "payment_method_types" not in params:
        automatic = {"enabled": True}
    setup = new_setup(
        account,
        customer=customer,
        description=params.get("description"),
        metadata=params.get("metadata"),
        payment_method_types=params.get("payment_method_types"),
        usage=params.get("usage", "off_session"),
        automatic=automatic and {"allow_redirects": "always", **automatic},
    )
    if params.get("payment_method"):
        use_method(account, setup, params["payment_method"])
    if params.get("confirm"):
        confirm_with(account, setup)
    return setup


def use_method(account: Account, setup: Obj, name: str) -> None:
    account.change(setup, payment_method=find_method(account, name)["id"], status="requires_confirmation")


def confirm_with(account: Account, setup: Obj, named: str | None = None) -> Obj:
    chosen = named or setup["payment_method"]
    if not chosen:
        raise InvalidRequest(
            "You cannot confirm this SetupIntent because it's missing a payment method. Update the SetupIntent with a "
            "payment method and then confirm it again.",
            code="setup_intent_unexpected_state",
            setup_intent=setup,
        )
    return confirm_setup(account, setup, find_method(account, chosen))


@endpoint(
    "POST",
    "/v1/setup_intents/{id}",
    customer=Text(),
    description=Text(),
    metadata=METADATA,
    payment_method=Text(),
    payment_method_types=METHOD_TYPES,
)
def update_setup(call: Call) -> Obj:
    account, setup = call.account, call.account.get("setup_intent", call.id)
    changes = dict(call.params)
    if changes.get("customer"):
        account.get("customer", changes["customer"], param="customer")
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(setup["metadata"], changes["metadata"])
    if named := changes.pop("payment_method", None):
        use_method(account, setup, named)
    return account.change(setup, **changes)


@endpoint("POST", "/v1/setup_intents/{id}/confirm", payment_method=Text(), return_url=Text())
def confirm(call: Call) -> Obj:
    setup = call.account.get("setup_intent", call.id)
    return confirm_with(call.account, setup, call.params.get("payment_method"))


@endpoint(
    "POST",
    "/v1/setup_intents/{id}/cancel",
    cancellation_reason=Choice(options=("abandoned", "duplicate", "requested_by_customer")),
)
def cancel(call: Call) -> Obj:
    setup = call.account.get("setup_intent", call.id)
    return cancel_setup(call.account, setup, reason=call.params.get("cancellation_reason"))


retrieve("/v1/setup_intents/{id}", "setup_intent")
listing("/v1/setup_intents", "setup_intent", customer=Text(), payment_method=Text())
