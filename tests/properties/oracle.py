"""What should be open, said a second time: from the decision table and from Stripe's JSON alone.

Nothing here is shared with the product, so that a mistake would have to be made twice to go unseen.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from tests.properties.account import Account, subscription_of
from tests.properties.people import GLAZES_DAYS
from tests.shops import Json

DAY = 86_400
DEFAULTS: dict[str, Any] = {
    "trial_access": True,
    "past_due_policy": "grace_days",
    "past_due_grace_days": 14,
    "paused_collection_access": "keep",
    "require_first_payment": False,
    "immediate_cancel": "end_now",
    "sub_full_refund": "ignore",
    "order_full_refund": "revoke",
    "order_partial_refund_percent": None,
    "dispute_policy": "revoke_on_lost",
}
UNSURE = -1  # an end that Stripe's present state does not tell


@dataclass(frozen=True)
class Opening:
    """One reason for one person to have one product now. `names`: every id that the purchase has at Stripe."""

    email: str
    product: str
    names: frozenset[str]
    state: str
    until: int | None = None


@dataclass(frozen=True)
class Purchase:
    """A purchase of one or more products for one payment."""

    email: str
    products: tuple[str, ...]
    names: frozenset[str]
    is_paid: bool
    at: int
    amount: int
    charge: Json | None


@dataclass(frozen=True)
class Oracle:
    """`linked`: Stripe product to the slug of ours. `knobs`: the owner's, over the defaults."""

    account: Account
    linked: Mapping[str, str]
    knobs: Mapping[str, Any]
    now: int

    def openings(self) -> list[Opening]:
        return [*self._of_subscriptions(), *self._of_purchases()]

    # Subscriptions

    def _of_subscriptions(self) -> Iterator[Opening]:
        for sub in self.account.subscriptions:
            email = self.account.emails[sub["customer"]]
            items = [item for item in sub["items"]["data"] if item["quantity"] > 0]
            for product in sorted({item["price"]["product"] for item in items} & set(self.linked)):
                mine = [item for item in items if item["price"]["product"] == product]
                if self._is_barred(sub):
                    continue
                found = self._standing(sub, ends=[item["current_period_end"] for item in mine])
                if found is not None:
                    yield Opening(email, self.linked[product], frozenset({sub["id"]}), *found)

    def _standing(self, sub: Json, *, ends: list[int]) -> tuple[str, int | None] | None:
        """The state and what people are told is its end, or nothing where it is shut."""
        match sub["status"]:
            case "trialing" if self.knobs["trial_access"]:
                return "active", min(filter(None, (sub["trial_end"], sub["cancel_at"])))
            case "active":
                return self._standing_of_active(sub, ends=ends)
            case "past_due":
                return self._standing_of_past_due(sub)
            case "canceled":
                return self._standing_of_canceled(sub)
        return None

    def _standing_of_active(self, sub: Json, *, ends: list[int]) -> tuple[str, int | None] | None:
        if sub["pause_collection"] and self.knobs["paused_collection_access"] == "suspend":
            return None
        paid = any(invoice["status"] == "paid" for invoice in self.account.invoices_of(sub["id"]))
        if self.knobs["require_first_payment"] and not paid:
            return None
        if sub["cancel_at"] or sub["cancel_at_period_end"]:
            return "active", sub["cancel_at"] or _last_period_end(sub)
        return "active", min(ends)

    def _standing_of_past_due(self, sub: Json) -> tuple[str, int | None] | None:
        if self.knobs["past_due_policy"] == "none":
            return None
        if self.knobs["past_due_policy"] == "until_stripe_gives_up":
            return "grace", None
        unpaid = [invoice for invoice in self.account.invoices_of(sub["id"]) if invoice["status"] == "open"]
        if not unpaid:
            return "grace", UNSURE
        oldest = min(
            invoice["due_date"] or invoice["status_transitions"]["finalized_at"] or invoice["created"]
            for invoice in unpaid
        )
        until = oldest + self.knobs["past_due_grace_days"] * DAY
        return ("grace", until) if self.now < until else None

    def _standing_of_canceled(self, sub: Json) -> tuple[str, int | None] | None:
        until, invoice = _last_period_end(sub), sub["latest_invoice"]
        asked = sub["cancellation_details"]["reason"] == "cancellation_requested"
        paid = invoice["status"] == "paid" and not self._is_refunded(invoice["id"])
        if self.knobs["immediate_cancel"] == "end_of_paid_period" and asked and paid and self.now < until:
            return "active", until
        return None

    def _is_barred(self, sub: Json) -> bool:
        """By a dispute of any of its payments, or because its newest payment was given back."""
        invoices = self.account.invoices_of(sub["id"])
        if any(self._is_disputed(charge) for row in invoices for charge in self.account.charges_of(row["id"])):
            return True
        paid = next((row["id"] for row in invoices if row["status"] == "paid"), "")
        return self.knobs["sub_full_refund"] == "revoke" and self._is_refunded(paid)

    def _is_refunded(self, invoice: str) -> bool:
        return any(charge["refunded"] for charge in self.account.charges_of(invoice))

    def _is_disputed(self, charge: Json) -> bool:
        statuses = set(self.account.disputes.get(charge["id"], []))
        if self.knobs["dispute_policy"] == "ignore":
            return False
        running = self.knobs["dispute_policy"] == "suspend_on_open" and statuses & {"needs_response", "under_review"}
        return "lost" in statuses or bool(running)

    # What was bought once

    def _of_purchases(self) -> Iterator[Opening]:
        ends: dict[tuple[str, str], int] = {}
        for purchase in sorted(self.purchases(), key=lambda purchase: purchase.at):
            if not purchase.is_paid or self._is_taken_back(purchase):
                continue
            for product in purchase.products:
                until = None
                if product == "glazes":
                    key = (purchase.email, product)
                    until = ends[key] = max(purchase.at, ends.get(key, 0)) + GLAZES_DAYS * DAY
                if until is None or self.now < until:
                    yield Opening(purchase.email, product, purchase.names, "active", until)

    def _is_taken_back(self, purchase: Purchase) -> bool:
        charge = purchase.charge
        if charge is None:
            return False
        if self._is_disputed(charge) or (charge["refunded"] and self.knobs["order_full_refund"] == "revoke"):
            return True
        share, back = self.knobs["order_partial_refund_percent"], charge["amount_refunded"]
        if share is None or not back or charge["refunded"] or len(purchase.products) > 1:
            return False
        return bool(back * 100 >= purchase.amount * share)

    def purchases(self) -> Iterator[Purchase]:
        seen: set[str] = set()
        for session in self.account.sessions:
            if session["status"] == "complete" and (found := self._purchase_of_session(session)):
                seen |= found.names
                yield found
        for invoice in self.account.invoices.values():
            if invoice["id"] not in seen and invoice["status"] == "paid":
                yield from self._purchase_of_invoice(invoice)

    def _purchase_of_session(self, session: Json) -> Purchase | None:
        once = [line for line in session["line_items"]["data"] if line["price"]["type"] == "one_time"]
        products = tuple(self.linked[line["price"]["product"]] for line in once)
        if not products:
            return None
        intent, invoice = session["payment_intent"], session["invoice"] or ""
        intents = [intent["id"]] if intent else self.account.payments.get(invoice, [])
        charges = [self.account.charges[found] for found in intents if found in self.account.charges]
        return Purchase(
            email=(session["customer_details"]["email"]).lower(),
            products=products,
            names=frozenset({session["id"], invoice, *intents} - {""}),
            is_paid=session["payment_status"] != "unpaid",
            at=charges[0]["created"] if charges else session["created"],
            amount=session["amount_total"],
            charge=charges[0] if charges else None,
        )

    def _purchase_of_invoice(self, invoice: Json) -> Iterator[Purchase]:
        lines = [line for line in invoice["lines"]["data"] if line["parent"]["type"] == "invoice_item_details"]
        once = [line for line in lines if not line["parent"]["invoice_item_details"]["proration"]]
        sold = [line["pricing"]["price_details"]["product"] for line in once]
        if sold and not subscription_of(invoice):
            charges = self.account.charges_of(invoice["id"])
            yield Purchase(
                email=self.account.emails[invoice["customer"]],
                products=tuple(self.linked[product] for product in sold),
                names=frozenset({invoice["id"], *self.account.payments.get(invoice["id"], [])}),
                is_paid=True,
                at=invoice["status_transitions"]["paid_at"],
                amount=invoice["amount_paid"],
                charge=charges[0] if charges else None,
            )


def _last_period_end(sub: Json) -> int:
    return max(int(item["current_period_end"]) for item in sub["items"]["data"])
