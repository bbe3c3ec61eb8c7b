from django.contrib.auth.views import redirect_to_login
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.views.decorators.http import require_safe

from activities import clock
from hub.context import site_of
from hub.library import fill_shelf
from hub.permissions import signed_in


@require_safe
def library(request: HttpRequest) -> HttpResponse:
    """Everybody's first page; a stranger sees it too where the owner says so."""
    user = signed_in(request)
    if user is None and not site_of(request).public_library:
        return redirect_to_login(request.get_full_path())
    shelf = fill_shelf(user, now=clock.now(), category=request.GET.get("category", ""))
    return render(request, "hub/library.html", {"shelf": shelf})
