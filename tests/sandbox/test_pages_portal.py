"""The Customer Portal and the hosted invoice, as a member without JavaScript meets them."""

from typing import Any

import pytest

from tests.sandbox.visitor import Visitor
from tests.sandboxes import Sandbox

BACK = "http://127.0.0.1:9/account/"
REASONS = {"enabled": True, "options": ["too_expensive", "unused"]}


@pytest.fixture
def visitor(sandbox: Sandbox) -> Visitor:
    return Visitor(sandbox.url)


@pytest.fixture
def club(sandbox: Sandbox) -> str:
    """A payment link of a monthly price."""
    recurring = {"currency": "eur", "unit_amount": 2400, "recurring": {"interval": "month"}}
    product = sandbox.api.products.create(params={"name": "Potters' Club", "default_price_data": recurring})
    line = {"price": product.default_price, "quantity": 1}
    return str(sandbox.api.payment_links.create(params={"line_items": [line]}).id)


def subscribe(sandbox: Sandbox, club: str, *, card: str = "4242424242424242", email: str = "ada@example.org") -> Any:
    session = sandbox.pay_link(club, email=email, card=card)["session"]
    return sandbox.api.subscriptions.retrieve(session["subscription"])


def open_portal(
    sandbox: Sandbox, customer: str, *, cancel: bool = True, flow: Any = None, details: tuple[str, ...] = ("name",)
) -> str:
    features = {
        "subscription_cancel": {"enabled": cancel, "mode": "at_period_end", "cancellation_reason": REASONS},
        "payment_method_update": {"enabled": True},
        "invoice_history": {"enabled": True},
        "customer_update": {"enabled": True, "allowed_updates": list(details)},
    }
    configuration = sandbox.api.billing_portal.configurations.create(params={"features": features})
    params = {"customer": customer, "configuration": configuration.id, "return_url": BACK}
    if flow:
        params["flow_data"] = flow
    return str(sandbox.api.billing_portal.sessions.create(params=params).url)


def test_the_home_page_shows_what_is_paid_and_the_way_back(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    ada = subscribe(sandbox, club)
    page = visitor.open(open_portal(sandbox, ada.customer))
    for words in ("Potters' Club", "€24.00 per month", "Active", "Renews on", "Visa •••• 4242", "Paid"):
        assert words in page.text
    assert f'href="{BACK}"' in page.html


def test_cancelling_asks_why_and_ends_with_the_period(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    ada = subscribe(sandbox, club)
    url = open_portal(sandbox, ada.customer)
    step = visitor.open(f"{url}/{ada.id}/cancel")
    assert "You can use it until" in step.text
    home = visitor.follow(visitor.send(step, feedback="unused", comment="Too little time"))
    assert "Ends on" in home.text
    after = sandbox.api.subscriptions.retrieve(ada.id)
    assert after.status == "active"
    assert after.cancel_at is not None
    assert (after.cancellation_details.feedback, after.cancellation_details.comment) == ("unused", "Too little time")
    resumed = visitor.follow(visitor.send(home, "resume"))
    assert "Renews on" in resumed.text
    assert sandbox.api.subscriptions.retrieve(ada.id).cancel_at is None


def test_a_configuration_without_cancelling_offers_none(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    ada = subscribe(sandbox, club)
    url = open_portal(sandbox, ada.customer, cancel=False)
    assert "Cancel subscription" not in visitor.open(url).text
    assert visitor.open(f"{url}/{ada.id}/cancel").status == 404


def test_another_members_subscription_is_not_found(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    ada, ben = subscribe(sandbox, club), subscribe(sandbox, club, email="ben@example.org")
    assert visitor.open(f"{open_portal(sandbox, ada.customer)}/{ben.id}/cancel").status == 404


def test_a_new_card_pays_what_is_overdue(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    ben = subscribe(sandbox, club, card="4000000000000341", email="ben@example.org")
    sandbox.advance("32d")
    assert sandbox.api.subscriptions.retrieve(ben.id).status == "past_due"
    url = open_portal(sandbox, ben.customer)
    assert "The payment of €24.00 failed." in visitor.open(url).text
    step = visitor.open(f"{url}/card")
    declined = visitor.follow(visitor.send(step, card="4000000000000002", expiry="12/34", cvc="123"))
    assert "Your card was declined." in declined.text
    home = visitor.follow(visitor.send(declined, card="4242424242424242", expiry="12/34", cvc="123"))
    assert "Your new card is saved." in home.text
    assert sandbox.api.subscriptions.retrieve(ben.id).status == "active"


def test_a_flow_goes_straight_to_its_step_and_back_to_the_shop(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    ada = subscribe(sandbox, club)
    flow = {
        "type": "subscription_cancel",
        "subscription_cancel": {"subscription": ada.id},
        "after_completion": {"type": "redirect", "redirect": {"return_url": f"{BACK}?done=1"}},
    }
    step = visitor.follow(visitor.open(open_portal(sandbox, ada.customer, flow=flow)))
    assert "Cancel your subscription?" in step.text
    assert visitor.send(step).location == f"{BACK}?done=1"
    assert sandbox.api.subscriptions.retrieve(ada.id).cancel_at is not None


def test_a_flow_may_end_on_the_home_page(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    ada = subscribe(sandbox, club)
    flow = {"type": "payment_method_update", "after_completion": {"type": "portal_homepage"}}
    step = visitor.follow(visitor.open(open_portal(sandbox, ada.customer, flow=flow)))
    home = visitor.follow(visitor.send(step, card="5555 5555 5555 4444", expiry="12/34", cvc="123"))
    assert home.status == 200
    assert "Mastercard •••• 4444" in home.text


def test_a_plan_change_is_confirmed(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    ada = subscribe(sandbox, club)
    item = ada["items"].data[0]
    yearly = sandbox.api.prices.create(
        params={
            "product": item.price.product,
            "currency": "eur",
            "unit_amount": 24000,
            "recurring": {"interval": "year"},
        }
    )
    features = {
        "subscription_update": {
            "enabled": True,
            "default_allowed_updates": ["price"],
            "products": [{"product": item.price.product, "prices": [item.price.id, yearly.id]}],
        }
    }
    configuration = sandbox.api.billing_portal.configurations.create(params={"features": features})
    flow = {
        "type": "subscription_update_confirm",
        "subscription_update_confirm": {"subscription": ada.id, "items": [{"id": item.id, "price": yearly.id}]},
    }
    session = sandbox.api.billing_portal.sessions.create(
        params={"customer": ada.customer, "configuration": configuration.id, "return_url": BACK, "flow_data": flow}
    )
    step = visitor.follow(visitor.open(session.url))
    assert "€24.00 per month" in step.text
    assert "€240.00 per year" in step.text
    assert "€240.00 is charged now." in step.text
    home = visitor.follow(visitor.send(step))
    assert "You now pay €240.00 per year." in home.text
    assert sandbox.api.subscriptions.retrieve(ada.id)["items"].data[0].price.id == yearly.id


def test_details_are_edited_as_far_as_allowed(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    ada = subscribe(sandbox, club)
    step = visitor.open(f"{open_portal(sandbox, ada.customer)}/details")
    assert "email" not in step.form().fields
    visitor.send(step, name="Ada Lovell")
    assert sandbox.api.customers.retrieve(ada.customer).name == "Ada Lovell"


def test_a_tax_id_is_given_replaced_and_taken_away(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    ada = subscribe(sandbox, club).customer
    page = open_portal(sandbox, ada, details=("tax_id",)) + "/details"

    def has() -> list[tuple[str, str]]:
        return [(row.type, row.value) for row in sandbox.api.customers.tax_ids.list(ada).data]

    wrong = visitor.follow(visitor.send(visitor.open(page), **{"tax_id[type]": "eu_vat", "tax_id[value]": "12"}))
    assert "This is not a tax ID of that kind." in wrong.text and has() == []
    visitor.send(visitor.open(page), **{"tax_id[type]": "eu_vat", "tax_id[value]": "de 123456789"})
    assert has() == [("eu_vat", "DE123456789")]
    visitor.send(visitor.open(page))
    assert has() == [("eu_vat", "DE123456789")], "shown, and saved as it was"
    visitor.send(visitor.open(page), **{"tax_id[type]": "au_abn", "tax_id[value]": "51824753556"})
    assert has() == [("au_abn", "51824753556")]
    visitor.send(visitor.open(page), **{"tax_id[value]": ""})
    assert has() == []


def test_a_tax_id_is_not_asked_for_where_it_may_not_be_changed(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    ada = subscribe(sandbox, club).customer
    step = visitor.open(f"{open_portal(sandbox, ada)}/details")
    assert "Tax ID" not in step.text
    visitor.send(step, **{"tax_id[type]": "eu_vat", "tax_id[value]": "DE123456789"})
    assert sandbox.api.customers.tax_ids.list(ada).data == []


def test_an_old_link_has_expired(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    url = open_portal(sandbox, subscribe(sandbox, club).customer)
    sandbox.advance("2h")
    page = visitor.open(url)
    assert page.status == 410
    assert "This link has expired" in page.text


def test_an_open_invoice_can_be_paid_from_its_page(sandbox: Sandbox, visitor: Visitor, club: str) -> None:
    ben = subscribe(sandbox, club, card="4000000000000341", email="ben@example.org")
    sandbox.advance("32d")
    invoice = sandbox.api.invoices.list(params={"customer": ben.customer, "status": "open"}).data[0]
    page = visitor.open(invoice.hosted_invoice_url)
    assert "Pay €24.00 now" in page.text
    declined = visitor.follow(visitor.send(page, card="4000000000000002", expiry="12/34", cvc="123"))
    assert "Your card was declined." in declined.text
    question = visitor.follow(visitor.send(declined, card="4000002500003155", expiry="12/34", cvc="123"))
    assert "Confirm it is you" in question.text
    assert "Confirm it is you" in visitor.open(question.url).text
    paid = visitor.follow(visitor.send(question, answer="approve"))
    assert "this invoice is paid" in paid.text
    assert sandbox.api.invoices.retrieve(invoice.id).status == "paid"
