"""Passkeys, authenticator apps and recovery codes: allauth's pages, told in our words and in fewer steps."""

from typing import Any

from allauth.mfa.base.internal.flows import post_authentication
from allauth.mfa.base.views import AuthenticateView
from allauth.mfa.models import Authenticator
from allauth.mfa.totp.views import ActivateTOTPView
from allauth.mfa.webauthn.internal import auth
from allauth.mfa.webauthn.views import AddWebAuthnView
from django.http import HttpRequest, HttpResponse

from hub.factors import factors_of
from hub.forms import PasskeyForm


class ConfirmView(AuthenticateView):
    """After the e-mail code: what this person has, and nothing else, is asked for."""

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        return context | {"factors": factors_of(self.stage.login.user)}


class _ProvesItself:
    """Who has just used a factor to add it is not asked for it again to see the recovery codes."""

    request: HttpRequest
    kind: Authenticator.Type

    def form_valid(self, form: Any) -> HttpResponse:
        answer: HttpResponse = super().form_valid(form)  # type: ignore[misc]
        added = Authenticator.objects.filter(user=self.request.user.pk, type=self.kind).latest("pk")
        post_authentication(self.request, added, reauthenticated=True)
        return answer


class AddPasskeyView(_ProvesItself, AddWebAuthnView):
    """A passkey that signs in by itself: kept on the device, used with a fingerprint, face or PIN."""

    kind = Authenticator.Type.WEBAUTHN
    form_class = PasskeyForm

    def get_context_data(self, **kwargs: Any) -> dict[str, Any]:
        context: dict[str, Any] = super().get_context_data(**kwargs)
        context["js_data"] = {"creation_options": auth.begin_registration(self.request.user, True)}
        return context


class AddAppView(_ProvesItself, ActivateTOTPView):
    kind = Authenticator.Type.TOTP
