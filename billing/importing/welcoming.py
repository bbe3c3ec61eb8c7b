"""One e-mail for each person to whom an import opens something, whatever it opens, where the owner wants that."""

from collections.abc import Iterable
from datetime import datetime
from itertools import groupby

from django.utils.dateparse import parse_datetime

from activities import notices
from activities.models import Activity
from billing.models import ImportBatch
from hub.access import ends_known
from hub.models import Grant, Ledger


def key_prefix(batch: ImportBatch) -> str:
    """What the keys of its e-mails begin with; the person's id follows, so that nobody ever gets a second one."""
    return f"import:{batch.pk}:"


def welcome(batch: ImportBatch, told: Iterable[Activity], *, brought: Iterable[Ledger], now: datetime) -> None:
    """Queues them for access that is new: what somebody had before and has again they know of. What an undone import
    gave they know of only from a letter that was not withdrawn. Of a draft nobody is told: they would find nothing.

    `told`: the chunk's openings, with person and product, in the order in which they are named.
    """
    if not batch.sends_emails:
        return
    rows = list(brought)
    new = {row.grant_id for row in rows if not row.from_state}
    # An import opens what was revoked only where the undoing of another one revoked it.
    back = {row.grant_id for row in rows if row.from_state == Grant.State.REVOKED}
    news = [
        activity
        for activity in told
        if activity.user
        and activity.user.is_active
        and activity.product
        and activity.product.send_access_email
        and activity.product.is_live
        and activity.details["grant"] in new | back
    ]
    known = notices.told_of_access({activity.user_id for activity in news if activity.details["grant"] in back})
    news = [
        activity
        for activity in news
        if activity.details["grant"] in new or (activity.user_id, str(activity.product)) not in known
    ]
    letters = []
    people = {activity.user_id for activity in news if activity.user_id}
    ends = ends_known(people, products={a.product_id for a in news if a.product_id}) if news else {}
    for user_id, mine in groupby(sorted(news, key=lambda activity: activity.user_id or 0), key=lambda a: a.user_id):
        first, *others = mine
        assert user_id and first.product_id  # noqa: S101
        names = [activity.product.name for activity in others if activity.product]
        is_trial = first.details["reason"] == "trial" and not others
        letters.append(
            notices.access(
                key=f"{key_prefix(batch)}{user_id}",
                user_id=user_id,
                product_id=first.product_id,
                ends_at=ends.get((user_id, first.product_id)),
                others=names,
                ends_of_others={
                    a.product.name: ends[user_id, a.product.pk]
                    for a in others
                    if a.product and (user_id, a.product.pk) in ends
                },
                trial_end=parse_datetime(first.details["ends_at"] or "") if is_trial else None,
                activity=first,
            )
        )
    notices.queue(letters, now=now)
