"""Notes about a person: written on their page, edited by whoever wrote them."""

from django.contrib import messages
from django.core.exceptions import PermissionDenied
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_http_methods, require_POST

from activities import clock
from hub.forms import NoteForm
from hub.models import Note, User
from hub.noting import edit_note, write_note
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther
from hub.views.console.person import show


@require_POST
@staff_only(Permission.WRITE_NOTES)
def write(request: HttpRequest, pk: int) -> HttpResponse:
    person, form = get_object_or_404(User, pk=pk, erased_at=None), NoteForm(request.POST)
    if not form.is_valid():
        return show(request, person, noting=form)
    write_note(person, form.cleaned_data["words"], author=actor_of(request), now=clock.now())
    messages.success(request, "Noted.")
    return SeeOther(f"{reverse('hub:console_person', args=[pk])}#notes")


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.WRITE_NOTES)
def edit(request: HttpRequest, pk: int) -> HttpResponse:
    """One's own note; what it said before, for everybody who may read it."""
    note = get_object_or_404(Note.objects.select_related("person", "author"), pk=pk)
    is_own = note.author_id == actor_of(request).pk
    form = NoteForm(request.POST if request.method == "POST" else None, initial={"words": note.words})
    if request.method == "POST" and not is_own:
        raise PermissionDenied
    if form.is_valid():
        edit_note(note, form.cleaned_data["words"], actor=actor_of(request), now=clock.now())
        messages.success(request, "The note is changed. What it said before is kept.")
        return SeeOther(f"{reverse('hub:console_person', args=[note.person_id])}#notes")
    versions = note.versions.select_related("edited_by")
    context = {"note": note, "person": note.person, "is_own": is_own, "form": form, "versions": versions}
    return render(request, "console/note.html", context, status=422 if form.errors else 200)
