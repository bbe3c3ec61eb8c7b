import json
import time
import urllib.error
import urllib.request
from typing import Any
from urllib.parse import quote

import pytest
import stripe

from tests.sandbox.shelf import THANKS, Shelf
from tests.sandboxes import KEY, Sandbox

MILLISECONDS = 1_800_000_000_000


def raw(sandbox: Sandbox, method: str, params: dict[str, Any], path: str) -> Any:
    """A request that the SDK's types would not let through."""
    client = stripe.StripeClient(KEY, base_addresses={"api": sandbox.url}, max_network_retries=0)
    return client.raw_request(method, path, **params)


@pytest.mark.parametrize(
    ("path", "params", "code", "param"),
    [
        ("/v1/products", {"name": "A", "colour": "red"}, "parameter_unknown", "colour"),
        ("/v1/products", {}, "parameter_missing", "name"),
        ("/v1/products", {"name": ""}, "parameter_invalid_empty", "name"),
        (
            "/v1/products",
            {"name": "A", "default_price_data": {"unit_amount": 1}},
            "parameter_missing",
            "default_price_data[currency]",
        ),
        ("/v1/products", {"name": "A", "active": "maybe"}, None, "active"),
        ("/v1/prices", {"currency": "eur", "unit_amount": "x"}, "parameter_invalid_integer", "unit_amount"),
        (
            "/v1/prices",
            {"currency": "eur", "unit_amount": 1, "recurring": {"interval": "hour"}},
            None,
            "recurring[interval]",
        ),
        ("/v1/customers", {"email": "nobody"}, "email_invalid", "email"),
        ("/v1/customers", {"metadata": {"k" * 41: "v"}}, None, "metadata"),
        ("/v1/checkout/sessions", {"mode": "payment"}, "parameter_missing", "success_url"),
        ("/v1/webhook_endpoints", {"url": "ftp://x", "enabled_events": ["*"]}, "url_invalid", "url"),
        (
            "/v1/webhook_endpoints",
            {"url": "http://127.0.0.1:99999/x", "enabled_events": ["*"]},
            "url_invalid",
            "url",
        ),
        ("/v1/products", {"name": "A", "url": "https://a.example; script-src *"}, "url_invalid", "url"),
        ("/v1/products", {"name": "A", "url": "https://a.example;b/"}, "url_invalid", "url"),
        (
            "/v1/prices",
            {"currency": "eur", "unit_amount": 1, "recurring": {"interval": "month", "interval_count": 37}},
            None,
            "recurring[interval_count]",
        ),
        (
            "/v1/prices",
            {"currency": "eur", "unit_amount": 1, "recurring": {"interval": "week", "interval_count": 157}},
            None,
            "recurring[interval_count]",
        ),
        ("/v1/coupons", {"percent_off": "nan"}, "parameter_invalid_string_blank", "percent_off"),
    ],
)
def test_wrong_parameters_are_refused_by_name(
    sandbox: Sandbox, path: str, params: dict[str, Any], code: str | None, param: str
) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        raw(sandbox, "post", params, path)
    assert (refused.value.http_status, refused.value.code, refused.value.param) == (400, code, param)


@pytest.mark.parametrize("metadata", [{"7": "x"}, {"10": "b", "9": "a"}, {"0": "x", "1": "y"}, {"²": "a"}])
def test_metadata_keeps_keys_that_are_numbers(sandbox: Sandbox, metadata: dict[str, str]) -> None:
    made = sandbox.api.products.create({"name": "A", "metadata": metadata})
    assert sandbox.api.products.retrieve(made.id).metadata.to_dict() == metadata


@pytest.mark.parametrize(
    ("path", "params", "param"),
    [
        ("coupons", {"percent_off": 5, "redeem_by": MILLISECONDS}, "redeem_by"),
        ("test_helpers/test_clocks", {"frozen_time": MILLISECONDS}, "frozen_time"),
        ("test_helpers/test_clocks", {"frozen_time": -1}, "frozen_time"),
        ("subscriptions", {"trial_end": MILLISECONDS}, "trial_end"),
        ("subscriptions", {"cancel_at": MILLISECONDS}, "cancel_at"),
        ("subscriptions", {"backdate_start_date": MILLISECONDS}, "backdate_start_date"),
        ("invoices", {"due_date": MILLISECONDS}, "due_date"),
        ("checkout/sessions", {"subscription_data": {"trial_end": MILLISECONDS}}, "subscription_data[trial_end]"),
        ("subscription_schedules", {"start_date": MILLISECONDS}, "start_date"),
    ],
)
def test_a_time_in_milliseconds_is_refused(sandbox: Sandbox, path: str, params: dict[str, Any], param: str) -> None:
    required: dict[str, Any] = {
        "subscriptions": {"customer": "cus_x", "items": [{"price": "price_x"}]},
        "checkout/sessions": {"mode": "subscription", "success_url": "https://shop.example/"},
    }.get(path, {})
    with pytest.raises(stripe.InvalidRequestError, match="Invalid timestamp") as refused:
        raw(sandbox, "post", {**required, **params}, f"/v1/{path}")
    assert refused.value.param == param


@pytest.mark.parametrize("past", [{"trial_end": 1_600_000_000}, {"trial_end": 4_000_000_000}])
def test_a_trial_ends_in_the_future_and_within_two_years(shelf: Shelf, ada: str, past: dict[str, Any]) -> None:
    with pytest.raises(stripe.InvalidRequestError) as refused:
        shelf.sandbox.api.subscriptions.create({"customer": ada, "items": [{"price": shelf.monthly}], **past})
    assert (refused.value.http_status, refused.value.param) == (400, "trial_end")


def test_a_session_s_trial_lasts_two_days_at_least(shelf: Shelf) -> None:
    lines = [{"price": shelf.monthly, "quantity": 1}]
    data = {"trial_end": int(time.time()) + 86_400}
    session = {"mode": "subscription", "line_items": lines, "subscription_data": data, "success_url": THANKS}
    with pytest.raises(stripe.InvalidRequestError) as refused:
        raw(shelf.sandbox, "post", session, "/v1/checkout/sessions")
    assert refused.value.param == "subscription_data[trial_end]"


def test_the_clock_cannot_be_sent_beyond_the_calendar(sandbox: Sandbox) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        sandbox.post("/sandbox/clock", {"to": 10**13})
    assert refused.value.code == 400
    refused.value.close()


def test_an_unknown_id_is_404_in_the_path_and_400_in_a_parameter(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="No such customer: 'cus_x'") as gone:
        sandbox.api.customers.retrieve("cus_x")
    assert (gone.value.http_status, gone.value.code) == (404, "resource_missing")
    with pytest.raises(stripe.InvalidRequestError) as wrong:
        sandbox.api.prices.create({"currency": "eur", "unit_amount": 1, "product": "prod_x"})
    assert (wrong.value.http_status, wrong.value.param) == (400, "product")


@pytest.mark.parametrize(
    "path",
    ["/v1/unicorns", "/v1", "/v1/", "/v1/customers/", "/v2", "/v2/core/events", "/v1/a\nb", "/v1/customers/search"],
)
@pytest.mark.parametrize("method", ["GET", "POST", "PUT", "DELETE"])
def test_an_unknown_address_is_404_in_stripe_s_shape(sandbox: Sandbox, method: str, path: str) -> None:
    said = {"Authorization": f"Bearer {KEY}"}
    request = urllib.request.Request(sandbox.url + quote(path), method=method, headers=said)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value:
        error = json.load(refused.value)["error"]
    assert (refused.value.code, error["type"]) == (404, "invalid_request_error")
    assert error["message"].startswith(f"Unrecognized request URL ({method}: {path}).")


@pytest.mark.parametrize("kind", ["customers", "products", "prices", "invoices", "subscriptions", "charges"])
def test_a_search_is_no_object(sandbox: Sandbox, kind: str) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="Unrecognized request URL"):
        raw(sandbox, "get", {"query": "email:'ada@example.org'"}, f"/v1/{kind}/search")


def test_a_body_that_is_too_large_is_refused_in_stripe_s_shape_and_frees_its_key(sandbox: Sandbox) -> None:
    once = {"idempotency_key": "once"}
    with pytest.raises(stripe.InvalidRequestError, match="too large"):
        raw(sandbox, "post", {"name": "A", "description": "x" * 3_000_000, **once}, "/v1/products")
    assert sandbox.api.products.create({"name": "A"}, {"idempotency_key": "once"}).name == "A"


@pytest.mark.parametrize(
    ("kind", "body"),
    [("application/json", b'{"name": "A"}'), ("multipart/form-data; boundary=x", b"--x"), ("text/plain", b"name=A")],
)
def test_a_body_that_is_no_form_is_refused_for_that(sandbox: Sandbox, kind: str, body: bytes) -> None:
    said = {"Authorization": f"Bearer {KEY}", "Content-Type": kind}
    request = urllib.request.Request(f"{sandbox.url}/v1/products", data=body, headers=said)
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    with refused.value:
        message = json.load(refused.value)["error"]["message"]
    assert (refused.value.code, "application/x-www-form-urlencoded" in message) == (400, True)
    assert sandbox.api.products.list().data == []


def test_a_long_query_is_read(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="at most 5000 characters"):
        sandbox.api.customers.list({"email": "x" * 9_000})


@pytest.mark.parametrize("key", ["sk_test_somebody_elses", "nonsense"])
def test_an_unknown_key_is_401(sandbox: Sandbox, key: str) -> None:
    client = stripe.StripeClient(key, base_addresses={"api": sandbox.url}, max_network_retries=0)
    with pytest.raises(stripe.AuthenticationError, match="Invalid API Key"):
        client.v1.customers.list()


def test_no_key_is_401(sandbox: Sandbox) -> None:
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(f"{sandbox.url}/v1/customers")
    assert refused.value.code == 401
    refused.value.close()


def test_what_cannot_be_read_is_refused_in_stripe_s_shape_and_frees_its_key(sandbox: Sandbox) -> None:
    once = {"idempotency_key": "once"}
    nested: Any = "x"
    for _ in range(600):
        nested = {"a": nested}
    for wrong in ({"metadata": nested}, {"name": "A", "default_price_data": {"unit_amount": "9" * 5_000}}):
        with pytest.raises(stripe.InvalidRequestError):
            raw(sandbox, "post", {**wrong, **once}, "/v1/products")
    assert sandbox.api.products.create({"name": "A"}, {"idempotency_key": "once"}).name == "A"


def test_a_basic_header_that_is_none_is_401(sandbox: Sandbox) -> None:
    request = urllib.request.Request(f"{sandbox.url}/v1/products", headers={"Authorization": "Basic a"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        urllib.request.urlopen(request)
    assert refused.value.code == 401
    refused.value.close()


def test_answers_name_the_version_and_the_request(sandbox: Sandbox) -> None:
    answer = sandbox.api.products.list().last_response
    assert answer is not None
    assert answer.headers["Stripe-Version"] == "2026-08-26.dahlia"
    assert str(answer.request_id).startswith("req_")


def test_a_key_used_again_gives_the_same_answer(sandbox: Sandbox) -> None:
    first = sandbox.api.customers.create({"email": "a@example.org"}, {"idempotency_key": "once"})
    again = sandbox.api.customers.create({"email": "a@example.org"}, {"idempotency_key": "once"})
    assert again.id == first.id
    assert again.last_response is not None
    assert again.last_response.headers["Idempotent-Replayed"] == "true"
    assert len(sandbox.api.customers.list().data) == 1


def test_a_key_used_for_something_else_is_refused(sandbox: Sandbox) -> None:
    sandbox.api.customers.create({"email": "a@example.org"}, {"idempotency_key": "once"})
    with pytest.raises(stripe.IdempotencyError):
        sandbox.api.customers.create({"email": "b@example.org"}, {"idempotency_key": "once"})


def test_a_refused_request_does_not_use_the_key_up(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError):
        sandbox.api.customers.create({"email": "nobody"}, {"idempotency_key": "twice"})
    assert sandbox.api.customers.create({"email": "a@example.org"}, {"idempotency_key": "twice"}).email


def test_our_own_product_id_is_unique_for_ever(sandbox: Sandbox) -> None:
    sandbox.api.products.create({"id": "portal_1", "name": "A"})
    with pytest.raises(stripe.InvalidRequestError) as refused:
        sandbox.api.products.create({"id": "portal_1", "name": "A"})
    assert refused.value.code == "resource_already_exists"


def test_a_default_price_cannot_be_archived_nor_a_product_with_prices_deleted(shelf: Shelf) -> None:
    api = shelf.sandbox.api
    api.products.update(shelf.club, {"default_price": shelf.monthly})
    with pytest.raises(stripe.InvalidRequestError, match="default price"):
        api.prices.update(shelf.monthly, {"active": False})
    with pytest.raises(stripe.InvalidRequestError, match="cannot be deleted"):
        api.products.delete(shelf.club)


@pytest.mark.parametrize(
    ("params", "words"),
    [
        ({"mode": "payment", "price": "monthly"}, "recurring price"),
        ({"mode": "subscription", "price": "once"}, "at least one recurring price"),
        ({"mode": "payment", "price": "once", "subscription_data": {"description": "x"}}, "subscription_data"),
        (
            {"mode": "subscription", "price": "monthly", "payment_intent_data": {"description": "x"}},
            "payment_intent_data",
        ),
        (
            {"mode": "payment", "price": "once", "customer": "cus_x", "customer_email": "a@example.org"},
            "only specify one",
        ),
    ],
)
def test_a_session_refuses_wrong_mixtures(shelf: Shelf, params: dict[str, Any], words: str) -> None:
    params = {"success_url": "https://shop.example/", **params}
    params["line_items"] = [{"price": getattr(shelf, params.pop("price")), "quantity": 1}]
    with pytest.raises(stripe.InvalidRequestError, match=words):
        raw(shelf.sandbox, "post", params, "/v1/checkout/sessions")


@pytest.mark.parametrize(("currency", "least"), [("eur", 50), ("gbp", 30), ("jpy", 50), ("huf", 17_500)])
def test_less_than_a_currency_s_least_amount_cannot_be_charged(shelf: Shelf, currency: str, least: int) -> None:
    api = shelf.sandbox.api
    assert api.payment_intents.create({"amount": least, "currency": currency}).amount == least
    line: Any = {"price_data": {"product": shelf.club, "currency": currency, "unit_amount": least - 1}, "quantity": 1}
    wish: Any = {"mode": "payment", "line_items": [line], "success_url": "https://shop.example/"}
    for create in (
        lambda: api.payment_intents.create({"amount": least - 1, "currency": currency}),
        lambda: api.charges.create({"amount": least - 1, "currency": currency, "source": "tok_visa"}),
        lambda: api.checkout.sessions.create(wish),
    ):
        with pytest.raises(stripe.InvalidRequestError) as refused:
            create()
        assert refused.value.code == "amount_too_small"


def test_the_portal_opens_only_with_a_configuration_and_for_the_customers_own(shelf: Shelf) -> None:
    api, subscription = shelf.sandbox.api, shelf.subscribe()
    with pytest.raises(stripe.InvalidRequestError, match="default configuration has not been created"):
        api.billing_portal.sessions.create({"customer": subscription["customer"]})
    configuration = api.billing_portal.configurations.create(
        {"features": {"subscription_cancel": {"enabled": True}, "invoice_history": {"enabled": True}}}
    )
    other = api.customers.create({"email": "eve@example.org"})
    flow = {"type": "subscription_cancel", "subscription_cancel": {"subscription": subscription["id"]}}
    with pytest.raises(stripe.InvalidRequestError, match="does not belong"):
        api.billing_portal.sessions.create(
            {"customer": other.id, "configuration": configuration.id, "flow_data": flow}  # type: ignore[typeddict-item]
        )
    with pytest.raises(stripe.InvalidRequestError, match="disabled"):
        api.billing_portal.sessions.create(
            {
                "customer": other.id,
                "configuration": configuration.id,
                "flow_data": {"type": "payment_method_update"},
            }
        )
