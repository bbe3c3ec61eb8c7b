"""What no rule can settle, before the people who can."""

from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404, render
from django.urls import reverse
from django.views.decorators.http import require_POST, require_safe

from activities import clock
from billing import attention
from billing.console.words import actor_of
from billing.models import Attention
from hub.permissions import EDITORS, staff_only
from hub.redirects import SeeOther


@require_safe
@staff_only()
def decide(request: HttpRequest) -> HttpResponse:
    """What no rule can settle: each with its evidence, the oldest first."""
    found = Attention.objects.filter(resolved_at__isnull=True).select_related("user").order_by("opened_at", "pk")
    return render(request, "billing/decide.html", {"found": found[:200], "count": found.count()})


@require_POST
@staff_only(EDITORS)
def settle(request: HttpRequest, pk: int) -> HttpResponse:
    """A person has dealt with it."""
    found = get_object_or_404(Attention, pk=pk)
    attention.settle(found, actor=actor_of(request), now=clock.now())
    messages.success(request, "Settled.")
    return SeeOther(reverse("billing:decide"))
