"""What staff see of a person's payments, and what they may ask: who sells knows it."""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, replace
from datetime import datetime

from django.db.models import Q

from hub.access import Explanation
from hub.models import User
from hub.seller import seller


@dataclass(frozen=True, slots=True)
class Ref:
    """An id at whoever took the money. `url` is its page there, empty where it has none."""

    label: str
    id: str
    url: str


@dataclass(frozen=True, slots=True)
class Lead:
    """An id or a number that leads to `people` (their ids): in `words`, "payment of 22 November 2026"."""

    ref: Ref
    words: str
    people: frozenset[int]


@dataclass(frozen=True, slots=True)
class Told:
    """A sentence of what nobody here has. `question`: the page where somebody is asked whose it is, or empty; `owner`:
    the id of whom it was given to; `ask`: an id of which whoever sells may know more, or empty.
    """

    words: str
    question: str = ""
    owner: int | None = None
    ask: str = ""


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
class Due:
    """An invoice that this person is behind with. `url`: where it is paid, and where their bank asks them to confirm
    the payment; empty where it is somebody else's to pay. `is_invoiced`: it was sent, and nothing is taken from a card.
    """

    is_invoiced: bool
    url: str


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


def payments_of(user: User) -> list[Payment]:
    """The newest first."""
    return sorted(seller().payments(user), key=lambda payment: payment.at, reverse=True)


def payers_of(user: User) -> list[Payer]:
    return list(seller().payers(user))


def bills_of(user: User) -> list[Bill]:
    """What goes on charging them, whether they are let in or not."""
    return list(seller().bills(user))


def charged_for_nothing(user: User) -> set[int]:
    """The products that are shut to this person while whoever sells goes on charging for them."""
    return set(seller().charged_for_nothing(user))


def find_by_id(word: str) -> set[int]:
    """The people that an id or a number leads to, of whatever whoever sells told: a customer, a payment, a receipt."""
    return set(seller().find_people(word))


def lead_of(word: str) -> Lead | None:
    """What such an id or number is, and whose; None where it leads to nobody."""
    return seller().lead_of(word)


def tell_of(word: str) -> list[Told]:
    """What is known of an address or an id that nobody here has: a sentence each, none where nothing is."""
    return list(seller().tell_of(word))


def tell_of_delay() -> str:
    """Why somebody who has bought may not be known here yet: a sentence, empty where nothing speaks for it."""
    return seller().tell_of_delay()


def ask_again(user: User) -> str:
    """Asks who sells how this person stands now; what came of it, in words."""
    return seller().ask_again(user)


def stages() -> Mapping[str, Stage]:
    """How people are told apart by how they pay."""
    return seller().stages


def with_notes(found: Iterable[Explanation], user: User) -> list[Explanation]:
    """What is so now, with what staff ask next: how long it was paid for, what is on its way, what is disputed."""
    notes = list(seller().notes(user))
    return [_noted(explanation, notes) for explanation in found]


def _noted(explanation: Explanation, notes: list[Note]) -> Explanation:
    products = {explanation.product.pk, *(grant.product_id for grant in explanation.grants)}
    told = [note.words for note in notes if note.product_id in products and note.reason in {"", explanation.reason}]
    return replace(explanation, sentence=" ".join(dict.fromkeys([explanation.sentence, *told])))
