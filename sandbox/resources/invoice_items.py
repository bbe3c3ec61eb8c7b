"""`/v1/invoiceitems`."""

from sandbox import invoicing
from sandbox.account import Account
from sandbox.catalogue import price_of
from sandbox.coupons import Purchase
from sandbox.currencies import check_amount
from sandbox.discounts import find_coupons, replace_discounts
from sandbox.errors import InvalidRequest
from sandbox.invoice_items import new_invoice_item
from sandbox.resources.shared_fields import CURRENCY, DISCOUNTS, METADATA, ONE_OFF_PRICE_DATA
from sandbox.routing import Call, endpoint, listing, retrieve
from sandbox.types import Obj
from sandbox.validation import Flag, Hash, Text, Timestamp, Whole, merge_metadata, needed

PERIOD = Hash(fields={"end": needed(Timestamp()), "start": needed(Timestamp())})


@endpoint(
    "POST",
    "/v1/invoiceitems",
    amount=Whole(),
    currency=CURRENCY,
    customer=needed(Text()),
    description=Text(),
    discountable=Flag(),
    discounts=DISCOUNTS,
    invoice=Text(),
    metadata=METADATA,
    period=PERIOD,
    price_data=ONE_OFF_PRICE_DATA,
    pricing=Hash(fields={"price": Text()}),
    quantity=Whole(least=0),
    subscription=Text(),
)
def create_item(call: Call) -> Obj:
    account, params = call.account, call.params
    customer = account.get("customer", params["customer"], param="customer")
    draft = account.get("invoice", params["invoice"], param="invoice") if params.get("invoice") else None
    if draft and draft["status"] != "draft":
        raise InvalidRequest("You can only add items to draft invoices.", code="invoice_not_editable", param="invoice")
    period, charge = params.get("period"), charge_of(account, params)
    currency = charge.get("currency") or charge["price"]["currency"]
    purchase = Purchase(currency, None, customer["id"])
    item = new_invoice_item(
        account,
        customer,
        **charge,
        quantity=params.get("quantity", 1),
        description=params.get("description"),
        period=(period["start"], period["end"]) if period else None,
        subscription=params.get("subscription"),
        discountable=params.get("discountable", True),
        metadata=params.get("metadata"),
        found=find_coupons(account, params.get("discounts"), param="discounts", purchase=purchase),
    )
    if draft:
        invoicing.take_item(account, draft, item)
        invoicing.total_up(account, draft)
    return item


def charge_of(account: Account, params: Obj) -> Obj:
    """amount and currency, or price, of the item."""
    if params.get("pricing"):
        return {"price": price_of(account, params["pricing"], param="pricing", use="one_time")}
    if params.get("price_data"):
        price = price_of(account, params, param="invoiceitem")
        return {"price": price, "currency": price["currency"]}
    if params.get("amount") is None or not params.get("currency"):
        raise InvalidRequest("You must pass either `amount` and `currency`, or `pricing`.", param="amount")
    check_amount(params["amount"], params["currency"])
    return {"amount": params["amount"], "currency": params["currency"]}


@endpoint("POST", "/v1/invoiceitems/{id}", amount=Whole(), description=Text(), discounts=DISCOUNTS, metadata=METADATA)
def update_item(call: Call) -> Obj:
    item = pending(call)
    changes = dict(call.params)
    if "metadata" in changes:
        changes["metadata"] = merge_metadata(item["metadata"], changes["metadata"])
    if "amount" in changes:
        check_amount(changes["amount"], item["currency"])
        changes["net_amount"] = changes["amount"]
    if "discounts" in changes:
        changes["discounts"] = replace_discounts(
            call.account,
            item["discounts"],
            changes["discounts"],
            purchase=Purchase(item["currency"], None, item["customer"]),
            owner={"invoice_item": item["id"]},
        )
    return call.account.change(item, **changes)


@endpoint("DELETE", "/v1/invoiceitems/{id}")
def delete_item(call: Call) -> Obj:
    item = pending(call)
    call.account.emit("invoiceitem.deleted", item)
    call.account.remove(item)
    return {"id": item["id"], "object": "invoiceitem", "deleted": True}


def pending(call: Call) -> Obj:
    item = call.account.get("invoiceitem", call.id)
    if item["invoice"] is not None:
        raise InvalidRequest("This invoice item is on an invoice already.", code="invoice_not_editable")
    return item


retrieve("/v1/invoiceitems/{id}", "invoiceitem")
listing(
    "/v1/invoiceitems",
    "invoiceitem",
    customer=Text(),
    invoice=Text(),
    pending=Flag(),
    keep={"pending": lambda item, wanted: (item["invoice"] is None) == wanted},
)
