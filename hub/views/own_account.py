"""allauth's pages of one's own account, where they led nowhere or did only half."""

from typing import Any, cast

from allauth.account.views import PasswordChangeView, PasswordSetView
from allauth.usersessions.models import UserSession
from allauth.usersessions.views import ListUserSessionsView
from django.contrib import messages
from django.http import HttpRequest, HttpResponse
from django.shortcuts import get_object_or_404
from django.urls import reverse

from activities.links import path_to
from activities.numbers import read_number
from hub.models import User
from hub.redirects import SeeOther


def _account() -> str:
    return path_to("billing:account") or reverse("hub:library")


class SetPasswordView(PasswordSetView):
    def get_default_success_url(self) -> str:
        return _account()


class ChangePasswordView(PasswordChangeView):
    def get_default_success_url(self) -> str:
        return _account()


class SessionsView(ListUserSessionsView):
    def post(self, request: HttpRequest, *args: Any, **kwargs: Any) -> HttpResponse:
        """Signs out one browser where one is named, else every other one."""
        number = request.POST.get("session", "")
        if not number:
            return super().post(request, *args, **kwargs)  # type: ignore[no-any-return]
        own = UserSession.objects.filter(user=cast(User, request.user))
        get_object_or_404(own, pk=read_number(number)).end()
        messages.success(request, "That browser is signed out.")
        return SeeOther(reverse("usersessions_list"))


sessions = SessionsView.as_view()
