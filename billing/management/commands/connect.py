from getpass import getpass
from typing import Any

from django.conf import settings
from django.core.management.base import BaseCommand, CommandError

from activities import clock
from billing.connecting.beginning import begin
from billing.connecting.endpoint import webhook_url
from billing.errors import StripeError


class Command(BaseCommand):
    help = "Connects the Stripe account of the key in FOYER_STRIPE_KEY, or asks for the key."

    def handle(self, *args: Any, **options: Any) -> None:
        key = settings.STRIPE_SECRET_KEY_FROM_ENV or _ask()
        if not key:
            raise CommandError("No key was given. Type it, or set FOYER_STRIPE_KEY.")
        try:
            connection = begin(key, actor=None, now=clock.now())
        except StripeError as error:
            raise CommandError(str(error)) from error
        self.stdout.write(
            f"{connection} is connected. Webhooks come to {webhook_url(connection, site_url=settings.SITE_URL)}"
        )


def _ask() -> str:
    """What somebody types; nothing where nobody is there to type."""
    try:
        return getpass("Stripe's secret or restricted key: ").strip()
    except EOFError:
        return ""
