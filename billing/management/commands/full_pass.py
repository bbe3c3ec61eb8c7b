from argparse import ArgumentParser
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from billing.intake import draining
from billing.sweeping import reconcile


class Command(BaseCommand):
    help = "Compares everything with Stripe and mends what drifted."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("--confirm", action="store_true", help="close as much as the pass finds")

    def handle(self, *args: Any, **options: Any) -> None:
        run = reconcile.full_pass(confirmed=options["confirm"])
        if run is None:
            raise CommandError("No Stripe account is connected.")
        for found in run.found:
            self.stdout.write(
                f"{found['email']} {found['product']}: {found['is_state'] or 'none'} to {found['should_be']}"
            )
        draining.drain()
        if run.stopped:
            raise CommandError(run.stopped)
        self.stdout.write(f"looked at {run.looked_at}, {len(run.found)} drifted")
