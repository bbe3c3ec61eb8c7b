"""What staff write down about a person, and what it said before."""

from collections.abc import Callable

import pytest
from django.test import Client

from hub.models import Note, NoteVersion, User
from hub.roles import Role
from tests import cast
from tests.hub.conftest import Studio

Enter = Callable[[User], Client]


@pytest.fixture
def sam(studio: Studio, signed_in: Enter) -> Client:
    return signed_in(cast.UserFactory(email="sam@example.org", name="Sam Ode", role=Role.SUPPORT))


def test_a_note_is_kept_with_its_author_and_shown_to_staff_alone(
    studio: Studio, sam: Client, ada: User, signed_in: Enter
) -> None:
    page = sam.post(f"/console/people/{ada.pk}/notes/", {"words": "Wants an invoice.\nCalls <b>."}, follow=True)
    words = page.content.decode()
    assert page.redirect_chain == [(f"/console/people/{ada.pk}/#notes", 303)]
    assert "Wants an invoice.<br>Calls &lt;b&gt;." in words
    assert "Sam Ode, <time" in words
    assert "Wants an invoice" not in signed_in(ada).get("/account/").content.decode()


@pytest.mark.parametrize("words", ["", "   ", "x" * 2001])
def test_an_empty_or_endless_note_is_not_kept(sam: Client, ada: User, words: str) -> None:
    answer = sam.post(f"/console/people/{ada.pk}/notes/", {"words": words})
    assert answer.status_code == 422 and 'aria-invalid="true"' in answer.content.decode()
    assert not Note.objects.exists()


def test_an_edit_keeps_what_was_said_before(sam: Client, ada: User, owner: User, signed_in: Enter) -> None:
    sam.post(f"/console/people/{ada.pk}/notes/", {"words": "Owes us a bowl."})
    note = Note.objects.get()
    sam.post(f"/console/notes/{note.pk}/", {"words": "Owes us a bowl."})
    assert not NoteVersion.objects.exists()
    sam.post(f"/console/notes/{note.pk}/", {"words": "Owes us nothing."})
    note.refresh_from_db()
    assert note.words == "Owes us nothing."
    other = signed_in(owner)
    assert ">Edited<" in other.get(f"/console/people/{ada.pk}/").content.decode()
    page = other.get(f"/console/notes/{note.pk}/").content.decode()
    assert "Owes us nothing." in page and "Owes us a bowl." in page and "edited by Sam Ode" in page


def test_nobody_edits_what_another_wrote(sam: Client, ada: User, owner: User, signed_in: Enter) -> None:
    sam.post(f"/console/people/{ada.pk}/notes/", {"words": "Owes us a bowl."})
    note = Note.objects.get()
    other = signed_in(owner)
    assert "<textarea" not in other.get(f"/console/notes/{note.pk}/").content.decode()
    assert other.post(f"/console/notes/{note.pk}/", {"words": "Never."}).status_code == 403
    note.refresh_from_db()
    assert note.words == "Owes us a bowl."
