"""A full pass that stopped: who would lose what, and the two answers to it."""

from allauth.account.decorators import reauthentication_required
from django.contrib import messages
from django.core.paginator import Paginator
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from activities import clock
from billing.desk import brakes
from billing.models import Attention
from hub.permissions import Permission, actor_of, staff_only
from hub.redirects import SeeOther

SHOWN = 100
CHANGED = "The list has changed since you read it, so nothing was closed. This is how it stands now."


@require_safe
@staff_only(Permission.SEE_QUESTIONS)
def brake(request: HttpRequest, pk: int) -> HttpResponse:
    """The list that would close."""
    question = get_object_or_404(Attention, pk=pk, kind=Attention.Kind.BRAKE)
    listed = brakes.closings_of(question)
    context = {
        "question": question,
        "count": len(listed),
        "people": len({row.email for row in listed}),
        "page": Paginator(listed, SHOWN).get_page(request.GET.get("page")),
        "fingerprint": brakes.fingerprint_of(question),
    }
    return render(request, "billing/brake.html", context)


@require_POST
@staff_only(Permission.CLOSE_STOPPED_PASS)
@reauthentication_required(app="allauth.account")
def close(request: HttpRequest, pk: int) -> HttpResponse:
    """Exactly the list that was read."""
    question = get_object_or_404(Attention, pk=pk, kind=Attention.Kind.BRAKE)
    fingerprint = request.POST.get("fingerprint", "")
    try:
        count = brakes.close_them(question, fingerprint=fingerprint, actor=actor_of(request), now=clock.now())
    except brakes.Moved:
        messages.error(request, CHANGED)
        return SeeOther(reverse("billing:brake", args=[pk]))
    messages.success(request, f"Being closed: {count}. Stripe is asked about each once more; who has paid stays.")
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
