"""What the console's first page has to say about Stripe."""

from collections.abc import Iterator

from django.urls import reverse

from billing.connection import active_connection
from billing.desk.evidence import counts
from billing.desk.failed_events import failed
from billing.models import Attention, Connection, ProductLink
from hub.overview import Matter, Step


def steps() -> Iterator[Step]:
    connected = active_connection() is not None
    yield Step("Connect Stripe", reverse("billing:console"), connected)
    yield Step("Link the product to Stripe", reverse("hub:console_products"), ProductLink.objects.exists())


def matters() -> Iterator[Matter]:
    for connection in Connection.objects.filter(state__in=[Connection.State.REFUSED, Connection.State.UNREACHABLE]):
        words = f"Stripe: {connection.get_state_display().lower()}. Nobody loses access because of this."
        yield Matter(words, reverse("billing:console"), "See Stripe", "bad")
    if dead := failed().count():
        words = "1 event from Stripe" if dead == 1 else f"{dead} events from Stripe"
        yield Matter(f"{words} could not be worked off.", reverse("billing:failed_events"), "See events", "bad")
    for kind, count in sorted(counts().items()):
        words, address = Attention.Kind(kind).label, f"{reverse('billing:decide')}?kind={kind}"
        yield Matter(f"{words}: {count}" if count > 1 else words, address, "Decide")
