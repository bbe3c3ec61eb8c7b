import os
import threading
from typing import Any

from celery import Celery
from celery.beat import PersistentScheduler, ScheduleEntry, SchedulingError
from kombu.transport import TRANSPORT_ALIASES

os.environ.setdefault("DJANGO_SETTINGS_MODULE", "config.settings")
TRANSPORT_ALIASES["folder"] = "config.broker:Transport"

app = Celery("foyer")
app.config_from_object("django.conf:settings", namespace="CELERY")
app.autodiscover_tasks()


class SteadfastScheduler(PersistentScheduler):
    """Beat that does the work itself while the broker is away, so that access never waits for a broker.

    Each task in a thread of its own, and once at a time, so that access never waits for e-mails either.
    """

    def __init__(self, *args: Any, **kwargs: Any) -> None:
        self._at_work: dict[str, threading.Thread] = {}
        super().__init__(*args, **kwargs)

    def _ensure_connected(self) -> Any:
        return self.connection

    def apply_async(self, entry: ScheduleEntry, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().apply_async(entry, *args, **kwargs)
        except SchedulingError:
            self._do_ourselves(entry.task or "")
            return None

    def _do_ourselves(self, task: str) -> None:
        busy = self._at_work.get(task)
        if busy is None or not busy.is_alive():
            self._at_work[task] = threading.Thread(target=_run, args=(task,), name=task, daemon=True)
            self._at_work[task].start()


def _run(task: str) -> None:
    from django.db import connections

    try:
        app.tasks[task].apply()
    finally:
        connections.close_all()
