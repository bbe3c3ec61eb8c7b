"""Grants rebuilt from the ledger alone, to prove that they can be."""

from collections.abc import Iterator

from hub.models import Grant, Ledger, User


def disagreements(user: User | None = None) -> Iterator[str]:
    """A line for each grant (of one person) that its ledger does not lead to. Rows are read in order, and never all
    at once.
    """
    grants, ledger = Grant.objects.order_by("pk"), Ledger.objects.order_by("pk")
    if user is not None:
        grants, ledger = grants.filter(user=user), ledger.filter(grant__user=user)
    newest: dict[int, tuple[object, ...]] = {}
    fields = ("to_state", "starts_at", "until", "ends_at")
    for grant_id, from_state, *now in ledger.values_list("grant_id", "from_state", *fields).iterator(chunk_size=2000):
        before = newest[grant_id][0] if grant_id in newest else ""
        if from_state != before:
            yield f"grant {grant_id}: a change from {from_state or 'nothing'} follows {before or 'nothing'}"
        newest[grant_id] = tuple(now)
    for grant in grants.iterator(chunk_size=2000):
        found = newest.get(grant.pk)
        if found is None:
            yield f"grant {grant.pk}: no ledger row"
        elif found != (grant.state, grant.starts_at, grant.until, grant.ends_at):
            stands = f"{grant.state} until {grant.ends_at}"
            yield f"grant {grant.pk}: the ledger says {found[0]} until {found[3]}, the grant {stands}"
