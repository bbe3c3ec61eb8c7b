from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from activities import clock
from activities.feed import Filters, page
from activities.models import Activity
from hub.overview import matters, steps, today
from hub.people import at_risk, count_people
from hub.permissions import Permission, actor_of, staff_only

LATEST = 8
# The comings and goings of every day would hide what matters; the feed has them all.
QUIET = {Activity.Verb.SIGNED_IN, Activity.Verb.PAGE_COMPLETED, Activity.Verb.EMAIL_SENT}
LOUD = [verb for verb in Activity.Verb if verb not in QUIET]


@require_safe
@staff_only(Permission.SEE_CONSOLE)
def overview(request: HttpRequest) -> HttpResponse:
    now, way = clock.now(), steps()
    context = {
        "people": count_people(now=now),
        "steps": way,
        "done": sum(step.is_done for step in way),
        "matters": [(matter, matter.is_for(actor_of(request))) for matter in matters()],
        "today": today(now=now),
        "at_risk": at_risk(now=now, limit=LATEST),
        "latest": page(Filters(verbs=LOUD), size=LATEST).activities,
    }
    return render(request, "console/overview.html", context)
