"""Who is sent invoices: nothing is taken from a card, so that nothing failed, and there is something to pay."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.access import late_among
from hub.models import Grant, User
from hub.seller import seller


@dataclass(frozen=True, slots=True)
class Late:
    """A grant that a missing payment endangers or has closed. `invoice_url` may be empty for an invoice too."""

    grant: Grant
    is_invoiced: bool
    invoice_url: str


def invoices_due(user: User) -> Mapping[str, str]:
    """What this person was sent an invoice for and is behind with: `source_ref` to where it is paid."""
    return seller().invoices_due(user)


def invoiced_on(refs: Collection[str]) -> Mapping[str, datetime]:
    """When the late invoice of each of these was made, else the newest, where one is sent. No query for none."""
    return seller().invoiced_on(refs) if refs else {}


def late_of(user: User, grants: Iterable[Grant], *, now: datetime) -> list[Late]:
    """For a banner, in the order of `late_among`; asks for invoices only where something is late."""
    found = late_among(grants, now=now)
    due = invoices_due(user) if found else {}
    return [Late(grant, grant.source_ref in due, due.get(grant.source_ref, "")) for grant in found]


def late(user: User, *, now: datetime) -> list[Late]:
    """`late_of` all their grants, at one query more."""
    return late_of(user, Grant.objects.filter(user=user).select_related("product"), now=now)
