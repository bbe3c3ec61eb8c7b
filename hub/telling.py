"""What is told of changed access: an activity for each product that somebody got or lost, and an e-mail where due."""

from datetime import datetime
from typing import Any

from activities import notices
from activities.models import Activity
from activities.record import Happening, record
from hub.access import ends_known
from hub.invoiced import invoiced_on
from hub.models import Ledger, Product, User
from hub.reasons import LETTERS, OF_INVOICES, say_in_letter

Pair = tuple[int, int]
BY_HAND = "person"  # the rule of whatever a person decides
# Other rules, a pass, a deadline: what they change they change for many at once.
ASKED_BY_NOBODY = "sweep"


def tell(
    ledger: list[Ledger],
    *,
    had: set[Pair],
    have: set[Pair],
    cause: str,
    now: datetime,
    actor: User | None,
) -> list[Activity]:
    """Access is the OR of a person's grants: only its change is told, once for each product."""
    happenings = []
    for pair, row in _first(ledger).items():
        if (pair in had) == (pair in have):
            continue
        gained = pair in have
        happenings.append(
            Happening(
                verb=Activity.Verb.ACCESS_GRANTED if gained else Activity.Verb.ACCESS_REMOVED,
                key=f"access:{row.pk}",
                at=row.true_at,
                user_id=pair[0],
                product_id=pair[1],
                actor_id=actor.pk if actor else None,
                cause=cause,
                details=_details(row),
                imported=_is_imported(row),
                deed=row.batch or (cause if cause == ASKED_BY_NOBODY else ""),
            )
        )
    return record(happenings, now=now)


def _first(ledger: list[Ledger]) -> dict[Pair, Ledger]:
    """Whoever gets access by an import and by a purchase of today is told of the purchase."""
    first: dict[Pair, Ledger] = {}
    for row in sorted(ledger, key=_is_imported):
        first.setdefault((row.grant.user_id, row.grant.product_id), row)
    return first


def _is_imported(row: Ledger) -> bool:
    """Of the past. What somebody decides about many people at once is news like what they decide about one."""
    return bool(row.batch) and row.rule != BY_HAND


def mails(activities: list[Activity], ledger: list[Ledger], *, foreseen: set[Pair]) -> list[notices.Notice]:
    """One e-mail for each new access: a grant that comes back (a card that works again) is not new. None for a draft,
    where its reader would find nothing.

    It says the last day where that is known. Who lost access without asking for it is told so; who cancelled, or has
    had it for some days, knows.
    """
    written, first = [activity for activity in activities if not activity.imported], _first(ledger)
    products = Product.objects.filter(pk__in={activity.product_id for activity in written})
    wanted = products.filter(send_access_email=True).values_list("pk", "is_live")
    wants_mail = dict(wanted) if written else {}
    sent = {row.grant.source_ref for row in first.values() if row.reason in OF_INVOICES}
    invoices, found = invoiced_on(sent), []
    gained = [activity for activity in written if activity.verb == Activity.Verb.ACCESS_GRANTED]
    ends = ends_known({a.user_id for a in gained if a.user_id}, products=wants_mail.keys()) if gained else {}
    for activity in written:
        if activity.user_id is None or activity.product_id not in wants_mail:
            continue
        pair = (activity.user_id, activity.product_id)
        row = first[pair]
        about: dict[str, Any] = {"user_id": activity.user_id, "product_id": activity.product_id, "activity": activity}
        if activity.verb == Activity.Verb.ACCESS_GRANTED and not row.from_state and wants_mail[activity.product_id]:
            trial_end = row.until if row.reason == "trial" else None
            about |= {"trial_end": trial_end, "ends_at": ends.get(pair)}
            found.append(notices.access(key=f"access:{row.grant_id}", **about))
        elif activity.verb == Activity.Verb.ACCESS_REMOVED and row.reason in LETTERS and pair not in foreseen:
            invoice = invoices.get(row.grant.source_ref)
            sentence, step = say_in_letter(row.reason, at=row.true_at, invoiced_on=invoice)
            found.append(notices.access_ended(key=f"access_ended:{row.pk}", reason=sentence, step=step, **about))
    return found


def _details(row: Ledger) -> dict[str, Any]:
    told = {"reason": row.reason, "ends_at": row.until.isoformat() if row.until else None, "grant": row.grant_id}
    return {**told, "note": row.note} if row.note else told
