"""What staff see of a person's payments, and what they may ask: who sells fills it in."""

from collections.abc import Callable, Iterable
from dataclasses import dataclass, replace
from datetime import datetime
from itertools import chain

from django.db.models import Q

from hub.access import Explanation
from hub.models import User


@dataclass(frozen=True, slots=True)
class Ref:
    """An id at whoever took the money. `url` is its page there, empty where it has none."""

    label: str
    id: str
    url: str


@dataclass(frozen=True, slots=True)
class Payment:
    """A purchase or a subscription in words. `state` is a pill's; `notes` say what was refunded, disputed, failed."""

    at: datetime
    words: str
    amount: str
    state: str
    notes: tuple[str, ...]
    refs: tuple[Ref, ...]


@dataclass(frozen=True, slots=True)
class Payer:
    """One customer that this person is to whoever takes the money."""

    ref: Ref
    address: str
    notes: tuple[str, ...]


@dataclass(frozen=True, slots=True)
class Bill:
    """Something that charges this person again: what for, how much, how often; its page is where it is ended."""

    words: str
    amount: str
    next_at: datetime | None
    ref: Ref


@dataclass(frozen=True, slots=True)
class Note:
    """What a sentence leaves out of a purchase of this product. `reason`: said beside that reason alone, or always."""

    product_id: int
    words: str
    reason: str = ""


@dataclass(frozen=True, slots=True)
class Stage:
    """Where people stand with their payments. `people` is a condition on `hub.User`."""

    words: str
    people: Q


# Who sells adds the payments of a person, finds people by an id of its own, asks anew how a person stands, tells
# in sentences what it knows of an address or an id that leads to nobody, notes what a reason alone does not say, and
# tells people apart by how they pay.
sources: list[Callable[[User], Iterable[Payment]]] = []
payers: list[Callable[[User], Iterable[Payer]]] = []
billers: list[Callable[[User], Iterable[Bill]]] = []
finders: list[Callable[[str], Iterable[int]]] = []
askers: list[Callable[[User], str]] = []
tellers: list[Callable[[str], Iterable[str]]] = []
noters: list[Callable[[User], Iterable[Note]]] = []
stages: dict[str, Stage] = {}


def payments_of(user: User) -> list[Payment]:
    """The newest first."""
    found = chain.from_iterable(source(user) for source in sources)
    return sorted(found, key=lambda payment: payment.at, reverse=True)


def payers_of(user: User) -> list[Payer]:
    return list(chain.from_iterable(source(user) for source in payers))


def bills_of(user: User) -> list[Bill]:
    """What goes on charging them, whether they are let in or not."""
    return list(chain.from_iterable(source(user) for source in billers))


def find_by_id(word: str) -> set[int]:
    """The people that an id of a purchase, a subscription or a customer leads to."""
    return set(chain.from_iterable(find(word) for find in finders))


def tell_of(word: str) -> list[str]:
    """What is known of an address or an id that nobody here has: a sentence each, none where nothing is."""
    return list(chain.from_iterable(tell(word) for tell in tellers))


def ask_again(user: User) -> str:
    """Asks everybody who sells how this person stands now; what came of it, in words."""
    return " ".join(ask(user) for ask in askers) or "Nobody sells here, so nobody could be asked."


def with_notes(found: Iterable[Explanation], user: User) -> list[Explanation]:
    """What is so now, with what staff ask next: how long it was paid for, what is on its way, what is disputed."""
    notes = list(chain.from_iterable(note(user) for note in noters))
    return [_noted(explanation, notes) for explanation in found]


def _noted(explanation: Explanation, notes: list[Note]) -> Explanation:
    products = {explanation.product.pk, *(grant.product_id for grant in explanation.grants)}
    told = [note.words for note in notes if note.product_id in products and note.reason in {"", explanation.reason}]
    return replace(explanation, sentence=" ".join(dict.fromkeys([explanation.sentence, *told])))
