from typing import cast

from allauth.account.views import BaseReauthenticateView
from django.contrib.auth.decorators import login_required
from django.http import HttpRequest, HttpResponse, HttpResponseBase
from django.urls import reverse
from django.utils.decorators import method_decorator

from hub.forms import ReentryForm
from hub.models import User
from hub.redirects import SeeOther
from hub.reentry import note_reentry, send_code


@method_decorator(login_required, name="dispatch")
class ReenterView(BaseReauthenticateView):
    """allauth's page for proving oneself again, by a code. The mail is sent when it is asked for, not by looking."""

    form_class = ReentryForm
    template_name = "account/reenter.html"

    def post(self, request: HttpRequest) -> HttpResponseBase:
        if request.POST.get("action") != "send":
            return super().post(request)  # type: ignore[no-any-return]
        send_code(request, cast(User, request.user))
        request.session["reentry_code_sent"] = True
        return SeeOther(self.passthrough_next_url(reverse("hub:reenter")))

    def form_valid(self, form: ReentryForm) -> HttpResponse:
        self.request.session.pop("reentry_code_sent", None)
        note_reentry(self.request, cast(User, self.request.user))
        return super().form_valid(form)  # type: ignore[no-any-return]


reenter = ReenterView.as_view()
