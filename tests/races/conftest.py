"""Races are forced on PostgreSQL: it is where two workers really meet."""

import os
from collections.abc import Iterator

import pytest
from django.db import connection

IN_CI = os.environ.get("CI", "").lower() in {"1", "true"}


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """On SQLite these are left out by name (`pytest tests/races` brings a PostgreSQL); CI is told, not spared."""
    if connection.vendor == "postgresql" or IN_CI:
        return
    ours = [item for item in items if item.get_closest_marker("postgres")]
    if ours:
        config.hook.pytest_deselected(items=ours)
        items[:] = [item for item in items if item not in ours]


@pytest.fixture(autouse=True)
def _on_postgresql() -> Iterator[None]:
    assert connection.vendor == "postgresql", "Races need PostgreSQL: set DATABASE_URL or FOYER_TESTS_ON=postgresql."
    yield
