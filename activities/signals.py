"""What people do at the door: signing in, signing up, another address."""

from typing import Any

from allauth.account.adapter import get_adapter
from allauth.account.signals import email_changed, user_signed_up
from django.contrib.auth.signals import user_logged_in
from django.core.exceptions import PermissionDenied
from django.dispatch import receiver
from django.http import HttpRequest
from django.utils import timezone

from activities import clock
from activities.models import Activity
from activities.record import Happening, record_one


@receiver(user_logged_in, dispatch_uid="activities.signed_in")
def record_sign_in(*, user: Any, request: HttpRequest | None, **_kwargs: Any) -> None:
    """Every sign-in is its own happening. The session's key is a secret and is not kept."""
    ip = _address_of(request)
    record_one(
        Happening(
            verb=Activity.Verb.SIGNED_IN,
            key=f"signed_in:{user.pk}:{timezone.now().isoformat()}",
            at=clock.now(),
            user_id=user.pk,
            actor_id=user.pk,
            details={"ip": ip} if ip else {},
        ),
        now=clock.now(),
    )


@receiver(user_signed_up, dispatch_uid="activities.member_added")
def record_sign_up(*, user: Any, **_kwargs: Any) -> None:
    record_one(
        Happening(
            verb=Activity.Verb.MEMBER_ADDED,
            key=f"member_added:{user.pk}",
            at=clock.now(),
            user_id=user.pk,
            actor_id=user.pk,
            cause="sign-up",
        ),
        now=clock.now(),
    )


@receiver(email_changed, dispatch_uid="activities.address_changed")
def record_new_address(*, user: Any, from_email_address: Any, to_email_address: Any, **_kwargs: Any) -> None:
    """A first address that is proved replaces none."""
    if from_email_address is not None:
        record_one(
            Happening(
                verb=Activity.Verb.ADDRESS_CHANGED,
                key=f"address_changed:{user.pk}:{timezone.now().isoformat()}",
                at=clock.now(),
                user_id=user.pk,
                actor_id=user.pk,
                details={"from": from_email_address.email, "to": to_email_address.email},
            ),
            now=clock.now(),
        )


def _address_of(request: HttpRequest | None) -> str:
    """The visitor's address behind the trusted proxies, "" where there is none to know."""
    if request is None:
        return ""
    try:
        return str(get_adapter(request).get_client_ip(request))
    except (PermissionDenied, KeyError):
        return ""
