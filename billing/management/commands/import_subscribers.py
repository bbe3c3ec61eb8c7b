from argparse import ArgumentParser
from collections import Counter
from typing import Any

from django.core.management.base import BaseCommand, CommandError

from activities import clock
from activities.numbers import read_number
from billing.connection import active_connection
from billing.errors import StripeUnavailable
from billing.importing import asking, turns, working
from billing.models import ImportBatch, ImportRow


class Command(BaseCommand):
    help = "Brings in who bought the linked products before Foyer knew of it. Nobody is written to."

    def add_arguments(self, parser: ArgumentParser) -> None:
        one = parser.add_mutually_exclusive_group(required=True)
        one.add_argument("--dry-run", action="store_true", help="show what would happen; change nothing")
        one.add_argument("--apply", metavar="PLAN", help="do what the dry run has shown, or go on doing it")

    def handle(self, *args: Any, **options: Any) -> None:
        if options["dry_run"]:
            self._dry_run()
        else:
            self._apply(options["apply"])

    def _dry_run(self) -> None:
        connection = active_connection()
        if connection is None:
            raise CommandError("No Stripe account is connected.")
        try:
            batch = asking.begin(connection, now=clock.now())
            working.work(batch)
        except asking.UnderWay as error:
            begun = asking.at_work(connection)
            hint = f" Finish it first: --apply {begun.plan}" if begun and begun.fingerprint else ""
            raise CommandError(f"An import is under way.{hint}") from error
        except turns.Interrupted as error:
            raise CommandError("It is being read by another process, or was stopped.") from error
        except StripeUnavailable as error:
            raise CommandError(f"Stripe could not be read to the end: {error}. Run it again to read on.") from error
        for row in batch.rows.order_by("who", "pk"):
            self.stdout.write(_line(row))
        verdicts = Counter(batch.rows.values_list("verdict", flat=True))
        said = ", ".join(f"{verdicts[verdict]} {verdict.label.lower()}" for verdict in ImportRow.Verdict)
        new = {email for planned in batch.rows.values_list("planned", flat=True) for email in planned.get("new", [])}
        self.stdout.write(f"{batch.seen} seen at Stripe; {said}; {len(new)} people are new here")
        self.stdout.write(f"fingerprint {batch.fingerprint}")
        self.stdout.write(f"plan {batch.plan}")

    def _apply(self, plan: str) -> None:
        batch = ImportBatch.objects.filter(pk=read_number(plan.partition("-")[0]) or 0).first()
        if batch is None or batch.state == ImportBatch.State.READING or batch.connection != active_connection():
            raise CommandError(f"There is no plan {plan}.")
        try:
            self._work(batch, plan=plan)
        except asking.Moved as moved:
            for row in batch.rows.filter(subject__in=moved.changed):
                self.stdout.write(_line(row))
            raise CommandError(
                f"This has changed since it was shown, and nothing was imported. The plan is now {batch.plan}."
            ) from moved
        states = Counter(batch.rows.values_list("state", flat=True))
        said = ", ".join(f"{states[state]} {state.label.lower()}" for state in ImportRow.State if states[state])
        self.stdout.write(said or "nothing to import")
        if batch.state == ImportBatch.State.APPLYING:
            raise CommandError(f"Some are being looked at just now. Run it again: --apply {plan}")

    def _work(self, batch: ImportBatch, *, plan: str) -> None:
        try:
            asking.ask_for(batch, plan=plan, now=clock.now())
            if batch.is_under_way:
                asking.resume(batch)
                working.work(batch)
        except asking.UnderWay as error:
            raise CommandError("Another import is under way.") from error
        except turns.Interrupted as error:
            raise CommandError("It is being worked on by another process, or was stopped.") from error
        except StripeUnavailable as error:
            raise CommandError(f"Stripe does not answer: {error}. Run it again to go on.") from error


def _line(row: ImportRow) -> str:
    planned = row.planned
    grants = [
        f"{product} {was or 'none'} to {to} ({reason})" for _, product, _, was, to, reason in planned.get("grants", [])
    ]
    why = grants or planned.get("reasons", [])
    return "  ".join(
        [f"{row.verdict:6}", row.subject, row.who, "; ".join([*planned.get("doubts", []), *why]), row.error]
    ).rstrip()
