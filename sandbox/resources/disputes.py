"""`/v1/disputes`. Opened by test cards or by the control API; closing one accepts the loss."""

from sandbox.disputes import TEXTS, move_dispute
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
    """Evidence that is submitted (the default) puts a dispute under review, as at Stripe."""
    account, dispute = call.account, call.account.get("dispute", call.id)
    changes: Obj = {}
    if "metadata" in call.params:
        changes["metadata"] = merge_metadata(dispute["metadata"], call.params["metadata"])
    if call.params.get("evidence"):
        changes["evidence"] = {**dispute["evidence"], **call.params["evidence"]}
        submitted = call.params.get("submit", True)
        details = dispute["evidence_details"]
        count = details["submission_count"] + (1 if submitted else 0)
        changes["evidence_details"] = {**details, "has_evidence": True, "submission_count": count}
        if submitted and dispute["status"].endswith("needs_response"):
            changes["status"] = dispute["status"].replace("needs_response", "under_review")
    return account.change(dispute, event="charge.dispute.updated", **changes)


@endpoint("POST", "/v1/disputes/{id}/close")
def close_dispute(call: Call) -> Obj:
    return move_dispute(call.account, call.account.get("dispute", call.id), status="lost")


retrieve("/v1/disputes/{id}", "dispute")
listing("/v1/disputes", "dispute", charge=Text(), payment_intent=Text())
