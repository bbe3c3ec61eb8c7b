"""`/v1/subscription_items`."""

from sandbox.account import Account
from sandbox.changing import Change, check_proration_date
from sandbox.errors import NotFound
from sandbox.paging import list_rows
from sandbox.resources.subscription_terms import CHANGE_BEHAVIOR, NEW_ITEM, PRORATION
from sandbox.routing import PAGING, Call, endpoint
from sandbox.types import Obj
from sandbox.updating import make_change
from sandbox.validation import Text, Timestamp, needed

CHANGE = {"payment_behavior": CHANGE_BEHAVIOR, "proration_behavior": PRORATION, "proration_date": Timestamp()}


def find_item(account: Account, item_id: str) -> tuple[Obj, Obj]:
    """(subscription, item)."""
    owner = account.find("subscription", account.item_owner.get(item_id))
    for item in owner["items"]["data"] if owner else []:
        if owner and item["id"] == item_id:
            return owner, item
    raise NotFound("subscription_item", item_id)


def apply(call: Call, subscription: Obj, wish: Obj) -> None:
    check_proration_date(call.params.get("proration_date"), subscription["items"]["data"])
    change = Change(
        items=(wish,),
        proration=call.params.get("proration_behavior", "create_prorations"),
        at=call.params.get("proration_date"),
    )
    make_change(call.account, subscription, change, behavior=call.params.get("payment_behavior", "allow_incomplete"))


@endpoint("POST", "/v1/subscription_items", **NEW_ITEM, **CHANGE, subscription=needed(Text()))
def create_item(call: Call) -> Obj:
    subscription = call.account.get("subscription", call.params["subscription"], param="subscription")
    apply(call, subscription, {key: call.params[key] for key in NEW_ITEM if key in call.params})
    return dict(subscription["items"]["data"][-1])


@endpoint("POST", "/v1/subscription_items/{id}", **NEW_ITEM, **CHANGE)
def update_item(call: Call) -> Obj:
    subscription, _ = find_item(call.account, call.id)
    apply(call, subscription, {"id": call.id, **{key: call.params[key] for key in NEW_ITEM if key in call.params}})
    return find_item(call.account, call.id)[1]


@endpoint("DELETE", "/v1/subscription_items/{id}", **CHANGE)
def delete_item(call: Call) -> Obj:
    subscription, item = find_item(call.account, call.id)
    apply(call, subscription, {"id": call.id, "deleted": True})
    return {"id": item["id"], "object": "subscription_item", "deleted": True}


@endpoint("GET", "/v1/subscription_items/{id}")
def retrieve_item(call: Call) -> Obj:
    return find_item(call.account, call.id)[1]


@endpoint("GET", "/v1/subscription_items", **PAGING, subscription=needed(Text()))
def list_items(call: Call) -> Obj:
    subscription = call.account.get("subscription", call.params["subscription"], param="subscription")
    return list_rows(subscription["items"]["data"], params=call.params, url="/v1/subscription_items")
