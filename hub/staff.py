"""Who works here: asked in, given another role, let go. Owners decide it, and all of them are told."""

from datetime import datetime

from django.db import transaction

from activities import notices
from activities.models import Activity
from activities.record import record_deed
from hub.errors import Refused
from hub.joining import add_member
from hub.models import User
from hub.roles import Role


@transaction.atomic
def invite(address: str, *, name: str, role: Role, actor: User, now: datetime) -> User:
    """Makes whoever has this address (normalised) staff; somebody new comes in by a code sent there. Raises Refused."""
    person, _is_new = add_member(address, name=name, at=now, cause="staff", now=now, actor=actor)
    if person.role == role:
        raise Refused(f"{person} is {role.label.lower()} already.")
    return change_role(person, role=role, actor=actor, now=now)


@transaction.atomic
def change_role(person: User, *, role: Role, actor: User, now: datetime) -> User:
    """Another role from this moment on: `Role.MEMBER` lets somebody go. Raises Refused."""
    owners = lock_owners()
    person = User.objects.select_for_update().get(pk=person.pk)
    before = Role(person.role)
    _check(actor, person, role=role, owners=owners)
    if before == role:
        return person
    person.role = role
    person.save(update_fields=["role"])
    change = f"from {before.label.lower()} to {role.label.lower()}"
    told = record_deed(f"changed the role {change}", actor_id=actor.pk, user_id=person.pk, now=now)
    words = f"{actor} changed the role of {person} {change}."
    _write_to(person, owners=owners, words=words, told=told, now=now)
    return person


def lock_owners() -> set[int]:
    """Who is an owner now, held until the transaction ends: two who let each other go would leave nobody."""
    owners = User.objects.select_for_update().filter(role=Role.OWNER, is_active=True).order_by("pk")
    return {owner.pk for owner in owners}


def tell_owners_of_stripe(deed: str, *, actor: User | None, now: datetime) -> None:
    """Keeps a deed that decides where the money goes, and writes to every owner, who did it or not."""
    told = record_deed(deed, actor_id=actor.pk if actor else None, now=now)
    words = f"{actor or 'Somebody at the command line'} {deed}."
    owners = User.objects.filter(role=Role.OWNER, is_active=True).order_by("pk").values_list("pk", flat=True)
    letters = [
        notices.stripe_changed(key=f"stripe_changed:{told.pk}:{owner}", user_id=owner, words=words, activity=told)
        for owner in owners
    ]
    notices.queue(letters, now=now)


def _check(actor: User, person: User, *, role: Role, owners: set[int]) -> None:
    if actor.pk not in owners:  # as it is now: whoever asked may have been let go meanwhile
        raise Refused("Only owners say who is staff.")
    if person.erased_at:
        raise Refused("Whoever is erased does not come back: they join anew.")
    if owners == {person.pk} and role != Role.OWNER:
        raise Refused(f"{person} is the last owner. Make somebody else an owner first.")


def _write_to(person: User, *, owners: set[int], words: str, told: Activity, now: datetime) -> None:
    """Whose role it is, and every owner, who did it or not: a borrowed browser does not stay unseen."""
    letters = [notices.own_role(key=f"own_role:{told.pk}", user_id=person.pk, role=person.role, activity=told)]
    letters += [
        notices.staff_changed(key=f"staff_changed:{told.pk}:{owner}", user_id=owner, words=words, activity=told)
        for owner in sorted(owners - {person.pk})
    ]
    notices.queue(letters, now=now)
