"""What may be asked of misbehaviour, and answers that break off after the request was executed."""

import json
import urllib.error
from typing import Any

import pytest
import stripe

from tests.sandboxes import Sandbox


def test_an_answer_that_breaks_off_was_executed_and_its_key_finds_it(sandbox: Sandbox) -> None:
    sandbox.answer_with("cut_body", path="/v1/customers", times=1)
    with pytest.raises(stripe.APIConnectionError):
        sandbox.api.customers.create({"email": "ada@example.org"}, {"idempotency_key": "once"})
    again = sandbox.api.customers.create({"email": "ada@example.org"}, {"idempotency_key": "once"})
    assert [customer.id for customer in sandbox.api.customers.list().data] == [again.id]


def test_a_trickling_answer_arrives_whole(sandbox: Sandbox) -> None:
    sandbox.answer_with("trickle", path="/v1/customers", times=1, seconds=0.2)
    assert sandbox.api.customers.list().data == []


@pytest.mark.parametrize(
    ("wrong", "field"),
    [
        ({"colour": "red"}, "colour"),
        ({"deliveries": {"lose": 0.5}}, "deliveries[lose]"),
        ({"deliveries": {"drop": 7}}, "deliveries[drop]"),
        ({"deliveries": {"drop": float("nan")}}, "deliveries[drop]"),
        ({"deliveries": {"duplicate": "0.5"}}, "deliveries[duplicate]"),
        ({"deliveries": {"delay": 2}}, "deliveries[delay]"),
        ({"deliveries": {"delay": [0, "x"]}}, "deliveries[delay][1]"),
        ({"deliveries": {"delay": [2, 1]}}, "deliveries[delay]"),
        ({"deliveries": {"hold": "yes"}}, "deliveries[hold]"),
        ({"deliveries": [1]}, "deliveries"),
        ({"answers": {"status": 500}}, "answers"),
        ({"answers": [7]}, "answers[0]"),
        ({"answers": [{"path": "/v1/"}]}, "answers[0][status]"),
        ({"answers": [{"status": 500}, {"status": "foo"}]}, "answers[1][status]"),
        ({"answers": [{"status": 99}]}, "answers[0][status]"),
        ({"answers": [{"status": 600}]}, "answers[0][status]"),
        ({"answers": [{"status": "500"}]}, "answers[0][status]"),
        ({"answers": [{"status": True}]}, "answers[0][status]"),
        ({"answers": [{"status": 500, "path": "v1"}]}, "answers[0][path]"),
        ({"answers": [{"status": 500, "path": 7}]}, "answers[0][path]"),
        ({"answers": [{"status": 500, "method": "FETCH"}]}, "answers[0][method]"),
        ({"answers": [{"status": 500, "probability": 1.5}]}, "answers[0][probability]"),
        ({"answers": [{"status": 500, "probability": -0.1}]}, "answers[0][probability]"),
        ({"answers": [{"status": 500, "times": "3"}]}, "answers[0][times]"),
        ({"answers": [{"status": "hang", "seconds": "long"}]}, "answers[0][seconds]"),
        ({"answers": [{"status": 429, "retry_after": -1}]}, "answers[0][retry_after]"),
        ({"answers": [{"status": 500, "for": 3}]}, "answers[0][for]"),
        ({"latency": "much"}, "latency"),
        ({"latency": 1e400}, "latency"),
        ({"seed": "one"}, "seed"),
    ],
)
def test_a_wish_that_is_none_is_refused_by_its_field_and_nothing_of_it_stays(
    sandbox: Sandbox, wrong: dict[str, Any], field: str
) -> None:
    sandbox.post("/sandbox/chaos", {"deliveries": {"drop": 0.5}, "answers": [{"status": 503, "path": "/v1/coupons"}]})
    before = sandbox.get("/sandbox/chaos")
    with pytest.raises(urllib.error.HTTPError) as refused:
        sandbox.post("/sandbox/chaos", {"seed": 9, "latency": 1, **wrong})
    with refused.value:
        assert (refused.value.code, json.load(refused.value)["error"]["param"]) == (400, field)
    assert sandbox.get("/sandbox/chaos") == before


def test_null_clears_a_part(sandbox: Sandbox) -> None:
    sandbox.post("/sandbox/chaos", {"deliveries": {"drop": 1}, "answers": [{"status": 500}], "latency": 0.01})
    cleared = sandbox.post("/sandbox/chaos", {"deliveries": None, "answers": None, "latency": None})
    assert (cleared["deliveries"], cleared["answers"], cleared["latency"]) == ({}, [], 0)


@pytest.mark.parametrize("wrong", [{"order": "backwards"}, {"order": [7]}, {"drop": 2}, {"duplicate": "x"}, {"to": 1}])
def test_what_is_held_stays_so_where_the_flush_is_not_understood(sandbox: Sandbox, wrong: dict[str, Any]) -> None:
    sandbox.api.webhook_endpoints.create({"url": "http://127.0.0.1:9/hook", "enabled_events": ["product.created"]})
    sandbox.api.products.create({"name": "A"})
    with pytest.raises(urllib.error.HTTPError) as refused:
        sandbox.post("/sandbox/deliveries/flush", wrong)
    with refused.value:
        assert (refused.value.code, json.load(refused.value)["error"]["param"].split("[")[0]) == (
            400,
            next(iter(wrong)),
        )
    assert len(sandbox.pending()) == 1
