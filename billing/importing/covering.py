"""What became of those who bought a product before it was linked: imported, let in by the night, or still to come."""

from dataclasses import dataclass

from billing.importing.showing import summary
from billing.models import ImportBatch, Pass, ProductLink
from hub.models import Grant, Ledger

State = ImportBatch.State
BEGUN = (*ImportBatch.AT_WORK, State.PLANNED)


@dataclass(frozen=True, slots=True)
class Covered:
    """`is_needed`: whether somebody may have bought it before. `is_compared`: whether a nightly pass has let in
    everybody since the link was made, `silently` that many people. `under_way`: the import at work, stopped, or only
    planned; `is_empty`: it is planned, and would bring nobody. `last`: the newest import that is done or undone;
    `people`: how many it let in.
    """

    is_needed: bool
    is_compared: bool
    silently: int
    under_way: ImportBatch | None
    is_empty: bool
    last: ImportBatch | None
    people: int

    @property
    def is_to_do(self) -> bool:
        """Whether another import would bring somebody."""
        if self.last is None:
            return self.is_needed and not self.is_compared
        return self.last.state == State.UNDONE or self.leaves_out

    @property
    def leaves_out(self) -> bool:
        """Whether people whom the last import's choice left out are still to come."""
        return self.last is not None and self.last.left_out != "" and not self.is_compared


def imports_of(made: ProductLink) -> Covered:
    """Of imports that began when the link stood: an earlier one knows nothing of it."""
    since = ImportBatch.objects.filter(connection=made.connection, created_at__gte=made.created_at)
    begun = since.filter(state__in=BEGUN).first()
    last = since.filter(state__in=[State.DONE, State.UNDONE]).first()
    passes = Pass.objects.filter(kind="full", stopped="", finished_at__isnull=False)
    return Covered(
        is_needed=made.had_buyers,
        is_compared=passes.filter(started_at__gte=made.created_at).exists(),
        silently=_count_people(made, made.batch),
        under_way=begun,
        is_empty=begun is not None and begun.state == State.PLANNED and not summary(begun).to_do,
        last=last,
        people=_count_people(made, last.name) if last else 0,
    )


def _count_people(made: ProductLink, batch: str) -> int:
    """From the ledger: a grant keeps the name of what gave it first, though it was undone and given again."""
    opened = Ledger.objects.filter(batch=batch, to_state__in=Grant.OPEN, grant__product=made.product_id)
    return opened.values("grant__user").distinct().count()
