"""What is not kept for ever: events that are done, old passes, plans and drafts that nobody carried out, ended
sessions, unused pictures, spent messages and counters.
"""

import time
from contextlib import suppress
from datetime import datetime, timedelta
from pathlib import Path

from allauth.usersessions.models import UserSession
from django.conf import settings
from django.contrib.sessions.models import Session
from django.db.models import Exists, OuterRef
from django.utils import timezone

from billing.models import ImportBatch, InboxEvent, Order, Pass, Reference, StripeCustomer
from hub.batches.drafting import forget_old
from hub.pictures.keeping import forget_unused

DAY = 24 * 3600


def tidy() -> None:
    """Events go when they are done and past the retention, never under 35 days: Stripe lists and resends for 30."""
    now = timezone.now()
    limit = now - timedelta(days=max(35, settings.INBOX_RETENTION_DAYS))
    over = [InboxEvent.State.DONE, InboxEvent.State.DISMISSED]
    InboxEvent.objects.filter(state__in=over, received_at__lt=limit).delete()
    _forget_erased([*over, InboxEvent.State.DEAD])
    _forget_references(older_than=limit)
    unused = ImportBatch.objects.filter(state__in=[ImportBatch.State.READING, ImportBatch.State.PLANNED])
    unused.filter(asked_at__lt=now - timedelta(days=30)).delete()
    Pass.objects.filter(finished_at__lt=now - timedelta(days=90)).delete()
    Session.objects.filter(expire_date__lt=now).delete()
    forget_unused(now=now)
    forget_old(now=now)
    UserSession.objects.exclude(session_key__in=Session.objects.values("session_key")).delete()
    # The folder broker keeps each message that it handed out, the file cache what ran out and nobody asked for again.
    for folder in (settings.BROKER_DIR / "processed", settings.VAR_DIR / "cache"):
        _remove_old_files(folder, older_than=DAY)


def _forget_erased(states: list[InboxEvent.State]) -> None:
    """What came after somebody was erased, of what they bought before: its events say where to look, and no more."""
    customers = StripeCustomer.objects.filter(user__erased_at__isnull=False).values("stripe_id")
    orders = Order.objects.filter(user__erased_at__isnull=False)
    bought = [orders.exclude(**{name: ""}).values(name) for name in ("subject", "payment_intent", "session_id")]
    for subjects in (customers, *bought):
        told = InboxEvent.objects.filter(state__in=states, subject__in=subjects).exclude(payload={})
        told.update(payload={})
        Reference.objects.filter(subject__in=subjects).delete()


def _forget_references(*, older_than: datetime) -> None:
    """Of events, as long as events are kept; of others' payments and of who was erased, nothing leads to anybody."""
    old = Reference.objects.filter(at__lt=older_than)
    old.filter(ref__startswith="evt_").delete()
    customers = Exists(StripeCustomer.objects.filter(stripe_id=OuterRef("subject")))
    orders = Exists(Order.objects.filter(subject=OuterRef("subject")))
    old.exclude(customers).exclude(orders).delete()


def _remove_old_files(folder: Path, *, older_than: float) -> None:
    if not folder.is_dir():
        return
    limit = time.time() - older_than
    for path in folder.iterdir():
        with suppress(FileNotFoundError):  # somebody else's right
            if path.stat().st_mtime < limit:
                path.unlink()
