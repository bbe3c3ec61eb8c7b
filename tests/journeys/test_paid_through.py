"""Cancelled at once where the owner lets the paid time run out: what was paid, and no more."""

import pytest

from billing.models import AccessPolicy
from billing.sweeping.reconcile import differences
from hub.models import Grant
from tests import cast
from tests.members import Member
from tests.shops import Json, Shop

MONTH, YEAR = 30, 360


@pytest.fixture
def patient(shop: Shop) -> Shop:
    AccessPolicy.objects.create(knobs={"immediate_cancel": "end_of_paid_period"})
    return shop


def cancel_at_once(shop: Shop, subscription: Json) -> None:
    shop.sandbox.api.subscriptions.cancel(subscription["id"])
    shop.deliver()


def test_what_was_paid_runs_out(patient: Shop, member: Member) -> None:
    subscription = member.subscribe(patient.monthly.price_id)
    patient.deliver()
    cancel_at_once(patient, subscription)
    assert Grant.objects.get().reason == "canceled_paid_through"
    patient.advance("32d")
    assert not member.has(patient.club)


@pytest.mark.parametrize("knobs", [{"trial_access": False}, {"trial_access": True}, {"require_first_payment": True}])
def test_a_trial_is_no_paid_time(patient: Shop, member: Member, knobs: Json) -> None:
    AccessPolicy.objects.update(knobs={"immediate_cancel": "end_of_paid_period", **knobs})
    subscription = member.subscribe(patient.monthly.price_id, trial_period_days=30)
    patient.deliver()
    cancel_at_once(patient, subscription)
    assert not patient.has(member.email, patient.club)
    assert list(differences()) == []


def test_a_declined_upgrade_takes_no_paid_time(patient: Shop, member: Member) -> None:
    subscription = member.subscribe(patient.monthly.price_id)
    patient.deliver()
    member.switch_once_paid(subscription, price=patient.yearly.price_id)
    assert member.row(subscription).data["latest_invoice"]["status"] == "open"
    cancel_at_once(patient, subscription)
    assert Grant.objects.get().reason == "canceled_paid_through"
    assert list(differences()) == []


def test_each_product_has_its_own_paid_time(patient: Shop, member: Member) -> None:
    clay = cast.ProductFactory(name="Clay", slug="clay")
    (monthly,) = patient.sell(clay, {"unit_amount": 500, "recurring": {"interval": "month"}})
    subscription = member.subscribe(patient.yearly.price_id, monthly.price_id, billing_mode={"type": "flexible"})
    patient.deliver()
    cancel_at_once(patient, subscription)
    patient.advance(f"{MONTH + 2}d")
    assert not member.has(clay)
    assert member.has(patient.club)
    patient.advance(f"{YEAR - MONTH + 5}d")
    assert not member.has(patient.club)
