"""`/v1/customers/…/balance_transactions`."""

from sandbox.account import Account
from sandbox.balances import check_currency, move_balance
from sandbox.errors import InvalidRequest, NotFound
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


def own_transaction(account: Account, ids: tuple[str, ...]) -> Obj:
    """The transaction of the path, which has to be its customer's."""
    customer = account.get("customer", ids[0])
    found = account.find("customer_balance_transaction", ids[1])
    if found is None or found["customer"] != customer["id"]:
        raise NotFound("customer balance transaction", ids[1])
    return found


@endpoint("GET", "/v1/customers/{id}/balance_transactions/{transaction}")
def retrieve_transaction(call: Call) -> Obj:
    return own_transaction(call.account, call.ids)


@endpoint(
    "POST",
    "/v1/customers/{id}/balance_transactions/{transaction}",
    description=Text(longest=350),
    metadata=METADATA,
)
def update_transaction(call: Call) -> Obj:
    transaction = own_transaction(call.account, call.ids)
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
