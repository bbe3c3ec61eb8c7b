"""The invoices behind access that is late: where each is paid, and which were sent and not taken from a card."""

from collections.abc import Collection, Iterable, Mapping
from dataclasses import dataclass
from datetime import datetime

from hub.access import late_among
from hub.models import Grant, User
from hub.payments import Due
from hub.seller import seller

NOT_KNOWN = Due(is_invoiced=False, url="")


@dataclass(frozen=True, slots=True)
class Late:
    """A grant that a missing payment endangers or has closed. `invoice_url`: where it is paid, if known."""

    grant: Grant
    is_invoiced: bool
    invoice_url: str


def invoices_due(user: User) -> Mapping[str, Due]:
    """What this person is behind with, by `source_ref`."""
    return seller().invoices_due(user)


def invoiced_on(refs: Collection[str]) -> Mapping[str, datetime]:
    """When the late invoice of each of these was made, else the newest, where one is sent. No query for none."""
    return seller().invoiced_on(refs) if refs else {}


def late_of(user: User, grants: Iterable[Grant], *, now: datetime) -> list[Late]:
    """For a banner, in the order of `late_among`; asks for invoices only where something is late."""
    found = late_among(grants, now=now)
    due = invoices_due(user) if found else {}
    behind = [(grant, due.get(grant.source_ref, NOT_KNOWN)) for grant in found]
    return [Late(grant, invoice.is_invoiced, invoice.url) for grant, invoice in behind]


def late(user: User, *, now: datetime) -> list[Late]:
    """`late_of` all their grants, at one query more."""
    return late_of(user, Grant.objects.filter(user=user).select_related("product"), now=now)
