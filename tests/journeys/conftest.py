import pytest
from django.test import Client

from hub.models import User
from tests.members import Member, just_came_in, signed_in
from tests.shops import Shop


@pytest.fixture
def member(shop: Shop) -> Member:
    """Ada, before she has bought anything."""
    return Member(shop)


@pytest.fixture
def desk(owner: User) -> Client:
    """The owner's browser."""
    return signed_in(owner)


@pytest.fixture
def browser(owner: User) -> Client:
    """The owner's, who came in by a code a moment ago: nothing asks who they are once more."""
    return just_came_in(signed_in(owner))
