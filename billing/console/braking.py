"""A full pass that stopped: who would lose what, and the two answers to it."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from activities import clock
from billing.desk import brakes, closings
from billing.models import Attention
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther

SHOWN = 100
CHANGED = "The list has changed since you read it, so nothing was closed. This is how it stands now."


@require_safe
@staff_only(Permission.SEE_QUESTIONS)
def brake(request: HttpRequest, pk: int) -> HttpResponse:
    """What would close and is open still; once it is answered the whole list, and what became of it."""
    question = get_object_or_404(Attention, pk=pk, kind=Attention.Kind.BRAKE)
    everything = closings.closings_of(question, now=clock.now())
    still_open = [row for row in everything if row.is_open]
    context = {
        "question": question,
        "told": closings.told(question),
        "listed": len(everything),
        "count": len(still_open),
        "ended": len(everything) - len(still_open),
        "people": len({row.person for row in still_open}),
        "page": Paginator(everything if question.resolved_at else still_open, SHOWN).get_page(request.GET.get("page")),
        "fingerprint": closings.fingerprint_of(question),
    }
    return render(request, "billing/brake.html", context)


@require_POST
@staff_only(Permission.CLOSE_STOPPED_PASS)
@reauthentication_required(app="allauth.account")
def close(request: HttpRequest, pk: int) -> HttpResponse:
    """Exactly the list that was read, less what has ended since."""
    question = get_object_or_404(Attention, pk=pk, kind=Attention.Kind.BRAKE)
    fingerprint = request.POST.get("fingerprint", "")
    try:
        count = brakes.close_them(question, fingerprint=fingerprint, actor=actor_of(request), now=clock.now())
    except brakes.Moved:
        messages.error(request, CHANGED)
        return SeeOther(reverse("billing:brake", args=[pk]))
    if count:
        messages.success(request, f"Being closed: {count}. Stripe is asked about each once more; who has paid stays.")
    else:
        messages.info(request, "All of them had ended meanwhile, so nothing was left to close.")
    return SeeOther(reverse("billing:decide"))


@require_POST
@staff_only(Permission.SETTLE_QUESTIONS)
def compare(request: HttpRequest, pk: int) -> HttpResponse:
    """Closes nothing, and looks again."""
    question = get_object_or_404(Attention, pk=pk, kind=Attention.Kind.BRAKE)
    try:
        brakes.compare_again(question, actor=actor_of(request), now=clock.now())
    except brakes.Moved:
        messages.info(request, "This is answered already.")
    else:
        messages.success(request, "Nothing was closed. Everything is compared again; what would still close asks you.")
    return SeeOther(reverse("billing:decide"))
