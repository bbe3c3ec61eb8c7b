"""One look at what was bought: what led to it, and what each purchase was found to open."""

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime

from billing.models import Order, StripeCustomer, Subscription
from billing.refreshing.entitling import Entitlement, Found
from billing.refreshing.since import News, newest
from hub.models import User


@dataclass(frozen=True, slots=True)
class Look:
    """`cause`: what led to it, and `news`: the events that did.

    `batch` names the import that brings it: its grants carry it, what it tells is marked imported, and no e-mail is
    queued. `actor`: the person whose decision leads to it, for the ledger.
    """

    cause: str
    now: datetime
    news: News = field(default_factory=dict)
    batch: str = ""
    actor: User | None = None

    @property
    def happened_at(self) -> datetime:
        """When the newest of the news was made; without news, now."""
        return newest(self.news, "", now=self.now)

    @property
    def is_import(self) -> bool:
        return bool(self.batch)


@dataclass(frozen=True, slots=True)
class Decided:
    """Purchases, whose each of them is by now, and what it opens."""

    subscriptions: list[Subscription]
    orders: list[Order]
    found: Found
    customers: Mapping[str, StripeCustomer]

    @property
    def purchases(self) -> list[Subscription | Order]:
        return [*self.subscriptions, *self.orders]

    def opened_by(self, purchase: Subscription | Order) -> list[Entitlement]:
        return self.found[purchase.ref]
