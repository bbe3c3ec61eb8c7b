from typing import cast

from django.contrib import messages
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse
from django.shortcuts import render
from django.urls import reverse
from django.utils import timezone
from django.views.decorators.http import require_http_methods

from hub.forms import ProfileForm
from hub.models import User
from hub.redirects import SeeOther


@require_http_methods(["GET", "HEAD", "POST"])
@login_required
def profile(request: HttpRequest) -> HttpResponse:
    """One's own name and time zone."""
    form = ProfileForm(request.POST or None, instance=User.objects.get(pk=cast(User, request.user).pk))
    if form.is_valid():
        form.save()
        messages.success(request, "Saved.")
        return SeeOther(reverse("hub:profile"))
    context = {"form": form, "now": timezone.now()}
    return render(request, "hub/profile.html", context, status=422 if form.is_bound else 200)
