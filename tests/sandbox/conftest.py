from collections.abc import Iterator

import pytest

from tests.contract.check import violations_in
from tests.sandbox.shelf import Shelf
from tests.sandboxes import Sandbox


@pytest.fixture(scope="session")
def recorded_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of these tests' own; what it was asked and what it said must all be Stripe's language."""
    sandbox = Sandbox(tmp_path_factory.mktemp("sandbox"))
    yield sandbox
    sandbox.stop()
    assert violations_in(sandbox.exchanges) == []


@pytest.fixture
def sandbox(recorded_sandbox: Sandbox) -> Sandbox:
    """An empty account whose deliveries are held."""
    recorded_sandbox.reset()
    return recorded_sandbox


@pytest.fixture
def shelf(sandbox: Sandbox) -> Shelf:
    return Shelf.stock(sandbox)


@pytest.fixture
def ada(sandbox: Sandbox) -> str:
    """A customer with a good default card."""
    customer = sandbox.api.customers.create({"email": "ada@example.org"})
    method = sandbox.api.payment_methods.attach("pm_card_visa", {"customer": customer.id})
    sandbox.api.customers.update(customer.id, {"invoice_settings": {"default_payment_method": method.id}})
    return customer.id
