"""Answering a dispute: evidence, what decides it, and what is decided for good."""

import json
import urllib.error
from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import Shelf
from tests.sandboxes import Json, Sandbox


def disputed(sandbox: Sandbox, name: str = "createDispute") -> str:
    """The id of a dispute, or an inquiry, of 20.00."""
    charge = sandbox.api.charges.create({"amount": 2000, "currency": "eur", "source": f"tok_{name}"})
    return sandbox.api.disputes.list({"charge": charge.id}).data[0].id


def answer(sandbox: Sandbox, dispute: str, text: str, **more: Any) -> Any:
    return sandbox.api.disputes.update(dispute, {"evidence": {"uncategorized_text": text}, **more})


@pytest.mark.parametrize(
    ("text", "status", "told"),
    [
        ("winning_evidence", "won", ["updated", "closed", "funds_reinstated"]),
        ("losing_evidence", "lost", ["updated", "closed"]),
        ("They were here on Tuesday.", "under_review", ["updated"]),
    ],
)
def test_evidence_decides_as_in_stripe_s_testing(
    shelf: Shelf, sandbox: Sandbox, text: str, status: str, told: list[str]
) -> None:
    dispute = disputed(sandbox)
    before = len(shelf.events())
    answered = answer(sandbox, dispute, text, submit=True)
    assert (answered.status, answered.evidence_details.submission_count) == (status, 1)
    assert shelf.events()[before:] == [f"charge.dispute.{event}" for event in told]
    first: Any = sandbox.api.events.list({"type": "charge.dispute.updated"}).data[0].data.to_dict()
    assert first["object"]["status"] == "under_review"
    assert first["previous_attributes"]["status"] == "needs_response"


@pytest.mark.parametrize(
    ("text", "status"),
    [
        ("winning_evidence", "warning_closed"),
        ("losing_evidence", "warning_closed"),
        ("escalate_inquiry_evidence", "needs_response"),
        ("They were here on Tuesday.", "warning_under_review"),
    ],
)
def test_an_inquiry_is_closed_or_becomes_a_dispute(sandbox: Sandbox, text: str, status: str) -> None:
    inquiry = disputed(sandbox, "createDisputeInquiry")
    answered = answer(sandbox, inquiry, text)
    assert answered.status == status
    charge = sandbox.api.charges.retrieve(answered.charge)
    assert charge.disputed is (status == "needs_response")
    assert answered.payment_method_details.card.case_type == ("chargeback" if charge.disputed else "inquiry")


def test_staged_evidence_decides_once_it_is_submitted(sandbox: Sandbox) -> None:
    dispute = disputed(sandbox)
    staged = answer(sandbox, dispute, "winning_evidence", submit=False)
    details = staged.evidence_details
    assert (staged.status, details.has_evidence, details.submission_count) == ("needs_response", True, 0)
    assert sandbox.api.disputes.update(dispute, {"metadata": {"note": "a"}}).status == "needs_response"
    submitted = sandbox.api.disputes.update(dispute, {"submit": True})
    assert (submitted.status, submitted.evidence_details.submission_count) == ("won", 1)


def test_nothing_submitted_changes_nothing(sandbox: Sandbox) -> None:
    dispute = disputed(sandbox)
    submitted = sandbox.api.disputes.update(dispute, {"submit": True})
    assert (submitted.status, submitted.evidence_details.submission_count) == ("needs_response", 0)


def test_what_is_decided_is_neither_answered_nor_accepted(sandbox: Sandbox) -> None:
    dispute = disputed(sandbox)
    answer(sandbox, dispute, "winning_evidence")
    for attempt in (lambda: answer(sandbox, dispute, "losing_evidence"), lambda: sandbox.api.disputes.close(dispute)):
        with pytest.raises(stripe.InvalidRequestError, match="already closed"):
            attempt()
    assert sandbox.api.disputes.retrieve(dispute).status == "won"
    assert sandbox.api.disputes.update(dispute, {"metadata": {"note": "a"}}).metadata.to_dict() == {"note": "a"}


def test_an_accepted_dispute_is_lost_and_an_accepted_inquiry_is_over(sandbox: Sandbox) -> None:
    assert sandbox.api.disputes.close(disputed(sandbox)).status == "lost"
    assert sandbox.api.disputes.close(disputed(sandbox, "createDisputeInquiry")).status == "warning_closed"


# The control API


def refused(sandbox: Sandbox, charge: str, wish: Json) -> str:
    """What the control API says where it opens no dispute."""
    with pytest.raises(urllib.error.HTTPError) as told:
        sandbox.post(f"/sandbox/charges/{charge}/dispute", wish)
    assert told.value.code == 400
    return str(json.load(told.value)["error"]["message"])


@pytest.mark.parametrize(
    ("wish", "words"),
    [
        ({"amount": 2001}, "between 1 and 2000"),
        ({"amount": 0}, "between 1 and 2000"),
        ({"amount": -100}, "between 1 and 2000"),
        ({"status": "open"}, "Invalid status"),
    ],
)
def test_no_more_is_disputed_than_was_charged(sandbox: Sandbox, wish: Json, words: str) -> None:
    charge = sandbox.api.charges.create({"amount": 2000, "currency": "eur", "source": "tok_visa"})
    assert words in refused(sandbox, charge.id, wish)
    assert sandbox.api.disputes.list({"charge": charge.id}).data == []
    assert sandbox.api.charges.retrieve(charge.id).disputed is False
    assert sandbox.post(f"/sandbox/charges/{charge.id}/dispute", {"amount": 500})["amount"] == 500


def test_what_was_not_taken_is_not_disputed(sandbox: Sandbox) -> None:
    held = sandbox.api.charges.create(
        {"amount": 2000, "currency": "eur", "source": "tok_createDispute", "capture": False}
    )
    assert "cannot be disputed" in refused(sandbox, held.id, {})
    sandbox.api.charges.capture(held.id)
    assert len(sandbox.api.disputes.list({"charge": held.id}).data) == 1


def test_a_captured_payment_is_disputed_too(sandbox: Sandbox) -> None:
    wish: Any = {"amount": 2000, "currency": "eur", "capture_method": "manual", "confirm": True}
    held = sandbox.api.payment_intents.create({**wish, "payment_method": "pm_card_createDispute"})
    assert sandbox.api.disputes.list().data == []
    sandbox.api.payment_intents.capture(held.id)
    assert len(sandbox.api.disputes.list({"payment_intent": held.id}).data) == 1
