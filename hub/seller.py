"""All that this app asks of whoever sells: what was bought, how it is paid, what is on sale, what waits for a person.

Who sells registers once, as the site starts. Until then nobody sells, nothing was bought, and everything here works.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from collections.abc import Callable, Collection, Iterable, Mapping, Sequence
    from datetime import datetime
    from typing import Protocol

    from hub.access import Reason
    from hub.causes import CausePage
    from hub.figures import Figures
    from hub.getting_in import Fact
    from hub.grants import Wanted
    from hub.models import Grant, User
    from hub.overview import Matter, Step
    from hub.own_data import Rows
    from hub.payments import Bill, Due, Lead, Note, Payer, Payment, Stage, Told

    class Follow(Protocol):
        def __call__(self, grant: Grant, *, now: datetime) -> Wanted | None: ...

    class LetIn(Protocol):
        def __call__(self, user: User, *, now: datetime) -> None: ...


def _nothing(*_asked: Any) -> tuple[()]:
    return ()


def _no_words(_asked: Any) -> dict[Any, Any]:
    return {}


def _unknown(grant: Grant, *, now: datetime) -> None:
    """Nothing that was bought is behind any grant."""


def _not_asked(user: User, *, now: datetime) -> None:
    """Nothing waits for anybody to be let in."""


def _nobody(_person: User) -> str:
    return "Nobody sells here, so nobody could be asked."


@dataclass(frozen=True, slots=True, kw_only=True)
class Seller:
    """Each question with its answer where nobody sells.

    Of access: `reasons_of` a person's purchases that opened nothing, by product id; `follow` says what a grant should
    be by the purchase behind it, and None where there is none; `let_in` is told whom a person of the staff gave
    something, in the same transaction.
    Of paying: `payments`; `payers`, the customers that a person is; `bills`, what goes on charging them;
    `charged_for_nothing`, the products that are shut and charged for; `notes`, what a reason leaves out;
    `invoices_due`: the invoices they are behind with, by the `source_ref` of what each is for; `invoiced_on`: of these
    refs, when the invoice was made that is late, or else the newest.
    Of people: `find_people` by an id or a number of the seller's, `lead_of` what that is, `tell_of` an address or id
    that leads to nobody, `tell_of_delay` why it may only not do so yet, `ask_again` how somebody stands, `facts` on
    their way in, `stages` of paying that lists are narrowed by.
    Of the console: the `steps` to a first sale, the `matters` that wait, and how many of them (`count_waiting`);
    `figures_of` products by their ids; `pages_of` the causes of ledger lines.
    Of what is kept: `told` are the sections of a person's own data, `forget` destroys what is personal of these ids.
    """

    reasons_of: Callable[[User], Mapping[int, Reason]] = _no_words
    follow: Follow = _unknown
    let_in: LetIn = _not_asked
    payments: Callable[[User], Iterable[Payment]] = _nothing
    payers: Callable[[User], Iterable[Payer]] = _nothing
    bills: Callable[[User], Iterable[Bill]] = _nothing
    charged_for_nothing: Callable[[User], Iterable[int]] = _nothing
    notes: Callable[[User], Iterable[Note]] = _nothing
    invoices_due: Callable[[User], Mapping[str, Due]] = _no_words
    invoiced_on: Callable[[Collection[str]], Mapping[str, datetime]] = _no_words
    find_people: Callable[[str], Iterable[int]] = _nothing
    lead_of: Callable[[str], Lead | None] = lambda _word: None
    tell_of: Callable[[str], Iterable[Told]] = _nothing
    tell_of_delay: Callable[[], str] = str
    ask_again: Callable[[User], str] = _nobody
    facts: Callable[[User], Iterable[Fact]] = _nothing
    stages: Mapping[str, Stage] = field(default_factory=dict)
    steps: Callable[[], Iterable[Step]] = _nothing
    matters: Callable[[], Iterable[Matter]] = _nothing
    count_waiting: Callable[[], int] = int
    figures_of: Callable[[Sequence[int]], Iterable[tuple[int, Figures]]] = _nothing
    pages_of: Callable[[Collection[str]], Mapping[str, CausePage]] = _no_words
    told: Mapping[str, Callable[[User], Rows]] = field(default_factory=dict)
    forget: Callable[[set[int]], None] = lambda _people: None


_registered = Seller()


def register(found: Seller) -> None:
    global _registered
    _registered = found


def seller() -> Seller:
    return _registered
