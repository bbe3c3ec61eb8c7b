"""How allauth meets our people: one account per address whatever its case."""

from typing import Any, ClassVar

from allauth.account.adapter import DefaultAccountAdapter
from allauth.core import context
from allauth.core.exceptions import ReauthenticationRequired
from allauth.mfa.adapter import DefaultMFAAdapter
from allauth.mfa.models import Authenticator
from django.http import HttpRequest
from django.urls import reverse
from django.utils import timezone

from activities import links
from activities.letters import sender_of
from hub import codes, reentry
from hub.addresses import normalise_email, validate_unmistakable
from hub.factors import factors_of
from hub.models import CodeMail, Site, User
from hub.sealing import seal, unseal

# The page that follows shows it anyway.
NEEDLESS = frozenset(
    f"account/messages/{name}.txt" for name in ("logged_in", "login_code_sent", "email_confirmation_sent")
)
CONFIRMED = "account/messages/email_confirmed.txt"
# What anybody can have mailed to anybody.
UNASKED = {
    "account/email/login_code": CodeMail.Kind.SIGN_IN,
    "account/email/unknown_account": CodeMail.Kind.UNKNOWN,
    "account/email/account_already_exists": CodeMail.Kind.JOIN,
    "account/email/email_confirmation_signup": CodeMail.Kind.JOIN,
    "account/email/email_confirmation": CodeMail.Kind.ADDRESS,
    "account/email/reentry_code": CodeMail.Kind.REENTRY,
}
# Mails that point to a way in. Whoever is deactivated has none, and is told so instead.
WAYS_IN = frozenset({"account/email/unknown_account", "account/email/account_already_exists"})
CLOSED = "account/email/account_closed"


RECOVERY = "mfa_reauthenticate"
WAYS = {
    "reauthenticate": "Use your password",
    RECOVERY: "Use a code of your app, or a recovery code",
    "mfa_reauthenticate:webauthn": "Use your passkey",
}


def is_deactivated(address: str) -> bool:
    return User.objects.filter(email=normalise_email(address), is_active=False).exists()


class AccountAdapter(DefaultAccountAdapter):
    error_messages: ClassVar[dict[str, Any]] = DefaultAccountAdapter.error_messages | {
        "email_password_mismatch": "The address and the password do not fit together.",
        "incorrect_code": "That is not the code.",
        "incorrect_password": "That is not the password.",
        "rate_limited": "Too often within a short time. Wait a few minutes; a code that came already still works.",
        "too_many_login_attempts": "Too many wrong tries. Ask for a new code, or wait ten minutes.",
    }

    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Sign-in mails speak in the owner's name, their subjects too; there are only so many to one address."""
        context = {"our_site": Site.load(), **context}
        kind = UNASKED.get(template_prefix)
        if template_prefix in WAYS_IN and is_deactivated(email):
            template_prefix = CLOSED
        if kind is None:
            super().send_mail(template_prefix, email, context)
            return
        code = context.get("code", "")
        with codes.mailing(self.request, email, kind=kind, code=code, now=timezone.now()) as may_go:
            if may_go:
                super().send_mail(template_prefix, email, context)

    def get_from_email(self) -> str:
        return sender_of(Site.load())

    def send_account_already_exists_mail(self, email: str) -> None:
        way_in = links.sign_in_by_code(email=email, next_path=reverse("hub:library"))
        self.send_mail("account/email/account_already_exists", email, {"login_url": way_in})

    def is_reauthentication_required(self, *, app: str, **kwargs: Any) -> bool:
        """Nobody goes on unasked: allauth has no way for those who have neither a password nor a second factor."""
        request = context.request
        if super().get_reauthentication_methods(request.user):
            return bool(super().is_reauthentication_required(app=app, **kwargs))
        if not reentry.is_fresh(request):
            raise ReauthenticationRequired
        return False

    def get_reauthentication_methods(self, user: Any) -> list[dict[str, str]]:
        by_code = {"id": "code", "description": "Use a code by e-mail", "url": reverse("hub:reenter")}
        found = super().get_reauthentication_methods(user)
        if not found:
            return [by_code] if user.is_authenticated else []
        named = [method | {"description": WAYS.get(method["id"], method["description"])} for method in found]
        if "totp" in factors_of(user):
            return named
        # The first is asked for: whoever has no app has recovery codes for want of anything better.
        return sorted(named, key=lambda method: method["id"] == RECOVERY)

    def clean_email(self, email: str) -> str:
        address = normalise_email(super().clean_email(email))
        validate_unmistakable(address)
        return address

    def add_message(
        self, request: HttpRequest, level: int, message_template: str | None = None, *args: Any, **kwargs: Any
    ) -> None:
        """Who comes in sees that they are in; only a member who changed an address is told that it is confirmed."""
        coming_in = message_template == CONFIRMED and not request.user.is_authenticated
        if not coming_in and message_template not in NEEDLESS:
            super().add_message(request, level, message_template, *args, **kwargs)

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return True

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        return None


class MFAAdapter(DefaultMFAAdapter):
    """Second factors are sealed like every other secret, and bear the owner's name."""

    error_messages: ClassVar[dict[str, Any]] = DefaultMFAAdapter.error_messages | {
        "incorrect_code": "That did not work. Try again, or choose another way.",
        "unverified_email": "Confirm your e-mail address first.",
    }

    def _get_site_name(self) -> str:
        return Site.load().name

    def generate_authenticator_name(self, user: Any, type: Authenticator.Type) -> str:
        """As it is called in the list, until its owner says better."""
        made = Authenticator.objects.filter(user=user, type=type).count()
        return f"Passkey {made + 1}" if made else "My passkey"

    def encrypt(self, text: str) -> str:
        return seal(text, purpose="second factors")

    def decrypt(self, encrypted_text: str) -> str:
        return unseal(encrypted_text, purpose="second factors")
