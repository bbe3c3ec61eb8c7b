"""How allauth meets our people: one account per address whatever its case."""

from typing import Any

from allauth.account.adapter import DefaultAccountAdapter
from django.http import HttpRequest

from hub.models import Site
from hub.models.people import normalise_email


class AccountAdapter(DefaultAccountAdapter):
    def send_mail(self, template_prefix: str, email: str, context: dict[str, Any]) -> None:
        """Sign-in mails speak in the owner's name, their subjects too."""
        super().send_mail(template_prefix, email, {"our_site": Site.load(), **context})

    def clean_email(self, email: str) -> str:
        return normalise_email(super().clean_email(email))

    def is_open_for_signup(self, request: HttpRequest) -> bool:
        return True

    def populate_username(self, request: HttpRequest, user: Any) -> None:
        return None
