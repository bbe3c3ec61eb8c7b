from celery import shared_task
from django.utils import timezone

from activities import deliveries, doorbell, heartbeat
from activities.alone import alone

BATCH = 50


@shared_task(name="activities.tasks.deliver")
@alone
def deliver() -> None:
    """Hand over what is due; come back at once where more may be waiting."""
    heartbeat.beat(now=timezone.now())
    if deliveries.deliver_due(now=timezone.now(), limit=BATCH) == BATCH:
        doorbell.ring("activities.tasks.deliver")
