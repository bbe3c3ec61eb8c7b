"""Stopping a worker between two steps, as a debugger does: the product knows nothing of it."""

import sys
import threading
import time
from collections.abc import Callable
from types import FrameType
from typing import Any

from django.db import connection


def at_step(step: str, act: Callable[[], None]) -> Callable[[FrameType, str, Any], None]:
    """A profiler that acts once, at "module:function:call" or "module:function:return"."""
    module, function, moment = step.split(":")
    done = False

    def profile(frame: FrameType, event: str, _arg: Any) -> None:
        nonlocal done
        if (
            not done
            and event == moment
            and frame.f_code.co_name == function
            and frame.f_globals.get("__name__") == module
        ):
            done = True
            act()

    return profile


def until_somebody_waits() -> None:
    """Returns once a statement of another connection waits for a row that is locked."""
    for _ in range(200):
        with connection.cursor() as cursor:
            cursor.execute("SELECT count(*) FROM pg_stat_activity WHERE wait_event_type = 'Lock'")
            if cursor.fetchone()[0]:
                return
        time.sleep(0.05)
    raise AssertionError("nobody waits for a lock")


class StoppedWorker:
    """A thread that works up to a step and waits there until it is let go on."""

    def __init__(self, work: Callable[[], Any], *, step: str) -> None:
        self.outcome: Any = None
        self._reached, self._go_on = threading.Event(), threading.Event()
        self._thread = threading.Thread(target=self._run, args=(work, step))
        self._thread.start()
        if not self._reached.wait(20):
            self._go_on.set()
            raise AssertionError(f"never came to {step}")

    def go_on(self) -> Any:
        """Lets it finish; returns what its work returned."""
        self._go_on.set()
        self._thread.join(30)
        assert not self._thread.is_alive()
        return self.outcome

    def _run(self, work: Callable[[], Any], step: str) -> None:
        def wait() -> None:
            self._reached.set()
            self._go_on.wait(30)

        sys.setprofile(at_step(step, wait))
        try:
            self.outcome = work()
        except Exception as error:
            self.outcome = error
        finally:
            sys.setprofile(None)
            connection.close()
