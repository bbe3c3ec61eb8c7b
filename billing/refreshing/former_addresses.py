"""Somebody bought with an address that a member gave up for another one: perhaps the same person, in a second account.

Whose an address is changes: nothing is moved by it. The purchase opens where it stands, and a person is asked.
"""

from collections.abc import Iterable, Mapping
from datetime import datetime

from activities.models import Activity
from billing.desk import attention
from billing.models import StripeCustomer
from hub.models import User


def look_for_former_addresses(
    opened: Mapping[str, int | None], *, customers: Mapping[str, StripeCustomer], now: datetime
) -> None:
    """`opened`: each subject that opens something, and whose it is. Whoever has come in is the address's owner."""
    typed = {subject: user_id for subject, user_id in opened.items() if user_id and _was_typed(customers.get(subject))}
    people = User.objects.filter(pk__in=typed.values(), last_seen=None, is_active=True).in_bulk() if typed else {}
    left = _left({person.email for person in people.values()})
    for subject, user_id in typed.items():
        person = people.get(user_id or 0)
        if person and (told := left.get(person.email)) and told.user and told.user != person:
            attention.raise_former(subject, bought_by=person, other=told.user, until=told.at, now=now)


def _was_typed(customer: StripeCustomer | None) -> bool:
    """At the checkout, by a guest or a new customer. What a reference or a person decided is no doubt."""
    return customer is None or customer.bound_by == StripeCustomer.Binding.EMAIL


def _left(addresses: Iterable[str]) -> dict[str, Activity]:
    """By address: when one of today's members gave it up, the last time that somebody did."""
    changes = Activity.objects.filter(
        verb=Activity.Verb.ADDRESS_CHANGED, details__from__in=list(addresses), user__is_active=True
    )
    return {change.details["from"]: change for change in changes.select_related("user").order_by("at", "pk")}
