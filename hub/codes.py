"""Sign-in codes: how many are mailed to an address, and which of them let somebody in.

Anybody can ask for a code to anybody's address, from anywhere. So nobody is refused because of an address: when enough
was mailed, no more is, and every code still in the mailbox works in whichever browser asked for one last. A code lives
longer than the time in which the mails are counted, so whoever gets none has one; whoever has used theirs gets others,
because the mailbox is theirs. Each kind of mail is counted by itself: no other one takes the place of a sign-in code.
Joining sends one, as many to a stranger as to a member.

A code is one of 20^8. Tries are counted for each address and visitor (`try_code` in ACCOUNT_RATE_LIMITS) until one is
right, and each browser that asked has three: a thousand networks that guess at one address all the time find a code
once in eight years.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from urllib.parse import urlencode

from allauth.account.adapter import get_adapter
from allauth.core import ratelimit
from allauth.core.internal.cryptokit import normalize_user_code
from django.conf import settings
from django.core.exceptions import ValidationError
from django.db.models import QuerySet
from django.http import HttpRequest
from django.urls import reverse
from django.utils.crypto import salted_hmac
from django.utils.html import format_html

from hub.addresses import normalise_email
from hub.models import CodeMail
from hub.throttling import visitor_of

COUNTED = timedelta(minutes=10)
LIFE = timedelta(seconds=settings.ACCOUNT_LOGIN_BY_CODE_TIMEOUT)
MAILS = 6  # of a kind, to one address while they are counted
ONCE = frozenset({CodeMail.Kind.JOIN})


@contextmanager
def mailing(request: HttpRequest, address: str, *, kind: CodeMail.Kind, code: str, now: datetime) -> Iterator[bool]:
    """Whether one more mail of this kind may go to this address: by this visitor (`code_mail`), and at all.

    Its place is taken before it is sent, so that many at once are no more; it is given back where sending fails.
    `code` is empty where the mail bears none.
    """
    CodeMail.objects.filter(sent_at__lte=now - LIFE).delete()
    mail = CodeMail.objects.create(kind=kind, address=_hash_address(address), code=_hash_code(code), sent_at=now)
    counted = _mails_to(address).filter(kind=kind, sent_at__gt=now - COUNTED, pk__lte=mail.pk).count()
    may = counted <= (1 if kind in ONCE else MAILS) and _consume(request, "code_mail", f"{kind} {address}")
    if not may:
        mail.delete()
    try:
        yield may
    except Exception:
        CodeMail.objects.filter(pk=mail.pk).delete()
        raise


def take_code(address: str, code: str, *, now: datetime) -> bool:
    """Whether this code was mailed there and lets somebody in, once; the other codes of the address are void then."""
    living = _living(address, now=now)
    taken, _ = living.filter(code=_hash_code(code)).delete()
    if taken:
        living.delete()
    return bool(taken)


def take_or_refuse(request: HttpRequest, address: str, code: str, *, has_account: bool, now: datetime) -> None:
    """Takes a code that somebody typed. Raises ValidationError for a wrong one, and for whoever tries too many.

    A page that was opened before there was an account (`has_account`) lets nobody in: a right code is kept, and its
    reader told the way.
    """
    if not _consume(request, "try_code", address):
        raise get_adapter().validation_error("too_many_login_attempts")
    if not has_account and _living(address, now=now).filter(code=_hash_code(code)).exists():
        raise ValidationError(_elsewhere(address))
    if not has_account or not take_code(address, code, now=now):
        raise get_adapter().validation_error("incorrect_code")
    ratelimit.clear(request, action="try_code", key=_key(request, address))
    for kind in CodeMail.Kind:
        ratelimit.clear(request, action="code_mail", key=_key(request, f"{kind} {address}"))


def waiting_since(address: str, *, now: datetime) -> datetime | None:
    """When the newest sign-in code that still works was mailed there; None where there is none."""
    mails = _living(address, now=now).filter(kind=CodeMail.Kind.SIGN_IN).order_by("-sent_at")
    return mails.values_list("sent_at", flat=True).first()


def forget(address: str) -> None:
    _mails_to(address).delete()


def _elsewhere(address: str) -> str:
    way = f"{reverse('account_login')}?{urlencode({'email': address})}"
    return format_html(
        'This page is older than your account. <a href="{}">Sign in there</a>: your code works, or a new one comes.',
        way,
    )


def _living(address: str, *, now: datetime) -> QuerySet[CodeMail]:
    return _mails_to(address).filter(sent_at__gt=now - LIFE).exclude(code="")


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
