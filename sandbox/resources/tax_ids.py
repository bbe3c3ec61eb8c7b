"""`/v1/customers/…/tax_ids`."""

from sandbox.paging import list_objects
from sandbox.resources.shared_fields import TAX_ID_FIELDS
from sandbox.routing import PAGING, Call, endpoint
from sandbox.tax_ids import add_tax_id, remove_tax_id
from sandbox.types import Obj


@endpoint("POST", "/v1/customers/{id}/tax_ids", **TAX_ID_FIELDS)
def create_tax_id(call: Call) -> Obj:
    customer = call.account.get("customer", call.id)
    return add_tax_id(call.account, customer, kind=call.params["type"], value=call.params["value"])


@endpoint("GET", "/v1/customers/{id}/tax_ids/{tax_id}")
def retrieve_tax_id(call: Call) -> Obj:
    return call.own("tax_id", noun="tax ID")


@endpoint("DELETE", "/v1/customers/{id}/tax_ids/{tax_id}")
def delete_tax_id(call: Call) -> Obj:
    return remove_tax_id(call.account, call.account.get("customer", call.id), call.own("tax_id", noun="tax ID"))


@endpoint("GET", "/v1/customers/{id}/tax_ids", **PAGING)
def list_tax_ids(call: Call) -> Obj:
    customer = call.account.get("customer", call.id)
    return list_objects(
        call.account,
        "tax_id",
        params={**call.params, "customer": customer["id"]},
        url=f"/v1/customers/{customer['id']}/tax_ids",
        keep={},
    )
