"""`/v1/payment_methods`: Stripe's ready-made test methods, and cards by test number or token."""

from sandbox.account import Account
from sandbox.addresses import full_address
from sandbox.cards import attach, find_method, new_card_method, new_debit_method, new_iban_method
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
    kind = params.get("type")
    if kind == "card":
        card = params.get("card") or {}
        if card.get("token"):
            method = find_method(account, card["token"], param="card[token]")
        elif card.get("number"):
            require_expiry(card)
            method = new_card_method(account, card["number"])
        else:
            raise InvalidRequest("Missing required param: card.", code="parameter_missing", param="card")
    elif kind == "us_bank_account":
        failing = (params.get("us_bank_account") or {}).get("account_number") == "000111111116"
        method = new_debit_method(account, kind, outcome="fail" if failing else "succeed")
    elif kind == "sepa_debit":
        method = new_debit(account, params)
    else:
        raise InvalidRequest("Missing required param: type.", code="parameter_missing", param="type")
    details = with_billing(method, params.get("billing_details"))
    return account.change(method, billing_details=details, metadata=params.get("metadata") or {})


def with_billing(method: Obj, wish: Obj | None) -> Obj:
    """The method's billing details with what was wished; an address is taken whole."""
    details = {**method["billing_details"], **(wish or {})}
    return {**details, "address": full_address(details["address"])}


def new_debit(account: Account, params: Obj) -> Obj:
    given = params.get("sepa_debit")
    if not given:
        raise InvalidRequest("Missing required param: sepa_debit.", code="parameter_missing", param="sepa_debit")
    for name in ("email", "name"):
        if not (params.get("billing_details") or {}).get(name):
            param = f"billing_details[{name}]"
            raise InvalidRequest(f"Missing required param: {param}.", code="parameter_missing", param=param)
    iban = given["iban"].replace(" ", "").upper()
    return new_iban_method(account, iban)


def require_expiry(card: Obj) -> None:
    for name in ("exp_month", "exp_year"):
        if name not in card:
            raise InvalidRequest(
                f"Missing required param: card[{name}].", code="parameter_missing", param=f"card[{name}]"
            )


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
        changes["billing_details"] = with_billing(method, changes["billing_details"])
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
