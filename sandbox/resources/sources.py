"""`/v1/customers/…/sources`: cards only."""

from sandbox.paging import list_objects
from sandbox.resources.shared_fields import METADATA
from sandbox.routing import PAGING, Call, endpoint
from sandbox.sources import NAMES, add_source, change_source, remove_source
from sandbox.types import Obj
from sandbox.validation import Choice, Text, Whole, merge_metadata, needed, unset


@endpoint("POST", "/v1/customers/{id}/sources", metadata=METADATA, source=needed(Text()))
def create_source(call: Call) -> Obj:
    customer = call.account.get("customer", call.id)
    return add_source(call.account, customer, call.params["source"], metadata=call.params.get("metadata"))


@endpoint("GET", "/v1/customers/{id}/sources/{source}")
def retrieve_source(call: Call) -> Obj:
    return call.own("card", noun="source")


@endpoint(
    "POST",
    "/v1/customers/{id}/sources/{source}",
    **{f"address_{name}": unset(Text()) for name in NAMES.values()},
    exp_month=Whole(least=1, most=12),
    exp_year=Whole(),
    metadata=METADATA,
    name=unset(Text()),
)
def update_source(call: Call) -> Obj:
    card = call.own("card", noun="source")
    changes = dict(call.params)
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(card["metadata"], changes["metadata"])
    return change_source(call.account, card, changes)


@endpoint("DELETE", "/v1/customers/{id}/sources/{source}")
def delete_source(call: Call) -> Obj:
    card = call.own("card", noun="source")
    return remove_source(call.account, call.account.get("customer", call.id), card)


@endpoint("GET", "/v1/customers/{id}/sources", **PAGING, object=Choice(options=("card",)))
def list_sources(call: Call) -> Obj:
    customer = call.account.get("customer", call.id)
    params = {**call.params, "customer": customer["id"]}
    return list_objects(call.account, "card", params=params, url=f"/v1/customers/{call.id}/sources", keep={})
