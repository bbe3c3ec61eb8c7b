import sys
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing import reconcile
from billing.errors import StripeError
from hub.models import Grant
from hub.rebuilding import disagreements


class Command(BaseCommand):
    help = "Recomputes grants from Stripe's present state and from the ledger; prints every difference, writes nothing."

    def handle(self, *args: Any, **options: Any) -> None:
        wrong = past = 0
        for line in disagreements():
            self.stdout.write(f"ledger: {line}")
            wrong += 1
        try:
            for found in reconcile.differences():
                if found.is_past:
                    past += 1
                    continue
                self.stdout.write(
                    f"stripe: {found.email} {found.product} ({found.source_ref}): is {found.is_state or 'absent'} "
                    f"until {found.is_ends_at or 'open end'}, should be {found.should_be} ({found.reason}) "
                    f"until {found.should_end_at or 'open end'}"
                )
                wrong += 1
        except StripeError as error:
            raise CommandError(f"Stripe could not be asked: {error}") from error
        if past:
            self.stdout.write(
                f"{past} bought before the link was made and not in yet: import them, or wait for the night"
            )
        total = Grant.objects.filter(state__in=Grant.OPEN).count()
        self.stdout.write(f"{total} open grants, {wrong} differences")
        if wrong:
            sys.exit(1)
