import json
from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.contract.check import Contract, document_path
from tests.sandbox.shelf import Shelf
from tests.sandboxes import Sandbox


@pytest.fixture(scope="session")
def recorded_sandbox(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Sandbox]:
    """A sandbox of these tests' own; what it was asked and what it said must all be Stripe's language."""
    folder = tmp_path_factory.mktemp("sandbox")
    exchanges = folder / "exchanges.jsonl"
    sandbox = Sandbox(folder, exchanges=exchanges)
    yield sandbox
    sandbox.stop()
    if exchanges.is_file() and document_path().is_file():
        assert violations_in(exchanges) == []


def violations_in(exchanges: Path) -> list[str]:
    contract = Contract(document_path())
    found = []
    for line in exchanges.read_text().splitlines():
        exchange = json.loads(line)
        what = exchange["event"]["type"] if "event" in exchange else f"{exchange['method']} {exchange['path']}"
        found += [f"{what}: {violation}" for violation in contract.violations(exchange)]
    return found


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
