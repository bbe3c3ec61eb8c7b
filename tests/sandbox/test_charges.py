"""Charges without a PaymentIntent, and what each of Stripe's test cards does."""

import urllib.error
from typing import Any

import pytest
import stripe

from tests.sandbox.shelf import FAILS_LATER
from tests.sandboxes import Declined, Sandbox


def charge(sandbox: Sandbox, source: str | None = "tok_visa", **params: Any) -> Any:
    wish: Any = {"amount": 900, "currency": "eur", **({"source": source} if source else {}), **params}
    return sandbox.api.charges.create(wish)


def pay(sandbox: Sandbox, method: str, **params: Any) -> Any:
    """A PaymentIntent confirmed at once."""
    wish: Any = {
        "amount": 900,
        "currency": "eur",
        "payment_method": method,
        "confirm": True,
        "payment_method_types": ["card"],
        **params,
    }
    return sandbox.api.payment_intents.create(wish)


def newest_events(sandbox: Sandbox) -> list[str]:
    return [event.type for event in sandbox.api.events.list({"limit": 100}).data][::-1]


# Direct charges


def test_a_token_is_charged_at_once(sandbox: Sandbox) -> None:
    made = charge(sandbox, description="A thing", metadata={"a": "b"})
    assert (made.status, made.captured, made.paid, made.payment_intent) == ("succeeded", True, True, None)
    assert (made.amount_captured, made.description, made.metadata["a"]) == (900, "A thing", "b")
    assert newest_events(sandbox) == ["charge.succeeded"]
    refund = sandbox.api.refunds.create({"charge": made.id, "amount": 300})
    assert refund.payment_intent is None
    assert sandbox.api.charges.retrieve(made.id).amount_refunded == 300
    changed = sandbox.api.charges.update(made.id, {"fraud_details": {"user_report": "safe"}, "transfer_group": "g"})
    assert changed.fraud_details.user_report == "safe"  # type: ignore[union-attr]
    assert [row.id for row in sandbox.api.charges.list({"transfer_group": "g"}).data] == [made.id]


def test_a_customer_is_charged_by_its_own_cards_alone(sandbox: Sandbox, ada: str) -> None:
    own = sandbox.api.customers.create({"source": "tok_mastercard"})
    made = charge(sandbox, None, customer=own.id)
    assert (made.customer, made.payment_method) == (own.id, own.default_source)
    assert charge(sandbox, str(own.default_source), customer=own.id).paid is True
    with pytest.raises(stripe.InvalidRequestError, match="No such source"):
        charge(sandbox, str(own.default_source), customer=ada)
    bare = sandbox.api.customers.create({"email": "dan@example.org"})
    with pytest.raises(stripe.InvalidRequestError, match="no active card"):
        charge(sandbox, None, customer=bare.id)
    with pytest.raises(stripe.InvalidRequestError, match="Must provide source or customer"):
        charge(sandbox, None)


@pytest.mark.parametrize("token", ["tok_unknown", "tok_visa_unknown"])
def test_an_unknown_token_is_refused_by_name(sandbox: Sandbox, token: str) -> None:
    for act in (
        lambda: charge(sandbox, token),
        lambda: sandbox.api.customers.create({"source": token}),
        lambda: sandbox.api.payment_methods.create({"type": "card", "card": {"token": token}}),
    ):
        with pytest.raises(stripe.InvalidRequestError, match=f"No such token: '{token}'") as refusal:
            act()
        assert refusal.value.code == "resource_missing"
    with pytest.raises(stripe.InvalidRequestError, match="No such PaymentMethod: 'pm_card_unknown'"):
        pay(sandbox, "pm_card_unknown")


def test_an_authorised_charge_is_captured_or_lapses(sandbox: Sandbox) -> None:
    held, left = charge(sandbox, capture=False), charge(sandbox, capture=False)
    assert (held.captured, held.amount_captured) == (False, 0)
    with pytest.raises(stripe.InvalidRequestError, match="more than was authorised"):
        sandbox.api.charges.capture(held.id, {"amount": 901})
    taken = sandbox.api.charges.capture(held.id, {"amount": 800})
    assert (taken.captured, taken.amount_captured) == (True, 800)
    with pytest.raises(stripe.InvalidRequestError, match="already been captured"):
        sandbox.api.charges.capture(held.id)
    sandbox.advance("8d")
    assert sandbox.api.charges.retrieve(left.id).refunded is True
    assert newest_events(sandbox)[-2:] == ["charge.captured", "charge.expired"]
    with pytest.raises(stripe.InvalidRequestError, match="expired"):
        sandbox.api.charges.capture(left.id)


def test_three_decimal_amounts_are_in_tens(sandbox: Sandbox) -> None:
    with pytest.raises(stripe.InvalidRequestError, match="divisible by 10"):
        charge(sandbox, amount=1005, currency="kwd")
    assert charge(sandbox, amount=1010, currency="kwd").currency == "kwd"


# Test cards


@pytest.mark.parametrize(
    ("name", "code", "decline_code"),
    [
        ("chargeDeclined", "card_declined", "generic_decline"),
        ("visa_chargeDeclinedInsufficientFunds", "card_declined", "insufficient_funds"),
        ("visa_chargeDeclinedLostCard", "card_declined", "lost_card"),
        ("visa_chargeDeclinedStolenCard", "card_declined", "stolen_card"),
        ("visa_chargeDeclinedVelocityLimitExceeded", "card_declined", "card_velocity_exceeded"),
        ("radarBlock", "card_declined", "fraudulent"),
        ("chargeDeclinedExpiredCard", "expired_card", None),
        ("chargeDeclinedIncorrectCvc", "incorrect_cvc", None),
        ("chargeDeclinedProcessingError", "processing_error", None),
    ],
)
def test_a_declining_card_says_why_and_is_not_attached(
    sandbox: Sandbox, ada: str, name: str, code: str, decline_code: str | None
) -> None:
    for act in (
        lambda: charge(sandbox, f"tok_{name}"),
        lambda: pay(sandbox, f"pm_card_{name}"),
        lambda: sandbox.api.payment_methods.attach(f"pm_card_{name}", {"customer": ada}),
        lambda: sandbox.api.customers.create({"source": f"tok_{name}"}),
    ):
        with pytest.raises(stripe.CardError) as refusal:
            act()
        error: Any = refusal.value.json_body
        assert (error["error"]["code"], error["error"].get("decline_code")) == (code, decline_code)
    assert newest_events(sandbox).count("charge.failed") == 2
    failed = sandbox.api.charges.list().data
    assert {row.status for row in failed} == {"failed"}
    assert {row.failure_code for row in failed} == {code}
    assert len(sandbox.api.customers.payment_methods.list(ada).data) == 1


def test_a_card_that_fails_later_is_attached(sandbox: Sandbox) -> None:
    customer = sandbox.api.customers.create({"source": "tok_chargeCustomerFail"})
    with pytest.raises(stripe.CardError, match="Your card was declined"):
        charge(sandbox, None, customer=customer.id)
    assert FAILS_LATER.endswith(sandbox.api.customers.payment_methods.list(customer.id).data[0].card.last4)  # type: ignore[union-attr]


@pytest.mark.parametrize(
    ("name", "later"),
    [
        ("threeDSecure2Required", None),
        ("threeDSecureRequired", None),
        ("authenticationRequired", None),
        ("threeDSecureRequiredChargeDeclined", "generic_decline"),
        ("threeDSecureRequiredProcessingError", "processing_error"),
        ("authenticationRequiredChargeDeclinedInsufficientFunds", "insufficient_funds"),
    ],
)
def test_a_card_that_asks_pays_or_declines_once_approved(sandbox: Sandbox, name: str, later: str | None) -> None:
    assert pay(sandbox, f"pm_card_{name}").status == "requires_action"
    with pytest.raises(stripe.CardError, match="requires authentication"):
        charge(sandbox, f"tok_{name}")
    price: Any = {"product_data": {"name": "Course"}, "currency": "eur", "unit_amount": 900}
    lines: Any = [{"price": sandbox.api.prices.create(price).id, "quantity": 1}]
    session = sandbox.api.checkout.sessions.create(
        {"mode": "payment", "line_items": lines, "success_url": "https://shop.example"}
    )
    with pytest.raises(Declined, match="approve this payment"):
        sandbox.pay_session(session.id, email="ada@example.org", card=f"pm_card_{name}")
    if later is None:
        answer = sandbox.post(f"/sandbox/checkout/{session.id}/authenticate", {"approved": True})
        assert answer["session"]["payment_status"] == "paid"
        return
    with pytest.raises(urllib.error.HTTPError, match="402"):
        sandbox.post(f"/sandbox/checkout/{session.id}/authenticate", {"approved": True})
    intent = sandbox.api.payment_intents.retrieve(
        str(sandbox.api.checkout.sessions.retrieve(session.id).payment_intent)
    )
    error = intent.to_dict()["last_payment_error"]
    assert later in (error.get("decline_code"), error["code"])


@pytest.mark.parametrize("name", ["visa", "bypassPending", "threeDSecureOptional", "unionpay"])
def test_other_cards_just_pay(sandbox: Sandbox, name: str) -> None:
    assert pay(sandbox, f"pm_card_{name}").status == "succeeded"
    assert charge(sandbox, f"tok_{name}").paid is True


@pytest.mark.parametrize(
    ("name", "statuses"),
    [
        ("createDispute", ["needs_response"]),
        ("createDisputeProductNotReceived", ["needs_response"]),
        ("createDisputeInquiry", ["warning_needs_response"]),
        ("createMultipleDisputes", ["needs_response", "needs_response"]),
    ],
)
def test_a_disputing_card_disputes_direct_charges_too(sandbox: Sandbox, name: str, statuses: list[str]) -> None:
    made = charge(sandbox, f"tok_{name}")
    disputes = sandbox.api.disputes.list({"charge": made.id}).data
    assert [row.status for row in disputes] == statuses
    assert sum(row.amount for row in disputes) == made.amount
    assert {row.payment_intent for row in disputes} == {None}


def test_a_bank_may_warn_of_fraud(sandbox: Sandbox) -> None:
    intent = pay(sandbox, "pm_card_createIssuerFraudRecord")
    warning = sandbox.api.radar.early_fraud_warnings.list({"payment_intent": intent.id}).data[0]
    assert (warning.charge, warning.actionable) == (intent.latest_charge, True)
    assert sandbox.api.radar.early_fraud_warnings.retrieve(warning.id, {"expand": ["charge"]}).charge
    assert newest_events(sandbox)[-1] == "radar.early_fraud_warning.created"
    direct = charge(sandbox, "tok_createIssuerFraudRecord")
    assert len(sandbox.api.radar.early_fraud_warnings.list({"charge": direct.id}).data) == 1


@pytest.mark.parametrize(
    ("name", "first", "then"), [("refundFail", "succeeded", "failed"), ("pendingRefund", "pending", "succeeded")]
)
def test_refunds_of_direct_charges_fail_or_take_their_time(sandbox: Sandbox, name: str, first: str, then: str) -> None:
    refund = sandbox.api.refunds.create({"charge": charge(sandbox, f"tok_{name}").id})
    assert refund.status == first
    sandbox.advance("2d")
    assert sandbox.api.refunds.retrieve(refund.id).status == then


def test_a_lost_dispute_may_be_won_late(sandbox: Sandbox) -> None:
    made = charge(sandbox, "tok_createDispute")
    dispute = sandbox.api.disputes.list({"charge": made.id}).data[0].id
    for status in ("under_review", "lost", "won"):
        sandbox.set_fields(dispute, status=status)
        assert sandbox.api.disputes.retrieve(dispute).status == status
    assert newest_events(sandbox)[-4:] == [
        "charge.dispute.updated",
        "charge.dispute.closed",
        "charge.dispute.closed",
        "charge.dispute.funds_reinstated",
    ]
