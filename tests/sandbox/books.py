"""Money and time that have to add up, whatever was dealt."""

import calendar
from collections import Counter, defaultdict
from datetime import UTC, datetime
from itertools import pairwise

from tests.sandbox.looking import Rows
from tests.sandboxes import Json

DAY = 86_400
LEAST = 50  # euro cents that can be charged


def check_books(rows: Rows) -> None:
    """Every sum, from a charge to a customer's credit."""
    charges = {row["id"]: row for row in rows["charges"]}
    check_refunds(charges, rows["refunds"])
    check_disputes(charges, rows["disputes"])
    check_payments(charges, rows)
    notes: dict[str, list[Json]] = defaultdict(list)
    for note in rows["credit_notes"]:
        notes[note["invoice"]].append(note)
    payments: dict[str, list[Json]] = defaultdict(list)
    for payment in rows["invoice_payments"]:
        payments[payment["invoice"]].append(payment)
    for invoice in rows["invoices"]:
        check_invoice(invoice, payments[invoice["id"]])
        check_credit(invoice, notes[invoice["id"]])
    check_numbers(rows["invoices"])


def check_refunds(charges: dict[str, Json], refunds: list[Json]) -> None:
    returned: Counter[str] = Counter()
    for refund in refunds:
        returned[refund["charge"]] += refund["amount"] if refund["status"] not in ("failed", "canceled") else 0
    for charge in charges.values():
        if charge["status"] == "succeeded" and not charge["captured"]:
            assert not returned[charge["id"]]  # nothing was taken: at most the hold has lapsed
            continue
        assert charge["amount_refunded"] == returned[charge["id"]] <= charge["amount_captured"] <= charge["amount"]
        assert charge["refunded"] == (0 < charge["amount_captured"] == charge["amount_refunded"])


def check_disputes(charges: dict[str, Json], disputes: list[Json]) -> None:
    real = {row["charge"] for row in disputes if not row["status"].startswith("warning_")}
    assert {row["id"] for row in charges.values() if row["disputed"]} == real
    assert all(row["amount"] <= charges[row["charge"]]["amount"] for row in disputes)


def check_payments(charges: dict[str, Json], rows: Rows) -> None:
    """What an intent received is what its charge took; an open invoice asks for what it is owed."""
    intents = {row["id"]: row for row in rows["payment_intents"]}
    for intent in intents.values():
        if intent["status"] == "succeeded":
            assert intent["amount_received"] == charges[intent["latest_charge"]]["amount_captured"]
        else:
            assert intent["amount_received"] == 0
        held = charges[intent["latest_charge"]]["amount"] if intent["status"] == "requires_capture" else 0
        assert intent["amount_capturable"] == held
    taken = sum(row["amount_captured"] for row in charges.values() if row["payment_intent"])
    assert taken == sum(row["amount_received"] for row in intents.values())
    invoices = {row["id"]: row for row in rows["invoices"]}
    waiting = [row for row in rows["invoice_payments"] if row["status"] == "open"]
    assert len({row["invoice"] for row in waiting}) == len(waiting)
    for row in waiting:
        invoice = invoices[row["invoice"]]
        assert invoice["status"] in ("open", "uncollectible")
        asked = intents[row["payment"]["payment_intent"]]["amount"]
        assert asked == row["amount_requested"] == invoice["amount_remaining"]


def check_invoice(invoice: Json, payments: list[Json]) -> None:
    """One invoice's sums."""
    off = sum(part["amount"] for part in invoice["total_discount_amounts"])
    lines = invoice["lines"]["data"]
    assert off == sum(part["amount"] for line in lines for part in line["discount_amounts"])
    assert all(sum(part["amount"] for part in line["discount_amounts"]) <= max(0, line["amount"]) for line in lines)
    assert invoice["total"] == sum(line["amount"] for line in lines) - off
    own = sum(
        part["amount"] for row in lines for part in row["discount_amounts"] if part["discount"] in row["discounts"]
    )
    assert invoice["subtotal"] == invoice["total"] + off - own
    credited = invoice["pre_payment_credit_notes_amount"]
    owed = invoice["total"] + invoice["starting_balance"]
    asked = owed if owed >= LEAST else 0
    assert invoice["amount_due"] == asked - credited
    paid = sum(row["amount_paid"] for row in payments if row["status"] == "paid")
    assert invoice["amount_paid"] == paid + invoice["amount_paid_off_stripe"]
    if invoice["status"] == "paid":
        assert (invoice["amount_paid"], invoice["amount_remaining"]) == (invoice["amount_due"], 0)
    else:
        assert (invoice["amount_paid"], invoice["amount_remaining"]) == (0, invoice["amount_due"])
    if invoice["status_transitions"]["finalized_at"]:
        assert invoice["ending_balance"] == owed - asked
        assert invoice["number"]
    stamps = {"paid": "paid_at", "void": "voided_at", "uncollectible": "marked_uncollectible_at"}
    if stamp := stamps.get(invoice["status"]):
        assert invoice["status_transitions"][stamp]


def check_credit(invoice: Json, notes: list[Json]) -> None:
    """An invoice knows how much its credit notes took off before, and gave back after it was paid."""
    issued = [note for note in notes if note["status"] == "issued"]
    for name in ("pre_payment", "post_payment"):
        assert invoice[f"{name}_credit_notes_amount"] == sum(note[f"{name}_amount"] for note in issued)
    assert invoice["post_payment_credit_notes_amount"] <= invoice["amount_paid"]
    for note in notes:
        gross = sum(line["amount"] for line in note["lines"]["data"])
        assert note["amount"] == note["total"] == gross - note["discount_amount"]
        assert note["discount_amount"] == sum(line["discount_amount"] for line in note["lines"]["data"])
        assert note["discount_amount"] == sum(part["amount"] for part in note["discount_amounts"])


def check_numbers(invoices: list[Json]) -> None:
    """No two invoices of a customer have one number, and none is left out."""
    numbers: dict[str, list[int]] = defaultdict(list)
    for invoice in invoices:
        if invoice["number"]:
            numbers[invoice["customer"]].append(int(invoice["number"].rpartition("-")[2]))
    for found in numbers.values():
        assert sorted(found) == list(range(1, len(found) + 1))


def check_balance(customer: Json, transactions: list[Json], invoices: list[Json]) -> None:
    """A customer's credit is the sum of its transactions, and each of them follows from the one before; a void
    invoice has given back what it took."""
    owed = 0
    for row in reversed(transactions):
        owed += row["amount"]
        assert row["ending_balance"] == owed
    assert customer["balance"] == owed
    taken: Counter[str] = Counter()
    for row in transactions:
        if row["type"] in ("applied_to_invoice", "invoice_too_small", "unapplied_from_invoice"):
            taken[row["invoice"]] += row["amount"]
    for invoice in invoices:
        if invoice["status_transitions"]["finalized_at"]:
            took = (invoice["ending_balance"] or 0) - invoice["starting_balance"]
            assert taken[invoice["id"]] == (0 if invoice["status"] == "void" else took)


def check_given_back(notes: list[Json], transactions: list[Json]) -> None:
    """What a paid invoice's note takes off is given back whole: as refunds, as credit, or by other means."""
    credits = {row["id"]: -row["amount"] for row in transactions}
    for note in notes:
        back = sum(row["amount_refunded"] for row in note["refunds"]) + (note["out_of_band_amount"] or 0)
        assert back + credits.get(note["customer_balance_transaction"], 0) == note["post_payment_amount"]


def check_periods(invoices: list[Json], *, yearly: str, begun: set[tuple[str, int]]) -> None:
    """Nothing is billed twice: what an invoice bills of an item begins where the one before ended, if not later.
    Only another interval begins at once, with all of its subscription, and what was asked to begin anew: `begun` has
    (subscription, when)."""
    periods: dict[tuple[str, str], list[tuple[bool, int, int]]] = defaultdict(list)
    for invoice in reversed(invoices):
        for line in invoice["lines"]["data"]:
            details = line["parent"]["subscription_item_details"]
            if details and not details["proration"] and line["amount"]:
                is_yearly = line["pricing"]["price_details"]["price"] == yearly
                start, end = line["period"]["start"], line["period"]["end"]
                periods[details["subscription"], details["subscription_item"]].append((is_yearly, start, end))
    anew = begun | {
        (subscription, start)
        for (subscription, _), rows in periods.items()
        for (kind, *_), (next_kind, start, _) in pairwise(rows)
        if kind != next_kind
    }
    for (subscription, _), rows in periods.items():
        for (_, _, end), (_, start, _) in pairwise(rows):
            assert end <= start or (subscription, start) in anew, rows


def check_cycles(subscriptions: list[Json]) -> None:
    """A period ends on the day of its anchor, one interval after it began at most."""
    for row in subscriptions:
        if row["status"] not in ("active", "past_due", "unpaid"):
            continue
        anchor = datetime.fromtimestamp(row["billing_cycle_anchor"], UTC)
        for item in row["items"]["data"]:
            start, end = item["current_period_start"], item["current_period_end"]
            ends = datetime.fromtimestamp(end, UTC)
            assert end - start <= (366 if item["price"]["recurring"]["interval"] == "year" else 31) * DAY, row["id"]
            assert ends.time() == anchor.time(), row["id"]
            assert ends.day == min(anchor.day, calendar.monthrange(ends.year, ends.month)[1]), row["id"]


def check_standing(rows: Rows, *, now: int, billed: dict[str, str]) -> None:
    """No renewal and no end is overdue, and `latest_invoice` is the newest. `billed`: the newest by subscription."""
    clocks = {clock["id"]: clock["frozen_time"] for clock in rows["test_helpers/test_clocks"]}
    for row in rows["subscriptions"]:
        assert (row["ended_at"] is not None) == (row["status"] in ("canceled", "incomplete_expired"))
        if row["status"] in ("trialing", "active", "past_due", "unpaid"):
            today = clocks.get(row["test_clock"], now)
            assert row["latest_invoice"] == billed.get(row["id"])
            assert min(item["current_period_end"] for item in row["items"]["data"]) > today
            assert row["cancel_at"] is None or row["cancel_at"] > today
    for schedule in rows["subscription_schedules"]:
        today = clocks.get(schedule["test_clock"], now)
        if schedule["status"] == "not_started":
            assert schedule["phases"][0]["start_date"] > today
        elif schedule["status"] == "active":
            assert schedule["current_phase"]["end_date"] > today
