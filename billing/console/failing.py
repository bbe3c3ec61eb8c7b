"""Events that could not be worked off, for good or for now: their errors, one event with what a replay would change,
the replay, and a try before its time.
"""

import structlog
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_POST, require_safe

from activities import clock
from billing.connection import active_connection
from billing.console.words import AWAY
from billing.desk import failed_events
from billing.desk.dashboard import page_of
from billing.desk.held_up import held_up, try_now
from billing.desk.payloads import readable
from billing.errors import StripeError, StripeUnavailable
from billing.intake.event_types import NOBODYS
from billing.models import InboxEvent
from billing.refreshing.refresh import Outcome
from billing.rules.rehearsal import Difference
from hub.forms import ReasonForm
from hub.models import Product
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther
from hub.throttling import happens_too_often

log = structlog.get_logger(__name__)
SHOWN = 50
ASKED_PER_MINUTE = 3
ASKED = "Stripe was asked about this a moment ago. Wait a minute."
REPLAYED = {
    Outcome.DONE: (messages.SUCCESS, "Worked off: what Stripe says now is what holds here."),
    Outcome.BUSY: (messages.INFO, "Somebody is at work on it right now. Look again in a minute."),
    Outcome.LATER: (messages.WARNING, AWAY),
    Outcome.FAILED: (messages.ERROR, "It failed again. Nobody has lost access because of it."),
}


@require_safe
@staff_only(Permission.SEE_QUESTIONS)
def events(request: HttpRequest) -> HttpResponse:
    """Every error with its events; or the events of one error, the oldest first."""
    found = failed_events.batches()
    chosen = next((batch for batch in found if str(batch.sample) == request.GET.get("error")), None)
    context = {
        "batches": found,
        "count": sum(batch.count for batch in found),
        "chosen": chosen,
        "held_up": held_up(active_connection(), now=timezone.now()),
    }
    if chosen is not None:
        alike = failed_events.beside(InboxEvent.objects.get(pk=chosen.sample))
        context |= {"page": Paginator(alike, SHOWN).get_page(request.GET.get("page"))}
    return render(request, "billing/failed_events.html", context)


@require_POST
@staff_only(Permission.HELP_PEOPLE)
def try_events(request: HttpRequest) -> HttpResponse:
    """All that waits for a later try, in the background."""
    if happens_too_often("all", what="try_events", per_minute=ASKED_PER_MINUTE):
        messages.warning(request, "They were tried a moment ago. Wait a minute.")
    elif count := try_now(actor=actor_of(request), now=clock.now()):
        words = f"Being tried now: {count} event{'' if count == 1 else 's'}. What Stripe does not answer to waits on."
        messages.success(request, words)
    else:
        messages.info(request, "Nothing waits any more.")
    return SeeOther(reverse("billing:failed_events"))


@require_safe
@staff_only(Permission.SEE_QUESTIONS)
def event(request: HttpRequest, pk: int) -> HttpResponse:
    """One event: the error, where it points, and what working it off would change, where that is asked for."""
    found = get_object_or_404(InboxEvent.objects.select_related("connection"), pk=pk)
    context = _about(request, found)
    if "rehearse" in request.GET and found.state == InboxEvent.State.DEAD:
        context |= {"problem": ASKED} if _is_asked_often(found, what="rehearse") else _rehearsed(found)
    return render(request, "billing/failed_event.html", context)


@require_POST
@staff_only(Permission.REPLAY_EVENTS)
def replay(request: HttpRequest, pk: int) -> HttpResponse:
    """Works it off while the member of staff waits."""
    found = get_object_or_404(InboxEvent, pk=pk)
    if active_connection() is None:
        messages.warning(request, "Stripe is not connected: it was not asked.")
    elif _is_asked_often(found, what="replay"):
        messages.warning(request, ASKED)
    else:
        level, words = REPLAYED[failed_events.replay(found, actor=actor_of(request), now=clock.now())]
        messages.add_message(request, level, words)
    return SeeOther(reverse("billing:failed_event", args=[pk]))


@require_POST
@staff_only(Permission.REPLAY_EVENTS)
def replay_all(request: HttpRequest, pk: int) -> HttpResponse:
    """All that failed with the error of this one, in the background."""
    found = get_object_or_404(InboxEvent, pk=pk)
    count = failed_events.replay_all(found, actor=actor_of(request), now=clock.now())
    words = f"Being worked off: {count} event{'' if count == 1 else 's'}. What fails again comes back here."
    messages.success(request, words if count else "Nothing of it waits here any more.")
    return SeeOther(reverse("billing:failed_events"))


@require_POST
@staff_only(Permission.REPLAY_EVENTS)
def dismiss(request: HttpRequest, pk: int) -> HttpResponse:
    """Nobody has to look at it: kept with the reason, and gone from the list."""
    found, form = get_object_or_404(InboxEvent.objects.select_related("connection"), pk=pk), ReasonForm(request.POST)
    if not form.is_valid():
        return render(request, "billing/failed_event.html", _about(request, found) | {"form": form}, status=422)
    if failed_events.dismiss(found, reason=form.cleaned_data["reason"], actor=actor_of(request), now=clock.now()):
        messages.success(request, "Dismissed. Its customer is compared with Stripe every night all the same.")
    else:
        messages.info(request, "It waits for nobody any more, so nothing was changed.")
    return SeeOther(reverse("billing:failed_events"))


def _about(request: HttpRequest, found: InboxEvent) -> dict[str, object]:
    """Support sees where an event points; what it says of people is for owners and admins."""
    return {
        "event": found,
        "is_failed": found.state == InboxEvent.State.DEAD,
        "person": failed_events.person_of(found),
        "url": page_of(found.subject, connection=found.connection),
        "payload": readable(found.payload) if actor_of(request).may(Permission.REPLAY_EVENTS) else "",
        "alike": failed_events.beside(found).count(),
        "is_for_sale": found.subject.startswith(NOBODYS),
    }


def _is_asked_often(found: InboxEvent, *, what: str) -> bool:
    return happens_too_often(str(found.pk), what=what, per_minute=ASKED_PER_MINUTE)


def _rehearsed(found: InboxEvent) -> dict[str, object]:
    try:
        differences = failed_events.rehearse_replay(found, now=clock.now())
    except StripeUnavailable:
        return {"problem": AWAY}
    except StripeError as error:
        return {"problem": f"Stripe does not allow it: {error}"}
    except Exception as error:  # what made it fail, most likely: to be read, and not to be met with a 500
        log.warning("rehearsal_failed", event=found.event_id, error=type(error).__name__)
        return {"problem": f"It would fail again: {error!r}"}
    names = dict(Product.objects.filter(slug__in={one.product for one in differences}).values_list("slug", "name"))
    return {"is_rehearsed": True, "differences": [(one, names[one.product], _becomes(one)) for one in differences]}


def _becomes(difference: Difference) -> tuple[str, str]:
    """A pill: its state and its word."""
    was_open, is_open = (state in {"active", "grace"} for state in (difference.is_state, difference.should_be))
    if was_open == is_open:
        return difference.should_be, "Stays open" if is_open else "Stays closed"
    return ("open", "Gains access") if is_open else ("ended", "Loses access")
