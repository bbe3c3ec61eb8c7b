"""What the database itself refuses, whoever asks."""

from datetime import UTC, datetime, timedelta
from typing import Any

import pytest
from django.core.management.sql import emit_post_migrate_signal
from django.db import DatabaseError, IntegrityError, connection, transaction

from hub import grants
from hub.append_only import permit_changes
from hub.models import Grant, Ledger, Product, User

NOW = datetime(2026, 11, 21, 12, 0, tzinfo=UTC)
CLOSED = {"closed_at": NOW, "close_reason": "canceled"}


def make(user: User, product: Product, **changes: Any) -> Grant:
    fields: dict[str, Any] = {
        "source": "subscription",
        "source_ref": "sub_1",
        "state": "active",
        "reason": "active",
        "starts_at": NOW,
    }
    return Grant.objects.create(user=user, product=product, **(fields | changes))


@pytest.mark.parametrize(
    "illegal",
    [
        {"source_ref": ""},
        {"source": "friendship"},
        {"state": "dormant"},
        {"state": "active", **CLOSED},
        {"state": "active", "closed_at": NOW},
        {"state": "active", "close_reason": "canceled"},
        {"state": "grace", **CLOSED},
        {"state": "ended"},
        {"state": "ended", "closed_at": NOW},
        {"state": "ended", "close_reason": "canceled"},
        {"state": "revoked"},
        {"state": "grace", "source": "order"},
        {"state": "grace", "source": "manual"},
        {"ends_at": NOW - timedelta(seconds=1)},
    ],
)
def test_the_database_refuses_an_illegal_grant(ada: User, product: Product, illegal: dict[str, Any]) -> None:
    with pytest.raises(IntegrityError), transaction.atomic():
        make(ada, product, **illegal)
    assert not Grant.objects.exists()


@pytest.mark.parametrize(
    "legal",
    [
        {},
        {"state": "grace"},
        {"state": "ended", **CLOSED},
        {"state": "revoked", **CLOSED},
        {"source": "order", "source_ref": "pi_1"},
        {"ends_at": NOW},
    ],
)
def test_the_database_takes_a_legal_grant(ada: User, product: Product, legal: dict[str, Any]) -> None:
    make(ada, product, **legal)


def test_one_reason_is_one_grant(ada: User, product: Product) -> None:
    make(ada, product)
    with pytest.raises(IntegrityError), transaction.atomic():
        make(ada, product)
    make(ada, product, source_ref="sub_2")


@pytest.fixture
def row(ada: User, product: Product) -> Ledger:
    grants.give(ada, product, actor=None, reason="a gift", now=NOW)
    return Ledger.objects.get()


def test_the_ledger_refuses_to_be_changed(row: Ledger) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Ledger.objects.update(reason="bought")
    row.refresh_from_db()
    assert row.reason == "given"


def test_a_migration_that_makes_the_table_anew_leaves_the_ledger_closed(row: Ledger) -> None:
    permit_changes(connection)  # what SQLite does when a column is altered
    emit_post_migrate_signal(verbosity=0, interactive=False, db="default")
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Ledger.objects.update(reason="bought")


def test_the_ledger_refuses_to_be_emptied(row: Ledger) -> None:
    with pytest.raises(DatabaseError, match="append-only"), transaction.atomic():
        Ledger.objects.filter(pk=row.pk)._raw_delete("default")
    assert Ledger.objects.filter(pk=row.pk).exists()


def test_what_a_person_took_back_meanwhile_is_not_ended_by_the_clock(ada: User, owner: User, product: Product) -> None:
    """The sweep's list is older than the lock that it then waits for."""
    now = datetime.now(UTC)
    listed = grants.give(ada, product, actor=owner, reason="a week", now=now, ends_at=now + timedelta(days=7))
    grants.revoke(listed, actor=owner, reason="a mistake", now=now)
    assert grants.close_overdue([listed], now=now + timedelta(days=8)) == []
    assert Grant.objects.get().state == Grant.State.REVOKED
