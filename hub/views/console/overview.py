from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from activities import clock
from hub.models import Product
from hub.people import count_people
from hub.permissions import staff_only


@require_safe
@staff_only()
def overview(request: HttpRequest) -> HttpResponse:
    live = Product.objects.filter(is_live=True, archived_at=None)
    context = {
        "people": count_people(now=clock.now()),
        "live": live.count(),
        "unpublished": live.filter(kind=Product.Kind.STANDARD).exclude(pages__is_published=True),
    }
    return render(request, "console/overview.html", context)
