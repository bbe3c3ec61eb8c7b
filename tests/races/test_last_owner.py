"""Two owners let each other go in the same moment: one of them stays."""

import threading
from collections.abc import Callable
from functools import partial

import pytest
from django.db import connection
from django.utils import timezone

from hub.deactivating import deactivate
from hub.errors import Refused
from hub.models import User
from hub.roles import Role
from hub.staff import change_role
from tests import cast
from tests.races.steps import StoppedWorker, until_somebody_waits

pytestmark = [pytest.mark.django_db(transaction=True), pytest.mark.postgres, pytest.mark.races]
LETTING_GO: list[Callable[..., object]] = [partial(change_role, role=Role.MEMBER), partial(deactivate, reason="x")]


@pytest.mark.parametrize("first", LETTING_GO)
@pytest.mark.parametrize("second", LETTING_GO)
def test_somebody_stays(first: Callable[..., object], second: Callable[..., object]) -> None:
    ida, uma = cast.owner(), cast.UserFactory(role=Role.OWNER)
    refused: list[Refused] = []

    def let_ida_go() -> None:
        try:
            second(ida, actor=uma, now=timezone.now())
        except Refused as why:
            refused.append(why)
        finally:
            connection.close()

    worker = StoppedWorker(lambda: first(uma, actor=ida, now=timezone.now()), step="hub.staff:lock_owners:return")
    other = threading.Thread(target=let_ida_go)
    other.start()
    until_somebody_waits()
    worker.go_on()
    other.join(30)
    assert [str(why).startswith("Only owners") for why in refused] == [True], "Uma is none any more"
    assert User.objects.get(role=Role.OWNER, is_active=True) == ida
