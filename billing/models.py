"""What we keep of Stripe. Stripe's ids are strings; nothing here refers to dj-stripe's tables."""

import uuid
from typing import Any

from django.conf import settings
from django.db import models
from django.db.models import Q
from django.db.models.functions import Coalesce

from billing import sealed
from billing.prices import describe_price
from hub.models import Product


class Connection(models.Model):
    """One Stripe account in one mode. Key and signing secrets are encrypted at rest."""

    class State(models.TextChoices):
        OK = "ok", "Connected"
        REFUSED = "refused", "Stripe refuses our key"
        UNREACHABLE = "unreachable", "Stripe does not answer"
        OFF = "off", "Disconnected"

    account_id = models.CharField(max_length=255, blank=True)
    account_name = models.CharField(max_length=255, blank=True)
    livemode = models.BooleanField(default=False)
    state = models.CharField(max_length=12, choices=State, default=State.OK)
    sealed_key = models.TextField(blank=True)
    key_hint = models.CharField(max_length=12, blank=True)
    sealed_webhook_secrets = models.TextField(blank=True)
    webhook_uuid = models.UUIDField(default=uuid.uuid4, unique=True)
    webhook_endpoint_id = models.CharField(max_length=255, blank=True)
    portal_configuration_id = models.CharField(max_length=255, blank=True)
    privacy_url = models.URLField(blank=True)
    terms_url = models.URLField(blank=True)
    members_may_cancel = models.BooleanField(default=True)
    cursor = models.DateTimeField(null=True, blank=True, help_text="Events up to here are listed and stored.")
    last_ok_at = models.DateTimeField(null=True, blank=True)
    last_error = models.TextField(blank=True)
    swept_at = models.DateTimeField(null=True, blank=True)
    full_pass_at = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField(auto_now_add=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["livemode"], condition=~Q(state="off"), name="one_connection_per_mode")
        ]

    def __str__(self) -> str:
        return f"{self.account_name or self.account_id} ({'live' if self.livemode else 'test'})"

    @property
    def key(self) -> str:
        return sealed.open_text(self.sealed_key)

    @key.setter
    def key(self, value: str) -> None:
        self.sealed_key = sealed.seal_text(value)
        self.key_hint = value[-4:]
        self.livemode = "_live_" in value

    @property
    def webhook_secrets(self) -> list[str]:
        """Every secret that is valid now: more than one while a secret is being rolled."""
        return sealed.open_text(self.sealed_webhook_secrets).split() if self.sealed_webhook_secrets else []

    @webhook_secrets.setter
    def webhook_secrets(self, values: list[str]) -> None:
        self.sealed_webhook_secrets = sealed.seal_text(" ".join(values))


class AccessPolicy(models.Model):
    """The owner's knobs: one row for the site (no product), and one for each product that differs."""

    product = models.OneToOneField(
        Product, on_delete=models.CASCADE, null=True, blank=True, related_name="access_policy"
    )
    knobs = models.JSONField(default=dict, blank=True)
    version = models.PositiveIntegerField(default=1)
    changed_at = models.DateTimeField(auto_now=True)
    changed_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )

    class Meta:
        verbose_name_plural = "access policies"
        constraints = [
            models.UniqueConstraint(Coalesce("product", 0), name="one_policy_per_product_and_one_for_the_site")
        ]

    def __str__(self) -> str:
        return f"Access policy {self.version} of {self.product or 'the site'}"


class ProductLink(models.Model):
    """A product of ours and the Stripe product whose purchases open it."""

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="links")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="stripe_links")
    stripe_product = models.CharField(max_length=255)
    stripe_name = models.CharField(max_length=255, blank=True)
    is_active_at_stripe = models.BooleanField(default=True)
    created_at = models.DateTimeField(auto_now_add=True)
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


class Offers(models.Manager["Offer"]):
    """Each comes with its connection, because without that it sells nothing."""

    def get_queryset(self) -> models.QuerySet["Offer"]:
        return super().get_queryset().select_related("link__connection")


class Offer(models.Model):
    """A Stripe price on sale. `amount` in minor units; None where the buyer names the price."""

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
    def is_recurring(self) -> bool:
        return bool(self.interval)

    @property
    def price_text(self) -> str:
        return describe_price(self.amount, self.currency, interval=self.interval, count=self.interval_count)


class StripeCustomer(models.Model):
    """A Stripe customer and the person it stands for. Many customers per person, never the reverse guess."""

    class Binding(models.TextChoices):
        NONE = "", "Nobody yet"
        REFERENCE = "reference", "Bought while signed in"
        EMAIL = "email", "Same address"
        OURS = "ours", "Made by us"
        PERSON = "person", "Decided by staff"

    stripe_id = models.CharField(max_length=255, unique=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="customers")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="stripe_customers"
    )
    bound_by = models.CharField(max_length=10, choices=Binding, blank=True, default="")
    email = models.CharField(max_length=512, blank=True)
    name = models.CharField(max_length=255, blank=True)
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["email"], name="customers_by_address")]

    def __str__(self) -> str:
        return self.email or self.stripe_id


class Subject(models.Model):
    """What is looked at again as one: a Stripe customer, or a guest's payment. Its lease keeps two from doing so.

    `due_at` is business time (a deadline passes); leases and retries are real time.
    """

    key = models.CharField(max_length=255, unique=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    look_again = models.BooleanField(default=False, help_text="Fetch everything, not just what events point at.")
    due_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="subjects_due"),
            models.Index(fields=["id"], condition=Q(look_again=True), name="subjects_to_look_at"),
        ]

    def __str__(self) -> str:
        return self.key


class Subscription(models.Model):
    """A Stripe subscription as last fetched: the facts that the policy decides from, and columns for lists."""

    stripe_id = models.CharField(max_length=255, unique=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="subscriptions")
    customer_id = models.CharField(max_length=255, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="subscriptions"
    )
    status = models.CharField(max_length=30)
    data = models.JSONField(help_text="The Stripe object, with its customer and latest invoice cut to what is used.")
    past_due_since = models.DateTimeField(null=True, blank=True)
    last_paid_invoice = models.CharField(max_length=255, blank=True)
    refunded_invoices = models.JSONField(default=list, blank=True, help_text="Whose payment was wholly given back.")
    disputes = models.JSONField(default=dict, blank=True, help_text="Dispute id to status.")
    dispute_lost_at = models.DateTimeField(null=True, blank=True)
    period_end = models.DateTimeField(null=True, blank=True, db_index=True)
    cancel_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField()
    reasons = models.JSONField(default=dict, blank=True, help_text="Our product id to the last decision's words.")
    fetched_at = models.DateTimeField()

    class Meta:
        indexes = [models.Index(fields=["status", "period_end"], name="subscriptions_by_status")]

    def __str__(self) -> str:
        return f"{self.stripe_id} ({self.status})"


class Order(models.Model):
    """A one-off purchase, whatever Stripe objects it left. `key`: payment intent, else invoice, else session."""

    class State(models.TextChoices):
        PENDING = "pending", "Payment processing"
        PAID = "paid", "Paid"
        FAILED = "failed", "Payment failed"

    key = models.CharField(max_length=255, unique=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="orders")
    subject = models.CharField(max_length=255, db_index=True)
    customer_id = models.CharField(max_length=255, blank=True, db_index=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="orders"
    )
    session_id = models.CharField(max_length=255, blank=True, db_index=True)
    payment_intent = models.CharField(max_length=255, blank=True, db_index=True)
    invoice_id = models.CharField(max_length=255, blank=True, db_index=True)
    charge_id = models.CharField(max_length=255, blank=True, db_index=True)
    email = models.CharField(max_length=512, blank=True)
    name = models.CharField(max_length=255, blank=True)
    reference = models.CharField(max_length=255, blank=True)
    state = models.CharField(max_length=10, choices=State)
    lines = models.JSONField(default=list, help_text='[{"product", "price", "quantity", "amount"}]')
    amount = models.BigIntegerField(default=0)
    currency = models.CharField(max_length=3)
    amount_refunded = models.BigIntegerField(default=0)
    fully_refunded = models.BooleanField(default=False)
    disputes = models.JSONField(default=dict, blank=True, help_text="Dispute id to status.")
    dispute_lost_at = models.DateTimeField(null=True, blank=True)
    paid_at = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField()
    reasons = models.JSONField(default=dict, blank=True, help_text="Our product id to the last decision's words.")
    fetched_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key} ({self.state})"

    @property
    def products(self) -> tuple[str, ...]:
        return tuple(line["product"] for line in self.lines if line["product"])


class InboxEvent(models.Model):
    """A webhook, stored before it is understood. It says where to look; nothing is applied from its payload."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        DONE = "done", "Done"
        DEAD = "dead", "Needs a person"

    event_id = models.CharField(max_length=255, unique=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="inbox")
    type = models.CharField(max_length=100)
    subject = models.CharField(max_length=255)
    facets = models.CharField(max_length=100, blank=True)
    created = models.DateTimeField()
    received_at = models.DateTimeField()
    caught_up = models.BooleanField(default=False, help_text="Found in Stripe's list; its webhook never came.")
    state = models.CharField(max_length=8, choices=State, default=State.PENDING)
    attempts = models.PositiveSmallIntegerField(default=0)
    error = models.TextField(blank=True)
    done_at = models.DateTimeField(null=True, blank=True)
    payload = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["subject", "id"], condition=Q(state="pending"), name="inbox_pending"),
            models.Index(fields=["state", "received_at"], name="inbox_by_state"),
        ]

    def __str__(self) -> str:
        return f"{self.type} ({self.event_id})"


ADVICE = {
    "unmatched": "Somebody paid and left no usable address. Find out who, and give them access by hand.",
    "no_product": "A paid line names no Stripe product, so it opens nothing. Give access by hand if it should.",
    "conflict": "The address at Stripe was changed to another member's. Access stays where it was.",
    "partial_refund": "Part of an order of several products was refunded. Take back the one that was meant, if any.",
    "unknown_status": "Stripe reports a status that Foyer does not know. The last decision stands: update Foyer.",
    "brake": "A full pass would have closed too much and stopped. Run it again with --confirm if that is right.",
    "missing": "Stripe does not know this object under our key: another account, or another mode. Nothing was closed.",
    "twice": "One person pays for the same thing twice. In Stripe, refund or cancel the one that was not meant.",
}


class Attention(models.Model):
    """Something that waits for a person: a payer nobody is sure of, a brake stop, an unknown status."""

    class Kind(models.TextChoices):
        UNMATCHED = "unmatched", "A payment without a sure person"
        NO_PRODUCT = "no_product", "A payment without a known product"
        CONFLICT = "conflict", "An address that belongs to somebody else"
        PARTIAL_REFUND = "partial_refund", "Part of an order was refunded"
        UNKNOWN_STATUS = "unknown_status", "A status we do not know"
        BRAKE = "brake", "Too much would close at once"
        MISSING = "missing", "Stripe does not know it any more"
        TWICE = "twice", "Paid for twice"

    kind = models.CharField(max_length=20, choices=Kind)
    key = models.CharField(max_length=255, unique=True)
    subject = models.CharField(max_length=255, blank=True)
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="+"
    )
    details = models.JSONField(default=dict, blank=True)
    opened_at = models.DateTimeField()
    resolved_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "attention"
        indexes = [models.Index(fields=["kind", "-opened_at"], name="attention_open")]

    def __str__(self) -> str:
        return f"{self.get_kind_display()}: {self.key}"

    @property
    def advice(self) -> str:
        """What it means and what to do, for staff."""
        return ADVICE[self.kind]


class Pass(models.Model):
    """One run over everything: a catch-up from Stripe's events, or a nightly comparison. `found` keeps its drift."""

    kind = models.CharField(max_length=10, choices=[("catch_up", "Catch-up"), ("full", "Full pass")])
    started_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)
    looked_at = models.PositiveIntegerField(default=0)
    found: Any = models.JSONField(default=list, blank=True)
    stopped = models.CharField(max_length=240, blank=True)

    class Meta:
        verbose_name_plural = "passes"

    def __str__(self) -> str:
        return f"{self.get_kind_display()} at {self.started_at:%Y-%m-%d %H:%M}"


# Django finds the models of an app in this module.
from billing.import_models import ImportBatch as ImportBatch  # noqa: E402
from billing.import_models import ImportRow as ImportRow  # noqa: E402
