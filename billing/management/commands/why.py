import json
from argparse import ArgumentParser
from collections.abc import Iterable
from datetime import datetime, time
from difflib import get_close_matches
from typing import Any

from django.core.management.base import BaseCommand, CommandError
from django.db.models import Q, QuerySet
from django.utils import timezone
from django.utils.dateparse import parse_date, parse_datetime

from activities import clock
from billing.desk.held_up import tell_of_delay
from billing.desk.strangers import tell_of
from billing.rules.why import as_json
from hub.access import Explanation, LedgerLine, explain_all, worth_explaining
from hub.addresses import normalise_email
from hub.models import Product, User
from hub.payments import with_notes

CANDIDATES = 5000


class Command(BaseCommand):
    help = "Says for each product whether a person has access, why, and what the ledger knows."

    def add_arguments(self, parser: ArgumentParser) -> None:
        parser.add_argument("email")
        parser.add_argument("--product", metavar="SLUG")
        parser.add_argument("--at", metavar="TIME", help="a moment up to now: 2026-11-03 or 2026-11-03T09:12Z")
        parser.add_argument("--json", action="store_true")

    def handle(self, *args: Any, **options: Any) -> None:
        user = User.objects.filter(email=normalise_email(options["email"])).first()
        if user is None:
            raise CommandError(_who_is_nobody(options["email"]))
        products = _of_interest(user, slug=options["product"])
        if not products:
            known = Product.objects.order_by("slug").values_list("slug", flat=True)
            raise CommandError(f"There is no product {options['product']}.{_like(options['product'], known)}")
        now = clock.now()
        at = _moment(options["at"], now=now) if options["at"] else now
        explanations = explain_all(user, list(products), at=at, now=now)
        if at == now:
            explanations = with_notes(explanations, user)
        if options["json"]:
            self.stdout.write(json.dumps(as_json(user, explanations), indent=2))
            return
        for explanation in explanations:
            self._say(explanation)

    def _say(self, explanation: Explanation) -> None:
        word = "yes" if explanation.access else "no "
        self.stdout.write(f"{word}  {explanation.product.name}: {explanation.sentence}")
        for grant in explanation.grants:
            self.stdout.write(f"       {grant.get_source_display()} {grant.source_ref}: {grant.get_state_display()}")
        for line in explanation.ledger:
            self.stdout.write(
                f"       {_minute(line.true_at)} (learned {_minute(line.learned_at)})  "
                f"{line.from_state or 'new'} to {line.to_state}: {line.sentence} "
                f"[{line.rule or '-'}; {line.cause}]{_by(line)}"
            )


def _who_is_nobody(text: str) -> str:
    """That nobody is meant, what Stripe knows all the same, and who may be meant."""
    told = [f"Nobody here has the address {text}.", *(told.words for told in tell_of(text.strip())), tell_of_delay()]
    return " ".join(sentence for sentence in told if sentence) + _like_address(text)


def _of_interest(user: User, *, slug: str | None) -> QuerySet[Product]:
    """The one that is asked for; else all that can be had, and what this person had of the others."""
    if slug:
        return Product.objects.filter(slug=slug)
    return worth_explaining(user)


def _like_address(text: str) -> str:
    """Looks among those that begin alike, or are of one house: an address book is not read for a slip of the pen.

    A name instead of an address finds who is called so.
    """
    if "@" not in text:
        called = User.objects.filter(name__icontains=text.strip()).order_by("email").values_list("email", flat=True)[:3]
        return f" Did you mean {' or '.join(called)}?" if called else ""
    address = normalise_email(text)
    name, _, house = address.partition("@")
    alike = User.objects.filter(Q(email__startswith=name[:1]) | Q(email__endswith=f"@{house}")).order_by("email")
    return _like(address, alike.values_list("email", flat=True)[:CANDIDATES])


def _like(text: str, known: Iterable[str]) -> str:
    """ " Did you mean …?", or nothing."""
    found = get_close_matches(text, list(known), n=3, cutoff=0.75)
    return f" Did you mean {' or '.join(found)}?" if found else ""


def _by(line: LedgerLine) -> str:
    """Who did it by hand, and in what words."""
    return f" by {line.actor}: {line.note}" if line.actor else ""


def _moment(text: str, *, now: datetime) -> datetime:
    """A day alone means its end, and today means now. What is yet to come is refused.

    The day is tried first: parse_datetime takes one too, as its first instant.
    """
    try:
        day = parse_date(text)
        moment = datetime.combine(day, time.max) if day else parse_datetime(text)
    except ValueError:  # well written, but there is no such day
        day = moment = None
    if moment is None:
        raise CommandError(f"{text} is no time: write 2026-11-03 or 2026-11-03T09:12Z.")
    at = moment if timezone.is_aware(moment) else timezone.make_aware(moment)
    if day == timezone.localdate(now):
        return min(at, now)
    if at > now:
        raise CommandError(f"{text} is yet to come: only the past and now are known. It is {_minute(now)} now.")
    return at


def _minute(moment: datetime) -> str:
    """In the site's zone, which it names."""
    local = timezone.localtime(moment)
    return f"{local:%Y-%m-%d %H:%M} {local.tzname()}"
