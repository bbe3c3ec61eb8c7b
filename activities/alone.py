"""Work that a process does once at a time: whoever comes meanwhile goes away, because the first one finds its rows too.

So a worker of several threads keeps the others for what nobody should wait for.
"""

import threading
import time
from collections.abc import Callable
from functools import wraps

LOST_AFTER = 6 * 3600.0  # seconds: nothing takes as long, so that what is still at work hangs, and the next one begins


def alone(work: Callable[[], None], *, lost_after: float = LOST_AFTER) -> Callable[[], None]:
    guard = threading.Lock()
    begun: list[float] = []  # when each that is at work began: one, and those that hang

    @wraps(work)
    def do_or_leave() -> None:
        with guard:
            now = time.monotonic()
            if any(now - earlier < lost_after for earlier in begun):
                return
            begun.append(now)
        try:
            work()
        finally:
            with guard:
                begun.remove(now)

    return do_or_leave
