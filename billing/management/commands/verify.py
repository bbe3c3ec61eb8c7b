import sys
from argparse import ArgumentParser
from datetime import UTC, datetime
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.errors import StripeError
from billing.rules.rehearsal import Difference
from billing.sweeping import reconcile
from billing.sweeping.everything import subjects_of
from hub.addresses import normalise_email
from hub.models import Grant, User
from hub.rebuilding import disagreements


class Command(BaseCommand):
    help = "Recomputes grants from Stripe's present state and from the ledger; prints every difference, writes nothing."

    def add_arguments(self, parser: ArgumentParser) -> None:
        only = parser.add_mutually_exclusive_group()
        only.add_argument("--email", help="one person alone")
        only.add_argument("--customer", metavar="CUS", help="one Stripe customer alone, or a guest's payment")

    def handle(self, *args: Any, **options: Any) -> None:
        user = _person(options["email"]) if options["email"] else None
        subjects = [options["customer"]] if options["customer"] else subjects_of(user) if user else None
        wrong = past = 0
        for line in [] if options["customer"] else disagreements(user):
            self.stdout.write(f"ledger: {line}")
            wrong += 1
        try:
            for found in reconcile.differences(subjects):
                if found.is_past:
                    past += 1
                    continue
                self.stdout.write(f"stripe: {_say(found)}")
                wrong += 1
        except StripeError as error:
            raise CommandError(f"Stripe could not be asked: {error}") from error
        if past:
            self.stdout.write(
                f"{past} bought before the link was made and not in yet: import them, or wait for the night"
            )
        if wrong:
            self.stdout.write("Nothing was changed. manage.py full_pass mends what differs from Stripe.")
        open_grants = Grant.objects.filter(state__in=Grant.OPEN)
        total = (open_grants.filter(user=user) if user else open_grants).count()
        said = f"{len(subjects)} looked at" if subjects is not None else f"{total} open grants"
        self.stdout.write(f"{said}, {wrong} differences")
        if wrong:
            sys.exit(1)


def _person(email: str) -> User:
    user = User.objects.filter(email=normalise_email(email)).first()
    if user is None:
        raise CommandError(f"Nobody here has the address {email}.")
    return user


def _say(found: Difference) -> str:
    who = f"{found.email} {found.product} ({found.source_ref})"
    if found.reason == "unknown_at_stripe":
        return f"{who}: is {found.is_state}, and Stripe does not know it"
    if found.reason == "not_compared":
        return f"{found.source_ref}: could not be compared; its row in the admin keeps the error"
    return (
        f"{who}: is {found.is_state or 'absent'} until {_until(found.is_ends_at)}, "
        f"should be {found.should_be} ({found.reason}) until {_until(found.should_end_at)}"
    )


def _until(moment: datetime | None) -> str:
    return f"{moment.astimezone(UTC):%Y-%m-%d %H:%M} UTC" if moment else "open end"
