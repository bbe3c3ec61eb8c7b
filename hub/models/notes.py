"""What staff write down about a person."""

from django.db import models

from hub.models.people import User

LONGEST = 2000


class Note(models.Model):
    """For staff's eyes; the person has a right to a copy. What it said before an edit stays in its versions."""

    person = models.ForeignKey(User, on_delete=models.CASCADE, related_name="notes")
    author = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")
    words = models.TextField(max_length=LONGEST)
    written_at = models.DateTimeField()

    class Meta:
        ordering = ["-written_at", "-pk"]

    def __str__(self) -> str:
        return f"Note about {self.person}"


class NoteVersion(models.Model):
    """What a note said until somebody edited it."""

    note = models.ForeignKey(Note, on_delete=models.CASCADE, related_name="versions")
    words = models.TextField(max_length=LONGEST)
    edited_at = models.DateTimeField()
    edited_by = models.ForeignKey(User, on_delete=models.SET_NULL, null=True, related_name="+")

    class Meta:
        ordering = ["-edited_at", "-pk"]

    def __str__(self) -> str:
        return f"Before the edit at {self.edited_at:%Y-%m-%d %H:%M}"
