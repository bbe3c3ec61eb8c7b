"""Disputed payments: inquiries, chargebacks, late wins, and news of them in any order."""

import pytest

from billing.desk.support import payments
from billing.intake.draining import drain
from billing.models import AccessPolicy, Order
from hub.models import Grant
from tests.members import Member
from tests.records import Verb, told
from tests.shops import Json, Shop

ADA = "ada@example.org"


@pytest.fixture
def bought(shop: Shop) -> Shop:
    """Ada bought the course."""
    shop.buy(shop.once, email=ADA)
    shop.deliver()
    return shop


@pytest.mark.parametrize("said", [False, True])
def test_case_41_an_inquiry_never_changes_access(bought: Shop, said: bool) -> None:
    """Whether or not Stripe calls the charge itself disputed."""
    AccessPolicy.objects.create(knobs={"dispute_policy": "suspend_on_open"})
    dispute = _dispute(bought, status="warning_needs_response")
    bought.sandbox.set_fields(dispute["charge"], disputed=said)
    bought.deliver()
    assert Order.objects.get().disputes == ({dispute["id"]: "warning_needs_response"} if said else {})
    assert bought.has(ADA, bought.course)
    for status in ("warning_under_review", "warning_closed"):
        bought.sandbox.set_fields(dispute["id"], status=status)
        bought.deliver()
        assert bought.has(ADA, bought.course)
    ada = Member(bought)
    assert ada.steps(bought.course) == [("", "active", "bought")]
    assert ada.verbs("disputed", "access_removed") == (["disputed"] * 3 if said else [])
    assert ada.mails() == ["access"]


def test_case_41_a_lost_dispute_takes_access_and_a_late_win_gives_it_back(bought: Shop) -> None:
    dispute = _dispute(bought)
    bought.deliver()
    assert bought.has(ADA, bought.course)
    _move(bought, dispute, to="lost")
    assert not bought.has(ADA, bought.course)
    assert Grant.objects.get().close_reason == "disputed"
    assert [payment.state for payment in payments(Member(bought).user)] == ["disputed"]
    _move(bought, dispute, to="won")
    assert bought.has(ADA, bought.course)
    assert [payment.state for payment in payments(Member(bought).user)] == ["paid"]
    assert told(Verb.DISPUTED, email=ADA) == 3
    ada = Member(bought)
    assert ada.steps(bought.course) == [
        ("", "active", "bought"),
        ("active", "ended", "disputed"),
        ("ended", "active", "bought"),
    ]
    assert ada.verbs("product_purchased", "access_granted", "access_removed") == [
        "product_purchased",
        "access_granted",
        "access_removed",
        "access_granted",
    ]
    assert ada.mails() == ["access", "access_ended"]
    assert "Your payment was disputed at your bank." in ada.letter("access_ended")


def test_a_site_that_suspends_at_once_gives_back_what_it_wins(bought: Shop) -> None:
    AccessPolicy.objects.create(knobs={"dispute_policy": "suspend_on_open"})
    dispute = _dispute(bought)
    bought.deliver()
    assert not bought.has(ADA, bought.course)
    _move(bought, dispute, to="won")
    assert bought.has(ADA, bought.course)


def test_an_inquiry_that_becomes_a_chargeback_and_is_lost_takes_access(bought: Shop) -> None:
    dispute = _dispute(bought, status="warning_needs_response")
    bought.deliver()
    _move(bought, dispute, to="needs_response")
    assert bought.has(ADA, bought.course)
    _move(bought, dispute, to="lost")
    assert not bought.has(ADA, bought.course)


@pytest.mark.parametrize(("verdict", "access"), [("lost", False), ("won", True)])
def test_case_42_news_of_the_closing_first_and_of_the_opening_again_and_last(
    bought: Shop, verdict: str, access: bool
) -> None:
    AccessPolicy.objects.create(knobs={"dispute_policy": "suspend_on_open"})
    dispute = _dispute(bought)
    bought.sandbox.set_fields(dispute["id"], status=verdict)
    news = bought.sandbox.take_pending()
    closed = [held for held in news if held["event"]["type"] == "charge.dispute.closed"]
    opened = [held for held in news if held["event"]["type"] == "charge.dispute.created"]
    assert len(closed) == len(opened) == 1
    for delivery in closed + opened + opened:
        assert bought.post_webhook(delivery) == 200
        drain()
        assert bought.has(ADA, bought.course) is access
    assert Order.objects.get().disputes == {dispute["id"]: verdict}
    lost = [("active", "ended", "disputed")] if verdict == "lost" else []
    ada = Member(bought)
    assert ada.steps(bought.course) == [("", "active", "bought"), *lost]
    assert ada.verbs("disputed", "access_removed") == ["disputed", *["access_removed"] * len(lost)]
    assert ada.mails() == ["access", *["access_ended"] * len(lost)]


def test_one_of_two_disputes_of_a_charge_is_lost_and_access_ends(bought: Shop) -> None:
    first = _dispute(bought, amount=9000)
    second = _dispute(bought, amount=9000)
    bought.deliver()
    _move(bought, first, to="won")
    assert bought.has(ADA, bought.course)
    _move(bought, second, to="lost")
    assert not bought.has(ADA, bought.course)


def _dispute(shop: Shop, **wishes: object) -> Json:
    made: Json = shop.sandbox.post(f"/sandbox/charges/{Order.objects.get().charge_id}/dispute", wishes)
    return made


def _move(shop: Shop, dispute: Json, *, to: str) -> None:
    shop.sandbox.set_fields(dispute["id"], status=to)
    shop.deliver()
