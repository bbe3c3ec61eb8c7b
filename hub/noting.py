"""Notes that staff keep about a person: written, and edited by whoever wrote them."""

from datetime import datetime

from django.db import transaction

from hub.models import Note, NoteVersion, User


def write_note(person: User, words: str, *, author: User, now: datetime) -> Note:
    return Note.objects.create(person=person, author=author, words=words, written_at=now)


@transaction.atomic
def edit_note(note: Note, words: str, *, actor: User, now: datetime) -> None:
    """Other words from now on; the ones before stay with who changed them, and when."""
    note = Note.objects.select_for_update().get(pk=note.pk)
    if note.words == words:
        return
    NoteVersion.objects.create(note=note, words=note.words, edited_at=now, edited_by=actor)
    note.words = words
    note.save(update_fields=["words"])
