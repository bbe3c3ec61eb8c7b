"""Cards saved without a payment: SetupIntents, customers' sources, and the command line's payment pages."""

from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import THANKS, Shelf
from tests.sandboxes import KEY, Sandbox


def test_a_refused_card_is_not_saved(sandbox: Sandbox, shelf: Shelf, ada: str) -> None:
    api: Any = sandbox.api
    setup = api.setup_intents.create({"customer": ada})
    with pytest.raises(stripe.CardError) as refused:
        api.setup_intents.confirm(setup.id, {"payment_method": "pm_card_chargeDeclined"})
    assert refused.value.code == "card_declined"
    kept = api.setup_intents.retrieve(setup.id)
    assert (kept.status, kept.last_setup_error.code) == ("requires_payment_method", "card_declined")
    assert shelf.events()[-1] == "setup_intent.setup_failed"


def test_a_bank_that_asks_leaves_the_setup_waiting(sandbox: Sandbox, shelf: Shelf, ada: str) -> None:
    api: Any = sandbox.api
    wish = {"customer": ada, "payment_method": "pm_card_threeDSecure2Required", "confirm": True}
    setup = api.setup_intents.create(wish)
    assert (setup.status, setup.next_action.type) == ("requires_action", "redirect_to_url")
    assert shelf.events()[-1] == "setup_intent.requires_action"
    assert api.setup_intents.cancel(setup.id).status == "canceled"
    with pytest.raises(stripe.InvalidRequestError, match="status of canceled"):
        api.setup_intents.confirm(setup.id, {"payment_method": "pm_card_visa"})


def test_a_setup_without_a_card_cannot_be_confirmed(sandbox: Sandbox) -> None:
    api: Any = sandbox.api
    with pytest.raises(stripe.InvalidRequestError, match="missing a payment method"):
        api.setup_intents.confirm(api.setup_intents.create({}).id)


def test_a_customers_source_pays_and_leaves(sandbox: Sandbox, shelf: Shelf) -> None:
    api: Any = sandbox.api
    customer = api.customers.create({"source": "tok_visa"})
    card = customer.default_source
    made = api.subscriptions.create({"customer": customer.id, "items": [{"price": shelf.monthly}]})
    assert made.status == "active"
    assert api.payment_methods.retrieve(card).customer == customer.id
    api.customers.payment_sources.update(customer.id, card, {"name": "Ada", "address_zip": "56203"})
    details = api.payment_methods.retrieve(card).billing_details
    assert (details.name, details.address.postal_code) == ("Ada", "56203")
    second = api.customers.payment_sources.create(customer.id, {"source": "tok_mastercard"})
    api.customers.payment_sources.delete(customer.id, card)
    assert api.customers.retrieve(customer.id).default_source == second.id
    assert [row.id for row in api.customers.payment_sources.list(customer.id).data] == [second.id]
    assert "customer.source.deleted" in shelf.events()


def test_a_source_is_its_customers_alone(sandbox: Sandbox, ada: str) -> None:
    api: Any = sandbox.api
    card = api.customers.create({"source": "tok_visa"}).default_source
    with pytest.raises(stripe.InvalidRequestError, match="No such source"):
        api.customers.payment_sources.retrieve(ada, card)
    with pytest.raises(stripe.InvalidRequestError, match="No such token"):
        api.customers.payment_sources.create(ada, {"source": "tok_none"})


def test_a_session_is_paid_through_its_payment_page(sandbox: Sandbox, shelf: Shelf) -> None:
    api: Any = sandbox.api
    lines = [{"price": shelf.once, "quantity": 1}]
    session = api.checkout.sessions.create({"mode": "payment", "line_items": lines, "success_url": THANKS})
    wish = {"type": "card", "card": {"token": "tok_visa"}, "billing_details": {"email": "ben@example.org"}}
    method = api.payment_methods.create(wish)
    client = stripe.StripeClient(KEY, base_addresses={"api": sandbox.url})
    page = f"/v1/payment_pages/{session.id}"
    shown = client.deserialize(client.raw_request("get", page), api_mode="V1").to_dict()
    assert (shown["status"], shown["amount_total"]) == ("open", 18000)
    with pytest.raises(stripe.InvalidRequestError, match="has changed"):
        client.raw_request("post", f"{page}/confirm", expected_amount=1, payment_method=method.id)
    client.raw_request("post", f"{page}/confirm", expected_amount=18000, payment_method=method.id)
    assert api.checkout.sessions.retrieve(session.id).status == "complete"


def test_the_portals_own_settings_have_to_be_saved_first(sandbox: Sandbox, ada: str) -> None:
    api: Any = sandbox.api
    with pytest.raises(stripe.InvalidRequestError, match="default configuration has not been created"):
        api.billing_portal.sessions.create({"customer": ada})
    sandbox.post("/sandbox/settings", {"portal_saved": True})
    session = api.billing_portal.sessions.create({"customer": ada, "expand": ["configuration"]})
    assert session.configuration.is_default


def test_a_new_card_leaves_a_debit_alone_that_is_on_its_way(sandbox: Sandbox, shelf: Shelf) -> None:
    link = shelf.link(shelf.monthly, payment_method_types=["card", "sepa_debit"])
    sandbox.pay_link(link, email="ada@example.org", card="sepa_debit")
    invoice = sandbox.api.invoices.list().data[0]
    sandbox.post(f"/sandbox/customers/{invoice.customer}/card", {"card": "4242424242424242", "retry": True})
    waiting = sandbox.api.invoices.retrieve(invoice.id)
    assert (waiting.status, waiting.attempt_count) == ("open", 1)
    with pytest.raises(stripe.InvalidRequestError, match="processing"):
        sandbox.api.invoices.pay(invoice.id)
    assert sandbox.api.invoices.retrieve(invoice.id).attempt_count == 1
    sandbox.advance("4d")
    assert sandbox.api.invoices.retrieve(invoice.id).status == "paid"
