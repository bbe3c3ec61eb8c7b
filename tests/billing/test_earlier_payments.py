"""Of whom it is asked what was paid before the newest invoice, and at what cost."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from pytest_django import DjangoAssertNumQueries

from billing.models import AccessPolicy
from billing.refreshing.earlier_payments import unknown_among
from tests.shops import Json

NOW = datetime(2026, 11, 21, 12, tzinfo=UTC)


def subscription(number: int, *, status: str, newest: str = "open", reason: str = "subscription_cycle") -> Json:
    ends_at = int((NOW + timedelta(days=9)).timestamp())
    return {
        "id": f"sub_{number}",
        "status": status,
        "items": {"data": [{"current_period_end": ends_at}]},
        "latest_invoice": {"status": newest, "billing_reason": reason, "created": 1, "amount_due": 2400},
    }


def invoice(number: int) -> Json:
    return {"parent": {"subscription_details": {"subscription": f"sub_{number}"}}}


def asked(given: Json, *, late: int = 0) -> bool:
    return bool(unknown_among([given], open_invoices=[invoice(1)] * late, now=NOW))


@pytest.mark.parametrize(
    ("status", "knobs"),
    [("active", {"require_first_payment": True}), ("canceled", {"immediate_cancel": "end_of_paid_period"})],
)
def test_where_a_rule_asks_what_was_paid_it_is_asked_for(db: None, status: str, knobs: dict[str, Any]) -> None:
    given = subscription(1, status=status)
    assert not asked(given)
    AccessPolicy.objects.create(knobs=knobs)
    assert asked(given)
    assert asked(subscription(1, status=status, newest="void"))
    assert not asked(subscription(1, status=status, newest="paid"))
    assert not asked(subscription(1, status=status, reason="subscription_create"))
    assert not asked(subscription(1, status="unpaid"))


def test_of_the_late_it_is_asked_where_several_invoices_are_open(db: None) -> None:
    given = subscription(1, status="past_due")
    assert not asked(given, late=1)
    assert asked(given, late=2)


def test_a_period_that_is_over_needs_no_payment(db: None) -> None:
    AccessPolicy.objects.create(knobs={"immediate_cancel": "end_of_paid_period"})
    given = subscription(1, status="canceled")
    assert not unknown_among([given], open_invoices=[], now=NOW + timedelta(days=10))


def test_a_page_of_subscriptions_costs_two_queries(db: None, django_assert_num_queries: DjangoAssertNumQueries) -> None:
    AccessPolicy.objects.create(knobs={"require_first_payment": True})
    page = [subscription(number, status="active") for number in range(100)]
    with django_assert_num_queries(2):
        assert len(unknown_among(page, open_invoices=[], now=NOW)) == 100
    with django_assert_num_queries(0):
        assert not unknown_among([subscription(1, status="active", newest="paid")], open_invoices=[], now=NOW)
