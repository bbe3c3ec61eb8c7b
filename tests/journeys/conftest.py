import time

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


@pytest.fixture
def browser(owner: User) -> Client:
    """The owner's, who came in by a code a moment ago: nothing asks who they are once more."""
    client = signed_in(owner)
    session = client.session
    session["account_authentication_methods"] = [{"method": "code", "at": time.time()}]
    session["account_authentication_methods_user"] = str(owner.pk)
    session.save()
    return client
