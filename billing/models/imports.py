"""An import: what Stripe's past purchases would bring, row for row, and what became of each."""

from typing import Any, ClassVar

from django.conf import settings
from django.db import models
from django.db.models import Q

from billing.models.account import Connection


class ImportBatch(models.Model):
    """One import. Its rows are what is left to do, so that any process may go on where another one died.

    `step` and `after` say how far Stripe's lists are read. `done`, `total` (0: not known) and `seconds` measure the
    state that it is in. `totals` and `changed` have the shapes of `importing.totals` and a list of subjects.
    """

    class State(models.TextChoices):
        READING = "reading", "Reading Stripe"
        PLANNED = "planned", "Ready to import"
        CHECKING = "checking", "Looking again"
        APPLYING = "applying", "Importing"
        DONE = "done", "Imported"
        UNDOING = "undoing", "Being undone"
        UNDONE = "undone", "Undone"

    AT_WORK: ClassVar[tuple[str, ...]] = (State.READING, State.CHECKING, State.APPLYING, State.UNDOING)

    connection = models.ForeignKey(Connection, on_delete=models.PROTECT, related_name="imports")
    state = models.CharField(max_length=10, choices=State, default=State.READING)
    step = models.CharField(max_length=20, blank=True)
    after = models.CharField(max_length=255, blank=True, help_text="Stripe's id to list on from.")
    asked_at = models.DateTimeField(help_text="What Foyer fetched later than this is newer than the plan.")
    seen = models.PositiveIntegerField(default=0, help_text="Subscriptions and purchases listed, linked or not.")
    takes_subscriptions = models.BooleanField(default=True)
    takes_orders = models.BooleanField(default=True)
    sends_emails = models.BooleanField(default=False)
    started_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    undone_by = models.ForeignKey(
        settings.AUTH_USER_MODEL, on_delete=models.SET_NULL, null=True, blank=True, related_name="+"
    )
    fingerprint = models.CharField(max_length=64, blank=True)
    totals: Any = models.JSONField(default=dict, blank=True)
    changed: Any = models.JSONField(default=list, blank=True, help_text="What differs from the plan that was shown.")
    done = models.PositiveIntegerField(default=0)
    total = models.PositiveIntegerField(default=0)
    seconds = models.FloatField(default=0, help_text="Of work, without pauses.")
    stopped_at = models.DateTimeField(null=True, blank=True, help_text="A person said stop, or it could not go on.")
    trouble = models.TextField(blank=True, help_text="Why it does not get on just now.")
    lease_token = models.UUIDField(null=True, blank=True)
    lease_until = models.DateTimeField(null=True, blank=True)
    created_at = models.DateTimeField()
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "import batches"
        ordering = ["-pk"]
        constraints = [
            models.UniqueConstraint(
                fields=["connection"],
                condition=Q(state__in=["reading", "checking", "applying", "undoing"]),
                name="one_import_at_a_time",
            )
        ]

    def __str__(self) -> str:
        return f"Import {self.pk} ({self.get_state_display().lower()})"

    @property
    def is_under_way(self) -> bool:
        """There is something to do, though it may be stopped."""
        return self.state in self.AT_WORK

    @property
    def is_at_work(self) -> bool:
        return self.is_under_way and self.stopped_at is None

    @property
    def left_out(self) -> str:
        """What it does not bring, in words; empty where it brings everything."""
        if not self.takes_orders:
            return "past purchases"
        return "" if self.takes_subscriptions else "subscriptions"

    @property
    def name(self) -> str:
        """What its grants and ledger rows carry."""
        return f"import-{self.pk}"

    @property
    def plan(self) -> str:
        """What is asked for when it is to be applied: this import, with exactly these effects."""
        return f"{self.pk}-{self.fingerprint[:12]}"


class ImportRow(models.Model):
    """One Stripe customer, or one guest's payment. `planned` has the shape of `importing.rehearsing.Outcome`."""

    class State(models.TextChoices):
        READ = "read", "Read"
        WAITING = "waiting", "Waiting"
        APPLIED = "applied", "Imported"
        SKIPPED = "skipped", "Skipped"
        LEFT = "left", "Left: it had changed"
        FAILED = "failed", "Could not be imported"

    class Verdict(models.TextChoices):
        CREATE = "create", "New person"
        MATCH = "match", "Known person"
        SKIP = "skip", "Nothing to do"
        DOUBT = "doubt", "In doubt"
        ERROR = "error", "Could not be read"

    batch = models.ForeignKey(ImportBatch, on_delete=models.CASCADE, related_name="rows")
    subject = models.CharField(max_length=255)
    who = models.CharField(max_length=540, blank=True, help_text="One person's rows are planned and applied together.")
    state = models.CharField(max_length=8, choices=State, default=State.READ)
    verdict = models.CharField(max_length=6, choices=Verdict, blank=True)
    snapshot: Any = models.JSONField(default=dict, blank=True, help_text="What Stripe said; emptied when applied.")
    is_whole = models.BooleanField(default=False, help_text="Fetched alone, because no list says it all.")
    planned: Any = models.JSONField(default=dict, blank=True)
    error = models.TextField(blank=True)

    class Meta:
        ordering = ["who", "pk"]
        constraints = [models.UniqueConstraint(fields=["batch", "subject"], name="one_row_for_each_subject")]
        indexes = [
            models.Index(fields=["batch", "state", "who", "id"], name="import_rows_to_do"),
            models.Index(fields=["batch", "who", "id"], name="import_rows_by_person"),
        ]

    def __str__(self) -> str:
        return f"{self.subject} ({self.verdict or self.state})"
