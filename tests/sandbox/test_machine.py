"""Whatever is asked of the sandbox, in whatever order: the books balance, and the events tell it all."""

import contextlib
from collections import defaultdict
from collections.abc import Callable, Iterator
from itertools import pairwise
from typing import Any

import stripe
from hypothesis import HealthCheck, settings
from hypothesis import strategies as st
from hypothesis.stateful import RuleBasedStateMachine, initialize, invariant, rule, run_state_machine_as_test

from tests.sandbox.shelf import DECLINED, FAILS_LATER, GOOD, Shelf
from tests.sandboxes import Declined, Json, Sandbox

# What a subscription's status may become, by Stripe's description of its life cycle.
LAWFUL = {
    "incomplete": {"active", "incomplete_expired"},
    "trialing": {"active", "canceled", "past_due", "paused"},
    "active": {"canceled", "past_due", "unpaid", "trialing"},
    "past_due": {"active", "canceled", "unpaid"},
    "unpaid": {"active", "canceled"},
    "paused": {"active", "canceled"},
    "canceled": set(),
    "incomplete_expired": set(),
}
INVOICE_MOVES = {
    "draft": {"open", "paid", "uncollectible"},
    "open": {"paid", "void", "uncollectible"},
    "uncollectible": {"paid", "void"},
    "paid": set(),
    "void": set(),
}
PICK = st.integers(0, 1_000)
CARDS = st.sampled_from([GOOD, GOOD, FAILS_LATER])


class Dealings(RuleBasedStateMachine):
    """Owners, members and time, each doing what it may."""

    sandbox: Sandbox

    @initialize()
    def open(self) -> None:
        self.sandbox.reset()
        self.shelf = Shelf.stock(self.sandbox)
        self.dearer = self.sandbox.api.prices.create(
            {
                "product": self.shelf.club,
                "currency": "eur",
                "unit_amount": 3900,
                "recurring": {"interval": "month"},
            }
        ).id
        self.links = {
            "plain": self.shelf.link(self.shelf.monthly),
            "trial": self.shelf.link(self.shelf.monthly, subscription_data={"trial_period_days": 7}),
            "once": self.shelf.link(self.shelf.once),
        }
        self.seen: set[str] = set()
        self.told: dict[str, Json] = {}
        self.people = 0

    # What people do

    @rule(link=st.sampled_from(["plain", "trial", "once"]), card=st.sampled_from([GOOD, FAILS_LATER, DECLINED]))
    def buy(self, link: str, card: str) -> None:
        self.people += 1
        with contextlib.suppress(Declined):
            self.sandbox.pay_link(self.links[link], email=f"member{self.people}@example.org", card=card)

    @rule(days=st.integers(1, 25))
    def wait(self, days: int) -> None:
        self.sandbox.advance(f"{days}d")

    @rule(pick=PICK, at_period_end=st.booleans())
    def cancel(self, pick: int, at_period_end: bool) -> None:
        if row := self.one(self.subscriptions(), pick):
            if at_period_end:
                self.try_to(self.sandbox.api.subscriptions.update, row["id"], {"cancel_at_period_end": True})
            else:
                self.try_to(self.sandbox.api.subscriptions.cancel, row["id"])

    @rule(pick=PICK)
    def stay(self, pick: int) -> None:
        if row := self.one(self.subscriptions(), pick):
            self.try_to(self.sandbox.api.subscriptions.update, row["id"], {"cancel_at_period_end": False})

    @rule(pick=PICK, quantity=st.integers(1, 4), dearer=st.booleans())
    def change_plan(self, pick: int, quantity: int, dearer: bool) -> None:
        if row := self.one(self.subscriptions(), pick):
            item = {
                "id": row["items"]["data"][0]["id"],
                "price": self.dearer if dearer else self.shelf.monthly,
                "quantity": quantity,
            }
            self.try_to(self.sandbox.api.subscriptions.update, row["id"], {"items": [item]})

    @rule(pick=PICK, behavior=st.sampled_from(["void", "keep_as_draft", "mark_uncollectible", ""]))
    def pause(self, pick: int, behavior: str) -> None:
        if row := self.one(self.subscriptions(), pick):
            wish = {"behavior": behavior} if behavior else ""
            self.try_to(self.sandbox.api.subscriptions.update, row["id"], {"pause_collection": wish})

    @rule(pick=PICK, card=CARDS, retry=st.booleans())
    def change_card(self, pick: int, card: str, retry: bool) -> None:
        if row := self.one(self.rows("customers"), pick):
            self.sandbox.post(f"/sandbox/customers/{row['id']}/card", {"card": card, "retry": retry})

    @rule(pick=PICK, how=st.sampled_from(["pay", "void_invoice", "mark_uncollectible"]))
    def settle(self, pick: int, how: str) -> None:
        if row := self.one([row for row in self.rows("invoices") if row["status"] == "open"], pick):
            self.try_to(getattr(self.sandbox.api.invoices, how), row["id"])

    @rule(pick=PICK, part=st.integers(1, 4))
    def refund(self, pick: int, part: int) -> None:
        if row := self.one([row for row in self.rows("charges") if row["paid"] and not row["refunded"]], pick):
            left = row["amount_captured"] - row["amount_refunded"]
            self.try_to(self.sandbox.api.refunds.create, {"charge": row["id"], "amount": max(1, left // part)})

    @rule(pick=PICK, status=st.sampled_from(["needs_response", "warning_needs_response"]))
    def dispute(self, pick: int, status: str) -> None:
        if row := self.one([row for row in self.rows("charges") if row["paid"] and not row["disputed"]], pick):
            self.sandbox.post(f"/sandbox/charges/{row['id']}/dispute", {"status": status})

    # What must always hold

    @invariant()
    def books_balance(self) -> None:
        if not hasattr(self, "shelf"):
            return
        returned: dict[str, int] = defaultdict(int)
        for refund in self.rows("refunds"):
            returned[refund["charge"]] += refund["amount"] if refund["status"] != "failed" else 0
        charges = {row["id"]: row for row in self.rows("charges")}
        for charge in charges.values():
            assert charge["amount_refunded"] == returned[charge["id"]] <= charge["amount_captured"] <= charge["amount"]
            assert charge["refunded"] == (0 < charge["amount_captured"] == charge["amount_refunded"])
        for intent in self.rows("payment_intents"):
            if intent["status"] == "succeeded":
                assert intent["amount_received"] == charges[intent["latest_charge"]]["amount_captured"]
            else:
                assert intent["amount_received"] == 0
        for invoice in self.invoices():
            check_invoice(invoice)

    @invariant()
    def periods_do_not_overlap(self) -> None:
        if not hasattr(self, "shelf"):
            return
        periods: dict[str, list[tuple[int, int]]] = defaultdict(list)
        for invoice in self.invoices():
            for line in invoice["lines"]["data"]:
                details = line["parent"]["subscription_item_details"]
                if details and not details["proration"]:
                    periods[details["subscription_item"]].append((line["period"]["start"], line["period"]["end"]))
        for rows in periods.values():
            for (_, end), (start, _) in pairwise(sorted(rows)):
                assert end <= start

    @invariant()
    def events_tell_everything(self) -> None:
        if not hasattr(self, "shelf"):
            return
        for event in self.new_events():
            self.hear(event)
        for row in self.rows("subscriptions"):
            assert self.told[row["id"]] == row
        for kind in ("invoices", "charges", "payment_intents", "refunds", "disputes"):
            for row in self.rows(kind):
                assert self.told[row["id"]]["status"] == row["status"]

    def hear(self, event: Json) -> None:
        """Follow one object's life: every step must be lawful."""
        shown = event["data"]["object"]
        known = self.told.get(shown.get("id", ""))
        moves = {"subscription": LAWFUL, "invoice": INVOICE_MOVES}.get(shown["object"])
        if known and moves and known["status"] != shown["status"]:
            assert shown["status"] in moves[known["status"]], (event["type"], known["status"], shown["status"])
        for name, old in event["data"].get("previous_attributes", {}).items():
            assert shown.get(name) != old
        if "id" in shown:
            self.told[shown["id"]] = shown

    # Looking

    def new_events(self) -> list[Json]:
        """Oldest first, those not heard of yet."""
        fresh = []
        for event in self.sandbox.api.events.list({"limit": 100}).auto_paging_iter():
            if event.id in self.seen:
                break
            self.seen.add(event.id)
            fresh.append(event.to_dict())
        return fresh[::-1]

    def rows(self, kind: str) -> list[Json]:
        everything = {"status": "all"} if kind == "subscriptions" else {}
        page = getattr(self.sandbox.api, kind).list({"limit": 100, **everything})
        return [row.to_dict() for row in page.auto_paging_iter()]

    def subscriptions(self) -> list[Json]:
        """Those that can still change."""
        return [row for row in self.rows("subscriptions") if row["status"] not in ("canceled", "incomplete_expired")]

    def invoices(self) -> Iterator[Json]:
        """Each with all of its lines and its payments."""
        page = self.sandbox.api.invoices.list({"limit": 100, "expand": ["data.payments"]})
        for invoice in page.auto_paging_iter():
            shown = invoice.to_dict()
            if shown["lines"]["has_more"]:
                lines = self.sandbox.api.invoices.line_items.list(invoice.id, {"limit": 100})
                shown["lines"]["data"] = [line.to_dict() for line in lines.auto_paging_iter()]
            yield shown

    @staticmethod
    def one(rows: list[Json], pick: int) -> Json | None:
        return rows[pick % len(rows)] if rows else None

    @staticmethod
    def try_to(act: Callable[..., Any], *what: Any) -> None:
        """Stripe may refuse; the sandbox itself may not fail."""
        with contextlib.suppress(stripe.CardError, stripe.InvalidRequestError):
            act(*what)


def check_invoice(invoice: Json) -> None:
    """One invoice's sums."""
    off = sum(part["amount"] for part in invoice["total_discount_amounts"])
    assert invoice["subtotal"] == sum(line["amount"] for line in invoice["lines"]["data"])
    assert invoice["total"] == invoice["subtotal"] - off
    assert invoice["amount_due"] == max(0, invoice["total"] + invoice["starting_balance"])
    paid = sum(row["amount_paid"] or 0 for row in invoice["payments"]["data"] if row["status"] == "paid")
    assert invoice["amount_paid"] == paid + invoice["amount_paid_off_stripe"]
    if invoice["status"] == "paid":
        assert (invoice["amount_paid"], invoice["amount_remaining"]) == (invoice["amount_due"], 0)
    else:
        assert (invoice["amount_paid"], invoice["amount_remaining"]) == (0, invoice["amount_due"])


def test_any_dealings_leave_the_books_in_order(sandbox: Sandbox) -> None:
    bound = type("Bound", (Dealings,), {"sandbox": sandbox})
    run_state_machine_as_test(
        bound,
        settings=settings(
            max_examples=12,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
