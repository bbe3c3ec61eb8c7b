"""What happened, by Stripe's own events: every happening under its natural key, as often as it happened.

A key is what Stripe's ids make of it, such as `payment_failed:in_1:2`, the second try of an invoice.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from itertools import combinations

from tests.properties.account import Account, subscription_of
from tests.properties.oracle import Purchase
from tests.shops import Json

BEGUN = frozenset({"trialing", "active", "past_due", "unpaid", "paused"})


@dataclass
class News:
    """`certain` is told by whoever heard of everything at once; `possible` happened as well.

    `since`: address to when its owner became known. What was before may stay untold, but for what was bought.
    """

    account: Account
    numbers: Mapping[str, int]  # of our products, by Stripe's id and by slug
    since: Mapping[str, int]
    certain: set[str] = field(default_factory=set)
    possible: set[str] = field(default_factory=set)
    failed: set[str] = field(default_factory=set)

    def read(self, events: Iterable[Json], *, purchases: Iterable[Purchase]) -> None:
        for event in sorted(events, key=lambda event: event["created"]):
            found, at = event["data"]["object"], event["created"]
            match event["type"].split("."):
                case ["customer", "subscription", *_]:
                    self._read_subscription(found, event["data"].get("previous_attributes") or {}, at=at)
                case ["invoice", kind]:
                    self._read_invoice(found, kind, at=at)
                case ["charge", "refunded"]:
                    self._note(f"refunded:{found['id']}:{found['amount_refunded']}", found["customer"], at=at)
                case ["charge", "dispute", *_]:
                    payer = self.account.charges[found["payment_intent"]]["customer"]
                    asks = found["status"].startswith("warning_")  # an inquiry takes nothing, and need not be told
                    self._note(f"disputed:{found['id']}:{found['status']}", "" if asks else payer, at=at)
        for purchase in purchases:
            for name in purchase.names:
                sold = {f"product_purchased:{name}:{self.numbers[product]}" for product in purchase.products}
                self.possible |= sold | {f"payment_failed:{name}"}

    def _read_subscription(self, sub: Json, before: Json, *, at: int) -> None:
        customer = sub["customer"]
        if sub["status"] in BEGUN:
            self._note(f"subscription_started:{sub['id']}", customer)
            for item in sub["items"]["data"]:
                number = self.numbers[item["price"]["product"]]
                self._note(f"product_purchased:{sub['id']}:{number}", customer)
        if sub["canceled_at"] and sub["status"] != "incomplete_expired":
            self._note(f"subscription_cancelled:{sub['id']}:{sub['canceled_at']}", customer, at=at)
        elif before.get("canceled_at"):
            self._note(f"subscription_resumed:{sub['id']}:{before['canceled_at']}", customer, at=at)
        if sub["status"] == "canceled":
            self._note(f"subscription_ended:{sub['id']}", customer, at=at)

    def _read_invoice(self, invoice: Json, kind: str, *, at: int) -> None:
        """Of a subscription's invoices the newest is told of surely: a look at Stripe shows no older one."""
        others = self.account.invoices_of(subscription_of(invoice))
        is_newest = not any(invoice["created"] < other["created"] <= at for other in others)
        first = invoice["billing_reason"] == "subscription_create"
        customer = invoice["customer"] if is_newest else ""
        if kind == "payment_failed":
            self.failed.add(invoice["id"])
            key = f"payment_failed:{invoice['id']}:{invoice['attempt_count']}"
            self._note(key, "" if first else customer, at=at)
        if kind == "paid":
            if invoice["billing_reason"] == "subscription_cycle":
                self._note(f"subscription_renewed:{invoice['id']}", customer, at=at)
            if invoice["id"] in self.failed or invoice["due_date"]:
                self.possible.add(f"payment_recovered:{invoice['id']}")

    def _note(self, key: str, customer: str | None, *, at: int | None = None) -> None:
        known = self.since.get(self.account.emails.get(customer or "", ""))
        is_certain = known is not None and (at is None or at >= known)
        (self.certain if is_certain else self.possible).add(key)


def refunds_left(refunds: Iterable[Json]) -> set[str]:
    """What a charge may count as refunded while some of its refunds have failed."""
    by_charge: dict[str, list[int]] = {}
    for refund in refunds:
        by_charge.setdefault(refund["charge"], []).append(refund["amount"])
    return {
        f"refunded:{charge}:{sum(some)}"
        for charge, amounts in by_charge.items()
        for size in range(1, len(amounts) + 1)
        for some in combinations(amounts, size)
    }
