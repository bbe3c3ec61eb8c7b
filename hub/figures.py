"""What whoever sells says of products, for the console's lists: whether they are on sale there, and what they bring."""

from collections.abc import Sequence
from dataclasses import dataclass

from activities.money import format_money
from hub.seller import seller

LINKED, SELLS, PARTLY, DEAD, NOT_LINKED = "linked", "sells", "partly", "dead", "none"
MARKS = {
    SELLS: "On sale at Stripe",
    PARTLY: "On sale, but not at every price",
    LINKED: "Linked, nothing on sale",
    DEAD: "Linked, cannot be bought",
    NOT_LINKED: "Not linked",
}


@dataclass(frozen=True, slots=True)
class Money:
    """In the currency's minor unit."""

    amount: int
    currency: str

    def __str__(self) -> str:
        return format_money(self.amount, self.currency)


@dataclass(frozen=True, slots=True)
class Figures:
    """`mark` is one of MARKS, `name` what it is called there, `monthly` one sum for each currency."""

    mark: str = NOT_LINKED
    name: str = ""
    monthly: tuple[Money, ...] = ()

    @property
    def words(self) -> str:
        return MARKS[self.mark]


def figures_of(product_ids: Sequence[int]) -> dict[int, Figures]:
    found = dict.fromkeys(product_ids, Figures())
    return found | dict(seller().figures_of(product_ids))
