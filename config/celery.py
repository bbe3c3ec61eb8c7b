import os
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
    """Beat that does the work itself while the broker is away, so that access never waits for a broker."""

    def _ensure_connected(self) -> Any:
        return self.connection

    def apply_async(self, entry: ScheduleEntry, *args: Any, **kwargs: Any) -> Any:
        try:
            return super().apply_async(entry, *args, **kwargs)
        except SchedulingError:
            return app.tasks[entry.task or ""].apply(entry.args, entry.kwargs)
