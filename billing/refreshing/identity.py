"""Whose money it is. In this order: a known customer, a signed reference, the address, a new person.

An address at Stripe is proved by nobody: it decides who benefits, never who is signed in. Nothing here moves a
customer from one person to another.

Who benefits is not always who pays: a reference travels in the address of a payment page, so anybody can be given one.
The person it names gets what was bought; the cards and invoices are theirs where `customers_managed_by` says so.
"""

from dataclasses import dataclass
from datetime import datetime

from django.db.models import Q, QuerySet
from django.utils.crypto import constant_time_compare, salted_hmac

from activities.numbers import read_number
from billing.models import Connection, StripeCustomer
from hub.addresses import usable_address
from hub.joining import add_member
from hub.models import User


@dataclass(frozen=True, slots=True)
class Payer:
    user: User
    bound_by: str


def reference_for(user: User) -> str:
    """The signed `client_reference_id` that binds a purchase to a signed-in person: letters, digits and a dash."""
    return f"u{user.pk}-{_signature(user.pk)}"


def user_of_reference(reference: str) -> User | None:
    """The person a reference was signed for; None where it is not ours, or was changed."""
    pk, _, signature = reference.removeprefix("u").partition("-")
    number = read_number(pk)
    if number is None or not constant_time_compare(signature, _signature(number)):
        return None
    return User.objects.filter(pk=number, is_active=True).first()


def _signature(pk: int) -> str:
    return salted_hmac("billing.reference", str(pk), algorithm="sha256").hexdigest()[:40]


def find_payer(*, customer: StripeCustomer | None, reference: str, email: str) -> Payer | None:
    """The known person behind a payment, and how we know; None where nobody is."""
    if customer is not None and customer.user is not None:
        return Payer(customer.user, customer.bound_by)
    if reference and (user := user_of_reference(reference)):
        return Payer(user, StripeCustomer.Binding.REFERENCE)
    address = usable_address(email)
    if address and (user := User.objects.filter(email=address).first()):
        return Payer(user, StripeCustomer.Binding.EMAIL)
    return None


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
    """The living customers whose portal is this person's: not those that a reference alone connects with them,
    nor those of an account that is disconnected.

    Addresses are kept in the form that we compare. A database that ignores case takes one person for another: to
    PostgreSQL `ı` and `I` are one letter.
    """
    theirs = ~Q(bound_by=StripeCustomer.Binding.REFERENCE) | Q(email=user.email)
    in_use = ~Q(connection__state=Connection.State.OFF)
    return StripeCustomer.objects.filter(theirs, in_use, user=user, deleted_at__isnull=True)


def make_payer(
    *, email: str, name: str, at: datetime, cause: str, now: datetime, imported: bool = False
) -> Payer | None:
    """A new person for a payment, entered only by a code sent to the address; None where it is no address."""
    address = usable_address(email)
    if not address:
        return None
    user, _ = add_member(address, name=name, at=at, cause=cause, now=now, imported=imported)
    return Payer(user, StripeCustomer.Binding.EMAIL)
