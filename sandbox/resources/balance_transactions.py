"""`/v1/customers/…/balance_transactions`."""

from sandbox.balances import check_currency, move_balance
from sandbox.errors import InvalidRequest
from sandbox.paging import list_objects
from sandbox.resources.shared_fields import CURRENCY, METADATA
from sandbox.routing import PAGING, Call, endpoint
from sandbox.types import Obj
from sandbox.validation import Span, Text, Whole, merge_metadata, needed


@endpoint(
    "POST",
    "/v1/customers/{id}/balance_transactions",
    amount=needed(Whole()),
    currency=needed(CURRENCY),
    description=Text(longest=350),
    metadata=METADATA,
)
def create_transaction(call: Call) -> Obj:
    account, params = call.account, call.params
    customer = account.get("customer", call.id)
    if not params["amount"]:
        raise InvalidRequest("The amount cannot be zero.", param="amount")
    check_currency(customer, params["currency"])
    return move_balance(
        account,
        customer,
        amount=params["amount"],
        kind="adjustment",
        currency=params["currency"],
        description=params.get("description"),
        metadata=merge_metadata(None, params.get("metadata", {})),
    )


@endpoint("GET", "/v1/customers/{id}/balance_transactions/{transaction}")
def retrieve_transaction(call: Call) -> Obj:
    return call.own("customer_balance_transaction", noun="customer balance transaction")


@endpoint(
    "POST",
    "/v1/customers/{id}/balance_transactions/{transaction}",
    description=Text(longest=350),
    metadata=METADATA,
)
def update_transaction(call: Call) -> Obj:
    transaction = call.own("customer_balance_transaction", noun="customer balance transaction")
    changes = {name: value for name, value in call.params.items() if name != "expand"}
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(transaction["metadata"], changes["metadata"])
    return call.account.change(transaction, **changes)


@endpoint("GET", "/v1/customers/{id}/balance_transactions", **PAGING, created=Span(), invoice=Text())
def list_transactions(call: Call) -> Obj:
    customer = call.account.get("customer", call.id)
    return list_objects(
        call.account,
        "customer_balance_transaction",
        params={**call.params, "customer": customer["id"]},
        url=f"/v1/customers/{call.id}/balance_transactions",
        keep={},
    )
