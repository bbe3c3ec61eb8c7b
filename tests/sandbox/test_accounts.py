"""Several accounts in one sandbox, separated by their keys; what restricted keys may do; the rate limit."""

import json
import urllib.error
from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import Shelf
from tests.sandboxes import Sandbox


def test_two_accounts_see_nothing_of_each_other(sandbox: Sandbox) -> None:
    other = sandbox.post("/sandbox/accounts", {"live": False})
    theirs = sandbox.client(other["key"])
    ours = sandbox.api.customers.create({"email": "ada@example.org"})
    assert theirs.customers.list().data == []
    with pytest.raises(stripe.InvalidRequestError, match="No such customer"):
        theirs.customers.retrieve(ours.id)
    mine = theirs.customers.create({"email": "ben@example.org"})
    assert mine.id != ours.id
    assert theirs.accounts.retrieve_current().id == other["id"]
    assert [row["id"] for row in sandbox.get("/sandbox/accounts")["data"]][1:] == [other["id"]]
    sandbox.reset()
    with pytest.raises(stripe.AuthenticationError):
        theirs.customers.list()


def test_live_mode_marks_its_objects_events_and_ids(sandbox: Sandbox) -> None:
    live = sandbox.client(sandbox.post("/sandbox/accounts", {"live": True})["key"])
    product = live.products.create({"name": "Club"})
    price = live.prices.create({"product": product.id, "currency": "eur", "unit_amount": 500})
    link = live.payment_links.create({"line_items": [{"price": price.id, "quantity": 1}]})
    paid = sandbox.pay_link(link.id, email="ada@example.org")["session"]
    assert paid["id"].startswith("cs_live_")
    assert (product.livemode, paid["livemode"]) == (True, True)
    assert {event.livemode for event in live.events.list().data} == {True}
    assert sandbox.api.events.list().data == []


def test_a_restricted_key_is_told_which_permission_it_lacks(sandbox: Sandbox) -> None:
    key = sandbox.post("/sandbox/keys", {"permissions": {"customer": "read", "plan": "write"}})["key"]
    assert key.startswith("rk_test_")
    limited = sandbox.client(key)
    assert limited.customers.list().data == []
    assert limited.prices.list().data == []
    with pytest.raises(stripe.PermissionError, match="Having the 'rak_customer_write' permission") as refused:
        limited.customers.create({"email": "ada@example.org"})
    assert refused.value.http_status == 403
    assert key not in str(refused.value)
    for path, permission in (
        (limited.checkout.sessions.list, "rak_checkout_session_read"),
        (limited.billing_portal.configurations.list, "rak_customer_portal_read"),
        (limited.webhook_endpoints.list, "rak_webhook_read"),
        (limited.accounts.retrieve_current, "rak_accounts_kyc_basic_read"),
    ):
        with pytest.raises(stripe.PermissionError, match=permission):
            path()


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"customer": "admin"}, "permissions[customer]"),
        ({"customer": ["read"]}, "permissions[customer]"),
        ({"customers": "read"}, "permissions[customers]"),
        ({"customer": "read", "rak_plan": "write"}, "permissions[rak_plan]"),
        (["customer"], "permissions"),
        (None, "permissions"),
    ],
)
def test_a_permission_has_its_name_and_is_read_or_write(sandbox: Sandbox, wrong: Any, field: str) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        sandbox.post("/sandbox/keys", {"permissions": wrong})
    with refused.value:
        assert (refused.value.code, json.load(refused.value)["error"]["param"]) == (400, field)


def test_a_restricted_key_is_told_of_an_address_that_is_none(sandbox: Sandbox) -> None:
    limited = sandbox.client(sandbox.post("/sandbox/keys", {"permissions": {}})["key"])
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        limited.customers.search({"query": "email:'ada@example.org'"})


def test_nobody_acts_for_another_account(sandbox: Sandbox) -> None:
    ours, other = sandbox.api.accounts.retrieve_current().id, sandbox.post("/sandbox/accounts", {"live": False})
    assert sandbox.api.customers.list({}, {"stripe_account": ours}).data == []
    for named in (other["id"], "acct_nobody"):
        with pytest.raises(stripe.PermissionError, match=f"does not have access to account '{named}'") as refused:
            sandbox.api.customers.create({"email": "ada@example.org"}, {"stripe_account": named})
        said: Any = refused.value.json_body
        assert (refused.value.http_status, said["error"]["code"]) == (403, "account_invalid")
    assert sandbox.client(other["key"]).customers.list().data == []


@pytest.mark.parametrize("version", ["2099-01-01", "2026-8-26.dahlia", "dahlia"])
def test_a_version_that_never_was_is_refused(sandbox: Sandbox, version: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match=f"Invalid Stripe API version: {version}") as refused:
        sandbox.api.customers.list({}, {"stripe_version": version})
    assert refused.value.http_status == 400


def test_an_older_version_is_answered_in_ours(sandbox: Sandbox) -> None:
    answer = sandbox.api.customers.list({}, {"stripe_version": "2025-03-31.basil"}).last_response
    assert answer is not None
    assert answer.headers["Stripe-Version"] == "2026-08-26.dahlia"


def test_too_many_requests_a_second_are_refused_with_the_reason(sandbox: Sandbox) -> None:
    sandbox.post("/sandbox/settings", {"requests_per_second": 5})
    with pytest.raises(stripe.RateLimitError) as refused:
        for _ in range(20):
            sandbox.api.products.list()
    assert refused.value.headers["Stripe-Rate-Limited-Reason"] == "global-rate"  # type: ignore[index]


def test_pages_find_the_account_of_a_link(sandbox: Sandbox) -> None:
    from tests.sandbox.visitor import Visitor

    theirs = sandbox.client(sandbox.post("/sandbox/accounts", {"live": False})["key"])
    product = theirs.products.create({"name": "Their club"})
    price = theirs.prices.create({"product": product.id, "currency": "eur", "unit_amount": 500})
    link = theirs.payment_links.create({"line_items": [{"price": price.id, "quantity": 1}]})
    Shelf.stock(sandbox)
    visitor = Visitor(sandbox.url)
    assert "Their club" in visitor.follow(visitor.open(link.url)).text
