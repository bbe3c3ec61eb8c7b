"""What is linked with Stripe and on sale there."""

from django.conf import settings
from django.db import models
from django.db.models import Q

from activities import clock
from billing.models.account import Connection
from billing.shop.prices import describe_price
from hub.models import Product


class ProductLink(models.Model):
    """A product of ours and the Stripe product whose purchases open it."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="links")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="stripe_links")
    stripe_product = models.CharField(max_length=255)
    stripe_name = models.CharField(max_length=255, blank=True)
    is_active_at_stripe = models.BooleanField(default=True)
    created_at = models.DateTimeField(
        default=clock.now, help_text="Business time: what was bought earlier comes in as by an import."
    )
    had_buyers = models.BooleanField(
        default=True, help_text="Somebody may have bought it before. Pages ask for no import where nobody has."
    )
    unlinked_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(
                fields=["product"], condition=Q(unlinked_at__isnull=True), name="one_link_per_product"
            ),
            models.UniqueConstraint(
                fields=["connection", "stripe_product"],
                condition=Q(unlinked_at__isnull=True),
                name="one_link_per_stripe_product",
            ),
        ]

    def __str__(self) -> str:
        return f"{self.product} is {self.stripe_product}"

    @property
    def batch(self) -> str:
        """What the grants carry of those who had bought before the link was made."""
        return f"before-link-{self.pk}"


class Offers(models.Manager["Offer"]):
    """Each comes with its connection, because without that it sells nothing."""

    def get_queryset(self) -> models.QuerySet["Offer"]:
        return super().get_queryset().select_related("link__connection")


class Offer(models.Model):
    """A Stripe price on sale. `amount` in minor units; None where the buyer names the price.

    `problem`: what keeps it from being sold, as Stripe was last seen; its product's own is with the link.
    """

    class Problem(models.TextChoices):
        PRICE_ARCHIVED = "price_archived", "Its price is archived in Stripe"
        LINK_OFF = "link_off", "Its payment link is switched off in Stripe"
        LINK_GONE = "link_gone", "Its payment link is gone from Stripe"

    link = models.ForeignKey(ProductLink, on_delete=models.CASCADE, related_name="offers")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="offers")
    price_id = models.CharField(max_length=255)
    amount = models.BigIntegerField(null=True, blank=True)
    currency = models.CharField(max_length=3)
    interval = models.CharField(max_length=10, blank=True)
    interval_count = models.PositiveSmallIntegerField(default=1)
    trial_days = models.PositiveSmallIntegerField(default=0)
    label = models.CharField(max_length=80, blank=True)
    payment_link_id = models.CharField(max_length=255, blank=True)
    url = models.URLField(max_length=500, blank=True)
    is_live = models.BooleanField(default=True)
    problem = models.CharField(max_length=16, choices=Problem, blank=True)
    position = models.PositiveSmallIntegerField(default=0)

    objects = Offers()

    class Meta:
        ordering = ["position", "pk"]
        constraints = [models.UniqueConstraint(fields=["link", "price_id"], name="one_offer_per_price")]

    def __str__(self) -> str:
        return f"{self.product}: {self.price_text}"

    @property
    def sells(self) -> bool:
        """Live at Stripe, as far as we know, and its account is connected."""
        return self.is_live and self.link.connection.state != Connection.State.OFF

    @property
    def is_broken(self) -> bool:
        """Put on sale, and kept from being sold by what somebody did at Stripe."""
        return bool(self.problem) and self.link.unlinked_at is None

    @property
    def is_recurring(self) -> bool:
        return bool(self.interval)

    @property
    def price_text(self) -> str:
        return describe_price(self.amount, self.currency, interval=self.interval, count=self.interval_count)


class Checkout(models.Model):
    """The newest Checkout Session of a member for a product: while it is open, no other is made."""

    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="+")
    product = models.ForeignKey(Product, on_delete=models.CASCADE, related_name="+")
    offer = models.ForeignKey(Offer, on_delete=models.CASCADE, related_name="+")
    session_id = models.CharField(max_length=255)
    made_at = models.DateTimeField()

    class Meta:
        constraints = [models.UniqueConstraint(fields=["user", "product"], name="one_checkout_per_person_and_product")]

    def __str__(self) -> str:
        return f"{self.user} at the checkout of {self.product}"
