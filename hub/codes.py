"""Sign-in codes: how many are mailed to an address, and which of them let somebody in.

Anybody can ask for a code to anybody's address, from anywhere. So nobody is refused because of an address: when enough
was mailed, no more is, and every code still in the mailbox works in whichever browser asked for one last. A code lives
longer than the time in which the mails are counted, so whoever gets none has one.

A code is one of 20^8. Wrong ones are counted for each address and visitor (`wrong_code` in ACCOUNT_RATE_LIMITS), and
each browser that asked has three tries: a thousand networks that guess at one address all the time find a code once in
eight years.
"""

from datetime import datetime, timedelta

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from allauth.core.internal.cryptokit import normalize_user_code
from django.conf import settings
from django.db.models import QuerySet
from django.http import HttpRequest
from django.utils.crypto import salted_hmac

from hub.addresses import normalise_email
from hub.models import CodeMail
from hub.throttling import visitor_of

COUNTED = timedelta(minutes=10)
LIFE = timedelta(seconds=settings.ACCOUNT_LOGIN_BY_CODE_TIMEOUT)
MAILS = 6  # to one address while they are counted


def may_mail(request: HttpRequest, address: str, *, now: datetime) -> bool:
    """Whether one more sign-in e-mail may go to this address: by this visitor (`code_mail`), and at all."""
    sent = _mails_to(address).filter(sent_at__gt=now - COUNTED).count()
    return sent < MAILS and _consume(request, "code_mail", address)


def note_mail(address: str, *, code: str, now: datetime) -> None:
    """Remembers what was mailed. `code` is empty where the mail says that nobody has this address."""
    CodeMail.objects.filter(sent_at__lte=now - LIFE).delete()
    CodeMail.objects.create(address=_hash_address(address), code=_hash_code(code), sent_at=now)


def take_code(address: str, code: str, *, now: datetime) -> bool:
    """Whether this code was mailed there and lets somebody in, once; the other codes of the address are void then."""
    living = _mails_to(address).filter(sent_at__gt=now - LIFE).exclude(code="")
    taken = living.filter(code=_hash_code(code)).update(code="")
    if taken:
        living.update(code="")
    return bool(taken)


def take_or_refuse(request: HttpRequest, address: str, code: str, *, now: datetime) -> None:
    """Takes a code that somebody typed. Raises ValidationError for a wrong one, and for whoever tries too many."""
    if not may_guess(request, address):
        raise get_adapter().validation_error("too_many_login_attempts")
    if not take_code(address, code, now=now):
        note_wrong_code(request, address)
        raise get_adapter().validation_error("incorrect_code")


def may_guess(request: HttpRequest, address: str) -> bool:
    return bool(ratelimit.consume(request, action="wrong_code", key=_key(request, address), dry_run=True))


def note_wrong_code(request: HttpRequest, address: str) -> None:
    _consume(request, "wrong_code", address)


def _consume(request: HttpRequest, action: str, address: str) -> bool:
    return bool(ratelimit.consume(request, action=action, key=_key(request, address)))


def _key(request: HttpRequest, address: str) -> str:
    return f"{normalise_email(address)} {visitor_of(request)}"


def _mails_to(address: str) -> QuerySet[CodeMail]:
    return CodeMail.objects.filter(address=_hash_address(address))


def _hash_code(code: str) -> str:
    """As people type it: without the dash, in any case."""
    plain = normalize_user_code(code)
    return _hash("code", plain) if plain else ""


def _hash_address(address: str) -> str:
    return _hash("address", normalise_email(address))


def _hash(what: str, text: str) -> str:
    return salted_hmac(f"hub.codes.{what}", text, algorithm="sha256").hexdigest()
