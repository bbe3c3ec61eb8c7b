from typing import TYPE_CHECKING

from django.conf import settings
from django.db import models
from django.db.models import Q

if TYPE_CHECKING:
    from activities.folding import Crowd


class Activity(models.Model):
    """Something that happened. Written by `activities.record` alone.

    `at` is when it was so (Stripe's time where Stripe knows), `recorded_at` when we wrote it. `key` names the
    happening itself, so that no replay can write it twice.
    """

    class Verb(models.TextChoices):
        PRODUCT_PURCHASED = "product_purchased", "Product purchased"
        SUBSCRIPTION_STARTED = "subscription_started", "Subscription started"
        SUBSCRIPTION_CANCELLED = "subscription_cancelled", "Subscription cancelled"
        SUBSCRIPTION_RESUMED = "subscription_resumed", "Subscription resumed"
        SUBSCRIPTION_ENDED = "subscription_ended", "Subscription ended"
        SUBSCRIPTION_RENEWED = "subscription_renewed", "Subscription renewed"
        PAYMENT_FAILED = "payment_failed", "Payment failed"
        PAYMENT_RECOVERED = "payment_recovered", "Payment recovered"
        REFUNDED = "refunded", "Refunded"
        DISPUTED = "disputed", "Disputed"
        ACCESS_GRANTED = "access_granted", "Access granted"
        ACCESS_REMOVED = "access_removed", "Access removed"
        SIGNED_IN = "signed_in", "Signed in"
        ADDRESS_CHANGED = "address_changed", "E-mail address changed"
        MEMBER_ADDED = "member_added", "Member added"
        BECAME_INACTIVE = "became_inactive", "Became inactive"
        ACTIVE_AGAIN = "active_again", "Active again"
        PAGE_COMPLETED = "page_completed", "Page completed"
        EMAIL_SENT = "email_sent", "E-mail sent"
        STAFF_ACTION = "staff_action", "Staff action"

    verb = models.CharField(max_length=30, choices=Verb)
    at = models.DateTimeField()
    recorded_at = models.DateTimeField()
    user = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.CASCADE, null=True, blank=True, related_name="activities"
    )
    product = models.ForeignKey(
        "hub.Product", on_delete=models.SET_NULL, null=True, blank=True, related_name="activities"
    )
    actor = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    cause = models.CharField(max_length=255, blank=True)
    details = models.JSONField(default=dict, blank=True)
    imported = models.BooleanField(default=False)
    key = models.CharField(max_length=255, unique=True)
    fold = models.CharField(max_length=255, blank=True, help_text="The line of the feed that it is one of.")
    is_folded = models.BooleanField(default=False, help_text="Another one stands for it in that line.")

    crowd: "Crowd | None" = None  # set by `activities.folding` where it stands for others too

    class Meta:
        ordering = ["-at", "-pk"]
        verbose_name_plural = "activities"
        constraints = [models.CheckConstraint(condition=~Q(key=""), name="activity_has_a_key")]
        indexes = [
            models.Index(fields=["-at", "-id"], name="feed"),
            models.Index(fields=["user", "-at", "-id"], name="feed_of_a_person"),
            models.Index(fields=["product", "-at", "-id"], name="feed_of_a_product"),
            models.Index(fields=["verb", "-at", "-id"], name="feed_by_verb"),
            models.Index(fields=["-at", "-id"], condition=Q(is_folded=False), name="feed_of_lines"),
            models.Index(fields=["fold", "id"], condition=~Q(fold=""), name="feed_of_a_line"),
            models.Index(fields=["fold"], condition=Q(is_folded=False) & ~Q(fold=""), name="first_of_a_line"),
        ]

    def __str__(self) -> str:
        return f"{self.get_verb_display()} at {self.at:%Y-%m-%d %H:%M}"

    @property
    def deed(self) -> str:
        """What made this and others like it; "" where it stands alone."""
        return self.fold.partition(":")[0]


class Delivery(models.Model):
    """One message to be handed over once: an e-mail. Moved by `activities.deliveries` alone.

    `waiting` may be tried (again); `handing_over` is stamped just before the mail server is spoken to, so
    that a process that dies there leaves a row nobody sends twice: it becomes `unsure`, for a person to see.
    `created_at` is business time; `next_try`, `lease_until` and `sent_at` are real time.
    """

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        HANDING_OVER = "handing_over", "Being handed over"
        SENT = "sent", "Sent"
        FAILED = "failed", "Given up"
        UNSURE = "unsure", "Perhaps sent"

    key = models.CharField(max_length=255, unique=True)
    notice = models.CharField(max_length=40)
    activity = models.ForeignKey(Activity, on_delete=models.CASCADE, null=True, blank=True, related_name="deliveries")
    user = models.ForeignKey(settings.AUTH_USER_MODEL, on_delete=models.CASCADE, related_name="deliveries")
    product = models.ForeignKey("hub.Product", on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    context = models.JSONField(default=dict, blank=True)
    to = models.EmailField(blank=True, help_text="Where it goes, if not to the person's address of that moment.")
    state = models.CharField(max_length=12, choices=State, default=State.WAITING)
    attempts = models.PositiveSmallIntegerField(default=0)
    next_try = models.DateTimeField()
    lease_until = models.DateTimeField(null=True, blank=True)
    sent_at = models.DateTimeField(null=True, blank=True)
    error = models.TextField(blank=True)
    created_at = models.DateTimeField()

    class Meta:
        verbose_name_plural = "deliveries"
        constraints = [
            models.CheckConstraint(
                condition=Q(state="sent", sent_at__isnull=False)
                | Q(state__in=["waiting", "handing_over", "failed", "unsure"], sent_at__isnull=True),
                name="sent_deliveries_say_when",
            ),
            models.CheckConstraint(
                condition=~Q(state="handing_over") | Q(lease_until__isnull=False),
                name="handing_over_has_a_lease",
            ),
        ]
        indexes = [
            models.Index(
                fields=["next_try"], condition=Q(state__in=["waiting", "handing_over"]), name="deliveries_due"
            ),
            models.Index(fields=["state"], condition=Q(state__in=["failed", "unsure"]), name="deliveries_to_look_at"),
        ]

    def __str__(self) -> str:
        return f"{self.notice} to {self.user}"


class LetterText(models.Model):
    """The owner's own words for one letter. Without a row it says what Foyer says."""

    notice = models.CharField(max_length=40, primary_key=True)
    subject = models.CharField(max_length=150)
    body = models.TextField(max_length=5000)
    changed_at = models.DateTimeField()

    def __str__(self) -> str:
        return self.subject
