"""`/v1/customers`."""

from typing import Any

from sandbox.account import Account
from sandbox.addresses import full_address, full_shipping
from sandbox.balances import set_balance
from sandbox.cards import attach, find_method
from sandbox.customers import delete_customer, new_customer
from sandbox.discounts import end_discount
from sandbox.errors import InvalidRequest
from sandbox.paging import list_objects
from sandbox.resources.shared_fields import ADDRESS, METADATA, METHOD_TYPE, TAX_ID_FIELDS
from sandbox.routing import PAGING, Call, endpoint
from sandbox.sources import add_source
from sandbox.tax_ids import add_tax_id, check_form
from sandbox.types import Obj
from sandbox.validation import Choice, Email, Field, Hash, Listed, Span, Text, Whole, merge_metadata, needed, unset

FIELDS: dict[str, Field] = {
    "address": unset(ADDRESS),
    "balance": Whole(),
    "description": unset(Text()),
    "email": unset(Email(longest=512)),
    "invoice_prefix": Text(pattern="[A-Z0-9]{3,12}"),
    "invoice_settings": Hash(fields={"default_payment_method": unset(Text()), "footer": unset(Text())}),
    "metadata": METADATA,
    "name": unset(Text(longest=256)),
    "next_invoice_sequence": Whole(least=1),
    "phone": unset(Text(longest=20)),
    "preferred_locales": Listed(each=Text()),
    "shipping": unset(Hash(fields={"address": needed(ADDRESS), "name": needed(Text()), "phone": Text()})),
    "tax_exempt": unset(Choice(options=("exempt", "none", "reverse"))),
}


def tidy(params: dict[str, Any], old: Obj | None) -> dict[str, Any]:
    """Parameters in the form in which a customer keeps them."""
    fields = dict(params)
    if "metadata" in fields:
        fields["metadata"] = merge_metadata(old["metadata"] if old else None, fields["metadata"])
    for name in ("address", "shipping"):
        if fields.get(name) is not None:
            fields[name] = full_address(fields[name]) if name == "address" else full_shipping(fields[name])
    if fields.get("tax_exempt", "none") is None:
        fields["tax_exempt"] = "none"
    return fields


def settle_defaults(account: Account, customer: Obj, settings: Obj) -> Obj:
    """`invoice_settings` merged; a default payment method must belong to the customer."""
    method_id = settings.get("default_payment_method")
    if method_id:
        method = account.get("payment_method", method_id, param="invoice_settings[default_payment_method]")
        if method["customer"] != customer["id"]:
            raise InvalidRequest(
                f"The customer does not have a payment method with the ID {method_id}. The payment method must be "
                "attached to the customer.",
                code="resource_missing",
                param="invoice_settings[default_payment_method]",
            )
    return {**customer["invoice_settings"], **settings}


@endpoint(
    "POST",
    "/v1/customers",
    payment_method=Text(),
    source=Text(),
    tax_id_data=Listed(each=Hash(fields=TAX_ID_FIELDS), most=5),
    test_clock=Text(),
    **FIELDS,
)
def create_customer(call: Call) -> Obj:
    account = call.account
    fields = tidy(call.params, None)
    settings = fields.pop("invoice_settings", {})
    token = fields.pop("source", None)
    tax_ids = fields.pop("tax_id_data", [])
    for at, wish in enumerate(tax_ids):
        check_form(wish["type"], wish["value"], param=f"tax_id_data[{at}][value]")
    named = fields.pop("payment_method", None) or settings.get("default_payment_method")
    if fields.get("test_clock"):
        account.get("test_helpers.test_clock", fields["test_clock"], param="test_clock")
    method = find_method(account, named) if named else None
    customer = new_customer(account, **fields)
    if method:
        attach(account, method, customer=customer)
    if settings:
        if settings.get("default_payment_method") and method:
            settings = {**settings, "default_payment_method": method["id"]}
        account.change(customer, invoice_settings=settle_defaults(account, customer, settings))
    if token:
        add_source(account, customer, token)
    for wish in tax_ids:
        add_tax_id(account, customer, kind=wish["type"], value=wish["value"])
    return customer


@endpoint("POST", "/v1/customers/{id}", **FIELDS)
def update_customer(call: Call) -> Obj:
    account, customer = call.account, call.account.get("customer", call.id)
    fields = tidy(call.params, customer)
    if "invoice_settings" in fields:
        fields["invoice_settings"] = settle_defaults(account, customer, fields["invoice_settings"])
    balance = fields.pop("balance", None)
    account.change(customer, event="customer.updated", **fields)
    if balance is not None:
        set_balance(account, customer, balance)
    return customer


@endpoint("GET", "/v1/customers/{id}")
def retrieve_customer(call: Call) -> Obj:
    found = call.account.find("customer", call.id)
    return found if found and found.get("deleted") else call.account.get("customer", call.id)


@endpoint("DELETE", "/v1/customers/{id}")
def remove_customer(call: Call) -> Obj:
    return delete_customer(call.account, call.account.get("customer", call.id))


@endpoint("DELETE", "/v1/customers/{id}/discount")
def delete_discount(call: Call) -> Obj:
    account, customer = call.account, call.account.get("customer", call.id)
    if not customer["discount"]:
        raise InvalidRequest(f"No active discount for customer: {call.id}", code="resource_missing", status=404)
    ended = end_discount(account, account.get("discount", customer["discount"]["id"]))
    account.change(customer, event="customer.updated", discount=None)
    return ended


@endpoint("GET", "/v1/customers", **PAGING, created=Span(), email=Text(), test_clock=Text())
def list_customers(call: Call) -> Obj:
    named = call.params.get("test_clock")
    return list_objects(
        call.account,
        "customer",
        params=call.params,
        url="/v1/customers",
        keep={},
        also=lambda customer: named is not None or customer.get("test_clock") is None,
    )


@endpoint("GET", "/v1/customers/{id}/payment_methods", **PAGING, type=METHOD_TYPE)
def list_customer_methods(call: Call) -> Obj:
    customer = call.account.get("customer", call.id)
    return list_objects(
        call.account,
        "payment_method",
        params={**call.params, "customer": customer["id"]},
        url=f"/v1/customers/{call.id}/payment_methods",
        keep={},
    )
