"""Destroying what is personal about somebody, for good. What was paid, and the ledger of access, stay without a name.

The account's row stays too, as nobody: what Stripe still tells of the old purchases finds it, and makes no new person.
"""

from datetime import datetime

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.contrib.admin.models import LogEntry
from django.contrib.contenttypes.models import ContentType
from django.db import transaction
from django.db.models import QuerySet

from activities import folding
from activities.models import Activity, Delivery
from activities.record import record_deed
from hub import codes, grants
from hub.access import open_grants
from hub.deactivating import end_sessions
from hub.errors import Refused
from hub.models import BatchRow, Grant, Note, PageProgress, User
from hub.payments import bills_of
from hub.roles import Role
from hub.seller import seller

Verb = Activity.Verb
# What they did, what was said to them, and what was said about them.
PERSONAL = (Verb.SIGNED_IN, Verb.ADDRESS_CHANGED, Verb.PAGE_COMPLETED, Verb.EMAIL_SENT, Verb.STAFF_ACTION)
# Of the rest, how much and which: no names, no words, no addresses.
KEPT = frozenset({"amount", "currency", "invoice", "subscription", "order", "attempt", "ends_at", "price_text"})


def check(person: User) -> None:
    """Raises Refused where somebody cannot be erased now: staff, and whoever is still charged."""
    if person.erased_at:
        raise Refused("This account is erased already.")
    if person.role != Role.MEMBER:
        raise Refused("Staff are not erased: an owner lets them go first.")
    if bills_of(person):
        raise Refused("A subscription goes on charging. It has to be cancelled first.")


def what_closes(person: User, *, now: datetime) -> QuerySet[Grant]:
    """What they have open, and lose by it."""
    return open_grants(now=now).filter(user=person).select_related("product").order_by("product__name")


@transaction.atomic
def erase(person: User, *, actor: User, now: datetime) -> None:
    """Cannot be undone. `actor` may be the person. Raises Refused."""
    person = User.objects.select_for_update().get(pk=person.pk)
    check(person)
    for grant in what_closes(person, now=now):
        grants.revoke(grant, actor=actor, reason="Erased on request", now=now)
    _forget_activities(person)
    records = LogEntry.objects.filter(content_type=ContentType.objects.get_for_model(User), object_id=str(person.pk))
    records.update(object_repr=f"Erased person {person.pk}")
    for forgotten in (
        Delivery.objects.filter(user=person),
        Note.objects.filter(person=person),
        PageProgress.objects.filter(user=person),
        Authenticator.objects.filter(user=person),
        EmailAddress.objects.filter(user=person),
        BatchRow.objects.filter(email=person.email),
    ):
        forgotten.delete()
    codes.forget(person.email)
    end_sessions(person)
    seller().forget({person.pk})
    _become_nobody(person, now=now)
    record_deed("erased this person", actor_id=actor.pk, user_id=person.pk, now=now)


def _forget_activities(person: User) -> None:
    folding.forget(Activity.objects.filter(user=person, verb__in=PERSONAL))
    rest = list(Activity.objects.filter(user=person))
    for activity in rest:
        activity.details = {name: value for name, value in activity.details.items() if name in KEPT}
    Activity.objects.bulk_update(rest, ["details"], batch_size=500)


def nobodys_address(pk: int) -> str:
    """What stands where the address of this person stood."""
    return f"erased-{pk}@erased.invalid"


def _become_nobody(person: User, *, now: datetime) -> None:
    person.email, person.name, person.timezone = nobodys_address(person.pk), "", ""
    person.is_active, person.last_seen, person.erased_at = False, None, now
    person.set_unusable_password()
    person.save(update_fields=["email", "name", "timezone", "is_active", "last_seen", "erased_at", "password"])
