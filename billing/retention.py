"""What is not kept for ever: payloads of events that are done, old passes, spent broker messages."""

import time
from datetime import timedelta
from pathlib import Path

from django.conf import settings
from django.utils import timezone

from billing.models import InboxEvent, Pass


def tidy() -> None:
    """Empties payloads after the retention (never under 35 days: Stripe resends for 30) and keeps the ids."""
    now = timezone.now()
    limit = now - timedelta(days=max(35, settings.INBOX_RETENTION_DAYS))
    InboxEvent.objects.filter(state=InboxEvent.State.DONE, received_at__lt=limit).exclude(payload={}).update(payload={})
    Pass.objects.filter(finished_at__lt=now - timedelta(days=90)).delete()
    _empty_processed(settings.BROKER_DIR / "processed", older_than=24 * 3600)


def _empty_processed(folder: Path, *, older_than: float) -> None:
    """The folder broker keeps each message that it handed out."""
    if not folder.is_dir():
        return
    limit = time.time() - older_than
    for path in folder.iterdir():
        if path.stat().st_mtime < limit:
            path.unlink(missing_ok=True)
