"""`/v1/charges`. Charges are made by PaymentIntents; the old direct creation is not modelled."""

from sandbox.resources.shared_fields import METADATA
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import Obj
from sandbox.validation import Text, merge_metadata


@endpoint("POST", "/v1/charges/{id}", description=Text(), metadata=METADATA, receipt_email=Text())
def update_charge(call: Call) -> Obj:
    charge = call.account.get("charge", call.id)
    changes = dict(call.params)
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(charge["metadata"], changes["metadata"])
    return call.account.change(charge, event="charge.updated", **changes)


retrieve("/v1/charges/{id}", "charge")
listing("/v1/charges", "charge", customer=Text(), payment_intent=Text())
