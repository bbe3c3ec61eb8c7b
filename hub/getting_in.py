"""What stands between a person and the site, their products aside: what support has to know before anything else."""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime, timedelta

from django.utils import timezone
from django.utils.formats import date_format
from django.utils.text import capfirst

from activities.models import Activity, Delivery
from activities.sentences import MAILS
from hub import codes
from hub.factors import factors_of
from hub.models import User
from hub.reasons import say_moment
from hub.seller import seller

NAMES = {"totp": "an authenticator app", "webauthn": "a passkey", "recovery_codes": "recovery codes"}
LATELY = timedelta(days=30)
LOST = (Delivery.State.FAILED, Delivery.State.UNSURE)


@dataclass(frozen=True, slots=True)
class Fact:
    """A sentence about the way in. `tone`: good, info, warn or bad; `url` and `action` where something can be done."""

    tone: str
    words: str
    url: str = ""
    action: str = ""


def facts_on(person: User, *, now: datetime) -> list[Fact]:
    """What keeps them out first. `now` is business time; codes and e-mails live in real time."""
    found = [*_shut(person), *_mail(person, now=now), *seller().facts(person)]
    if person.is_active:
        found += _signing_in(person)
    return sorted(found, key=lambda fact: ("bad", "warn", "info", "good").index(fact.tone))


def _shut(person: User) -> Iterator[Fact]:
    if not person.is_active:
        yield Fact("bad", "Deactivated: nobody signs in with this address, and nothing opens.")


def _mail(person: User, *, now: datetime) -> Iterator[Fact]:
    lost = Delivery.objects.filter(user=person, state__in=LOST, created_at__gt=now - LATELY).order_by("-pk")
    for delivery in lost[:3]:
        what = capfirst(MAILS.get(delivery.notice, "an e-mail"))
        became = "could not be delivered" if delivery.state == Delivery.State.FAILED else "perhaps did not arrive"
        why = f": {delivery.error}" if delivery.error else ""
        yield Fact("bad", f"{what} of {say_moment(delivery.created_at)} {became}{why}".rstrip(".") + ".")


def _signing_in(person: User) -> Iterator[Fact]:
    if sent := codes.waiting_since(person.email, now=timezone.now()):
        at = date_format(timezone.localtime(sent), "H:i")
        yield Fact("warn", f"A sign-in code was sent at {at} and has not been used: perhaps it lies among the spam.")
    last = Activity.objects.filter(user=person, verb=Activity.Verb.SIGNED_IN).order_by("-at", "-pk").first()
    if last:
        yield Fact("good", f"Signed in on {say_moment(last.at)}{_from(last)}.")
    elif person.last_seen is None:
        yield Fact("info", f"Has never signed in: a code sent to {person.email} is all it takes.")
    if factors := factors_of(person):
        yield Fact("info", f"Uses besides the code: {', '.join(sorted(NAMES.get(kind, kind) for kind in factors))}.")


def _from(activity: Activity) -> str:
    return f" from {activity.details['ip']}" if activity.details.get("ip") else ""
