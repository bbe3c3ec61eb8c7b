"""An account is connected, and what waited for it begins: in the console and at the command line."""

from datetime import datetime

from activities.doorbell import ring
from billing.connection import connect
from billing.intake.draining import TASK
from billing.models import Connection
from billing.sweeping import left_behind
from hub.models import User

CATCH_UP = "billing.tasks.catch_up"


def begin(key: str, *, actor: User | None, now: datetime) -> Connection:
    """Connects it, asks what becomes of what test cards opened, and has what was missed fetched.

    Raises what `connect` raises.
    """
    connected = connect(key, actor=actor, now=now)
    left_behind.ask_about_them(now=now)
    ring(TASK)
    ring(CATCH_UP)
    return connected
