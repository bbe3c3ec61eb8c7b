"""docs/sandbox.md names everything that the sandbox has, and nothing that it has not."""

import re

import pytest

from sandbox import resources  # noqa: F401 - declares the endpoints
from sandbox.account import DEFAULT_SETTINGS
from sandbox.cards import CARDS, IBANS
from sandbox.keys import permission_names
from sandbox.misbehaving import MAIMED, SILENT
from sandbox.routing import ROUTES
from tests.sandbox.reference import rows, section

SOURCES = ("document", "specification", "assumption")


def test_every_endpoint_has_its_row_and_every_row_its_endpoint() -> None:
    told = {(method, path.strip("`")) for path, methods, _ in rows("Endpoints") for method in methods.split()}
    assert told == {(route.method, route.path) for route in ROUTES}


def test_every_behaviour_says_where_it_comes_from() -> None:
    behaviours = rows("Where its behaviour comes from")
    assert len(behaviours) > 50
    assert [row for row in behaviours if not row[-1].startswith(SOURCES)] == []


@pytest.mark.parametrize("number", sorted(CARDS))
def test_every_test_card_is_listed(number: str) -> None:
    listed = re.sub(r"\s", "", section("Test cards"))
    assert number in listed or f"/{number[-4:]}" in listed


def test_every_setting_and_every_mood_is_named() -> None:
    control = section("The control API")
    assert [name for name in DEFAULT_SETTINGS if f"`{name}`" not in control] == []
    assert [name for name in (*SILENT, *MAIMED) if f'"{name}"' not in control] == []


def test_every_permission_is_named() -> None:
    (row,) = [cells for cells in rows("The control API") if cells[0].startswith("`POST keys")]
    assert re.findall(r"`(\w+)`", row[1].partition(":")[2]) == permission_names()


@pytest.mark.parametrize("iban", sorted(IBANS))
def test_every_test_iban_is_listed(iban: str) -> None:
    assert iban in re.sub(r"\s", "", section("Test cards"))
