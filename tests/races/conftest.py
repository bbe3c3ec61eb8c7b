"""Races are forced on PostgreSQL: it is where two workers really meet. `pytest tests/races` brings one."""

from collections.abc import Iterator

import pytest
from django.db import connection


@pytest.fixture(autouse=True)
def _on_postgresql() -> Iterator[None]:
    assert connection.vendor == "postgresql", "Races need PostgreSQL: set DATABASE_URL or FOYER_TESTS_ON=postgresql."
    yield
