"""Hurry a worker. Messages are doorbells: the work is in rows, and a sweep stands behind every bell.

So ringing never raises and never makes anybody wait, whatever the state of the broker: one thread does it,
and rings that come meanwhile become one.
"""

import os
import threading
import time

import structlog
from celery import current_app

log = structlog.get_logger(__name__)

# The first ring is heard at once. A storm's next ones are heard together: the work is found in rows all the same.
PAUSE = 0.2

_lock = threading.Lock()
_wanted: set[str] = set()
_ringing = False


def ring(task: str) -> None:
    """Ask that the task of this name be run soon, after the commit of what it is to see."""
    global _ringing
    with _lock:
        _wanted.add(task)
        if _ringing:
            return
        _ringing = True
    threading.Thread(target=_ring_all, name="doorbell", daemon=True).start()


def _ring_all() -> None:
    global _ringing
    while True:
        with _lock:
            if not _wanted:
                _ringing = False
                return
            task = _wanted.pop()
        try:
            current_app.send_task(task, retry=False, ignore_result=True)
        except Exception as error:
            log.warning("doorbell_unheard", task=task, error=repr(error))
        time.sleep(PAUSE)


def _forget_the_parents_thread() -> None:
    """A forked process has the parent's flag, but not its thread."""
    global _lock, _ringing
    _lock, _ringing = threading.Lock(), False


os.register_at_fork(after_in_child=_forget_the_parents_thread)
