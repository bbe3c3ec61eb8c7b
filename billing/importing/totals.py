"""What a plan comes to, counted once when it is made, so that its page costs the same for ten rows and a million."""

from collections import Counter
from collections.abc import Iterable
from typing import Any, TypedDict

from billing.models import ImportRow


class Totals(TypedDict):
    """How many: rows by verdict, doubt and reason to skip; people who are new or written to; openings by product."""

    verdicts: dict[str, int]
    new: int
    letters: int
    access: dict[str, dict[str, int]]
    doubts: dict[str, int]
    skipped: dict[str, int]


def totals_of(rows: Iterable[ImportRow]) -> Totals:
    verdicts: Counter[str] = Counter()
    doubts: Counter[str] = Counter()
    skipped: Counter[str] = Counter()
    access: dict[str, Counter[str]] = {}
    new: set[str] = set()
    letters: set[str] = set()
    for row in rows:
        planned: dict[str, Any] = row.planned
        verdicts[row.verdict] += 1
        doubts.update(planned.get("doubts", []))
        new.update(planned.get("new", []))
        letters.update(planned.get("letters", []))
        if row.verdict == ImportRow.Verdict.SKIP:
            skipped.update(planned.get("reasons", []) or ["nothing"])
        for _, product, _, _, state, _ in planned.get("grants", []):
            access.setdefault(product, Counter())[state] += 1
    return Totals(
        verdicts=dict(verdicts),
        new=len(new),
        letters=len(letters),
        access={product: dict(states) for product, states in sorted(access.items())},
        doubts=dict(doubts),
        skipped=dict(skipped),
    )
