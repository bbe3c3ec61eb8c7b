"""`/v1/setup_intents`."""

from sandbox.cards import find_method
from sandbox.errors import InvalidRequest
from sandbox.resources.shared_fields import METADATA
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.setups import confirm_setup, new_setup
from sandbox.types import Obj
from sandbox.validation import Choice, Flag, Listed, Text


@endpoint(
    "POST",
    "/v1/setup_intents",
    confirm=Flag(),
    customer=Text(),
    metadata=METADATA,
    payment_method=Text(),
    payment_method_types=Listed(each=Choice(options=("card",))),
    usage=Choice(options=("off_session", "on_session")),
)
def create_setup(call: Call) -> Obj:
    account, params = call.account, call.params
    customer = account.get("customer", params["customer"], param="customer") if params.get("customer") else None
    setup = new_setup(
        account, customer=customer, metadata=params.get("metadata"), usage=params.get("usage", "off_session")
    )
    if params.get("payment_method"):
        method = find_method(account, params["payment_method"])
        account.change(setup, payment_method=method["id"], status="requires_confirmation")
        if params.get("confirm"):
            confirm_setup(account, setup, method)
    return setup


@endpoint("POST", "/v1/setup_intents/{id}/confirm", payment_method=Text(), return_url=Text())
def confirm(call: Call) -> Obj:
    setup = call.account.get("setup_intent", call.id)
    if setup["status"] not in ("requires_payment_method", "requires_confirmation"):
        raise InvalidRequest(
            f"You cannot confirm this SetupIntent because it has a status of {setup['status']}.",
            code="setup_intent_unexpected_state",
        )
    named = call.params.get("payment_method") or setup["payment_method"]
    if not named:
        raise InvalidRequest(
            "Missing required param: payment_method.", code="parameter_missing", param="payment_method"
        )
    return confirm_setup(call.account, setup, find_method(call.account, named))


retrieve("/v1/setup_intents/{id}", "setup_intent")
listing("/v1/setup_intents", "setup_intent", customer=Text(), payment_method=Text())
