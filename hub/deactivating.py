"""Letting nobody in with an account any more, and letting them in again. Nothing is lost: grants, money, progress."""

from datetime import datetime

from allauth.usersessions.models import UserSession
from django.db import transaction

from activities.record import record_deed
from hub.errors import Refused
from hub.models import User
from hub.staff import lock_owners


@transaction.atomic
def deactivate(person: User, *, actor: User, reason: str, now: datetime) -> None:
    """Signs them out everywhere, and shuts every door at once. What charges them goes on charging. Raises Refused."""
    owners = lock_owners()
    person = User.objects.select_for_update().get(pk=person.pk)
    _check(person, owners=owners, actor=actor)
    if not person.is_active:
        return
    person.is_active = False
    person.save(update_fields=["is_active"])
    end_sessions(person)
    record_deed("deactivated the account", actor_id=actor.pk, user_id=person.pk, note=reason, now=now)


@transaction.atomic
def reactivate(person: User, *, actor: User, reason: str, now: datetime) -> None:
    """What is open of their grants opens again. Raises Refused."""
    owners = lock_owners()
    person = User.objects.select_for_update().get(pk=person.pk)
    _check(person, owners=owners, actor=actor)
    if person.erased_at:
        raise Refused("Whoever is erased does not come back: they join anew.")
    if person.is_active:
        return
    person.is_active = True
    person.save(update_fields=["is_active"])
    record_deed("reactivated the account", actor_id=actor.pk, user_id=person.pk, note=reason, now=now)


def end_sessions(person: User) -> None:
    for session in UserSession.objects.filter(user=person):
        session.end()


def _check(person: User, *, owners: set[int], actor: User) -> None:
    if person.pk == actor.pk:
        raise Refused("Nobody deactivates themselves.")
    if person.is_staff and actor.pk not in owners:
        raise Refused("Only owners decide about staff.")
    if owners == {person.pk}:
        raise Refused(f"{person} is the last owner. Make somebody else an owner first.")
