"""`/v1/refunds`."""

from sandbox.errors import InvalidRequest
from sandbox.refunds import refund_charge, update_refund
from sandbox.resources.shared_fields import METADATA
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import Obj
from sandbox.validation import Choice, Text, Whole, merge_metadata


@endpoint(
    "POST",
    "/v1/refunds",
    amount=Whole(least=1),
    charge=Text(),
    metadata=METADATA,
    payment_intent=Text(),
    reason=Choice(options=("duplicate", "fraudulent", "requested_by_customer")),
)
def create_refund(call: Call) -> Obj:
    account, params = call.account, call.params
    charge_id = params.get("charge")
    if params.get("payment_intent"):
        charge_id = account.get("payment_intent", params["payment_intent"], param="payment_intent")["latest_charge"]
        if charge_id is None:
            raise InvalidRequest(
                f"This PaymentIntent ({params['payment_intent']}) does not have a successful charge to refund.",
                param="payment_intent",
            )
    if not charge_id:
        raise InvalidRequest(
            "One of the following params should be provided for this request: payment_intent or charge."
        )
    charge = account.get("charge", charge_id, param="charge")
    return refund_charge(
        account,
        charge,
        amount=params.get("amount"),
        reason=params.get("reason"),
        metadata=params.get("metadata"),
    )


@endpoint("POST", "/v1/refunds/{id}", metadata=METADATA)
def change_refund(call: Call) -> Obj:
    refund = call.account.get("refund", call.id)
    metadata = merge_metadata(refund["metadata"], call.params.get("metadata", {}))
    return update_refund(call.account, refund, metadata=metadata)


retrieve("/v1/refunds/{id}", "refund")
listing("/v1/refunds", "refund", charge=Text(), payment_intent=Text())
