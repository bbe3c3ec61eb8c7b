"""Answers that break off after the request was executed."""

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
