"""Changing many people at once: chosen in a list, looked at, begun, watched, undone."""

from django.contrib import messages
from django.db.models import QuerySet
from django.http import HttpRequest, HttpResponse, StreamingHttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_POST, require_safe

from activities import clock
from activities.chips import chips
from activities.days import end_of, last_moment
from activities.numbers import read_number
from activities.record import record_deed
from hub.batches import carrying_out, drafting, foreseeing, showing
from hub.batches.forms import details_form
from hub.errors import Refused
from hub.forms import PeopleForm
from hub.models import Batch, User
from hub.people import select_people
from hub.permissions import Permission, actor_of, staff_only, there_before_a_file
from hub.redirects import SeeOther

MOST_TICKED = 200
CHOOSABLE = (Batch.Deed.GIVE, Batch.Deed.TAKE, Batch.Deed.INVITE)


@require_safe
@staff_only(Permission.CHANGE_ACCESS_OF_MANY)
def batches(request: HttpRequest) -> HttpResponse:
    return render(request, "console/batches.html", {"batches": showing.past(limit=50)})


@require_POST
@staff_only(Permission.CHANGE_ACCESS_OF_MANY)
def choose(request: HttpRequest) -> HttpResponse:
    """Who was ticked, or everybody whom the list finds, becomes a draft."""
    deed, people, about = request.POST.get("deed", ""), *_chosen(request)
    if deed not in CHOOSABLE or people is None or not people.exists():
        messages.error(request, "Tick somebody first, or everybody in the list.")
        return SeeOther(f"{reverse('hub:console_people')}?{request.GET.urlencode()}")
    batch = drafting.draft_for(people, deed=deed, about=about, actor=actor_of(request), now=clock.now())
    return _to(batch)


@require_safe
@staff_only(Permission.CHANGE_ACCESS_OF_MANY)
@never_cache
def batch(request: HttpRequest, pk: int) -> HttpResponse:
    found = _find(request, pk)
    if request.GET.get("part") == "progress":
        return _progress(request, found)
    now = clock.now()
    asks = found.state == Batch.State.DRAFT and (not found.reason or "change" in request.GET)
    state = request.GET.get("state", "")
    context = {
        "batch": found,
        "form": details_form(found, _said(found), now=now) if asks else None,
        "foreseen": foreseeing.foresee(found, now=now) if found.state == Batch.State.DRAFT and not asks else None,
        "count": found.rows.count() if asks else 0,
        "tally": showing.tally(found),
        "rows": showing.page(found, state=state, after=request.GET.get("after", ""), now=now),
        "state": state,
        "kept": showing.kept_of(found) if found.state == Batch.State.UNDONE else [],
        "may_go_on": carrying_out.may_go_on(found, actor=actor_of(request)),
    }
    return render(request, "console/batch.html", context)


@require_POST
@staff_only(Permission.CHANGE_ACCESS_OF_MANY)
def details(request: HttpRequest, pk: int) -> HttpResponse:
    """What is to happen to the people of a draft, and why."""
    found, now = _find_draft(request, pk), clock.now()
    form = details_form(found, request.POST, now=now)
    if not form.is_valid():
        context = {
            "batch": found,
            "form": form,
            "count": found.rows.count(),
            "tally": showing.tally(found),
            "rows": showing.page(found, state="", after="", now=now),
        }
        return render(request, "console/batch.html", context, status=422)
    said = form.cleaned_data
    found.product, found.reason = said.get("product"), said["reason"]
    found.ends_at = end_of(said["ends_on"]) if said.get("ends_on") else None
    found.writes = said.get("writes", found.deed == Batch.Deed.INVITE)
    found.save(update_fields=["product", "reason", "ends_at", "writes"])
    return _to(found)


@require_POST
@staff_only(Permission.CHANGE_ACCESS_OF_MANY)
def start(request: HttpRequest, pk: int) -> HttpResponse:
    found = _find(request, pk)
    if not found.reason:
        messages.error(request, "Say first what is to happen, and why.")
    else:
        carrying_out.start(found, now=clock.now())
    return _to(found)


@require_POST
@staff_only(Permission.CHANGE_ACCESS_OF_MANY)
def go_on(request: HttpRequest, pk: int) -> HttpResponse:
    found = _find(request, pk)
    try:
        carrying_out.go_on(found, actor=actor_of(request), now=clock.now())
    except Refused as why:
        messages.error(request, str(why))
    return _to(found)


@require_POST
@staff_only(Permission.CHANGE_ACCESS_OF_MANY)
def stop(request: HttpRequest, pk: int) -> HttpResponse:
    found = _find(request, pk)
    carrying_out.stop(found)
    return _to(found)


@require_POST
@staff_only(Permission.CHANGE_ACCESS_OF_MANY)
def undo(request: HttpRequest, pk: int) -> HttpResponse:
    found = _find(request, pk)
    carrying_out.undo(found, actor=actor_of(request), now=clock.now())
    return _to(found)


@require_POST
@staff_only(Permission.CHANGE_ACCESS_OF_MANY)
def discard(request: HttpRequest, pk: int) -> HttpResponse:
    drafting.discard(_find_draft(request, pk))
    messages.info(request, "Nothing was changed.")
    return SeeOther(reverse("hub:console_people"))


@require_safe
@staff_only(Permission.EXPORT_PEOPLE)
@there_before_a_file(page="hub:console_batch")
@never_cache
def rows(request: HttpRequest, pk: int) -> StreamingHttpResponse:
    """What became of each person, or of those in one state, as CSV. The feed says who took it."""
    found = _find(request, pk)
    deed = "Exported the people of a change to many"
    record_deed(deed, actor_id=actor_of(request).pk, product_id=found.product_id, now=clock.now())
    name = f"{found.deed}-{timezone.localdate():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        showing.export_rows(found, state=request.GET.get("state", "")),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _progress(request: HttpRequest, found: Batch) -> HttpResponse:
    """The part that moves; when nothing moves any more, the whole page anew."""
    if not found.is_at_work:
        return HttpResponse(headers={"HX-Refresh": "true"})
    return render(request, "console/_batch_progress.html", {"batch": found, "tally": showing.tally(found)})


def _chosen(request: HttpRequest) -> tuple[QuerySet[User] | None, str]:
    """The people, and who they are in words; None where nobody was chosen."""
    if "everybody" in request.POST:
        form = PeopleForm(request.GET)
        if form.errors:
            return None, ""
        said = [f"{chip.label}: {chip.words}" for chip in chips(form, request.GET, besides=["order", "q"])]
        if form.cleaned_data["q"]:  # who is erased may have been searched by name, and drafts and batches are kept
            said.append("Found by a search")
        return select_people(form.filters(), now=clock.now()), ", ".join(said) or "Everybody"
    ticked = [pk for text in request.POST.getlist("person")[:MOST_TICKED] if (pk := read_number(text)) is not None]
    return User.objects.filter(pk__in=ticked), "People who were ticked in the list"


def _find(request: HttpRequest, pk: int) -> Batch:
    """A draft is its maker's alone: what comes of it bears their name."""
    found = get_object_or_404(Batch.objects.select_related("made_by", "product"), pk=pk)
    return _find_draft(request, pk) if found.state == Batch.State.DRAFT else found


def _find_draft(request: HttpRequest, pk: int) -> Batch:
    drafts = Batch.objects.select_related("made_by", "product").filter(state=Batch.State.DRAFT)
    return get_object_or_404(drafts, pk=pk, made_by=actor_of(request))


def _said(batch: Batch) -> dict[str, object] | None:
    """What was said of a draft before, to be changed; None where nothing was."""
    if not batch.reason:
        return None
    last = timezone.localtime(last_moment(batch.ends_at)) if batch.ends_at else None
    return {
        "product": batch.product_id,
        "reason": batch.reason,
        "ends_on": last.date() if last else "",
        "writes": batch.writes,
    }


def _to(batch: Batch) -> HttpResponse:
    return SeeOther(reverse("hub:console_batch", args=[batch.pk]))
