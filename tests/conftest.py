from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
from django.conf import settings as django_settings
from django.core.cache import cache
from django.db import connection

from hub.models import Product, User
from tests import cast
from tests.contract.check import violations_in
from tests.environment import folder
from tests.pasts import Past
from tests.sandboxes import Sandbox
from tests.shops import Shop


@pytest.fixture(scope="session")
def sandbox_process() -> Iterator[Sandbox]:
    """What the suite asks of Stripe, and what the sandbox says, all has to be Stripe's language."""
    sandbox = Sandbox(Path(folder))
    yield sandbox
    sandbox.stop()
    assert violations_in(sandbox.exchanges) == []


@pytest.fixture
def sandbox(sandbox_process: Sandbox, settings: Any) -> Iterator[Sandbox]:
    """Stripe, for this test: an empty account whose deliveries are held until the test asks for them."""
    settings.STRIPE_API_BASE = sandbox_process.url
    sandbox_process.reset()
    yield sandbox_process
    sandbox_process.reset()  # its clock is ours: the next test begins today


@pytest.fixture
def shop(sandbox: Sandbox, db: None) -> Shop:
    """A connected site with a course (once) and a club (monthly or yearly), linked and on sale."""
    return Shop.open(sandbox)


@pytest.fixture
def past(sandbox: Sandbox, db: None) -> Past:
    """A Stripe account with customers of its own, before the site is connected to it."""
    return Past(sandbox)


@pytest.fixture
def transactional_shop(sandbox: Sandbox, transactional_db: None) -> Shop:
    return Shop.open(sandbox)


@pytest.fixture(autouse=True)
def _fresh_cache() -> Iterator[None]:
    yield
    cache.clear()


@pytest.fixture
def ada(db: None) -> User:
    return cast.ada()


@pytest.fixture
def ben(db: None) -> User:
    return cast.ben()


@pytest.fixture
def dan(db: None) -> User:
    return cast.dan()


@pytest.fixture
def eve(db: None) -> User:
    return cast.eve()


@pytest.fixture
def owner(db: None) -> User:
    return cast.owner()


@pytest.fixture
def product(db: None) -> Product:
    return cast.ProductFactory()


@pytest.fixture(autouse=True)
def _ledger_can_be_emptied(request: pytest.FixtureRequest) -> Iterator[None]:
    """Transactional tests empty every table; the ledger refuses that, rightly."""
    if "transactional_db" not in request.fixturenames:
        yield
        return
    request.getfixturevalue("transactional_db")
    yield
    if connection.vendor == "sqlite":
        from hub.append_only import forbid_changes, permit_changes

        permit_changes(connection)
        with connection.cursor() as cursor:
            cursor.execute("DELETE FROM hub_ledger")
        forbid_changes(connection)


assert django_settings.THROWAWAY_SCHEMA
