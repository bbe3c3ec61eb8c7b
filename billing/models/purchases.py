"""What people bought, as Stripe last said."""

from typing import ClassVar

from django.conf import settings
from django.db import models

from billing.models.account import Connection


class StripeCustomer(models.Model):
    """A Stripe customer and the person it stands for. Many customers per person, never the reverse guess."""

    class Binding(models.TextChoices):
        NONE = "", "Nobody yet"
        REFERENCE = "reference", "Bought while signed in"
        EMAIL = "email", "Same address"
        OURS = "ours", "Made by us"
        PERSON = "person", "Decided by staff"
        SUPPORT = "support", "Told to support"

    # Good for access to what was paid, and not for the payer's cards and invoices.
    UNPROVED: ClassVar[tuple[str, ...]] = (Binding.REFERENCE, Binding.SUPPORT)

    stripe_id = models.CharField(max_length=255, unique=True)
    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="customers")
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.PROTECT, null=True, blank=True, related_name="stripe_customers"
    )
    bound_by = models.CharField(max_length=10, choices=Binding, blank=True, default="")
    email = models.CharField(max_length=512, blank=True)
    name = models.CharField(max_length=255, blank=True)
    has_card = models.BooleanField(default=False, help_text="A way to pay that Stripe takes where none is named.")
    deleted_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [models.Index(fields=["email"], name="customers_by_address")]

    def __str__(self) -> str:
        return self.email or self.stripe_id


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
    late_invoice = models.JSONField(
        default=dict, blank=True, help_text="The open one that the days of grace count from."
    )
    last_paid_invoice = models.CharField(max_length=255, blank=True)
    last_paid_at = models.DateTimeField(null=True, blank=True, help_text="When that invoice was made.")
    refunded_invoices = models.JSONField(default=list, blank=True, help_text="Whose payment was wholly given back.")
    disputes = models.JSONField(default=dict, blank=True, help_text="Dispute id to status.")
    dispute_lost_at = models.DateTimeField(null=True, blank=True)
    payments_fetched_at = models.DateTimeField(null=True, blank=True, help_text="Refunds and disputes, last asked for.")
    period_end = models.DateTimeField(null=True, blank=True, db_index=True)
    cancel_at = models.DateTimeField(null=True, blank=True)
    canceled_at = models.DateTimeField(null=True, blank=True)
    ended_at = models.DateTimeField(null=True, blank=True)
    missing_since = models.DateTimeField(null=True, blank=True, help_text="Stripe does not know it, by list or by id.")
    created = models.DateTimeField()
    reasons = models.JSONField(default=dict, blank=True, help_text="Our product id to the last decision's words.")
    fetched_at = models.DateTimeField()

    class Meta:
        indexes = [
            models.Index(fields=["status", "period_end"], name="subscriptions_by_status"),
            models.Index(fields=["created"], name="subscriptions_by_age"),
        ]

    def __str__(self) -> str:
        return f"{self.stripe_id} ({self.status})"

    @property
    def ref(self) -> str:
        """By which its grants name it."""
        return self.stripe_id

    @property
    def subject(self) -> str:
        """What is looked at again to know more of it."""
        return self.customer_id

    @property
    def has_card(self) -> bool:
        """Whether it names a way to pay of its own; else its customer's is taken."""
        return bool(self.data.get("default_payment_method") or self.data.get("default_source"))


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
    amount_refunded = models.BigIntegerField(default=0, help_text="Given back, by its charge or by credit notes.")
    amount_credited = models.BigIntegerField(default=0, help_text="By the credit notes of its invoice alone.")
    fully_refunded = models.BooleanField(default=False)
    disputes = models.JSONField(default=dict, blank=True, help_text="Dispute id to status.")
    dispute_lost_at = models.DateTimeField(null=True, blank=True)
    receipt_url = models.TextField(blank=True, help_text="Stripe's own page of the receipt or invoice.")
    paid_at = models.DateTimeField(null=True, blank=True)
    created = models.DateTimeField()
    access_days = models.JSONField(
        default=dict,
        blank=True,
        help_text="Our product id to the days for which it opens it, null for ever: as they stood when first decided.",
    )
    reasons = models.JSONField(default=dict, blank=True, help_text="Our product id to the last decision's words.")
    fetched_at = models.DateTimeField()

    def __str__(self) -> str:
        return f"{self.key} ({self.state})"

    @property
    def ref(self) -> str:
        """By which its grants name it."""
        return self.key

    @property
    def products(self) -> tuple[str, ...]:
        return tuple(line["product"] for line in self.lines if line["product"])


class Reference(models.Model):
    """By what else a subject's purchases are known: an id at Stripe, or the number on an invoice or a receipt.

    `at`: when that was made, where we know. A number may be given out by two accounts: then it leads to both.
    """

    ref = models.CharField(max_length=255)
    subject = models.CharField(max_length=255, db_index=True)
    at = models.DateTimeField(null=True, blank=True)

    class Meta:
        constraints = [models.UniqueConstraint(fields=["ref", "subject"], name="references_once")]

    def __str__(self) -> str:
        return f"{self.ref} of {self.subject}"
