import pytest

from tests.members import Member
from tests.shops import Shop


@pytest.fixture
def member(shop: Shop) -> Member:
    """Ada, before she has bought anything."""
    return Member(shop)
