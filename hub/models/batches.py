"""What staff do to many people at once, person for person, and what became of each."""

from typing import Any, ClassVar

from django.db import models

from hub.models.catalogue import Product
from hub.models.people import User


class Batch(models.Model):
    """One deed on many people. A draft until somebody has seen it and begun it."""

    class Deed(models.TextChoices):
        ADD = "add", "Add people"
        GIVE = "give", "Give access"
        TAKE = "take", "Take access back"
        INVITE = "invite", "Invite"

    class State(models.TextChoices):
        DRAFT = "draft", "Not begun"
        RUNNING = "running", "At work"
        STOPPED = "stopped", "Stopped"
        DONE = "done", "Done"
        UNDOING = "undoing", "Being undone"
        UNDONE = "undone", "Undone"

    AT_WORK: ClassVar[tuple[str, ...]] = (State.RUNNING, State.UNDOING)
    ENDED: ClassVar[tuple[str, ...]] = (State.DONE, State.STOPPED)

    deed = models.CharField(max_length=6, choices=Deed)
    state = models.CharField(max_length=8, choices=State, default=State.DRAFT)
    about = models.CharField(max_length=240, help_text="Whom it is for: a selection in words, or a file's name.")
    product = models.ForeignKey(Product, on_delete=models.SET_NULL, null=True, blank=True, related_name="+")
    reason = models.CharField(max_length=240, blank=True)
    ends_at = models.DateTimeField(null=True, blank=True)
    writes = models.BooleanField(default=False, help_text="Whether the people are written to.")
    made_by = models.ForeignKey(User, on_delete=models.PROTECT, related_name="+")
    undone_by = models.ForeignKey(User, on_delete=models.PROTECT, null=True, blank=True, related_name="+")
    created_at = models.DateTimeField()
    started_at = models.DateTimeField(null=True, blank=True)
    finished_at = models.DateTimeField(null=True, blank=True)

    class Meta:
        verbose_name_plural = "batches"
        ordering = ["-pk"]
        indexes = [
            models.Index(fields=["state"], condition=models.Q(state__in=["running", "undoing"]), name="batches_at_work")
        ]

    def __str__(self) -> str:
        return f"{self.get_deed_display()}: {self.about}"

    @property
    def name(self) -> str:
        """What its grants and ledger rows carry."""
        return f"batch-{self.pk}"

    @property
    def is_at_work(self) -> bool:
        return self.state in self.AT_WORK

    @property
    def may_undo(self) -> bool:
        """An e-mail that went out does not come back."""
        return self.state in self.ENDED and self.deed != self.Deed.INVITE


class BatchRow(models.Model):
    """One person of a batch. Its state is the cursor: whoever goes on repeats nothing."""

    class State(models.TextChoices):
        WAITING = "waiting", "Waiting"
        DONE = "done", "Done"
        LEFT = "left", "Left as it was"
        FAILED = "failed", "Not possible"
        UNDONE = "undone", "Undone"
        KEPT = "kept", "Not undone"

    batch = models.ForeignKey(Batch, on_delete=models.CASCADE, related_name="rows")
    state = models.CharField(max_length=7, choices=State, default=State.WAITING)
    user = models.ForeignKey(User, on_delete=models.CASCADE, null=True, blank=True, related_name="+")
    line = models.PositiveIntegerField(default=0, help_text="Of the file, the heading being 1.")
    email = models.CharField(max_length=320, blank=True, help_text="Emptied when the person is known.")
    person_name = models.CharField(max_length=320, blank=True)
    products: Any = models.JSONField(default=list, blank=True, help_text="Ids of ours.")
    grants: Any = models.JSONField(default=list, blank=True, help_text="Ids of those that it changed.")
    words = models.CharField(max_length=300, blank=True, help_text="What came of it.")

    class Meta:
        ordering = ["pk"]
        indexes = [models.Index(fields=["batch", "state", "id"], name="batch_rows_to_do")]

    def __str__(self) -> str:
        return f"{self.user or self.email} ({self.get_state_display().lower()})"
