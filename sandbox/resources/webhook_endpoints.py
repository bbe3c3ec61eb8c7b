"""`/v1/webhook_endpoints`. The secret is shown once, in the answer to the creation."""

from sandbox.errors import InvalidRequest
from sandbox.event_types import EVENT_TYPES
from sandbox.resources.shared_fields import METADATA
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import API_VERSION, Obj
from sandbox.validation import Choice, Flag, Listed, Text, Url, merge_metadata, needed, unset

ENABLED_EVENTS = Listed(each=Choice(options=("*", *EVENT_TYPES)), least=1)


@endpoint(
    "POST",
    "/v1/webhook_endpoints",
    api_version=Choice(options=(API_VERSION,)),
    connect=Choice(options=("false",)),
    description=unset(Text()),
    enabled_events=needed(ENABLED_EVENTS),
    metadata=METADATA,
    url=needed(Url()),
)
def create_endpoint(call: Call) -> Obj:
    account, params = call.account, call.params
    if len(account.table("webhook_endpoint")) >= 16:
        raise InvalidRequest("You have reached the maximum of 16 test webhook endpoints.")
    secret = account.ids.make("whsec")
    made = account.add(
        {
            "id": account.ids.make("we"),
            "object": "webhook_endpoint",
            "api_version": params.get("api_version"),
            "application": None,
            "created": account.now(),
            "description": params.get("description"),
            "enabled_events": params["enabled_events"],
            "livemode": False,
            "metadata": params.get("metadata") or {},
            "status": "enabled",
            "url": params["url"],
        },
        secrets=[[secret, None]],
    )
    return {**made, "secret": secret}


@endpoint(
    "POST",
    "/v1/webhook_endpoints/{id}",
    description=unset(Text()),
    disabled=Flag(),
    enabled_events=ENABLED_EVENTS,
    metadata=METADATA,
    url=Url(),
)
def update_endpoint(call: Call) -> Obj:
    """`api_version` cannot be changed, as at Stripe."""
    row = call.account.get("webhook_endpoint", call.id)
    changes = dict(call.params)
    if "disabled" in changes:
        changes["status"] = "disabled" if changes.pop("disabled") else "enabled"
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(row["metadata"], changes["metadata"])
    return call.account.change(row, **changes)


@endpoint("DELETE", "/v1/webhook_endpoints/{id}")
def delete_endpoint(call: Call) -> Obj:
    row = call.account.get("webhook_endpoint", call.id)
    call.account.remove(row)
    return {"id": row["id"], "object": "webhook_endpoint", "deleted": True}


retrieve("/v1/webhook_endpoints/{id}", "webhook_endpoint")
listing("/v1/webhook_endpoints", "webhook_endpoint", created=False)
