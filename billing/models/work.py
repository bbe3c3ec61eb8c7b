"""What is to be looked at again, and what came of looking at everything."""

from typing import Any

from django.db import models
from django.db.models import Q

from billing.models.account import Connection


class Subject(models.Model):
    """What is looked at again as one: a Stripe customer, or a guest's payment. Its lease keeps two from doing so.

    `due_at` is business time (a deadline passes); leases and retries are real time. Requests are counted, so that a
    look answers those alone that it read before it fetched.
    """

    key = models.CharField(max_length=255, unique=True)
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    requests = models.PositiveIntegerField(default=0, help_text="To fetch everything, and answered by no look yet.")
    due_at = models.DateTimeField(null=True, blank=True)
    retry_at = models.DateTimeField(null=True, blank=True)
    attempts = models.PositiveIntegerField(default=0)
    error = models.TextField(blank=True)
    fetched_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["due_at"], condition=Q(due_at__isnull=False), name="subjects_due"),
            models.Index(fields=["id"], condition=Q(requests__gt=0), name="subjects_asked_about"),
            models.Index(fields=["retry_at"], condition=Q(retry_at__isnull=False), name="subjects_put_off"),
            models.Index(fields=["lease_until"], condition=Q(lease_until__isnull=False), name="subjects_leased"),
            models.Index(fields=["attempts"], condition=Q(attempts__gt=0), name="subjects_tried"),
        ]

    def __str__(self) -> str:
        return self.key


class InboxEvent(models.Model):
    """A webhook, stored before it is understood. It says where to look; nothing is applied from its payload."""

    class State(models.TextChoices):
        PENDING = "pending", "Waiting"
        DONE = "done", "Done"
        DEAD = "dead", "Needs a person"
        DISMISSED = "ignored", "Dismissed by a person"

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
    fault = models.CharField(max_length=240, blank=True, help_text="What is alike in the errors of those that died.")
    done_at = models.DateTimeField(null=True, blank=True)
    payload = models.JSONField(default=dict, blank=True)

    class Meta:
        indexes = [
            models.Index(fields=["subject", "id"], condition=Q(state="pending"), name="inbox_pending"),
            models.Index(fields=["state", "received_at"], name="inbox_by_state"),
            models.Index(fields=["fault", "received_at"], condition=Q(state="dead"), name="inbox_by_fault"),
        ]

    def __str__(self) -> str:
        return f"{self.type} ({self.event_id})"


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


class Pace(models.Model):
    """When the next background call to an account may be made, for all processes: seconds since 1970."""

    connection = models.OneToOneField(Connection, on_delete=models.CASCADE, primary_key=True, related_name="pace")
    next_at = models.FloatField(default=0)

    def __str__(self) -> str:
        return f"Pace of {self.connection}"
