"""What the console's first page says: the way to a first sale, what waits for a person, what today brought."""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Count
from django.urls import reverse
from django.utils import timezone

from activities.models import Activity
from hub.editing.products import find_empty, find_held_drafts
from hub.models import Page, Product, User
from hub.roles import Permission
from hub.seller import seller

VERBS = Activity.Verb
# What an owner asks for first, and how it is said of one and of several.
TODAY: tuple[tuple[str, str, str], ...] = (
    (VERBS.PRODUCT_PURCHASED, "purchase", "purchases"),
    (VERBS.SUBSCRIPTION_STARTED, "subscription started", "subscriptions started"),
    (VERBS.SUBSCRIPTION_RENEWED, "renewal", "renewals"),
    (VERBS.PAYMENT_FAILED, "payment failed", "payments failed"),
    (VERBS.SUBSCRIPTION_CANCELLED, "cancellation", "cancellations"),
    (VERBS.REFUNDED, "refund", "refunds"),
    (VERBS.PAYMENT_RECOVERED, "payment recovered", "payments recovered"),
    (VERBS.SUBSCRIPTION_ENDED, "subscription ended", "subscriptions ended"),
    (VERBS.DISPUTED, "dispute", "disputes"),
    (VERBS.MEMBER_ADDED, "new member", "new members"),
    (VERBS.SIGNED_IN, "sign-in", "sign-ins"),
)


@dataclass(frozen=True, slots=True)
class Step:
    """On the way from an empty site to a first sale."""

    words: str
    url: str
    is_done: bool


@dataclass(frozen=True, slots=True)
class Matter:
    """Something that waits for a person, and where it is settled. `tone`: warn or bad. `press`: what whoever sees it
    may have done at once: the word on a button, and the address that it posts to. `needs`: what one must be allowed to
    go there; without it nobody is led there.
    """

    words: str
    url: str
    action: str
    tone: str = "warn"
    press: tuple[str, str] | None = None
    needs: Permission | None = None

    def is_for(self, person: User) -> bool:
        return self.needs is None or person.may(self.needs)


@dataclass(frozen=True, slots=True)
class Tally:
    words: str
    count: int
    url: str


def steps() -> list[Step]:
    """All of them while one is left; none when the site is on its way."""
    products = Product.objects.filter(archived_at=None)
    first = products.order_by("pk").first()
    everywhere = reverse("hub:console_products")
    content = reverse("hub:console_product_content", args=[first.pk]) if first else everywhere
    info = reverse("hub:console_product", args=[first.pk]) if first else everywhere
    found = [
        Step("Make a product", reverse("hub:console_product_new"), first is not None),
        Step("Publish its first page", content, Page.objects.filter(is_published=True).exists()),
        *seller().steps(),
        Step("Put the product live", info, products.filter(is_live=True).exists()),
    ]
    return [] if all(step.is_done for step in found) else found


def matters() -> list[Matter]:
    """What needs a decision or a repair, the worst first."""
    found = [
        Matter(
            f"{product} is live and has no published page.",
            reverse("hub:console_product_content", args=[product.pk]),
            "Write one",
            needs=Permission.EDIT_PRODUCTS,
        )
        for product in find_empty()[:5]
    ]
    found += [
        Matter(
            f"{product} is a draft, and members have it: they find nothing, and no e-mail tells them of it.",
            reverse("hub:console_product", args=[product.pk]),
            "Publish it",
            needs=Permission.EDIT_PRODUCTS,
        )
        for product in find_held_drafts()[:5]
    ]
    found += seller().matters()
    return sorted(found, key=lambda matter: matter.tone != "bad")


def count_waiting() -> int:
    """How much is on the page *To decide*: said beside it on every page of the console."""
    return seller().count_waiting()


def today(*, now: datetime) -> list[Tally]:
    """What happened since midnight, where the reader is: only what did happen. One query."""
    midnight = timezone.localtime(now).replace(hour=0, minute=0, second=0, microsecond=0)
    happened = Activity.objects.filter(at__gte=midnight, verb__in=[verb for verb, *_words in TODAY])
    counts = dict(happened.order_by().values_list("verb").annotate(Count("pk")))
    since = f"{midnight:%Y-%m-%d}"
    return [
        Tally(
            one if counts[verb] == 1 else several,
            counts[verb],
            f"{reverse('activities:feed')}?verb={verb}&since={since}",
        )
        for verb, one, several in TODAY
        if verb in counts
    ]
