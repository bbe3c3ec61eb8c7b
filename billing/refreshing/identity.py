"""Whose money it is. In this order: a known customer, a signed reference, the address, a new person.

An address at Stripe is proved by nobody: it decides who benefits, never who is signed in. Nothing here moves a
customer from one person to another.

Who benefits is not always who pays: a reference travels in the address of a payment page, so anybody can be given one.
The person it names gets what was bought; the cards and invoices are theirs where `customers_managed_by` says so.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac

from activities.numbers import read_number
from billing.models import Connection, StripeCustomer
from hub.addresses import usable_address
from hub.joining import Newcomer, add_members
from hub.models import User


@dataclass(frozen=True, slots=True)
class Payer:
    user: User
    bound_by: str


def reference_for(user: User) -> str:
    """The signed `client_reference_id` that binds a purchase to a signed-in person: letters, digits and a dash."""
    return f"u{user.pk}-{_signature(user.pk)}"


def users_of_references(references: Iterable[str]) -> dict[str, User]:
    """The people these were signed for, by reference: none for one that is not ours, or was changed."""
    numbers = {reference: number for reference in references if (number := _number_in(reference)) is not None}
    known = User.objects.filter(pk__in=list(numbers.values()), is_active=True).in_bulk()
    return {reference: known[number] for reference, number in numbers.items() if number in known}


def _number_in(reference: str) -> int | None:
    pk, _, signature = reference.removeprefix("u").partition("-")
    number = read_number(pk)
    return number if number is not None and constant_time_compare(signature, _signature(number)) else None


def _signature(pk: int) -> str:
    return salted_hmac("billing.reference", str(pk), algorithm="sha256").hexdigest()[:40]


def binding_of(payer: Payer, *, address: str, is_our_session: bool) -> str:
    """How a customer is bound to its payer, where a reference found them: more than that is known of some."""
    if payer.bound_by != StripeCustomer.Binding.REFERENCE:
        return payer.bound_by
    if is_our_session:
        return StripeCustomer.Binding.OURS
    if usable_address(address) == payer.user.email:
        return StripeCustomer.Binding.EMAIL
    return StripeCustomer.Binding.REFERENCE


def customers_managed_by(user: User) -> QuerySet[StripeCustomer]:
    """The living customers whose portal is this person's: not those that a reference or support's word alone connects
    with them, nor those of an account that is disconnected.

    Addresses are kept in the form that we compare. A database that ignores case takes one person for another: to
    PostgreSQL `ı` and `I` are one letter.
    """
    theirs = ~Q(bound_by__in=StripeCustomer.UNPROVED) | Q(email=user.email)
    in_use = ~Q(connection__state=Connection.State.OFF)
    return StripeCustomer.objects.filter(theirs, in_use, user=user, deleted_at__isnull=True)


class Payers:
    """The people behind some payments: the known ones are read at once, and those who are new are made at once."""

    def __init__(self, *, references: Iterable[str], emails: Iterable[str]) -> None:
        """Reads whomever a reference or an address may stand for: two queries, none where there is nothing to ask."""
        addresses = {address for email in emails if (address := usable_address(email))}
        self._by_reference = users_of_references(references)
        self._by_address = {user.email: user for user in User.objects.filter(email__in=addresses)}
        self._new: list[Newcomer] = []

    def find(self, *, customer: StripeCustomer | None, reference: str, email: str) -> Payer | None:
        """The person behind a payment, and how we know; None where nobody is. Unsaved if made since the last `save`."""
        if customer is not None and customer.user is not None:
            return Payer(customer.user, customer.bound_by)
        if user := self._by_reference.get(reference):
            return Payer(user, StripeCustomer.Binding.REFERENCE)
        if user := self._by_address.get(usable_address(email)):
            return Payer(user, StripeCustomer.Binding.EMAIL)
        return None

    def make(self, *, email: str, name: str, at: datetime, imported: bool) -> Payer | None:
        """A new person for a payment, entered only by a code sent to the address; None where it is no address."""
        address = usable_address(email)
        if not address:
            return None
        newcomer = Newcomer.of(address, name=name, at=at, imported=imported)
        self._new.append(newcomer)
        self._by_address[address] = newcomer.user
        return Payer(newcomer.user, StripeCustomer.Binding.EMAIL)

    def save(self, *, cause: str, now: datetime) -> None:
        """Those who were made. Who was made by somebody else in the same moment is that one person."""
        new, self._new = self._new, []
        add_members(new, cause=cause, now=now)
