"""What the console's first page has to say about Stripe."""

from collections.abc import Iterator

from django.db.models import Q
from django.urls import reverse
from django.utils import timezone

from billing.connection import active_connection
from billing.desk.evidence import counts
from billing.desk.failed_events import failed
from billing.desk.held_up import AWAY, held_up
from billing.models import Attention, Connection, ImportBatch, Offer, ProductLink
from hub.overview import Matter, Step
from hub.roles import Permission

MANY = 5  # of a kind: more would hide what else waits


def steps() -> Iterator[Step]:
    connected = active_connection() is not None
    yield Step("Connect Stripe", reverse("billing:console"), connected)
    yield Step("Link the product to Stripe", reverse("hub:console_products"), ProductLink.objects.exists())


def matters() -> Iterator[Matter]:
    used = active_connection()
    waiting = held_up(used, now=timezone.now())
    if waiting:
        words = f"{waiting} Nobody loses access because of this."
        press = ("Try now", reverse("billing:try_events"))
        yield Matter(words, reverse("billing:failed_events"), "See more", "bad", press)
    if used:
        yield from _troubled(used, is_told=bool(waiting))
    if dead := failed().count():
        words = "1 event from Stripe" if dead == 1 else f"{dead} events from Stripe"
        yield Matter(f"{words} could not be worked off.", reverse("billing:failed_events"), "See events", "bad")
    for batch in ImportBatch.objects.filter(stopped_at__isnull=False).exclude(trouble=""):
        address = reverse("billing:import", args=[batch.pk])
        yield Matter(
            f"Import {batch.pk} could not go on and has stopped.",
            address,
            "See why",
            "bad",
            needs=Permission.IMPORT_PURCHASES,
        )
    yield from _broken_sales()
    for kind, count in sorted(counts().items()):
        words, address = Attention.Kind(kind).label, f"{reverse('billing:decide')}?kind={kind}"
        yield Matter(f"{words}: {count}" if count > 1 else words, address, "Decide")


def _troubled(connection: Connection, *, is_told: bool) -> Iterator[Matter]:
    """`is_told`: that Stripe cannot be asked is said already, with what waits for it."""
    address = reverse("billing:console")
    if connection.state in AWAY and not is_told:
        words = f"{connection.get_state_display()}. Nobody loses access because of this."
        yield Matter(words, address, "See Stripe", "bad", needs=Permission.CONNECT_STRIPE)
    if not connection.sealed_webhook_secrets:
        words = "Stripe tells this site nothing yet: it has no webhook endpoint."
        yield Matter(words, address, "See Stripe", "bad", needs=Permission.CONNECT_STRIPE)
    elif connection.endpoint_problems:
        words = f"Stripe’s webhook endpoint: {connection.endpoint_problems[0]}"
        yield Matter(words, address, "Repair it", "bad", needs=Permission.CONNECT_STRIPE)


def _broken_sales() -> Iterator[Matter]:
    """What visitors meet no buy button for, though the owner put it on sale."""
    links = ProductLink.objects.filter(unlinked_at__isnull=True, product__is_live=True, product__archived_at=None)
    links = links.exclude(connection__state=Connection.State.OFF).select_related("product").order_by("pk")
    is_broken = Q(is_active_at_stripe=False, offers__isnull=False) | Q(offers__problem__in=Offer.Problem.values)
    for made in links.filter(is_broken).distinct().prefetch_related("offers")[:MANY]:
        problems = {offer.get_problem_display() for offer in made.offers.all() if offer.problem}
        words = ", ".join(sorted(f"{words[:1].lower()}{words[1:]}" for words in problems))
        yield _broken(made, words if made.is_active_at_stripe else "it is archived in Stripe")


def _broken(made: ProductLink, words: str) -> Matter:
    address = reverse("billing:link", args=[made.product.pk])
    return Matter(
        f"{made.product} is not for sale as it should be: {words}.", address, "See", needs=Permission.LINK_PRODUCTS
    )
