"""`/v1/charges` and `/v1/radar/early_fraud_warnings`."""

from sandbox.addresses import full_shipping
from sandbox.currencies import check_amount, check_least
from sandbox.direct_charges import capture_charge, charge_directly, find_source
from sandbox.resources.shared_fields import CURRENCY, METADATA, SHIPPING
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import Obj
from sandbox.validation import Choice, Flag, Hash, Text, Whole, merge_metadata, needed, unset


@endpoint(
    "POST",
    "/v1/charges",
    amount=needed(Whole(least=1)),
    capture=Flag(),
    currency=needed(CURRENCY),
    customer=Text(),
    description=Text(),
    metadata=METADATA,
    receipt_email=Text(),
    shipping=SHIPPING,
    source=Text(),
    statement_descriptor=Text(longest=22),
    statement_descriptor_suffix=Text(longest=22),
    transfer_group=Text(),
)
def create_charge(call: Call) -> Obj:
    account, params = call.account, dict(call.params)
    check_amount(params["amount"], params["currency"])
    check_least(params["amount"], params["currency"])
    named = params.get("customer")
    customer = account.get("customer", named, param="customer") if named else None
    method = find_source(account, source=params.pop("source", None), customer=customer)
    if params.get("shipping"):
        params["shipping"] = full_shipping(params["shipping"])
    params["metadata"] = merge_metadata(None, params.get("metadata", {}))
    return charge_directly(account, method, **{name: params[name] for name in params if name != "expand"})


@endpoint(
    "POST",
    "/v1/charges/{id}/capture",
    amount=Whole(least=1),
    receipt_email=Text(),
    statement_descriptor=Text(longest=22),
    statement_descriptor_suffix=Text(longest=22),
    transfer_group=Text(),
)
def capture(call: Call) -> Obj:
    changes = {name: value for name, value in call.params.items() if name not in ("amount", "expand")}
    charge = call.account.get("charge", call.id)
    return capture_charge(call.account, charge, amount=call.params.get("amount"), **changes)


@endpoint(
    "POST",
    "/v1/charges/{id}",
    customer=Text(),
    description=Text(),
    fraud_details=Hash(fields={"user_report": needed(unset(Choice(options=("fraudulent", "safe"))))}),
    metadata=METADATA,
    receipt_email=Text(),
    shipping=SHIPPING,
    transfer_group=Text(),
)
def update_charge(call: Call) -> Obj:
    account, charge = call.account, call.account.get("charge", call.id)
    changes = dict(call.params)
    if changes.get("customer"):
        account.get("customer", changes["customer"], param="customer")
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(charge["metadata"], changes["metadata"])
    if changes.get("shipping"):
        changes["shipping"] = full_shipping(changes["shipping"])
    if "fraud_details" in changes:
        report = changes["fraud_details"]["user_report"]
        changes["fraud_details"] = {"user_report": report} if report else {}
    return account.change(charge, event="charge.updated", **changes)


retrieve("/v1/charges/{id}", "charge")
listing("/v1/charges", "charge", customer=Text(), payment_intent=Text(), transfer_group=Text())
retrieve("/v1/radar/early_fraud_warnings/{id}", "radar.early_fraud_warning")
listing("/v1/radar/early_fraud_warnings", "radar.early_fraud_warning", charge=Text(), payment_intent=Text())
