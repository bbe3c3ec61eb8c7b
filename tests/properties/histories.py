"""Histories of a shop, made up by hypothesis: what people and Stripe do, and what the network does to its news."""

from collections.abc import Callable
from dataclasses import dataclass, field
from datetime import timedelta
from random import Random
from typing import Any

import stripe
from hypothesis import strategies as st

from billing.draining import drain, sweep
from tests.sandboxes import Declined
from tests.shops import Shop

Json = dict[str, Any]
EMAILS = ("ada@example.org", "ben@example.org")
BAD_CARD = "4000000000000341"  # can be kept, cannot be charged
GOOD_CARD = "4242424242424242"


@dataclass
class History:
    """One shop's story. `chance` decides the fate of each delivery; what is lost stays in Stripe's event list."""

    shop: Shop
    chance: Random
    held: list[Json] = field(default_factory=list)
    sent: list[Json] = field(default_factory=list)

    def run(self, steps: list[tuple[str, int]]) -> None:
        for name, number in steps:
            try:
                STEPS[name](self, number)
            except (stripe.InvalidRequestError, Declined):
                continue  # not possible at this point of the story

    # What people do

    def buy(self, number: int) -> None:
        offers = (self.shop.once, self.shop.monthly, self.shop.yearly)
        self.shop.buy(offers[number % 3], email=EMAILS[number % 2])

    def cancel_at_period_end(self, number: int) -> None:
        self._update(number, {"cancel_at_period_end": True})

    def resume(self, number: int) -> None:
        self._update(number, {"cancel_at_period_end": False})

    def cancel_now(self, number: int) -> None:
        if sub := self._subscription(number):
            self.shop.sandbox.api.subscriptions.cancel(sub.id)

    def switch_plan(self, number: int) -> None:
        if sub := self._subscription(number):
            (item,) = self.shop.sandbox.api.subscription_items.list({"subscription": sub.id}).data
            other = self.shop.yearly if item.price.id == self.shop.monthly.price_id else self.shop.monthly
            self._update(number, {"items": [{"id": item.id, "price": other.price_id}]})

    def pause(self, number: int) -> None:
        self._update(number, {"pause_collection": {"behavior": "void"} if number % 2 else ""})

    def break_card(self, number: int) -> None:
        self._put_card(number, BAD_CARD, retry=False)

    def mend_card(self, number: int) -> None:
        self._put_card(number, GOOD_CARD, retry=True)

    def refund(self, number: int) -> None:
        if charge := self._charge(number):
            left = charge.amount - charge.amount_refunded
            amount = {"amount": max(1, left // 2)} if number % 2 else {}
            self.shop.sandbox.api.refunds.create({"charge": charge.id, **amount})

    def dispute(self, number: int) -> None:
        if (charge := self._charge(number)) and not charge.disputed:
            self.shop.sandbox.post(f"/sandbox/charges/{charge.id}/dispute")

    def settle_dispute(self, number: int) -> None:
        disputes = self.shop.sandbox.api.disputes.list().data
        if disputes:
            self.shop.sandbox.set_fields(disputes[number % len(disputes)].id, status="won" if number % 2 else "lost")

    # What time and the network do

    def pass_time(self, number: int) -> None:
        self.shop.sandbox.advance(f"{(1, 4, 9, 16, 31)[number % 5]}d")

    def deliver_some(self, number: int) -> None:
        """Deliveries come shuffled; some twice, some late, some never."""
        self.held += self.shop.sandbox.take_pending()
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

    # How they find what they act on

    def _subscription(self, number: int) -> Any:
        found = self.shop.sandbox.api.subscriptions.list({"limit": 100}).data
        return found[number % len(found)] if found else None

    def _charge(self, number: int) -> Any:
        found = [charge for charge in self.shop.sandbox.api.charges.list({"limit": 100}).data if charge.paid]
        return found[number % len(found)] if found else None

    def _update(self, number: int, params: Json) -> None:
        if sub := self._subscription(number):
            self.shop.sandbox.api.subscriptions.update(sub.id, params)

    def _put_card(self, number: int, card: str, *, retry: bool) -> None:
        if sub := self._subscription(number):
            self.shop.sandbox.post(f"/sandbox/customers/{sub.customer}/card", {"card": card, "retry": retry})


STEPS: dict[str, Callable[[History, int], None]] = {
    "buy": History.buy,
    "cancel_at_period_end": History.cancel_at_period_end,
    "resume": History.resume,
    "cancel_now": History.cancel_now,
    "switch_plan": History.switch_plan,
    "pause": History.pause,
    "break_card": History.break_card,
    "mend_card": History.mend_card,
    "refund": History.refund,
    "dispute": History.dispute,
    "settle_dispute": History.settle_dispute,
    "pass_time": History.pass_time,
    "deliver_some": History.deliver_some,
    "sweep": History.sweep,
}
NAMES = [*STEPS, "buy", "break_card", *["pass_time"] * 4, *["deliver_some"] * 4]
steps = st.lists(st.tuples(st.sampled_from(NAMES), st.integers(0, 29)), min_size=12, max_size=24).map(
    lambda drawn: [("buy", drawn[0][1]), ("deliver_some", 1), ("buy", drawn[1][1]), *drawn]
)


def should_open(shop: Shop, email: str) -> set[str]:
    """What the default policy promises, said a second time and plainly, from Stripe's API alone: product slugs."""
    api, now, found = shop.sandbox.api, shop.now(), set()
    for customer in api.customers.list({"email": email, "limit": 100}).data:
        for sub in api.subscriptions.list({"customer": customer.id, "status": "all", "limit": 100}).data:
            oldest = min(
                (
                    invoice.status_transitions.finalized_at
                    for invoice in api.invoices.list({"subscription": sub.id, "status": "open", "limit": 100}).data
                ),
                default=0,
            )
            in_grace = now.timestamp() < oldest + timedelta(days=14).total_seconds()
            if not _lost(shop, customer.id, subscription=sub.id) and (
                sub.status in {"active", "trialing"} or (sub.status == "past_due" and in_grace)
            ):
                found.add(shop.club.slug)
        expand = ["data.payment_intent.latest_charge"]
        for session in api.checkout.sessions.list({"customer": customer.id, "limit": 100, "expand": expand}).data:
            if session.mode == "payment" and session.payment_status == "paid":
                charge = session.payment_intent.latest_charge
                if not charge.refunded and not _is_lost(shop, charge.id):
                    found.add(shop.course.slug)
    return found


def _lost(shop: Shop, customer: str, *, subscription: str) -> bool:
    """Whether a dispute about one of the subscription's payments was lost."""
    api = shop.sandbox.api
    for charge in api.charges.list({"customer": customer, "limit": 100}).data:
        payment = {"type": "payment_intent", "payment_intent": charge.payment_intent}
        for row in api.invoice_payments.list({"payment": payment}).data:
            details = api.invoices.retrieve(row.invoice).parent
            if details and details.subscription_details.subscription == subscription and _is_lost(shop, charge.id):
                return True
    return False


def _is_lost(shop: Shop, charge: str) -> bool:
    return any(dispute.status == "lost" for dispute in shop.sandbox.api.disputes.list({"charge": charge}).data)
