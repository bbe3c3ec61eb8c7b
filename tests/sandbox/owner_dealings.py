"""What owners and banks may do to an account, in any order."""

import re
from typing import Any

import pytest
import stripe
from hypothesis import strategies as st
from hypothesis.stateful import precondition

from tests.sandbox.books import LEAST
from tests.sandbox.promises import subscription_of
from tests.sandbox.shelf import DAY
from tests.sandbox.stage import AMOUNTS, COUPONS, LIVE, OVER, PICK, WAYS, Stage, dealing, when
from tests.sandboxes import Json

MOVES = {
    "needs_response": ("under_review", "won", "lost"),
    "under_review": ("won", "lost"),
    "lost": ("won",),
    "warning_needs_response": ("warning_under_review", "warning_closed", "needs_response"),
    "warning_under_review": ("warning_closed", "needs_response"),
}


class OwnerDealings(Stage):
    # Bills

    @when("customers")
    @dealing(
        pick=PICK,
        amount=st.integers(1, 9_000),
        then=st.sampled_from(["pay", "send_invoice", "void_invoice", "draft", "item"]),
        credit=st.sampled_from([0, -400]),
        advances=st.booleans(),
    )
    def bill_by_hand(self, pick: int, amount: int, then: str, credit: int, advances: bool) -> None:
        if row := self.one("customers", pick):
            if credit:
                given = {"amount": credit, "currency": "eur"}
                self.try_to(self.api.customers.balance_transactions.create, row["id"], given)
            self.api.invoice_items.create({"customer": row["id"], "amount": amount, "currency": "eur"})
            if then == "item":
                return
            sent = {"collection_method": "send_invoice", "days_until_due": 5} if then == "send_invoice" else {}
            wish = {
                "customer": row["id"],
                "pending_invoice_items_behavior": "include",
                "auto_advance": advances,
                **sent,
            }
            invoice = self.api.invoices.create(wish)
            if then != "draft":
                self.try_to(self.api.invoices.finalize_invoice, invoice.id)
                self.try_to(getattr(self.api.invoices, then), invoice.id)

    @when("customers")
    @dealing(
        pick=PICK,
        amounts=AMOUNTS,
        own=COUPONS,
        shared=COUPONS,
        how=st.sampled_from(["visa", "out_of_band", "finalize_invoice"]),
    )
    def bill_several_for_less(self, pick: int, amounts: list[int], own: list[int], shared: list[int], how: str) -> None:
        """Things of uneven prices, with coupons for the first of them and for the whole bill."""
        if row := self.one("customers", pick):
            bill = self.bill(row["id"], amounts, own=self.usable(own), shared=self.usable(shared))
            if self.try_to(self.api.invoices.finalize_invoice, bill) and how in WAYS:
                self.try_to(self.api.invoices.pay, bill, WAYS[how])

    @when("invoices", status={"open", "uncollectible"})
    @dealing(pick=PICK, how=st.sampled_from(["pay", "visa", "out_of_band", "void_invoice", "mark_uncollectible"]))
    def settle(self, pick: int, how: str) -> None:
        if row := self.one("invoices", pick, status={"open", "uncollectible"}):
            if how in WAYS:
                self.try_to(self.api.invoices.pay, row["id"], WAYS[how])
            else:
                self.try_to(getattr(self.api.invoices, how), row["id"])

    @when("invoices", status={"draft"})
    @dealing(pick=PICK, how=st.sampled_from(["finalize_invoice", "delete", "pay", "mark_uncollectible"]))
    def finish_a_draft(self, pick: int, how: str) -> None:
        if row := self.one("invoices", pick, status={"draft"}):
            self.try_to(getattr(self.api.invoices, how), row["id"])

    @when("invoices", status={"draft", "open"})
    @dealing(pick=PICK)
    def let_advance(self, pick: int) -> None:
        if row := self.one("invoices", pick, status={"draft", "open"}):
            self.try_to(self.api.invoices.update, row["id"], {"auto_advance": not row["auto_advance"]})

    @when("invoices", status={"open", "paid", "void", "uncollectible"})
    @dealing(pick=PICK, how=st.sampled_from(["finalize_invoice", "delete", *WAYS, "void_invoice"]))
    def undo_what_is_final(self, pick: int, how: str) -> None:
        """Nothing final is a draft again; nobody owes what is void, or pays twice."""
        wanted = ("void", "paid") if how in {*WAYS, "void_invoice"} else ("open", "void", "paid", "uncollectible")
        rows = [row for status in wanted if (row := self.one("invoices", pick, status={status}))]
        if rows:
            with pytest.raises(stripe.InvalidRequestError):
                if how in WAYS:
                    self.api.invoices.pay(rows[0]["id"], WAYS[how])  # type: ignore[arg-type]
                else:
                    getattr(self.api.invoices, how)(rows[0]["id"])

    @when("invoiceitems", invoice=[None])
    @dealing(pick=PICK)
    def drop_an_item(self, pick: int) -> None:
        if row := self.one("invoiceitems", pick, invoice=[None]):
            self.try_to(self.api.invoice_items.delete, row["id"])

    @when("customers")
    @dealing(pick=PICK, amount=st.sampled_from([-30_000, -5_000, -700, 900]))
    def adjust_the_balance(self, pick: int, amount: int) -> None:
        if row := self.one("customers", pick):
            self.try_to(
                self.api.customers.balance_transactions.create, row["id"], {"amount": amount, "currency": "eur"}
            )

    # Money back

    @when("charges", paid=[True], refunded=[False])
    @dealing(pick=PICK, part=st.integers(1, 4))
    def refund(self, pick: int, part: int) -> None:
        if row := self.one("charges", pick, paid=[True], refunded=[False]):
            left = row["amount_captured"] - row["amount_refunded"]
            self.try_to(self.api.refunds.create, {"charge": row["id"], "amount": max(1, left // part)})

    @when("charges", paid=[True])
    @dealing(pick=PICK, more=st.integers(1, 500))
    def ask_for_too_much(self, pick: int, more: int) -> None:
        if row := self.one("charges", pick, paid=[True]):
            left = row["amount_captured"] - row["amount_refunded"]
            with pytest.raises(stripe.InvalidRequestError):
                self.api.refunds.create({"charge": row["id"], "amount": left + more})

    @when("invoices", status={"open", "paid"})
    @dealing(pick=PICK, part=st.integers(1, 4), how=st.sampled_from(["refund", "credit", "out_of_band"]))
    def credit(self, pick: int, part: int, how: str) -> None:
        if row := self.one("invoices", pick, status={"open", "paid"}):
            amount = max(1, row["total"] // part)
            way = {f"{how}_amount": amount} if row["status"] == "paid" else {}
            self.try_to(self.api.credit_notes.create, {"invoice": row["id"], "amount": amount, **way})

    @when("invoices", status={"open", "paid"})
    @dealing(pick=PICK, line=PICK, part=st.integers(1, 3), how=st.sampled_from(["refund", "credit", "out_of_band"]))
    def credit_a_line(self, pick: int, line: int, part: int, how: str) -> None:
        """All of a line, discounts and all, or a part of it."""
        if row := self.one("invoices", pick, status={"open", "paid"}):
            chosen = row["lines"]["data"][line % len(row["lines"]["data"])]
            self.credit_part(row, chosen, amount=max(0, chosen["amount"] // part) if part > 1 else None, how=how)

    @precondition(lambda self: self.discounted())
    @dealing(pick=PICK, parts=st.integers(2, 3), how=st.sampled_from(["credit", "out_of_band"]))
    def credit_bit_by_bit(self, pick: int, parts: int, how: str) -> None:
        """A line that cost less than its price, in uneven parts until nothing of it is left."""
        found = self.discounted()
        row, chosen = found[pick % len(found)]
        how = how if self.those("customers", id={row["customer"]}) else "out_of_band"
        bit = chosen["amount"] // parts - 1
        for amount in (*[bit] * (parts - 1), chosen["amount"] - bit * (parts - 1)):
            self.credit_part(row, chosen, amount=amount, how=how)
            self.look()

    def discounted(self) -> list[tuple[Json, Json]]:
        """(invoice, line) of what cost something all the same, and of which nothing was given back yet."""
        refunded = {charge["payment_intent"] for charge in self.rows["charges"] if charge["amount_refunded"]}
        payments = self.rows["invoice_payments"]
        touched = {row["invoice"] for row in payments if row["payment"]["payment_intent"] in refunded}
        touched |= {note["invoice"] for note in self.rows["credit_notes"]}
        return [
            (row, line)
            for row in self.those("invoices", status={"open", "paid"})
            for line in row["lines"]["data"]
            if row["id"] not in touched
            and 0 < sum(part["amount"] for part in line["discount_amounts"]) < line["amount"] - LEAST
            and line["amount"] <= row["amount_due"]
        ]

    def credit_part(self, row: Json, line: Json, *, amount: int | None, how: str) -> None:
        """Of a paid bill's line; what that comes to, Stripe says where it refuses."""
        wish: Json = {"type": "invoice_line_item", "invoice_line_item": line["id"]}
        note: Any = {"invoice": row["id"], "lines": [wish if amount is None else {**wish, "amount": amount}]}
        try:
            self.api.credit_notes.create(note)
        except stripe.InvalidRequestError as refusal:
            if found := re.search(r"must equal the total amount of the credit note \((\d+)\)", str(refusal)):
                self.try_to(self.api.credit_notes.create, {**note, f"{how}_amount": int(found[1])})
            else:
                self.tell(done=False)

    @when("invoices", status={"open"})
    @dealing(pick=PICK, part=st.integers(2, 4))
    def credit_and_take_it_back(self, pick: int, part: int) -> None:
        """Of a bill that is owed; looked at in between."""
        if row := self.one("invoices", pick, status={"open"}):
            wish = {"invoice": row["id"], "amount": max(1, row["amount_remaining"] // part)}
            if self.try_to(self.api.credit_notes.create, wish):
                self.look()
                note = self.one("credit_notes", 0, invoice={row["id"]})
                assert note
                self.try_to(self.api.credit_notes.void_credit_note, note["id"])

    @when("charges", paid=[True], captured=[True], disputed=[False])
    @dealing(pick=PICK, status=st.sampled_from(["needs_response", "warning_needs_response"]))
    def dispute(self, pick: int, status: str) -> None:
        if row := self.one("charges", pick, paid=[True], captured=[True], disputed=[False]):
            self.sandbox.post(f"/sandbox/charges/{row['id']}/dispute", {"status": status})

    @when("disputes", status=set(MOVES))
    @dealing(pick=PICK, move=PICK)
    def judge(self, pick: int, move: int) -> None:
        if row := self.one("disputes", pick, status=set(MOVES)):
            moves = MOVES[row["status"]]
            self.sandbox.post(f"/sandbox/objects/{row['id']}", {"set": {"status": moves[move % len(moves)]}})

    @when("payment_intents", status={"requires_capture", "requires_action", "requires_payment_method"})
    @dealing(pick=PICK, how=st.sampled_from(["capture", "part", "cancel"]))
    def close_a_payment(self, pick: int, how: str) -> None:
        open_ones = {"requires_capture", "requires_action", "requires_payment_method"}
        held = self.one("payment_intents", pick, status={"requires_capture"})
        if row := held or self.one("payment_intents", pick, status=open_ones):
            if how == "cancel":
                self.try_to(self.api.payment_intents.cancel, row["id"])
            else:
                wish = {"amount_to_capture": row["amount"] // 2} if how == "part" else {}
                self.try_to(self.api.payment_intents.capture, row["id"], wish)

    # Plans of owners

    @when("customers")
    @dealing(pick=PICK, start=st.sampled_from([0, 3, 12]), prices=st.sampled_from([(0, 1), (1, 0), (0, 2)]), end=PICK)
    def schedule(self, pick: int, start: int, prices: tuple[int, int], end: int) -> None:
        if row := self.one("customers", pick):
            month = {"interval": "month", "interval_count": 1}
            coupons = [{"coupon": row["id"]} for row in self.those("coupons")[:1]]
            phases: Any = [{"items": [{"price": self.prices[at]}], "duration": month} for at in prices]
            phases[end % 2]["items"][0]["discounts"] = coupons
            if self.prices[prices[1]] == self.yearly:
                phases[1]["duration"] = {"interval": "year", "interval_count": 1}
            begin: Any = self.now_of(row) + start * DAY if start else "now"
            wish = {"customer": row["id"], "phases": phases, "start_date": begin}
            behavior = ("release", "cancel")[end % 2]
            self.try_to(self.api.subscription_schedules.create, {**wish, "end_behavior": behavior})

    @when("subscriptions", status={"active", "trialing"}, schedule=[None])
    @dealing(pick=PICK)
    def schedule_what_is(self, pick: int) -> None:
        if row := self.one("subscriptions", pick, status={"active", "trialing"}, schedule=[None]):
            self.try_to(self.api.subscription_schedules.create, {"from_subscription": row["id"]})

    @when("subscription_schedules", status={"not_started", "active"})
    @dealing(pick=PICK, how=st.sampled_from(["release", "cancel", "update"]))
    def change_a_schedule(self, pick: int, how: str) -> None:
        if row := self.one("subscription_schedules", pick, status={"not_started", "active"}):
            other = {"release": "cancel", "cancel": "release"}[row["end_behavior"]]
            wish: Json = {"end_behavior": other} if how == "update" else {}
            self.try_to(getattr(self.api.subscription_schedules, how), row["id"], wish)

    # What is over stays over

    @when("subscriptions", status=OVER)
    @dealing(pick=PICK, how=st.sampled_from(["items", "end", "cancel", "resume"]))
    def bring_back(self, pick: int, how: str) -> None:
        if row := self.one("subscriptions", pick, status=OVER):
            item = {"id": row["items"]["data"][0]["id"], "quantity": 2}
            wish: Json = {"items": [item]} if how == "items" else {"cancel_at_period_end": False}
            with pytest.raises(stripe.InvalidRequestError):
                if how in ("cancel", "resume"):
                    getattr(self.api.subscriptions, how)(row["id"])
                else:
                    self.api.subscriptions.update(row["id"], wish)

    @when("subscriptions", status=OVER)
    @dealing(pick=PICK, how=st.sampled_from(["visa", "out_of_band", "mark_uncollectible", "void_invoice"]))
    def settle_what_is_over(self, pick: int, how: str) -> None:
        """The last bill of an ended subscription may still be paid: it does not come back for that."""
        over = {row["id"] for row in self.those("subscriptions", status=OVER)}
        rows = [row for row in self.those("invoices", status={"open", "uncollectible"}) if subscription_of(row) in over]
        if rows:
            invoice = rows[pick % len(rows)]["id"]
            if how in WAYS:
                self.try_to(self.api.invoices.pay, invoice, WAYS[how])
            else:
                self.try_to(getattr(self.api.invoices, how), invoice)

    @when("coupons")
    @dealing(pick=PICK)
    def withdraw_a_coupon(self, pick: int) -> None:
        if row := self.one("coupons", pick):
            self.try_to(self.api.coupons.delete, row["id"])

    @when("subscriptions", status=LIVE)
    @dealing(pick=PICK, word=st.sampled_from(["a", "b"]))
    def note(self, pick: int, word: str) -> None:
        if row := self.one("subscriptions", pick, status=LIVE):
            self.api.subscriptions.update(row["id"], {"metadata": {"note": word}})
            self.api.customers.update(row["customer"], {"name": word})
