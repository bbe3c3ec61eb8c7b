"""`/v1/payment_methods`: Stripe's ready-made test methods, and cards by test number or token."""

from sandbox.cards import attach, find_method, new_card_method, new_debit_method
from sandbox.errors import InvalidRequest
from sandbox.paging import list_objects
from sandbox.resources.shared_fields import BILLING_DETAILS, METADATA, METHOD_TYPE
from sandbox.routing import PAGING, Call, endpoint
from sandbox.types import Obj
from sandbox.validation import Choice, Hash, Text, Whole, merge_metadata, needed


@endpoint(
    "POST",
    "/v1/payment_methods",
    type=METHOD_TYPE,
    card=Hash(fields={"number": Text(), "token": Text(), "exp_month": Whole(), "exp_year": Whole(), "cvc": Text()}),
    us_bank_account=Hash(
        fields={
            "account_number": Text(),
            "routing_number": Text(),
            "account_holder_type": Choice(options=("company", "individual")),
            "account_type": Choice(options=("checking", "savings")),
        }
    ),
    sepa_debit=Hash(fields={"iban": needed(Text())}),
    billing_details=BILLING_DETAILS,
    metadata=METADATA,
)
def create_method(call: Call) -> Obj:
    account, params = call.account, call.params
    details = params.get("billing_details") or {}
    who = {"email": details.get("email"), "name": details.get("name")}
    kind = params.get("type")
    if kind == "card":
        card = params.get("card") or {}
        if card.get("token"):
            method = find_method(account, card["token"], param="card[token]")
        elif card.get("number"):
            require_expiry(card)
            method = new_card_method(account, card["number"], **who)
        else:
            raise InvalidRequest("Missing required param: card.", code="parameter_missing", param="card")
    elif kind in ("us_bank_account", "sepa_debit"):
        method = new_debit_method(account, kind, outcome=debit_outcome(params), **who)
    else:
        raise InvalidRequest("Missing required param: type.", code="parameter_missing", param="type")
    if params.get("metadata"):
        account.change(method, metadata=params["metadata"])
    return method


def require_expiry(card: Obj) -> None:
    for name in ("exp_month", "exp_year"):
        if name not in card:
            raise InvalidRequest(
                f"Missing required param: card[{name}].", code="parameter_missing", param=f"card[{name}]"
            )


def debit_outcome(params: Obj) -> str:
    """Stripe's test account 000111111116 and IBAN DE62370400440532013001 fail after `processing`."""
    failing = {"000111111116", "DE62370400440532013001"}
    number = (params.get("us_bank_account") or {}).get("account_number") or (params.get("sepa_debit") or {}).get("iban")
    return "fail" if number in failing else "succeed"


@endpoint("GET", "/v1/payment_methods/{id}")
def retrieve_method(call: Call) -> Obj:
    return find_method(call.account, call.id, param="id")


@endpoint("POST", "/v1/payment_methods/{id}", billing_details=BILLING_DETAILS, metadata=METADATA)
def update_method(call: Call) -> Obj:
    method = call.account.get("payment_method", call.id)
    changes = dict(call.params)
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(method["metadata"], changes["metadata"])
    if "billing_details" in changes:
        changes["billing_details"] = {**method["billing_details"], **changes["billing_details"]}
    return call.account.change(method, event="payment_method.updated", **changes)


@endpoint("POST", "/v1/payment_methods/{id}/attach", customer=needed(Text()))
def attach_method(call: Call) -> Obj:
    customer = call.account.get("customer", call.params["customer"], param="customer")
    return attach(call.account, find_method(call.account, call.id, param="id"), customer=customer)


@endpoint("POST", "/v1/payment_methods/{id}/detach")
def detach_method(call: Call) -> Obj:
    account, method = call.account, call.account.get("payment_method", call.id)
    if method["customer"] is None:
        raise InvalidRequest(
            "The payment method you provided is not attached to a customer so detachment is impossible."
        )
    customer = account.get("customer", method["customer"])
    settings = customer["invoice_settings"]
    if settings["default_payment_method"] == method["id"]:
        account.change(
            customer, event="customer.updated", invoice_settings={**settings, "default_payment_method": None}
        )
    for subscription in account.list("subscription", customer=customer["id"]):
        if subscription["default_payment_method"] == method["id"]:
            account.change(subscription, event="customer.subscription.updated", default_payment_method=None)
    before = {"customer": method["customer"]}
    account.change(method, customer=None)
    account.emit("payment_method.detached", method, before=before)
    return method


@endpoint("GET", "/v1/payment_methods", **PAGING, customer=Text(), type=METHOD_TYPE)
def list_methods(call: Call) -> Obj:
    return list_objects(
        call.account,
        "payment_method",
        params=call.params,
        url="/v1/payment_methods",
        keep={},
        also=lambda method: method["customer"] is not None,
    )
