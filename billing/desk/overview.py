"""What the console's first page has to say about Stripe."""

from collections.abc import Iterator

from django.db.models import Count
from django.urls import reverse

from billing.connection import active_connection
from billing.models import Attention, Connection, InboxEvent, ProductLink
from hub.overview import Matter, Step


def steps() -> Iterator[Step]:
    connected = active_connection() is not None
    yield Step("Connect Stripe", reverse("billing:console"), connected)
    yield Step("Link the product to Stripe", reverse("hub:console_products"), ProductLink.objects.exists())


def matters() -> Iterator[Matter]:
    for connection in Connection.objects.filter(state__in=[Connection.State.REFUSED, Connection.State.UNREACHABLE]):
        words = f"Stripe: {connection.get_state_display().lower()}. Nobody loses access because of this."
        yield Matter(words, reverse("billing:console"), "See Stripe", "bad")
    if dead := InboxEvent.objects.filter(state=InboxEvent.State.DEAD).count():
        words = "1 event from Stripe" if dead == 1 else f"{dead} events from Stripe"
        address = f"{reverse('admin:billing_inboxevent_changelist')}?state__exact={InboxEvent.State.DEAD}"
        yield Matter(f"{words} could not be worked off.", address, "See events", "bad")
    waiting = Attention.objects.filter(resolved_at__isnull=True).order_by().values_list("kind").annotate(Count("pk"))
    for kind, count in sorted(waiting):
        words = Attention.Kind(kind).label
        yield Matter(f"{words}: {count}" if count > 1 else words, reverse("billing:decide"), "Decide")
