"""The doors of allauth that lead on where its own would lead back: to sign in, to join, to enter a code."""

import time
from typing import Any
from urllib.parse import urlencode

from allauth.account.internal.flows.email_verification_by_code import EmailVerificationProcess
from allauth.account.internal.stagekit import clear_login
from allauth.account.stages import EmailVerificationStage, LoginStage
from allauth.account.views import ConfirmLoginCodeView, LoginView, SignupView
from django.http import HttpRequest, HttpResponse, HttpResponseRedirect
from django.urls import reverse

from hub.redirects import SeeOther


class _JoiningEnds:
    """Who leaves the page that asks for a new account's code has changed their mind: no door leads back there."""

    def _redirect_to_pending_stage(self, request: HttpRequest, stage: LoginStage) -> HttpResponseRedirect | None:
        if stage.key != EmailVerificationStage.key:
            return super()._redirect_to_pending_stage(request, stage)  # type: ignore[misc, no-any-return]
        if process := EmailVerificationProcess.resume(request):
            process.abort()
        clear_login(request)
        return None


class SignInView(_JoiningEnds, LoginView):
    pass


class JoinView(_JoiningEnds, SignupView):
    pass


class EnterCodeView(ConfirmLoginCodeView):
    def _resend_form_valid(self, form: Any) -> HttpResponse:
        """The page lives as long as the newest code."""
        self._process.state["at"] = time.time()
        return super()._resend_form_valid(form)  # type: ignore[no-any-return]

    def form_invalid(self, form: Any) -> HttpResponse:
        """After the last try, back to the door: with the address, and with the page that was asked for."""
        answer: HttpResponse = super().form_invalid(form)
        if not isinstance(answer, HttpResponseRedirect):
            return answer
        kept = {"email": self._process.state.get("email", ""), "next": self.get_next_url() or ""}
        query = urlencode({name: value for name, value in kept.items() if value})
        return SeeOther(f"{reverse('account_login')}?{query}")
