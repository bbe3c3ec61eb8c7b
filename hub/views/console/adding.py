"""Adding people by hand: one, or a file of them. Both become a batch, and the batch does it."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils.text import Truncator
from django.views.decorators.http import require_http_methods, require_POST

from activities import clock
from hub.batches import carrying_out, drafting
from hub.batches.forms import AddFileForm, AddPersonForm
from hub.batches.reading import Line, Unreadable, read_people, unread_columns
from hub.models import BatchRow, Product
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther

LONGEST_WORDS = 240  # of the columns that were left out


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.ADD_PEOPLE)
def add(request: HttpRequest) -> HttpResponse:
    """One person, at once."""
    form = AddPersonForm(request.POST if request.method == "POST" else None, initial={"writes": True})
    if not form.is_valid():
        return _ask(request, form=form)
    said, now = form.cleaned_data, clock.now()
    batch = drafting.draft_from(
        [Line(1, said["email"], said["name"])],
        about="By hand",
        products=list(said["products"]),
        reason=said["reason"],
        writes=said["writes"],
        actor=actor_of(request),
        now=now,
    )
    carrying_out.start(batch, now=now)
    row = batch.rows.select_related("user").get()
    if row.user is None:
        messages.error(request, row.words)
        return _ask(request, form=form)
    tell = messages.success if row.state == BatchRow.State.DONE else messages.info
    tell(request, f"{row.user}: {row.words}")
    return SeeOther(reverse("hub:console_person", args=[row.user.pk]))


@require_POST
@staff_only(Permission.ADD_PEOPLE)
def upload(request: HttpRequest) -> HttpResponse:
    """A file becomes a draft to look at."""
    form = AddFileForm(request.POST, request.FILES)
    if form.is_valid():
        file = form.cleaned_data["file"]
        try:
            data = file.read()
            lines = read_people(data, products=list(Product.objects.filter(archived_at=None)))
        except Unreadable as why:
            form.add_error("file", str(why))
        else:
            batch = drafting.draft_from(
                lines,
                about=file.name,
                products=list(form.cleaned_data["products"]),
                reason=form.cleaned_data["reason"],
                writes=form.cleaned_data["writes"],
                actor=actor_of(request),
                now=clock.now(),
            )
            if unread := unread_columns(data):
                words = Truncator(", ".join(unread)).chars(LONGEST_WORDS)
                messages.warning(request, f"Left unread, since Foyer knows no such column: {words}.")
            return SeeOther(reverse("hub:console_batch", args=[batch.pk]))
    return _ask(request, file_form=form)


def _ask(
    request: HttpRequest, *, form: AddPersonForm | None = None, file_form: AddFileForm | None = None
) -> HttpResponse:
    context = {
        "form": form or AddPersonForm(initial={"writes": True}, auto_id="one_%s"),
        "file_form": file_form or AddFileForm(auto_id="file_%s"),
    }
    refused = request.method == "POST"
    return render(request, "console/add_people.html", context, status=422 if refused else 200)
