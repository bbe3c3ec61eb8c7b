"""Importing who bought before Foyer: what would happen, how far it has come, what came of it, and its undoing."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.db.models import Count
from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_http_methods, require_POST, require_safe

from activities import clock
from activities.chips import address
from activities.doorbell import ring
from activities.record import record_deed
from billing.connection import active_connection
from billing.importing import asking, showing, undoing
from billing.importing.forms import ImportForm, ImportRowsForm
from billing.importing.working import TASK
from billing.models import ImportBatch, ImportRow, ProductLink
from hub.permissions import Permission, actor_of, staff_only, there_before_a_file
from hub.progress import Progress
from hub.redirects import SeeOther

LISTED = 100
State = ImportBatch.State
BUSY = "Another import is under way: finish it, or undo nothing else meanwhile."


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.IMPORT_PURCHASES)
def imports(request: HttpRequest) -> HttpResponse:
    """Every import so far, and the choice of what a new one is to bring."""
    used = active_connection()
    links = ProductLink.objects.filter(connection=used, unlinked_at__isnull=True).select_related("product")
    form = ImportForm(request.POST or None)
    if request.method == "POST" and used is not None and links and form.is_valid():
        try:
            batch = asking.begin(used, choice=form.choice(), actor=actor_of(request), now=clock.now())
        except asking.UnderWay:
            form.add_error(None, BUSY)
        else:
            ring(TASK)
            return SeeOther(_page(batch))
    context = {
        "form": form,
        "connection": used,
        "links": links,
        "busy": asking.at_work(used) if used else None,
        "batches": ImportBatch.objects.select_related("started_by", "connection")[:LISTED],
    }
    return render(request, "billing/imports.html", context, status=422 if form.errors else 200)


@require_safe
@staff_only(Permission.IMPORT_PURCHASES)
@never_cache
def one(request: HttpRequest, pk: int) -> HttpResponse:
    """An import in its present state. With `part=progress`, only how far it has come, for the live page."""
    batch = _batch(pk)
    if request.GET.get("part") == "progress":
        if not batch.is_at_work:
            return HttpResponse(headers={"HX-Refresh": "true"})
        return render(request, "billing/_import_progress.html", {"batch": batch, "progress": _progress(batch)})
    form = ImportRowsForm(request.GET, options=showing.options(batch))
    context = {"batch": batch, "progress": _progress(batch)}
    if batch.state == ImportBatch.State.PLANNED:
        links = ProductLink.objects.filter(connection=batch.connection_id, unlinked_at__isnull=True)
        context["links"] = links.select_related("product")
    if batch.fingerprint:
        filters = form.filters()
        page = showing.find(batch, filters, after=request.GET.get("after", ""))
        context |= {
            "form": form,
            "page": page,
            "next": address(request.GET, after=page.after) if page.after else "",
            "csv": address(request.GET),
            "is_filtered": filters != showing.Filters(),
            "states": _states(batch),
            "summary": showing.summary(batch),
        }
    return render(request, "billing/import.html", context)


@require_safe
@staff_only(Permission.IMPORT_PURCHASES)
@there_before_a_file(page="billing:import")
@never_cache
def rows(request: HttpRequest, pk: int) -> HttpResponseBase:
    """The rows that are shown, as CSV. Personal data leaves the house: the feed says who took it. What cannot be read
    is said on the page.
    """
    batch, actor, now = _batch(pk), actor_of(request), clock.now()
    filters = ImportRowsForm(request.GET, options=showing.options(batch)).filters()
    if filters.is_misread:
        return HttpResponseRedirect(f"{_page(batch)}{address(request.GET)}#rows")
    record_deed(f"Exported the rows of import {batch.pk}", actor_id=actor.pk, now=now)
    return StreamingHttpResponse(
        showing.export(batch, filters),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="import-{batch.pk}.csv"'},
    )


@require_POST
@staff_only(Permission.IMPORT_PURCHASES)
def apply(request: HttpRequest, pk: int) -> HttpResponse:
    """Asks for exactly the plan that the page has shown."""
    batch = _batch(pk)
    if batch.connection != active_connection():
        messages.error(request, f"{batch.connection.account_name} is disconnected: connect it first.")
        return SeeOther(_page(batch))
    try:
        asking.ask_for(batch, plan=request.POST.get("plan", ""), actor=actor_of(request), now=clock.now())
    except asking.Moved:
        messages.warning(request, "This has changed since you looked, so nothing was imported. This is how it stands.")
    except asking.UnderWay:
        messages.error(request, BUSY)
    ring(TASK)
    return SeeOther(_page(batch))


@require_POST
@staff_only(Permission.IMPORT_PURCHASES)
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    batch = _batch(pk)
    if asking.stop(batch):
        messages.info(request, "Stopped while it was looked at again: nothing was imported, and nothing was changed.")
    return SeeOther(_page(batch))


@require_POST
@staff_only(Permission.IMPORT_PURCHASES)
def resume(request: HttpRequest, pk: int) -> HttpResponse:
    batch = _batch(pk)
    asking.resume(batch)
    ring(TASK)
    return SeeOther(_page(batch))


@require_POST
@staff_only(Permission.IMPORT_PURCHASES)
def forget(request: HttpRequest, pk: int) -> HttpResponse:
    """Throws a dry run away, for another choice."""
    asking.forget(_batch(pk))
    return SeeOther(reverse("billing:imports"))


@require_http_methods(["GET", "HEAD", "POST"])
@staff_only(Permission.IMPORT_PURCHASES)
@reauthentication_required(app="allauth.account")
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    """Says what is taken back and what stays, and why; then does it."""
    batch = _batch(pk)
    if batch.state != State.DONE:
        return SeeOther(_page(batch))
    if request.method == "POST":
        try:
            asking.ask_to_undo(batch, actor=actor_of(request), now=clock.now())
        except asking.UnderWay:
            messages.error(request, BUSY)
        ring(TASK)
        return SeeOther(_page(batch))
    shown = undoing.preview(batch)
    context = {
        "batch": batch,
        "preview": shown,
        "kept": list(undoing.kept(batch, limit=LISTED)),
        "left": max(shown.kept - LISTED, 0),
    }
    return render(request, "billing/import_undo.html", context)


def _batch(pk: int) -> ImportBatch:
    return get_object_or_404(ImportBatch.objects.select_related("connection", "started_by", "undone_by"), pk=pk)


def _page(batch: ImportBatch) -> str:
    return reverse("billing:import", args=[batch.pk])


def _progress(batch: ImportBatch) -> Progress:
    return Progress(done=batch.done, total=batch.total, seconds=batch.seconds)


def _states(batch: ImportBatch) -> dict[str, int]:
    """How many rows are in which state: one query, by an index."""
    counts = batch.rows.order_by().values_list("state").annotate(Count("pk"))
    return {ImportRow.State(state).value: count for state, count in counts}
