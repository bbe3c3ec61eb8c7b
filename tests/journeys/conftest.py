import pytest
from django.test import Client

from hub.models import User
from tests.members import Member, signed_in
from tests.shops import Shop


@pytest.fixture
def member(shop: Shop) -> Member:
    """Ada, before she has bought anything."""
    return Member(shop)


@pytest.fixture
def desk(owner: User) -> Client:
    """The owner's browser."""
    return signed_in(owner)
