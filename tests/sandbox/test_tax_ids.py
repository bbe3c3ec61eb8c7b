"""Customers' tax ids, by the API."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import Shelf
from tests.sandboxes import Sandbox

VAT: Any = {"type": "eu_vat", "value": "EL123456789"}
ABN: Any = {"type": "au_abn", "value": "51824753556"}


def test_a_tax_id_is_made_found_listed_and_deleted_and_told(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    ada, ben = (api.customers.create({"email": f"{name}@example.org"}).id for name in ("ada", "ben"))
    vat = api.customers.tax_ids.create(ada, VAT)
    abn = api.customers.tax_ids.create(ada, ABN)
    assert (vat.country, vat.customer, vat.owner.customer) == ("GR", ada, ada)  # type: ignore[union-attr]
    assert vat.verification.status == "pending"  # type: ignore[union-attr]
    assert api.customers.tax_ids.retrieve(ada, vat.id).value == "EL123456789"
    assert [row.id for row in api.customers.tax_ids.list(ada).data] == [abn.id, vat.id]
    assert [row.id for row in api.customers.tax_ids.list(ada, {"starting_after": abn.id}).data] == [vat.id]
    assert api.customers.tax_ids.list(ben).data == []
    for refused in (api.customers.tax_ids.retrieve, api.customers.tax_ids.delete):
        with pytest.raises(stripe.InvalidRequestError, match="No such tax ID"):
            refused(ben, vat.id)
    assert api.customers.tax_ids.delete(ada, vat.id).deleted
    shown = api.customers.retrieve(ada, {"expand": ["tax_ids"]})
    assert [row.id for row in shown.tax_ids.data] == [abn.id]  # type: ignore[union-attr]
    assert [event for event in shelf.events() if "tax_id" in event] == [
        "customer.tax_id.created",
        "customer.tax_id.created",
        "customer.tax_id.deleted",
    ]


def test_customers_come_with_tax_ids_or_are_not_made(sandbox: Sandbox) -> None:
    api = sandbox.api
    made = api.customers.create({"email": "ada@example.org", "tax_id_data": [VAT, ABN], "expand": ["tax_ids"]})
    assert {row.value for row in made.tax_ids.data} == {VAT["value"], ABN["value"]}  # type: ignore[union-attr]
    wrong: Any = {"type": "au_abn", "value": "12"}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.customers.create({"email": "ben@example.org", "tax_id_data": [VAT, wrong]})
    assert refused.value.param == "tax_id_data[1][value]"
    assert not api.customers.list({"email": "ben@example.org"}).data
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.customers.tax_ids.create(made.id, wrong)
    assert refused.value.param == "value"
    with pytest.raises(stripe.InvalidRequestError) as refused:
        api.customers.tax_ids.create(made.id, {"type": "xx_vat", "value": "1"})  # type: ignore[typeddict-item]
    assert refused.value.param == "type"


def test_an_invoice_keeps_the_tax_ids_that_it_was_finalised_with(sandbox: Sandbox) -> None:
    api = sandbox.api
    ada = api.customers.create({"email": "ada@example.org", "tax_id_data": [VAT]}).id
    api.invoice_items.create({"customer": ada, "amount": 700, "currency": "eur"})
    invoice = api.invoices.create({"customer": ada, "pending_invoice_items_behavior": "include"})
    abn = api.customers.tax_ids.create(ada, ABN)

    def shown() -> list[tuple[str, str | None]]:
        found = api.invoices.retrieve(invoice.id).customer_tax_ids or []
        return [(row.type, row.value) for row in found]

    both = [(VAT["type"], VAT["value"]), (ABN["type"], ABN["value"])]
    assert shown() == both
    api.invoices.finalize_invoice(invoice.id)
    api.customers.tax_ids.delete(ada, abn.id)
    assert shown() == both
