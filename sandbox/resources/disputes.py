"""`/v1/disputes`. Opened by test cards or by the control API; closing one accepts the loss."""

from sandbox.disputes import TEXTS, accept_dispute, take_evidence
from sandbox.resources.shared_fields import METADATA
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import Obj
from sandbox.validation import Flag, Hash, Text, merge_metadata


@endpoint(
    "POST",
    "/v1/disputes/{id}",
    evidence=Hash(fields={name: Text(longest=20_000) for name in TEXTS}),
    metadata=METADATA,
    submit=Flag(),
)
def update_dispute(call: Call) -> Obj:
    """Evidence is submitted unless `submit` is false; what was staged before is by a request with `submit`."""
    account, dispute = call.account, call.account.get("dispute", call.id)
    changes: Obj = {}
    if "metadata" in call.params:
        changes["metadata"] = merge_metadata(dispute["metadata"], call.params["metadata"])
    evidence = call.params.get("evidence") or {}
    if not evidence and "submit" not in call.params:
        return account.change(dispute, event="charge.dispute.updated", **changes)
    return take_evidence(account, dispute, evidence, submit=call.params.get("submit", True), **changes)


@endpoint("POST", "/v1/disputes/{id}/close")
def close_dispute(call: Call) -> Obj:
    return accept_dispute(call.account, call.account.get("dispute", call.id))


retrieve("/v1/disputes/{id}", "dispute")
listing("/v1/disputes", "dispute", charge=Text(), payment_intent=Text())
