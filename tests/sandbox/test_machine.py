"""Whatever is asked of the sandbox, in whatever order: the books balance, and the events tell it all."""

import copy
import os
from collections import Counter, defaultdict
from collections.abc import Iterator
from itertools import pairwise
from typing import Any

import pytest
from hypothesis import HealthCheck, settings
from hypothesis.stateful import invariant, run_state_machine_as_test

from tests.sandbox.dealings import Dealings
from tests.sandboxes import Json, Sandbox

# What a status may become, by Stripe's descriptions of each life cycle.
LAWFUL: dict[str, dict[str, set[str]]] = {
    "subscription": {
        "incomplete": {"active", "incomplete_expired"},
        "trialing": {"active", "canceled", "past_due", "paused"},
        "active": {"canceled", "past_due", "unpaid", "trialing"},
        "past_due": {"active", "canceled", "unpaid"},
        "unpaid": {"active", "canceled"},
        "paused": {"active", "canceled"},
    },
    "invoice": {
        "draft": {"open", "paid", "uncollectible"},
        "open": {"paid", "void", "uncollectible"},
        "uncollectible": {"paid", "void"},
    },
    "charge": {"pending": {"succeeded", "failed"}},
    "payment_intent": {
        "requires_payment_method": {"requires_confirmation", "requires_action", "processing", "succeeded", "canceled"},
        "requires_confirmation": {"requires_action", "processing", "succeeded", "canceled", "requires_payment_method"},
        "requires_action": {"requires_payment_method", "processing", "succeeded", "canceled"},
        "processing": {"requires_payment_method", "succeeded"},
    },
    "refund": {"pending": {"succeeded", "failed"}, "succeeded": {"failed"}},
    "dispute": {
        "needs_response": {"under_review", "won", "lost"},
        "under_review": {"won", "lost"},
        "lost": {"won"},
        "warning_needs_response": {"warning_under_review", "warning_closed", "needs_response"},
        "warning_under_review": {"warning_closed", "needs_response"},
    },
    "credit_note": {"issued": {"void"}},
    "checkout.session": {"open": {"complete", "expired"}},
}
TOLD = ("subscriptions", "invoices", "charges", "payment_intents", "refunds", "disputes", "credit_notes", "customers")


# Fields that change with no event about their own object.
SILENT = {
    "charge": ("customer", "disputed"),
    "customer": ("currency", "next_invoice_sequence"),
    "payment_intent": ("amount", "customer"),
    "promotion_code": ("times_redeemed",),
}
PREFIX = {"subscription": "customer.subscription", "dispute": "charge.dispute"}


class Examined(Dealings):
    """Dealings, and what must hold after each."""

    def __init__(self) -> None:
        super().__init__()
        self.seen: set[str] = set()
        self.told: dict[str, Json] = {}

    @invariant()
    def everything_holds(self) -> None:
        if not hasattr(self, "people"):
            return
        rows = {kind: self.rows(kind) for kind in TOLD}
        invoices = list(self.invoices())
        check_books(rows, invoices)
        check_periods(invoices, yearly=self.yearly)
        self.check_subscriptions(rows)
        check_coupons(self.rows("coupons"), self.rows("promotion_codes"))
        for event in self.new_events():
            self.hear(event)
        for kind in TOLD:
            for row in rows[kind]:
                assert not (silence := untold(self.told[row["id"]], row)), (row["id"], silence)

    def check_subscriptions(self, rows: dict[str, list[Json]]) -> None:
        """No renewal is overdue, and `latest_invoice` is the newest."""
        newest: dict[str, str] = {}
        for invoice in rows["invoices"]:
            details = invoice["parent"] and invoice["parent"]["subscription_details"]
            if details:
                newest.setdefault(details["subscription"], invoice["id"])
        now = {None: self.sandbox.get("/sandbox/clock")["now"]}
        now[self.clock] = self.api.test_helpers.test_clocks.retrieve(self.clock).frozen_time
        for row in rows["subscriptions"]:
            if row["status"] in ("trialing", "active", "past_due", "unpaid"):
                assert row["latest_invoice"] == newest.get(row["id"])
                assert min(item["current_period_end"] for item in row["items"]["data"]) > now[row["test_clock"]]
                assert row["cancel_at"] is None or row["cancel_at"] > now[row["test_clock"]]

    def hear(self, event: Json) -> None:
        """Follow one object's life: every step must be lawful, and be told with what was before."""
        shown = event["data"]["object"]
        known = self.told.get(shown.get("id", ""))
        if known and "status" in shown and known["status"] != shown["status"]:
            moves = LAWFUL.get(shown["object"])
            assert moves is None or shown["status"] in moves.get(known["status"], ()), (event["type"], known["status"])
        before = event["data"].get("previous_attributes", {})
        for name, old in before.items():
            assert shown.get(name) != old
        if known and event["type"] == f"{PREFIX.get(shown['object'], shown['object'])}.updated":
            assert not (silence := untold(known, restored(shown, before))), (event["type"], silence)
        if "id" in shown:
            self.told[shown["id"]] = shown

    # Looking

    def look(self) -> None:
        self.everything_holds()

    def new_events(self) -> list[Json]:
        """Oldest first, those not heard of yet."""
        fresh = []
        for event in self.api.events.list({"limit": 100}).auto_paging_iter():
            if event.id in self.seen:
                break
            self.seen.add(event.id)
            fresh.append(event.to_dict())
        return fresh[::-1]

    def invoices(self) -> Iterator[Json]:
        """Each with all of its lines and its payments."""
        page = self.api.invoices.list({"limit": 100, "expand": ["data.payments"]})
        for invoice in page.auto_paging_iter():
            shown = invoice.to_dict()
            if shown["lines"]["has_more"]:
                lines = self.api.invoices.line_items.list(invoice.id, {"limit": 100})
                shown["lines"]["data"] = [line.to_dict() for line in lines.auto_paging_iter()]
            yield shown


def untold(told: Json, is_now: Json) -> Json:
    """field → (as events told it, as it is), where they differ and Stripe has an event to tell it."""
    silent = SILENT.get(is_now["object"], ())
    names = [name for name in {**told, **is_now} if name not in silent and told.get(name) != is_now.get(name)]
    return {name: (told.get(name), is_now.get(name)) for name in names}


def restored(shown: Any, before: Any) -> Any:
    """An object as it was before the event, by its `previous_attributes`."""
    if isinstance(shown, dict) and isinstance(before, dict):
        return {**copy.deepcopy(shown), **{name: restored(shown.get(name), old) for name, old in before.items()}}
    return before


def check_books(rows: dict[str, list[Json]], invoices: list[Json]) -> None:
    charges = {row["id"]: row for row in rows["charges"]}
    check_refunds(charges, rows["refunds"])
    check_disputes(charges, rows["disputes"])
    for intent in rows["payment_intents"]:
        if intent["status"] == "succeeded":
            assert intent["amount_received"] == charges[intent["latest_charge"]]["amount_captured"]
        else:
            assert intent["amount_received"] == 0
    notes: dict[str, list[Json]] = defaultdict(list)
    for note in rows["credit_notes"]:
        notes[note["invoice"]].append(note)
    for invoice in invoices:
        check_invoice(invoice)
        check_credit(invoice, notes[invoice["id"]])


def check_periods(invoices: list[Json], *, yearly: str) -> None:
    """Nothing is billed twice: what an invoice bills of an item begins where the one before ended, if not later.
    Only another interval begins at once, and what follows a trial that was ended early."""
    periods: dict[str, list[tuple[bool, int, int]]] = defaultdict(list)
    for invoice in reversed(invoices):
        for line in invoice["lines"]["data"]:
            details = line["parent"]["subscription_item_details"]
            if details and not details["proration"] and line["amount"]:
                is_yearly = line["pricing"]["price_details"]["price"] == yearly
                periods[details["subscription_item"]].append(
                    (is_yearly, line["period"]["start"], line["period"]["end"])
                )
    for rows in periods.values():
        for (kind, _, end), (next_kind, start, _) in pairwise(rows):
            assert end <= start or kind != next_kind, rows


def check_coupons(coupons: list[Json], codes: list[Json]) -> None:
    """A coupon counts the uses of its codes too, and no code is used more often than it may be."""
    for coupon in coupons:
        used = [code["times_redeemed"] for code in codes if code["promotion"]["coupon"] == coupon["id"]]
        assert coupon["times_redeemed"] >= sum(used)
    assert all(code["times_redeemed"] <= (code["max_redemptions"] or 1_000) for code in codes)


def check_refunds(charges: dict[str, Json], refunds: list[Json]) -> None:
    returned: Counter[str] = Counter()
    for refund in refunds:
        returned[refund["charge"]] += refund["amount"] if refund["status"] not in ("failed", "canceled") else 0
    for charge in charges.values():
        assert charge["amount_refunded"] == returned[charge["id"]] <= charge["amount_captured"] <= charge["amount"]
        assert charge["refunded"] == (0 < charge["amount_captured"] == charge["amount_refunded"])


def check_disputes(charges: dict[str, Json], disputes: list[Json]) -> None:
    real = {row["charge"] for row in disputes if not row["status"].startswith("warning_")}
    assert {row["id"] for row in charges.values() if row["disputed"]} == real
    assert all(row["amount"] <= charges[row["charge"]]["amount"] for row in disputes)


def check_invoice(invoice: Json) -> None:
    """One invoice's sums."""
    off = sum(part["amount"] for part in invoice["total_discount_amounts"])
    lines = invoice["lines"]["data"]
    assert off == sum(part["amount"] for line in lines for part in line["discount_amounts"])
    assert all(sum(part["amount"] for part in line["discount_amounts"]) <= max(0, line["amount"]) for line in lines)
    assert invoice["subtotal"] == sum(line["amount"] for line in lines)
    assert invoice["total"] == invoice["subtotal"] - off
    credited = invoice["pre_payment_credit_notes_amount"]
    assert invoice["amount_due"] == max(0, invoice["total"] + invoice["starting_balance"]) - credited
    paid = sum(row["amount_paid"] or 0 for row in invoice["payments"]["data"] if row["status"] == "paid")
    assert invoice["amount_paid"] == paid + invoice["amount_paid_off_stripe"]
    if invoice["status"] == "paid":
        assert (invoice["amount_paid"], invoice["amount_remaining"]) == (invoice["amount_due"], 0)
    else:
        assert (invoice["amount_paid"], invoice["amount_remaining"]) == (0, invoice["amount_due"])


def check_credit(invoice: Json, notes: list[Json]) -> None:
    """An invoice knows how much its credit notes took off before, and gave back after it was paid."""
    issued = [note for note in notes if note["status"] == "issued"]
    for name in ("pre_payment", "post_payment"):
        assert invoice[f"{name}_credit_notes_amount"] == sum(note[f"{name}_amount"] for note in issued)
    assert invoice["post_payment_credit_notes_amount"] <= invoice["amount_paid"]
    for note in notes:
        assert note["amount"] == note["total"] == sum(line["amount"] for line in note["lines"]["data"])


@pytest.mark.timeout(3_600 if "DEALINGS" in os.environ else 600)
def test_any_dealings_leave_the_books_in_order(sandbox: Sandbox) -> None:
    """The same few lives each time; DEALINGS=400 asks for so many others."""
    wished = os.environ.get("DEALINGS")
    bound = type("Bound", (Examined,), {"sandbox": sandbox})
    run_state_machine_as_test(
        bound,
        settings=settings(
            max_examples=int(wished or 8),
            derandomize=wished is None,
            stateful_step_count=15,
            deadline=None,
            suppress_health_check=list(HealthCheck),
            database=None,
        ),
    )
