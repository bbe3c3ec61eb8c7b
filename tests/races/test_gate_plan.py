"""The planner's word on the gate."""

from datetime import UTC, datetime

import pytest
from django.db import connection
from django.test.utils import CaptureQueriesContext

from hub.access import can_open
from hub.models import Grant
from tests.cast import ProductFactory, UserFactory

pytestmark = [pytest.mark.django_db, pytest.mark.postgres]


def test_the_gate_uses_an_index_of_open_grants() -> None:
    """Among many members with ended grants and few open ones, as sites are."""
    now = datetime.now(UTC)
    users, product = [UserFactory(proved=False) for _ in range(60)], ProductFactory()
    Grant.objects.bulk_create(
        Grant(
            user=users[n % 60], product=product, source="order", source_ref=f"pi_{n}", state="ended", reason="bought",
            starts_at=now, closed_at=now, close_reason="refunded",
        )
        for n in range(6000)
    )  # fmt: skip
    Grant.objects.create(
        user=users[0], product=product, source="order", source_ref="pi_open", state="active", reason="bought",
        starts_at=now,
    )  # fmt: skip
    with connection.cursor() as cursor:
        cursor.execute("ANALYZE hub_grant")
        with CaptureQueriesContext(connection) as captured:
            assert can_open(users[0], product, now=now)
        cursor.execute("EXPLAIN " + captured.captured_queries[0]["sql"])
        plan = "\n".join(row[0] for row in cursor.fetchall())
    assert "Seq Scan on hub_grant" not in plan, plan
    assert "open_grants" in plan, plan
