from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import datetime, timedelta

import pytest
from django.test import Client
from django.utils import timezone
from pytest_django import Settings

from billing.models import Connection, Offer, Order, ProductLink
from hub import grants
from hub.models import CollectionItem, Page, Product, Site, User
from tests import cast


@pytest.fixture
def mails_in_memory(settings: Settings) -> None:
    settings.EMAIL_BACKEND = "django.core.mail.backends.locmem.EmailBackend"


@dataclass
class Studio:
    """A small site: a course with three pages, a club that contains a kit, and the kit."""

    site: Site
    course: Product
    kit: Product
    club: Product
    pages: list[Page]
    now: datetime = field(default_factory=timezone.now)

    def give(self, user: User, product: Product, *, days: int | None = None) -> None:
        ends_at = self.now + timedelta(days=days) if days else None
        grants.give(user, product, actor=None, reason="test", ends_at=ends_at, now=self.now - timedelta(hours=1))

    def subscribe(
        self, user: User, product: Product, *, state: str = "active", reason: str = "active", days: int = 9
    ) -> None:
        end = self.now + timedelta(days=days)
        self._apply(user, product, state=state, reason=reason, until=end, ends_at=end)

    def end(self, user: User, product: Product, *, reason: str = "canceled") -> None:
        self.subscribe(user, product)
        self._apply(user, product, state="closed", reason=reason)

    def pay_later(self, user: User, product: Product, *, reason: str) -> None:
        """A purchase that Stripe has not been paid for yet."""
        Order.objects.create(
            connection=Connection.objects.get(account_id="acct_1"),
            key=f"pi_{user.pk}_{product.pk}",
            user=user,
            state=Order.State.PENDING,
            currency="eur",
            reasons={str(product.pk): {"reason": reason, "until": None}},
            created=self.now,
            fetched_at=self.now,
        )

    def sell(self, product: Product, amount: int = 2400, *, interval: str = "month", url: str = "") -> Offer:
        connection, _ = Connection.objects.get_or_create(account_id="acct_1")
        link, _ = ProductLink.objects.get_or_create(
            connection=connection, product=product, stripe_product=f"prod_{product.pk}"
        )
        return Offer.objects.create(
            link=link,
            product=product,
            price_id=f"price_{product.pk}_{amount}_{interval}",
            amount=amount,
            currency="eur",
            interval=interval,
            url=url,
        )

    def _apply(
        self,
        user: User,
        product: Product,
        *,
        state: str,
        reason: str,
        until: datetime | None = None,
        ends_at: datetime | None = None,
    ) -> None:
        wanted = grants.Wanted(
            user_id=user.pk,
            product_id=product.pk,
            source="subscription",
            source_ref=f"sub_{user.pk}_{product.pk}",
            state=state,
            reason=reason,
            rule="test",
            true_at=self.now,
            starts_at=self.now - timedelta(days=30),
            until=until,
            ends_at=ends_at,
        )
        grants.apply([wanted], cause="test", now=self.now)


@pytest.fixture
def studio(db: None) -> Studio:
    site = Site.load()
    site.name, site.support_email = "Hillside Pottery", "help@hillside.example"
    site.save()
    course = cast.ProductFactory(name="The Wheel", slug="wheel")
    kit = cast.ProductFactory(name="Glaze Atlas", slug="glaze", purchase=Product.Purchase.NONE)
    club = cast.ProductFactory(name="Studio Club", slug="club", kind=Product.Kind.COLLECTION)
    CollectionItem.objects.create(collection=club, product=kit)
    pages = [
        cast.PageFactory(product=course, title=title, slug=title.lower(), position=place, body=f"Secret of {title}.")
        for place, title in enumerate(["Clay", "Centring", "Pulling"])
    ]
    cast.PageFactory(product=course, title="Unfinished", slug="unfinished", position=9, is_published=False)
    return Studio(site, course, kit, club, pages)


@pytest.fixture
def cleo(db: None) -> User:
    return cast.cleo()


@pytest.fixture
def signed_in() -> Callable[[User], Client]:
    """A browser in which this person is signed in, and was seen a moment ago."""

    def enter(user: User) -> Client:
        User.objects.filter(pk=user.pk).update(last_seen=timezone.now())
        client = Client()
        client.force_login(user)
        return client

    return enter
