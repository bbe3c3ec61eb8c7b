"""An account whose owner cannot enter it any more: its address was lost, or taken by somebody else."""

from datetime import datetime
from functools import partial

from allauth.account.models import EmailAddress
from allauth.mfa.models import Authenticator
from django.db import transaction
from django.utils import timezone

from activities import notices
from activities.models import Activity
from activities.record import Happening, record_deed, record_one
from hub.deactivating import end_sessions
from hub.models import User


@transaction.atomic
def remove_second_factors(person: User, *, actor: User, reason: str, now: datetime) -> None:
    """For whoever lost phone and recovery codes: a code by e-mail is enough again. Signs them out everywhere.

    They are written to.
    """
    Authenticator.objects.filter(user=person).delete()
    end_sessions(person)
    done = f"Removed passkeys, app and recovery codes: {reason}"
    told = record_deed(done, actor_id=actor.pk, user_id=person.pk, now=now)
    letter = notices.factors_removed(key=f"factors_removed:{told.pk}", user_id=person.pk, activity=told)
    notices.queue_one(letter, now=now)


@transaction.atomic
def move_to_address(person: User, *, address: str, actor: User, reason: str, now: datetime) -> str:
    """Gives the account to whoever reads mail at `address` (normalised, nobody's). Returns the old one.

    Password, second factors and all sessions end: they may be somebody else's. What was bought stays. Both addresses
    are written to.
    """
    person = User.objects.select_for_update().get(pk=person.pk)
    before, person.email = person.email, address
    person.set_unusable_password()  # ends every session, too
    person.save(update_fields=["email", "password"])
    EmailAddress.objects.filter(user=person).delete()
    EmailAddress.objects.create(user=person, email=address, primary=True, verified=False)
    Authenticator.objects.filter(user=person).delete()
    key = f"address_changed:{person.pk}:{timezone.now().isoformat()}"
    told = record_one(
        Happening(
            verb=Activity.Verb.ADDRESS_CHANGED,
            key=key,
            at=now,
            user_id=person.pk,
            actor_id=actor.pk,
            details={"from": before, "to": address, "note": reason},
        ),
        now=now,
    )
    letter = partial(notices.address_moved, user_id=person.pk, before=before, after=address, activity=told)
    notices.queue([letter(key=f"{key}:old", to=before), letter(key=f"{key}:new", to=address)], now=now)
    return before
