from django.http import HttpRequest, HttpResponse, HttpResponseBase, HttpResponseRedirect, StreamingHttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.cache import never_cache
from django.views.decorators.http import require_safe

from activities import clock
from activities.chips import address, chips
from activities.record import record_deed
from hub.forms import PeopleForm
from hub.payments import lead_of, tell_of, tell_of_delay
from hub.people import asked_address, export_people, find_people
from hub.permissions import Permission, actor_of, staff_only, there_before_a_file


@require_safe
@staff_only(Permission.SEE_PEOPLE)
def people(request: HttpRequest) -> HttpResponse:
    form, now = PeopleForm(request.GET), clock.now()
    filters = form.filters()
    found = find_people(filters, after=request.GET.get("after", ""), now=now)
    asked = [name for name in form.fields if name != "order" and request.GET.get(name)]
    address_asked = asked_address(filters.words)
    is_nobodys = bool(address_asked) and all(person.email != address_asked for person in found.people)
    told = tell_of(filters.words.strip()) if is_nobodys or not found.people else []
    context = {
        "form": form,
        "found": found,
        "lead": lead_of(filters.words),
        "told": told,
        "delay": tell_of_delay() if filters.words.strip() and (is_nobodys or not found.people) else "",
        "nobodys": address_asked if is_nobodys else "",
        "is_unknown_address": asked == ["q"] and "@" in filters.words and not told,
        "is_without_word": bool(filters.words.strip()) and not any(one.question or one.owner for one in told),
        "chips": chips(form, request.GET, besides=["order"]),
        "is_filtered": bool(asked),
        "older": address(request.GET, after=found.after) if found.after else "",
        "csv": address(request.GET),
    }
    return render(request, "console/people.html", context)


@require_safe
@staff_only(Permission.EXPORT_PEOPLE)
@there_before_a_file(page="hub:console_people")
@never_cache
def export(request: HttpRequest) -> HttpResponseBase:
    """The selection as CSV. Personal data leaves the house: the feed says who took it. What cannot be read is said on
    the page.
    """
    filters, actor, now = PeopleForm(request.GET).filters(), actor_of(request), clock.now()
    if filters.is_misread:
        return HttpResponseRedirect(f"{reverse('hub:console_people')}{address(request.GET)}")
    record_deed("Exported the list of people", actor_id=actor.pk, now=now)
    name = f"people-{timezone.localdate():%Y-%m-%d}.csv"
    return StreamingHttpResponse(
        export_people(filters, now=now),
        content_type="text/csv; charset=utf-8",
        headers={"Content-Disposition": f'attachment; filename="{name}"'},
    )
