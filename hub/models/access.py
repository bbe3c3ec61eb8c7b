from typing import ClassVar

from django.db import models
from django.db.models import F, Q

from hub.models.catalogue import Product
from hub.models.people import User


class Grant(models.Model):
    """One reason for one person to have one product. Written by `hub.grants` alone.

    `until` is what people are told; `ends_at` is where the gate closes by itself, later than `until` where
    Stripe has to be asked first.
    """

    class Source(models.TextChoices):
        SUBSCRIPTION = "subscription", "Subscription"
        ORDER = "order", "Purchase"
        MANUAL = "manual", "Given by hand"

    class State(models.TextChoices):
        ACTIVE = "active", "Open"
        GRACE = "grace", "In grace"
        ENDED = "ended", "Ended"
        REVOKED = "revoked", "Taken back"

    OPEN: ClassVar[tuple[str, ...]] = (State.ACTIVE, State.GRACE)

    user = models.ForeignKey(User, on_delete=models.PROTECT, related_name="grants")
    product = models.ForeignKey(Product, on_delete=models.PROTECT, related_name="grants")
    source = models.CharField(max_length=12, choices=Source)
    source_ref = models.CharField(max_length=255, help_text="Stripe's id of the subscription or order, or ours.")
    state = models.CharField(max_length=8, choices=State)
    reason = models.CharField(max_length=40)
    starts_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    closed_at = models.DateTimeField(null=True, blank=True)
    close_reason = models.CharField(max_length=40, blank=True)
    granted_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    note = models.CharField(max_length=240, blank=True)
    batch = models.CharField(max_length=40, blank=True)

    class Meta:
        constraints = [
            models.UniqueConstraint(fields=["user", "product", "source", "source_ref"], name="one_grant_per_reason"),
            models.CheckConstraint(condition=~Q(source_ref=""), name="grant_has_a_source"),
            models.CheckConstraint(
                condition=Q(source__in=["subscription", "order", "manual"])
                & Q(state__in=["active", "grace", "ended", "revoked"]),
                name="grant_words_are_known",
            ),
            models.CheckConstraint(
                condition=Q(state__in=["active", "grace"], closed_at__isnull=True, close_reason="")
                | (Q(state__in=["ended", "revoked"], closed_at__isnull=False) & ~Q(close_reason="")),
                name="closed_grants_say_when_and_why",
            ),
            models.CheckConstraint(
                condition=~Q(state="grace") | Q(source="subscription"), name="only_subscriptions_have_grace"
            ),
            models.CheckConstraint(
                condition=Q(ends_at__isnull=True) | Q(ends_at__gte=F("starts_at")), name="grant_ends_after_it_starts"
            ),
        ]
        indexes = [
            # With the end in them, so that who has access is counted without a look at the rows.
            models.Index(
                fields=["user", "product", "ends_at"], condition=Q(state__in=["active", "grace"]), name="open_grants"
            ),
            models.Index(
                fields=["product", "user", "ends_at"],
                condition=Q(state__in=["active", "grace"]),
                name="open_grants_by_product",
            ),
            models.Index(
                fields=["ends_at", "id"],
                condition=Q(state="grace") | Q(state="active", reason__in=["ending", "canceled_paid_through", "trial"]),
                name="grants_to_watch",
            ),
            models.Index(fields=["source", "source_ref"], name="grants_by_source"),
            models.Index(fields=["ends_at"], condition=Q(state__in=["active", "grace"]), name="grants_with_an_end"),
        ]

    def __str__(self) -> str:
        return f"{self.user}: {self.product} ({self.get_state_display()})"

    @property
    def is_open(self) -> bool:
        return self.state in self.OPEN


class Ledger(models.Model):
    """What became of a grant, append-only (a trigger refuses UPDATE and DELETE).

    Each row carries the whole grant as it stood afterwards, so that grants can be rebuilt from these alone.
    `true_at` is when it was so at Stripe, `learned_at` when we knew.
    """

    grant = models.ForeignKey(Grant, on_delete=models.PROTECT, related_name="ledger")
    from_state = models.CharField(max_length=8, blank=True, choices=Grant.State)
    to_state = models.CharField(max_length=8, choices=Grant.State)
    reason = models.CharField(max_length=40)
    rule = models.CharField(max_length=40, blank=True)
    policy_version = models.PositiveIntegerField(default=0)
    starts_at = models.DateTimeField()
    until = models.DateTimeField(null=True, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    true_at = models.DateTimeField()
    learned_at = models.DateTimeField()
    cause = models.CharField(max_length=255)
    actor = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    note = models.CharField(max_length=240, blank=True)
    batch = models.CharField(max_length=40, blank=True)

    class Meta:
        ordering = ["pk"]
        verbose_name_plural = "ledger"

    def __str__(self) -> str:
        return f"{self.from_state or 'new'} to {self.to_state}: {self.reason}"
