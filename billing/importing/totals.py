"""What a plan comes to, counted once when it is made, so that its page costs the same for ten rows and a million."""

from collections import Counter
from collections.abc import Iterable, Mapping, Sequence
from typing import Any, TypedDict

from billing.models import ImportRow
from hub.reasons import RENEWING

# With these a purchase opens something; where nothing is to be done about one, it is open already.
OPENING = RENEWING | {"trial", "ending", "canceled_paid_through", "past_due_grace", "invoice_late_grace", "bought"}
NOTHING, SEVERAL, NOBODYS = "nothing", "several", "nobodys"


class Totals(TypedDict):
    """How many: rows by verdict; those to skip by their one reason; questions by kind; people who are new, are known
    and get something, or are written to; openings by product and state.
    """

    verdicts: dict[str, int]
    new: int
    known: int
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
    given: set[str] = set()
    letters: set[str] = set()
    for row in rows:
        planned: dict[str, Any] = row.planned
        verdicts[row.verdict] += 1
        doubts.update(planned.get("doubts", []))
        new.update(planned.get("new", []))
        letters.update(planned.get("letters", []))
        if row.verdict == ImportRow.Verdict.SKIP:
            skipped[reason_of(planned)] += 1
        for address, product, _, _, state, _ in planned.get("grants", []):
            given.add(address)
            access.setdefault(product, Counter())[state] += 1
    return Totals(
        verdicts=dict(verdicts),
        new=len(new),
        known=len(given - new),
        letters=len(letters),
        access={product: dict(states) for product, states in sorted(access.items())},
        doubts=dict(doubts),
        skipped=dict(skipped),
    )


def reason_of(planned: Mapping[str, Any]) -> str:
    """Why a row is skipped: counted once, so that the reasons come to as many as there are rows."""
    reasons: Sequence[str] = planned.get("reasons", [])
    if opening := next((reason for reason in reasons if reason in OPENING), ""):
        return opening if planned.get("people") else NOBODYS
    return SEVERAL if len(reasons) > 1 else next(iter(reasons), NOTHING)
