from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from activities import clock
from activities import feed as feeds
from activities.chips import address, chips
from activities.doors import staff_only, there_before_a_file
from activities.forms import FeedForm
from activities.numbers import read_number
from activities.record import record_deed


@require_safe
@staff_only("see_activity")
@never_cache
def feed(request: HttpRequest) -> HttpResponse:
    """The site's feed. With `newer`, only the list items written after that row, for the live page."""
    form = FeedForm(request.GET)
    filters = form.filters()
    if newer := read_number(request.GET.get("newer", "")):
        return _newest(request, filters, pk=newer)
    after = feeds.Cursor.read(request.GET.get("after", ""))
    # Read before the page: what is written in between is shown twice at worst. What commits later under a lower number
    # is not polled, and stands on the page when it is loaded again.
    last_pk = feeds.last_pk()
    page = feeds.page(filters, after=after)
    context = {
        "form": form,
        "page": page,
        "older": page.older and address(request.GET, after=str(page.older)),
        "can_live": after is None and form.is_valid(),
        "is_live": after is None and form.is_valid() and request.GET.get("live") != "0",
        "toggle_live": address(request.GET, live="" if request.GET.get("live") == "0" else "0"),
        "poll": address(request.GET, newer=str(last_pk or "")),
        "csv": address(request.GET, live=""),
        "chips": chips(form, request.GET),
        "is_filtered": any(request.GET.get(name) for name in form.fields),
    }
    return render(request, "activities/feed.html", context)


@require_safe
@staff_only("export_activity")
@there_before_a_file(page="activities:feed")
@never_cache
def export(request: HttpRequest) -> HttpResponseBase:
    """The selection as CSV. Personal data leaves the house: not by support, and the feed itself says who took it.
    What cannot be read is said on the page.
    """
    filters = FeedForm(request.GET).filters()
    if filters.is_misread:
        return HttpResponseRedirect(f"{reverse('activities:feed')}{address(request.GET)}")
    record_deed("Exported the activity feed", actor_id=request.user.pk, now=clock.now())
    name = f"activity-{timezone.localdate():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        feeds.export_csv(filters),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )


def _newest(request: HttpRequest, filters: feeds.Filters, *, pk: int) -> HttpResponse:
    last_pk = feeds.last_pk()
    found = feeds.written_since(filters, pk=pk)
    grown = feeds.grown_since(filters, pk=pk)
    if not found and not grown:
        return HttpResponse(status=204)
    if len(found) > feeds.PAGE:
        return HttpResponse(headers={"HX-Refresh": "true"})
    context = {"activities": found, "grown": grown, "poll": address(request.GET, newer=str(last_pk))}
    return render(request, "activities/_newest.html", context)
