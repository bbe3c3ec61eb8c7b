"""Work that a process does once at a time: whoever comes meanwhile goes away, because the first one finds its rows too.

So a worker of several threads keeps the others for what nobody should wait for.
"""

import threading
from collections.abc import Callable
from functools import wraps


def alone(work: Callable[[], None]) -> Callable[[], None]:
    at_work = threading.Lock()

    @wraps(work)
    def do_or_leave() -> None:
        if at_work.acquire(blocking=False):
            try:
                work()
            finally:
                at_work.release()

    return do_or_leave
