"""Histories of a shop, made up by hypothesis: what people, staff and time do, and what becomes of Stripe's news."""

from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from random import Random
from urllib.error import HTTPError

import stripe
from hypothesis import strategies as st

from billing.intake.draining import drain, sweep
from billing.models import Subject
from billing.sweeping import reconcile
from hub import grants
from hub.models import Grant, Product, User
from tests.properties.people import People
from tests.sandboxes import Declined
from tests.shops import Json

OUTAGES = (500, 401, 429, "cut")
AFTER_RETRIES = ("cancel", "unpaid", "past_due")


@dataclass(frozen=True)
class Gift:
    """What staff gave, by the grant's number."""

    email: str
    product: str
    until: datetime | None


@dataclass
class History(People):
    """One shop's story. `chance` decides the fate of each delivery; what is lost stays in Stripe's event list.

    Where it is `prompt`, every delivery comes at once and in order, and is worked off before anything else happens.
    """

    chance: Random = field(default_factory=Random)
    prompt: bool = False
    events: dict[str, Json] = field(default_factory=dict)  # all that Stripe told of, lost or not
    held: list[Json] = field(default_factory=list)
    sent: list[Json] = field(default_factory=list)
    gifts: dict[int, Gift] = field(default_factory=dict)
    revoked: set[int] = field(default_factory=set)

    def run(self, steps: list[tuple[str, int]], *, after_retries: str) -> None:
        self.shop.sandbox.post("/sandbox/settings", {"after_retries": after_retries})
        for name, number in steps:
            with suppress(stripe.InvalidRequestError, stripe.CardError, Declined, HTTPError):
                STEPS[name](self, number)  # or it is not possible at this point of the story
            if self.prompt:
                self._deliver_all()
            self.shop.sandbox.advance("1s")

    # What time does

    def pass_time(self, number: int) -> None:
        days = (1, 4, 9, 16, 31)[number % 5]
        for _ in range(days if self.prompt else 1):
            self.shop.sandbox.advance("1d" if self.prompt else f"{days}d")
            if self.prompt:
                self._deliver_all()
                sweep()

    # What the network does

    def deliver_some(self, number: int) -> None:
        """Deliveries come shuffled; some twice, some late, some never."""
        self.held += self._news()
        self.chance.shuffle(self.held)
        waiting, self.held = self.held, []
        for delivery in waiting:
            fate = self.chance.random()
            if fate < 0.2:
                continue
            if fate < 0.4:
                self.held.append(delivery)
                continue
            for _ in range(2 if fate > 0.8 else 1):
                assert self.shop.post_webhook(delivery) == 200
            self.sent.append(delivery)
        if number % 2:
            drain()

    def sweep(self, number: int) -> None:
        sweep()

    def catch_up(self, number: int) -> None:
        reconcile.catch_up()
        drain()

    def full_pass(self, number: int) -> None:
        reconcile.full_pass(confirmed=bool(number % 2))
        drain()

    def outage(self, number: int) -> None:
        """Stripe cannot be asked for a while, and everything goes on; then the wait for the next try is over."""
        self.shop.sandbox.answer_with(OUTAGES[number % 4])
        self.deliver_some(1)
        for _ in range(number % 3):
            self.shop.sandbox.advance("1d")
            sweep()
        self.shop.sandbox.behave()
        self.waits_are_over()

    # What staff do

    def give(self, number: int) -> None:
        if user := self._user(number):
            product = (self.shop.course, self.shop.club, self.glazes)[number % 3]
            until = self.shop.now() + timedelta(days=10) if number % 2 else None
            given = grants.give(user, product, actor=None, reason="a present", now=self.shop.now(), ends_at=until)
            self.gifts[given.pk] = Gift(user.email, product.slug, until)

    def revoke(self, number: int) -> None:
        if found := list(Grant.objects.exclude(pk__in=self.revoked).order_by("pk")):
            grant = grants.revoke(found[number % len(found)], actor=None, reason="a mistake", now=self.shop.now())
            self.revoked.add(grant.pk)

    def restore(self, number: int) -> None:
        if found := list(Grant.objects.filter(pk__in=self.revoked).order_by("pk")):
            grant = grants.restore(found[number % len(found)], actor=None, reason="it was none", now=self.shop.now())
            self.revoked.discard(grant.pk)

    # How it comes to rest

    def waits_are_over(self) -> None:
        """The minutes until the next try are real ones."""
        Subject.objects.update(retry_at=None)

    def products(self) -> tuple[Product, ...]:
        return self.shop.course, self.shop.club, self.circle, self.glazes

    def hear_of_the_rest(self) -> None:
        """What Stripe told of since, and nobody delivered."""
        self._news()

    def _news(self) -> list[Json]:
        news = self.shop.sandbox.take_pending()
        self.events |= {delivery["event"]["id"]: delivery["event"] for delivery in news}
        return news

    def _deliver_all(self) -> None:
        waiting = self.held + self._news()
        self.held = []
        for delivery in waiting:
            assert self.shop.post_webhook(delivery) == 200
        self.sent += waiting
        drain()

    def _user(self, number: int) -> User | None:
        users = list(User.objects.order_by("pk"))
        return users[number % len(users)] if users else None


STEPS: dict[str, Callable[[History, int], None]] = {
    step.__name__: step
    for step in (
        History.buy,
        History.buy_time,
        History.buy_as_guest,
        History.buy_for_nothing,
        History.buy_cart,
        History.buy_mixed,
        History.pay_bill,
        History.subscribe,
        History.subscribe_again,
        History.cancel_at_period_end,
        History.cancel_in_portal,
        History.resume,
        History.cancel_now,
        History.switch_plan,
        History.add_item,
        History.remove_item,
        History.pause,
        History.wake,
        History.break_card,
        History.mend_card,
        History.close_invoice,
        History.refund,
        History.dispute,
        History.settle_dispute,
        History.pass_time,
        History.deliver_some,
        History.sweep,
        History.catch_up,
        History.full_pass,
        History.outage,
        History.give,
        History.revoke,
        History.restore,
    )
}
OFTEN = ("buy", "buy", "subscribe", "break_card", "refund", *["pass_time"] * 6, *["deliver_some"] * 5)
steps = st.lists(st.tuples(st.sampled_from([*STEPS, *OFTEN]), st.integers(0, 209)), min_size=12, max_size=30).map(
    lambda drawn: [("buy", drawn[0][1]), ("deliver_some", 1), ("subscribe", drawn[1][1]), *drawn]
)
